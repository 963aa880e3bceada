// SPDX-License-Identifier: Apache-2.0
#include <ostream>

#include "soak/net/http_server.h"
#include "tests/unit/peers/slack/fixture.h"

namespace soak::peers {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::StartsWith;

TEST_F(SlackTest, ANameAndAUsersIdReachAChannelAndTheAnswerHasItsId) {
  SlackPeer peer(loop_);

  const std::string general = post(peer, "soak 1", "general").get("channel");
  EXPECT_THAT(general, StartsWith("C"));
  EXPECT_EQ(post(peer, "soak 2", "#general").get("channel"), general);
  EXPECT_EQ(post(peer, "soak 3", general).get("channel"), general);
  EXPECT_EQ(post(peer, "soak 4", "U123").get("channel"), "D123");
  EXPECT_EQ(post(peer, "a", "Not A Name").get("error"), "channel_not_found");
  EXPECT_EQ(peer.ledger().conversations, 2u) << "a channel is one conversation under all its names";
}

TEST_F(SlackTest, OfTheChannelsThatExistANameReachesItsOwn) {
  SlackPeer peer(loop_, {.channels = {"#general", "C7"}});

  EXPECT_EQ(post(peer, "soak 1", "general").get("ok"), "true");
  EXPECT_EQ(post(peer, "soak 2", "C7").get("channel"), "C7");
  EXPECT_EQ(post(peer, "a", "random").get("error"), "channel_not_found");
  EXPECT_EQ(post(peer, "a", "C8").get("error"), "channel_not_found");
}

TEST_F(SlackTest, BlocksComeBackWithTheirIds) {
  SlackPeer peer(loop_);

  const Got got = call(peer, "chat.postMessage",
                       R"({"channel":"C1","blocks":[{"type":"divider"},{"type":"section","block_id":"own",)"
                       R"("text":{"type":"mrkdwn","text":"*a*"}}]})");

  EXPECT_EQ(got.get("message.blocks.0.type"), "divider");
  EXPECT_NE(got.get("message.blocks.0.block_id"), "(absent)");
  EXPECT_EQ(got.get("message.blocks.1.block_id"), "own");
  EXPECT_EQ(got.get("message.blocks.1.text.text"), "*a*");
}

TEST_F(SlackTest, BlocksHaveTheirElements) {
  SlackPeer peer(loop_);

  const Got got = call(
      peer, "chat.postMessage",
      R"({"channel":"C1","blocks":[{"type":"context","elements":[{"type":"mrkdwn","text":"a"},)"
      R"({"type":"image","image_url":"http://a.b/c.png","alt_text":"c"}]},{"type":"actions","elements":[)"
      R"({"type":"button","action_id":"a","style":"danger","text":{"type":"plain_text","text":"Stop"}},)"
      R"({"type":"static_select","options":[{"text":{"type":"plain_text","text":"1"},"value":"1"}]}]},)"
      R"({"type":"section","text":{"type":"mrkdwn","text":"a"},"accessory":{"type":"datepicker","action_id":"b"}}]})");

  EXPECT_EQ(got.get("ok"), "true");
  EXPECT_EQ(got.get("message.blocks.1.elements.0.text.text"), "Stop");
}

struct BadBlocks {
  const char* name;
  std::string blocks;
  std::string error;
};
void PrintTo(const BadBlocks& bad, std::ostream* out) { *out << bad.name; }

class SlackBadBlocksTest : public SlackTest, public testing::WithParamInterface<BadBlocks> {};

TEST_P(SlackBadBlocksTest, AreInvalidBlocksAndSaysWhere) {
  SlackPeer peer(loop_);

  const Got got = call(peer, "chat.postMessage", R"({"channel":"C1","text":"a","blocks":)" + GetParam().blocks + "}");

  EXPECT_EQ(got.get("error"), "invalid_blocks");
  EXPECT_EQ(got.get("errors.0"), GetParam().error);
  EXPECT_EQ(got.get("response_metadata.messages.0"), "[ERROR] " + GetParam().error);
  EXPECT_EQ(peer.ledger().messages_stored, 0u);
}

INSTANTIATE_TEST_SUITE_P(
    All, SlackBadBlocksTest,
    testing::Values(
        BadBlocks{"no_object", R"(["a"])", "must provide an object [json-pointer:/blocks/0]"},
        BadBlocks{"no_type", "[{}]", "missing required field: type [json-pointer:/blocks/0]"},
        BadBlocks{"unknown_type", R"([{"type":"divider"},{"type":"shout"}])",
                  "unsupported type: shout [json-pointer:/blocks/1/type]"},
        BadBlocks{"no_text", R"([{"type":"section"}])", "missing required field: text [json-pointer:/blocks/0]"},
        BadBlocks{"text_as_a_string", R"([{"type":"section","text":"a"}])",
                  "must provide an object [json-pointer:/blocks/0/text]"},
        BadBlocks{"markdown_in_a_header", R"([{"type":"header","text":{"type":"mrkdwn","text":"a"}}])",
                  "unsupported type: mrkdwn [json-pointer:/blocks/0/text/type]"},
        BadBlocks{"long_text",
                  R"([{"type":"section","text":{"type":"mrkdwn","text":")" + std::string(3001, 'a') + "\"}}]",
                  "must be less than 3001 characters [json-pointer:/blocks/0/text/text]"},
        BadBlocks{"empty_text", R"([{"type":"section","text":{"type":"mrkdwn","text":""}}])",
                  "must be more than 0 characters [json-pointer:/blocks/0/text/text]"},
        BadBlocks{"image_without_text", R"([{"type":"image","image_url":"http://a.b/c.png"}])",
                  "missing required field: alt_text [json-pointer:/blocks/0]"},
        BadBlocks{"element_of_another_block",
                  R"([{"type":"context","elements":[{"type":"button","text":{"type":"plain_text","text":"a"}}]}])",
                  "unsupported type: button [json-pointer:/blocks/0/elements/0/type]"},
        BadBlocks{"button_without_text", R"([{"type":"actions","elements":[{"type":"button"}]}])",
                  "missing required field: text [json-pointer:/blocks/0/elements/0]"},
        BadBlocks{"button_in_another_style",
                  R"([{"type":"actions","elements":[{"type":"button","style":"blue",)"
                  R"("text":{"type":"plain_text","text":"a"}}]}])",
                  "must be a valid enum value [json-pointer:/blocks/0/elements/0/style]"},
        BadBlocks{"unknown_accessory",
                  R"([{"type":"section","text":{"type":"mrkdwn","text":"a"},"accessory":{"type":"shout"}}])",
                  "unsupported type: shout [json-pointer:/blocks/0/accessory/type]"},
        BadBlocks{"select_without_options",
                  R"([{"type":"input","label":{"type":"plain_text","text":"a"},"element":{"type":"static_select"}}])",
                  "missing required field: options [json-pointer:/blocks/0/element]"},
        BadBlocks{"same_id", R"([{"type":"divider","block_id":"a"},{"type":"divider","block_id":"a"}])",
                  "block_id a already exists [json-pointer:/blocks/1/block_id]"}),
    [](const auto& test) { return std::string(test.param.name); });

TEST_F(SlackTest, AMessageIsUpdatedDeletedAndRead) {
  SlackPeer peer(loop_);
  const std::string ts = post(peer, "soak 1").get("ts");
  const std::string theirs = peer.post_text("C1", "hello");
  const auto with = [&](const std::string& method, const std::string& message, const std::string& more = "") {
    return call(peer, method, R"({"channel":"C1","ts":")" + message + "\"" + more + "}");
  };

  const Got updated = with("chat.update", ts, R"(,"text":"soak one")");
  EXPECT_EQ(updated.get("text"), "soak one");
  EXPECT_NE(updated.get("message.edited.ts"), "(absent)");
  EXPECT_EQ(with("chat.update", theirs, R"(,"text":"mine")").get("error"), "cant_update_message");
  EXPECT_EQ(with("chat.update", "1.1", R"(,"text":"a")").get("error"), "message_not_found");
  EXPECT_EQ(with("chat.update", ts).get("error"), "no_text");
  const Got history = call(peer, "conversations.history", R"({"channel":"C1"})");
  EXPECT_EQ(history.get("messages.0.text"), "hello");
  EXPECT_EQ(history.get("messages.1.text"), "soak one");
  EXPECT_EQ(with("chat.delete", theirs).get("error"), "cant_delete_message");
  EXPECT_EQ(with("chat.delete", ts).get("ts"), ts);
  EXPECT_EQ(with("chat.delete", ts).get("error"), "message_not_found");

  EXPECT_EQ(peer.ledger().messages_stored, 1u);
  EXPECT_EQ(peer.ledger().messages_edited, 1u);
  EXPECT_EQ(peer.ledger().messages_deleted, 1u);
  EXPECT_THAT(peer.ledger().findings, IsEmpty());
}

TEST_F(SlackTest, AThreadHasItsReplies) {
  SlackPeer peer(loop_);
  const std::string ts = post(peer, "soak 1").get("ts");
  call(peer, "chat.postMessage", R"({"channel":"C1","text":"soak 2","thread_ts":")" + ts + "\"}");

  const Got replies = call(peer, "conversations.replies", R"({"channel":"C1","ts":")" + ts + "\"}");

  EXPECT_EQ(replies.get("messages.0.text"), "soak 1");
  EXPECT_EQ(replies.get("messages.1.thread_ts"), ts);
  EXPECT_EQ(call(peer, "conversations.history", R"({"channel":"C1"})").get("messages.1"), "(absent)");
}

TEST_F(SlackTest, ReactionsComeAndGo) {
  SlackPeer peer(loop_);
  const std::string ts = post(peer, "soak 1").get("ts");
  const auto react = [&](const std::string& method, const std::string& name) {
    return call(peer, method, R"({"channel":"C1","timestamp":")" + ts + R"(","name":")" + name + "\"}");
  };

  EXPECT_EQ(react("reactions.add", "thumbsup").body, R"({"ok":true})");
  EXPECT_EQ(react("reactions.add", "thumbsup").get("error"), "already_reacted");
  EXPECT_EQ(react("reactions.add", "Not A Name").get("error"), "invalid_name");
  EXPECT_EQ(react("reactions.remove", "thumbsup").get("ok"), "true");
  EXPECT_EQ(react("reactions.remove", "thumbsup").get("error"), "no_reaction");
}

TEST_F(SlackTest, TellsOfChannelsAndUsers) {
  SlackPeer peer(loop_);

  const Got first = call(peer, "conversations.list", R"({"limit":1})");
  EXPECT_EQ(first.get("channels.0.name"), "general");
  EXPECT_EQ(first.get("channels.1"), "(absent)");
  const Got second =
      call(peer, "conversations.list", R"({"cursor":")" + first.get("response_metadata.next_cursor") + "\"}");
  EXPECT_EQ(second.get("channels.0.name"), "random");
  EXPECT_EQ(second.get("response_metadata.next_cursor"), "");
  EXPECT_EQ(call(peer, "conversations.list", R"({"cursor":"x"})").get("error"), "invalid_cursor");
  EXPECT_EQ(call(peer, "conversations.open", R"({"users":"U5"})").get("channel.id"), "D5");
  EXPECT_EQ(call(peer, "conversations.open", "{}").get("error"), "users_list_not_supplied");
  EXPECT_EQ(call(peer, "conversations.open", R"({"users":"me"})").get("error"), "user_not_found");
  EXPECT_EQ(call(peer, "users.info", R"({"user":"U5"})").get("user.id"), "U5");
  EXPECT_EQ(call(peer, "users.info", R"({"user":"me"})").get("error"), "user_not_found");
}

TEST_F(SlackTest, ListsConversationsByType) {
  SlackPeerOptions options;
  options.channels = {"general", "D5", "G7"};
  SlackPeer peer(loop_, options);
  const auto listed = [&](const std::string& types) {
    const Got got = call(peer, "conversations.list", R"({"types":")" + types + "\"}");
    return got.get("channels.0.id") + " " + got.get("channels.1.id");
  };

  EXPECT_EQ(listed("im"), "D5 (absent)");
  EXPECT_EQ(listed("im, mpim"), "D5 G7");
  EXPECT_EQ(call(peer, "conversations.list", "{}").get("channels.1"), "(absent)");
  EXPECT_EQ(call(peer, "conversations.list", R"({"types":"public_channel"})").get("channels.0.name"), "general");
  EXPECT_EQ(call(peer, "conversations.list", R"({"types":"all"})").get("error"), "invalid_types");
}

TEST_F(SlackTest, AMethodHasTheLimitOfItsTier) {
  SlackPeer peer(loop_);

  for (int i = 0; i < 20; ++i) {
    ASSERT_EQ(call(peer, "conversations.list", "{}").status, 200);
  }
  const Got limited = call(peer, "conversations.list", "{}");
  EXPECT_EQ(limited.status, 429);
  EXPECT_EQ(limited.header("retry-after"), "3");
  EXPECT_EQ(call(peer, "users.info", R"({"user":"U5"})").status, 200);
  EXPECT_EQ(post(peer, "soak 1").status, 200);
  EXPECT_THAT(peer.ledger().findings, IsEmpty());
  call(peer, "conversations.list", "{}");
  EXPECT_EQ(kinds(peer.ledger()), std::vector{ChannelFindingKind::kInsideWindow});
}

TEST_F(SlackTest, NamesWhatItDoesNotHave) {
  SlackPeer peer(loop_);

  EXPECT_EQ(call(peer, "views.open", "{}").get("error"), "unknown_method");
  call(peer, "chat.postMessage", R"({"channel":"C1","text":"a","unfurl_links":false})");

  EXPECT_THAT(peer.ledger().unknown, ElementsAre(Pair("views.open", 1u)));
  EXPECT_THAT(peer.ledger().not_played, ElementsAre(Pair("chat.postMessage.unfurl_links", 1u)));
}

TEST_F(SlackTest, AnAppGetsUsersMessagesAsSignedEvents) {
  std::vector<net::HttpServerRequest> got;
  net::HttpServer app(loop_, [&](net::HttpServerRequest request) -> Task<net::HttpReply> {
    got.push_back(std::move(request));
    co_return net::HttpReply(net::HttpResponse(200));
  });
  SlackPeer peer(loop_, {.events_url = app.url() + "/slack/events", .signing_secret = "s3"});

  const std::string ts = peer.post_text("general", "hello");
  pass(1s);

  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].path, "/slack/events");
  EXPECT_EQ(Heard(got[0].body).get("event.text"), "hello");
  EXPECT_EQ(Heard(got[0].body).get("event.ts"), ts);
  EXPECT_THAT(got[0].headers.get("x-slack-signature"), StartsWith("v0="));
  EXPECT_EQ(got[0].headers.get("x-slack-signature").size(), 67u);
}

TEST_F(SlackTest, ATestPostsAUsersMessageByTheControlPath) {
  SlackPeer peer(loop_);
  const auto control = [&](const std::string& body) { return ask("POST", peer.control_url(), body); };

  const Got posted = control(R"({"conversation":"C1","text":"hello","from":"U9"})");
  EXPECT_EQ(posted.status, 200);
  const Got history = call(peer, "conversations.history", R"({"channel":"C1"})");
  EXPECT_EQ(history.get("messages.0.ts"), posted.get("id"));
  EXPECT_EQ(history.get("messages.0.user"), "U9");
  EXPECT_THAT(control(R"({"text":"a"})").get("error"), HasSubstr("\"conversation\" is missing or empty: expected"));
  EXPECT_THAT(control(R"({"conversation":"Not A Name","text":"a"})").get("error"), HasSubstr("does not exist here"));
  EXPECT_EQ(control("{").status, 400);
  EXPECT_EQ(ask("GET", peer.control_url()).status, 404);
  EXPECT_EQ(peer.ledger().requests, 1u) << "the control path is no provider's";
}

}  // namespace
}  // namespace soak::peers
