// SPDX-License-Identifier: Apache-2.0
#include <initializer_list>
#include <string>
#include <utility>

#include "tests/unit/peers/discord/fixture.h"

namespace soak::peers {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

TEST_F(DiscordTest, ABotReadsEditsAndDeletesItsMessage) {
  DiscordPeer peer(loop_);
  const std::string path = std::string("/channels/") + kChannel + "/messages/" + say(peer, "soak 1").get("id");

  EXPECT_EQ(call(peer, "GET", path).get("content"), "soak 1");
  pass(10s);
  const Got edited = call(peer, "PATCH", path, R"({"content":"soak one"})");
  EXPECT_EQ(edited.get("content"), "soak one");
  EXPECT_THAT(edited.get("edited_timestamp"), StartsWith("2026-01-01T00:00:10"));
  EXPECT_EQ(call(peer, "GET", path).get("content"), "soak one");
  EXPECT_EQ(call(peer, "PATCH", path, R"({"content":null})").get("code"), "50006");
  EXPECT_EQ(call(peer, "PATCH", path, R"({"content":null,"embeds":[{"title":"t"}]})").get("content"), "");
  EXPECT_EQ(call(peer, "DELETE", path).status, 204);
  EXPECT_EQ(call(peer, "GET", path).body, R"({"message":"Unknown Message","code":10008})");

  EXPECT_EQ(peer.ledger().messages_stored, 1u);
  EXPECT_EQ(peer.ledger().messages_edited, 2u);
  EXPECT_EQ(peer.ledger().messages_deleted, 1u);
  EXPECT_THAT(peer.ledger().findings, IsEmpty());
}

TEST_F(DiscordTest, AWebhookReadsEditsAndDeletesItsOwnMessagesAlone) {
  DiscordPeer peer(loop_);
  const Got posted = hook(peer, "soak 1");
  const std::string of_bot = say(peer, "soak 2", posted.get("channel_id")).get("id");
  const std::string path = "/messages/" + posted.get("id");

  EXPECT_EQ(webhook(peer, "GET", path).get("content"), "soak 1");
  EXPECT_EQ(webhook(peer, "PATCH", path, R"({"content":"soak one"})").get("content"), "soak one");
  EXPECT_EQ(webhook(peer, "PATCH", "/messages/" + of_bot, R"({"content":"mine"})").get("code"), "10008");
  EXPECT_EQ(webhook(peer, "DELETE", path).status, 204);
  EXPECT_EQ(webhook(peer, "DELETE", path).get("code"), "10008");
}

TEST_F(DiscordTest, AWebhookIsRenamedByItsToken) {
  DiscordPeer peer(loop_);

  const Got renamed = webhook(peer, "PATCH", "", R"({"name":"news","avatar":null})");
  EXPECT_EQ(renamed.status, 200);
  EXPECT_EQ(renamed.get("name"), "news");
  EXPECT_EQ(hook(peer, "soak 1").get("author.username"), "news");
  EXPECT_EQ(webhook(peer, "GET", "").get("name"), "news");

  for (const auto& [name, code] :
       std::initializer_list<std::pair<std::string, std::string>>{{"", "BASE_TYPE_BAD_LENGTH"},
                                                                  {std::string(81, 'a'), "BASE_TYPE_BAD_LENGTH"},
                                                                  {"a DisCord", "USERNAME_INVALID_CONTAINS"},
                                                                  {"clyde", "USERNAME_INVALID_CONTAINS"},
                                                                  {"everyone", "USERNAME_INVALID"}}) {
    pass(10s);
    EXPECT_EQ(webhook(peer, "PATCH", "", R"({"name":")" + name + "\"}").get("errors.name._errors.0.code"), code)
        << name;
  }
  EXPECT_EQ(webhook(peer, "GET", "").get("name"), "news");
  EXPECT_EQ(webhook(peer, "POST", "?wait=true", R"({"content":"a","username":"my discord"})")
                .get("errors.username._errors.0.code"),
            "USERNAME_INVALID_CONTAINS");
}

TEST_F(DiscordTest, AWebhookThatIsDeletedByItsTokenIsGone) {
  DiscordPeer peer(loop_);
  hook(peer, "soak 1");

  EXPECT_EQ(webhook(peer, "DELETE", "").status, 204);
  EXPECT_EQ(webhook(peer, "GET", "").body, R"({"message":"Unknown Webhook","code":10015})");
  EXPECT_EQ(hook(peer, "soak 2").get("code"), "10015");
  EXPECT_EQ(peer.ledger().messages_stored, 1u);

  const std::string deleted = peer.webhook_url();
  peer.rotate_webhook();
  EXPECT_NE(peer.webhook_url(), deleted);
  EXPECT_EQ(hook(peer, "soak 2").status, 200);
}

// A user in a response has all members that are always there: SDKs cannot read one without.
TEST_F(DiscordTest, EachUserIsAWholeOne) {
  DiscordPeer peer(loop_);
  const std::string of_user = peer.post_text(kChannel, "hello");
  const std::string path = std::string("/channels/") + kChannel + "/messages";
  const Got sent = say(peer, "soak 1");
  const Got reply = bot(peer, R"({"content":"soak 2","message_reference":{"message_id":")" + of_user + "\"}}");
  const Got posted = hook(peer, "soak 3");
  const Got read = call(peer, "GET", path + "/" + of_user);
  const Got me = call(peer, "GET", "/users/@me");
  const Got application = call(peer, "GET", "/applications/@me");

  for (const auto& [got, at] :
       {std::pair{&sent, "author."}, std::pair{&reply, "referenced_message.author."}, std::pair{&posted, "author."},
        std::pair{&read, "author."}, std::pair{&me, ""}, std::pair{&application, "owner."}}) {
    for (const char* const member : {"id", "username", "discriminator", "global_name", "avatar", "public_flags"}) {
      EXPECT_NE(got->get(std::string(at) + member), "(absent)") << got->body << " without " << at << member;
    }
  }
  EXPECT_EQ(sent.get("author.bot"), "true");
  EXPECT_EQ(posted.get("author.bot"), "true");
  EXPECT_EQ(read.get("author.bot"), "(absent)");
}

TEST_F(DiscordTest, AnEditKeepsTheAttachmentsThatItLists) {
  DiscordPeer peer(loop_);
  const std::string files =
      "--xx\r\nContent-Disposition: form-data; name=\"files[0]\"; filename=\"a.txt\"\r\n\r\na\r\n"
      "--xx\r\nContent-Disposition: form-data; name=\"files[1]\"; filename=\"b.txt\"\r\n\r\nb\r\n--xx--\r\n";
  const Got sent = bot(peer, files, kChannel, kToken, "multipart/form-data; boundary=xx");
  const std::string path = std::string("/channels/") + kChannel + "/messages/" + sent.get("id");

  EXPECT_EQ(call(peer, "PATCH", path, R"({"content":"a"})").get("attachments.1.filename"), "b.txt");
  const Got kept = call(peer, "PATCH", path, R"({"attachments":[{"id":")" + sent.get("attachments.1.id") + "\"}]}");
  EXPECT_EQ(kept.get("attachments.0.filename"), "b.txt");
  EXPECT_EQ(kept.get("attachments.1"), "(absent)");
  EXPECT_EQ(call(peer, "PATCH", path, R"({"attachments":[]})").get("attachments"), "[]");
}

TEST_F(DiscordTest, AMessageHasTenAttachmentsAtMostHoweverOftenItIsEdited) {
  DiscordPeer peer(loop_);
  const auto files = [](int count) {
    std::string body;
    for (int i = 0; i < count; ++i) {
      body += "--xx\r\nContent-Disposition: form-data; name=\"files[" + std::to_string(i) +
              "]\"; filename=\"a.txt\"\r\n\r\na\r\n";
    }
    return body + "--xx--\r\n";
  };
  constexpr char kMultipart[] = "multipart/form-data; boundary=xx";
  EXPECT_EQ(bot(peer, files(11), kChannel, kToken, kMultipart).get("code"), "50035");
  const Got sent = bot(peer, files(10), kChannel, kToken, kMultipart);
  ASSERT_EQ(sent.status, 200);
  const std::string path = std::string("/channels/") + kChannel + "/messages/" + sent.get("id");

  EXPECT_EQ(call(peer, "PATCH", path, files(1), kMultipart).get("errors.attachments._errors.0.code"),
            "BASE_TYPE_MAX_LENGTH");
  EXPECT_NE(call(peer, "GET", path).get("attachments.9"), "(absent)");
}

TEST_F(DiscordTest, ListsMessagesFromTheNewest) {
  DiscordPeer peer(loop_, {.limits = {.on = false}});
  std::vector<std::string> ids;
  for (int i = 1; i <= 4; ++i) {
    ids.push_back(say(peer, "soak " + std::to_string(i)).get("id"));
  }
  say(peer, "elsewhere", "333");
  const std::string path = std::string("/channels/") + kChannel + "/messages";

  EXPECT_EQ(call(peer, "GET", path).get("0.content"), "soak 4");
  EXPECT_EQ(call(peer, "GET", path).get("3.content"), "soak 1");
  EXPECT_EQ(call(peer, "GET", path).get("4"), "(absent)");
  EXPECT_EQ(call(peer, "GET", path + "?limit=1&before=" + ids[2]).get("0.content"), "soak 2");
  EXPECT_EQ(call(peer, "GET", path + "?limit=1&after=" + ids[0]).get("0.content"), "soak 2");
  EXPECT_EQ(call(peer, "GET", path + "?limit=101").get("errors.limit._errors.0.code"), "NUMBER_TYPE_MAX");
  EXPECT_EQ(call(peer, "GET", path + "?limit=0").get("errors.limit._errors.0.code"), "NUMBER_TYPE_MIN");
  EXPECT_EQ(call(peer, "GET", path + "?limit=x").get("errors.limit._errors.0.code"), "NUMBER_TYPE_COERCE");
}

TEST_F(DiscordTest, ATestPostsAUsersMessageByTheControlPath) {
  DiscordPeer peer(loop_);

  const Got posted = ask("POST", peer.control_url(), R"({"conversation":"222222222222222222","text":"hello"})");
  EXPECT_EQ(posted.status, 200);
  const Got list = call(peer, "GET", std::string("/channels/") + kChannel + "/messages");
  EXPECT_EQ(list.get("0.id"), posted.get("id"));
  EXPECT_EQ(list.get("0.content"), "hello");
  EXPECT_EQ(call(peer, "PATCH", std::string("/channels/") + kChannel + "/messages/" + posted.get("id"),
                 R"({"content":"mine"})")
                .get("code"),
            "50005");
  EXPECT_EQ(ask("POST", peer.control_url(), R"({"conversation":"general","text":"hello"})").status, 400);
}

TEST_F(DiscordTest, KeepsTheLastMessagesOnly) {
  DiscordPeer peer(loop_, {.ledger = {.messages_kept = 2}});
  const std::string first = say(peer, "soak 1").get("id");
  say(peer, "soak 2");
  say(peer, "soak 3");

  EXPECT_EQ(call(peer, "GET", std::string("/channels/") + kChannel + "/messages/" + first).get("code"), "10008");
}

TEST_F(DiscordTest, ReactionsShowOnTheMessage) {
  DiscordPeer peer(loop_, {.limits = {.on = false}});
  const std::string path = std::string("/channels/") + kChannel + "/messages/" + say(peer, "soak 1").get("id");
  const std::string fire = "/reactions/%F0%9F%94%A5/@me";

  EXPECT_EQ(call(peer, "PUT", path + fire).status, 204);
  EXPECT_EQ(call(peer, "PUT", path + fire).status, 204);
  EXPECT_EQ(call(peer, "PUT", path + "/reactions/wave%3A41/@me").status, 204);
  EXPECT_EQ(call(peer, "PUT", path + "/reactions/wave/@me").body, R"({"message":"Unknown Emoji","code":10014})");
  const Got both = call(peer, "GET", path);
  EXPECT_EQ(both.get("reactions.0.emoji.name"), "\xF0\x9F\x94\xA5");
  EXPECT_EQ(both.get("reactions.0.me"), "true");
  EXPECT_EQ(both.get("reactions.1.emoji.id"), "41");
  EXPECT_EQ(call(peer, "DELETE", path + fire).status, 204);
  EXPECT_EQ(call(peer, "GET", path).get("reactions.0.emoji.name"), "wave");
}

TEST_F(DiscordTest, TellsOfTheChannelAndTheApplication) {
  DiscordPeer peer(loop_, {.token = kToken, .channels = {kChannel}});
  const std::string last = say(peer, "soak 1").get("id");

  const Got channel = call(peer, "GET", std::string("/channels/") + kChannel);
  EXPECT_EQ(channel.get("type"), "0");
  EXPECT_EQ(channel.get("last_message_id"), last);
  EXPECT_EQ(call(peer, "GET", "/channels/1").get("code"), "10003");
  EXPECT_EQ(call(peer, "POST", std::string("/channels/") + kChannel + "/typing").status, 204);
  EXPECT_EQ(call(peer, "GET", "/oauth2/applications/@me").get("id"), call(peer, "GET", "/users/@me").get("id"));
  EXPECT_EQ(ask("GET", peer.url() + "/oauth2/applications/@me", "", {{"User-Agent", kAgent}}).status, 401);
}

TEST_F(DiscordTest, EachMethodHasABucketOfItsOwnInEachChannel) {
  DiscordPeer peer(loop_, {.limits = {.bucket = 1}});
  const std::string typing = std::string("/channels/") + kChannel + "/typing";

  EXPECT_EQ(call(peer, "POST", typing).header("x-ratelimit-remaining"), "0");
  EXPECT_EQ(say(peer, "soak 1").status, 200);
  EXPECT_EQ(call(peer, "POST", "/channels/333/typing").status, 204);
  EXPECT_EQ(call(peer, "POST", typing).status, 429);
  EXPECT_THAT(peer.ledger().findings, IsEmpty());

  EXPECT_EQ(call(peer, "POST", typing).status, 429);
  ASSERT_EQ(kinds(peer.ledger()), std::vector{ChannelFindingKind::kInsideWindow});
  EXPECT_THAT(peer.ledger().findings[0].text, StartsWith("POST channels/222222222222222222/typing: "));
}

TEST_F(DiscordTest, AReactionHasItsKnownLimit) {
  DiscordPeer peer(loop_);
  const std::string path = std::string("/channels/") + kChannel + "/messages/" + say(peer, "soak 1").get("id");

  EXPECT_EQ(call(peer, "PUT", path + "/reactions/%F0%9F%94%A5/@me").header("x-ratelimit-limit"), "1");
  const Got limited = call(peer, "PUT", path + "/reactions/%F0%9F%91%8D/@me");
  EXPECT_EQ(limited.status, 429);
  EXPECT_EQ(limited.get("retry_after"), "0.25");
}

TEST_F(DiscordTest, ThreadsOfAWebhookAreConversationsWithOneLimit) {
  DiscordPeer peer(loop_, {.limits = {.bucket = 3}});

  EXPECT_EQ(hook(peer, "soak 1", "?wait=true&thread_id=41").get("channel_id"), "41");
  EXPECT_EQ(hook(peer, "soak 1", "?wait=true&thread_id=42").get("channel_id"), "42");
  EXPECT_EQ(hook(peer, "soak 1").status, 200);
  const Got limited = hook(peer, "soak 2", "?wait=true&thread_id=43");

  EXPECT_EQ(limited.status, 429);
  EXPECT_EQ(peer.ledger().conversations, 4u);
  EXPECT_EQ(peer.ledger().stored_twice, 0u);
  EXPECT_EQ(hook(peer, "soak 2", "?wait=true&thread_id=41").status, 429);
  EXPECT_EQ(peer.ledger().inside_window, 1u) << "the window is the webhook's";
}

TEST_F(DiscordTest, OrderIsKeptWithinAThread) {
  DiscordPeer peer(loop_);

  hook(peer, "soak 2", "?thread_id=41");
  hook(peer, "soak 1", "?thread_id=42");
  EXPECT_EQ(peer.ledger().out_of_order, 0u);
  hook(peer, "soak 1", "?thread_id=41");
  EXPECT_EQ(peer.ledger().out_of_order, 1u);
}

TEST_F(DiscordTest, AThreadThatIsNotIsRefused) {
  DiscordPeer peer(loop_, {.channels = {kChannel, "41"}});

  EXPECT_EQ(hook(peer, "a", "?thread_id=41").status, 204);
  EXPECT_EQ(hook(peer, "a", "?thread_id=42").get("code"), "10003");
  EXPECT_THAT(hook(peer, "a", "?thread_id=general").body, HasSubstr("is not snowflake"));
  EXPECT_EQ(webhook(peer, "POST", "", R"({"content":"a","thread_name":"t"})").get("code"), "220003");
}

TEST_F(DiscordTest, AClientsNonceIsTheKeyIfThatIsAskedFor) {
  DiscordPeer by_text(loop_);
  DiscordPeer by_nonce(loop_, {.ledger = {.client_ids = true}});
  for (DiscordPeer* peer : {&by_text, &by_nonce}) {
    bot(*peer, R"({"content":"ok","nonce":"n1"})");
    bot(*peer, R"({"content":"ok","nonce":"n2"})");
  }

  EXPECT_EQ(by_text.ledger().stored_twice, 1u);
  EXPECT_EQ(by_nonce.ledger().stored_twice, 0u);
  bot(by_nonce, R"({"content":"ok","nonce":"n2"})");
  EXPECT_EQ(by_nonce.ledger().stored_twice, 1u);
}

}  // namespace
}  // namespace soak::peers
