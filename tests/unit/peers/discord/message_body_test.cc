// SPDX-License-Identifier: Apache-2.0
#include <ostream>

#include "tests/unit/peers/discord/fixture.h"

namespace soak::peers {
namespace {

using testing::HasSubstr;

TEST_F(DiscordTest, EmbedsTtsAndRepliesComeBack) {
  DiscordPeer peer(loop_);
  const std::string first = say(peer, "soak 1").get("id");

  const Got reply =
      bot(peer, R"({"content":"soak 2","tts":true,"embeds":[{"title":"t","fields":[{"name":"n","value":"v"}]}],)"
                R"("message_reference":{"message_id":")" +
                    first + "\"}}");

  EXPECT_EQ(reply.get("tts"), "true");
  EXPECT_EQ(reply.get("embeds.0.type"), "rich");
  EXPECT_EQ(reply.get("embeds.0.title"), "t");
  EXPECT_EQ(reply.get("embeds.0.fields"), R"([{"name":"n","value":"v"}])");
  EXPECT_EQ(reply.get("type"), "19");
  EXPECT_EQ(reply.get("message_reference.message_id"), first);
  EXPECT_EQ(reply.get("message_reference.channel_id"), kChannel);
  EXPECT_EQ(reply.get("referenced_message.content"), "soak 1");
}

TEST_F(DiscordTest, AReplyToNothingIsRefusedUnlessItMayDangle) {
  DiscordPeer peer(loop_);

  const Got refused = bot(peer, R"({"content":"a","message_reference":{"message_id":"1"}})");
  const Got dangling =
      bot(peer, R"({"content":"b","message_reference":{"message_id":"1","fail_if_not_exists":false}})");

  EXPECT_THAT(refused.body, HasSubstr(R"("message_reference":{"_errors":[{"code":"REPLIES_UNKNOWN_MESSAGE")"));
  EXPECT_EQ(dangling.status, 200);
  EXPECT_EQ(dangling.get("type"), "0");
}

std::string with_file(const std::string& payload) {
  return "--xx\r\nContent-Disposition: form-data; name=\"payload_json\"\r\n\r\n" + payload +
         "\r\n--xx\r\nContent-Disposition: form-data; name=\"files[0]\"; filename=\"a.txt\"\r\n"
         "Content-Type: text/plain\r\n\r\nhello\r\n--xx--\r\n";
}

TEST_F(DiscordTest, AFileComesBackAsAnAttachment) {
  DiscordPeer peer(loop_);

  const Got got = bot(peer, with_file(R"({"attachments":[{"id":0,"description":"greeting"}]})"), kChannel, kToken,
                      "multipart/form-data; boundary=xx");

  EXPECT_EQ(got.get("attachments.0.filename"), "a.txt");
  EXPECT_EQ(got.get("attachments.0.size"), "5");
  EXPECT_EQ(got.get("attachments.0.content_type"), "text/plain");
  EXPECT_EQ(got.get("attachments.0.description"), "greeting");
  EXPECT_EQ(got.get("attachments.1"), "(absent)");
}

// github.com/discord/discord-api-docs/issues/5099
TEST_F(DiscordTest, AFileMakesAWebhookWait) {
  DiscordPeer peer(loop_);

  const Got got = ask("POST", peer.webhook_url(), with_file(R"({"content":"soak 1"})"),
                      {{"User-Agent", kAgent}, {"Content-Type", "multipart/form-data; boundary=xx"}});

  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.get("content"), "soak 1");
  EXPECT_EQ(hook(peer, "soak 2", "").status, 204);
}

struct BadEmbed {
  const char* name;
  std::string embeds;
  std::string error;
};
void PrintTo(const BadEmbed& bad, std::ostream* out) { *out << bad.name; }

class DiscordBadEmbedTest : public DiscordTest, public testing::WithParamInterface<BadEmbed> {};

TEST_P(DiscordBadEmbedTest, IsRefusedWhereItIsWrong) {
  DiscordPeer peer(loop_);

  const Got got = bot(peer, R"({"content":"a","embeds":)" + GetParam().embeds + "}");

  EXPECT_EQ(got.status, 400);
  EXPECT_THAT(got.body, HasSubstr(GetParam().error));
  EXPECT_EQ(peer.ledger().messages_stored, 0u);
}

INSTANTIATE_TEST_SUITE_P(
    All, DiscordBadEmbedTest,
    testing::Values(BadEmbed{"no_list", R"({"title":"t"})", R"("embeds":{"_errors":[{"code":"LIST_TYPE_CONVERT")"},
                    BadEmbed{"no_object", R"(["t"])", R"("embeds":{"0":{"_errors":[{"code":"MODEL_TYPE_CONVERT")"},
                    BadEmbed{
                        "long_title", R"([{"title":")" + std::string(257, 't') + "\"}]",
                        R"("embeds":{"0":{"title":{"_errors":[{"code":"BASE_TYPE_MAX_LENGTH","message":"Must be 256)"},
                    BadEmbed{"long_footer", R"([{"footer":{"text":")" + std::string(2049, 't') + "\"}}]",
                             R"("footer":{"text":{"_errors":[{"code":"BASE_TYPE_MAX_LENGTH","message":"Must be 2048)"},
                    BadEmbed{"field_without_value", R"([{"fields":[{"name":"n"}]}])",
                             R"("fields":{"0":{"value":{"_errors":[{"code":"BASE_TYPE_REQUIRED")"},
                    BadEmbed{"too_much_text",
                             R"([{"description":")" + std::string(4000, 'd') + R"("},{"description":")" +
                                 std::string(2001, 'd') + "\"}]",
                             R"("embeds":{"_errors":[{"code":"MAX_EMBED_SIZE_EXCEEDED")"}),
    [](const auto& test) { return std::string(test.param.name); });

TEST_F(DiscordTest, AnEmbedThatShowsNothingIsNoMessage) {
  DiscordPeer peer(loop_);

  EXPECT_EQ(bot(peer, R"({"embeds":[{}]})").get("code"), "50006");
  EXPECT_EQ(bot(peer, R"({"embeds":[{"description":"d"}]})").status, 200);
}

TEST_F(DiscordTest, NamesTheOptionsThatItDoesNotPlay) {
  DiscordPeer peer(loop_);

  bot(peer, R"({"content":"a","components":[{"type":1}],"allowed_mentions":{"parse":[]}})");
  bot(peer, R"({"content":"a","components":[],"allowed_mentions":null,"flags":0,"sticker_ids":[],"avatar_url":""})");

  EXPECT_THAT(peer.ledger().not_played, testing::ElementsAre(testing::Pair("Create Message.allowed_mentions", 1u),
                                                             testing::Pair("Create Message.components", 1u)));
}

}  // namespace
}  // namespace soak::peers
