// SPDX-License-Identifier: Apache-2.0
#include "soak/peers/discord_peer.h"

#include <ostream>
#include <set>

#include "tests/unit/peers/discord/fixture.h"

namespace soak::peers {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;
using testing::SizeIs;
using Kind = ChannelFaultKind;

TEST_F(DiscordTest, AWebhookThatWaitsGetsTheMessage) {
  DiscordPeer peer(loop_);

  const Got got = hook(peer, "soak 1");

  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.header("content-type"), "application/json");
  EXPECT_THAT(
      got.body,
      MatchesRegex(
          R"(\{"id":"[0-9]+","channel_id":"[0-9]+","webhook_id":"[0-9]+","type":0,"content":"soak 1",)"
          R"("author":\{"id":"[0-9]+","username":"hook","discriminator":"0000","global_name":null,"avatar":null,)"
          R"("public_flags":0,"bot":true\},"timestamp":"2026-01-01T00:00:00\.000000\+00:00",)"
          R"("edited_timestamp":null,"tts":false,"mention_everyone":false,"mentions":\[\],"mention_roles":\[\],)"
          R"("attachments":\[\],"embeds":\[\],"pinned":false,"components":\[\],"flags":0\})"));
  EXPECT_EQ(peer.ledger().messages_stored, 1u);
  EXPECT_THAT(peer.ledger().findings, IsEmpty());
}

TEST_F(DiscordTest, AWebhookThatDoesNotWaitGets204) {
  DiscordPeer peer(loop_);

  const Got got = hook(peer, "soak 1", "");

  EXPECT_EQ(got.status, 204);
  EXPECT_EQ(got.body, "");
  EXPECT_EQ(peer.ledger().messages_stored, 1u);
}

TEST_F(DiscordTest, GetsTheWebhookWithItsToken) {
  DiscordPeer peer(loop_);

  const Got got = ask("GET", peer.webhook_url(), "", {{"User-Agent", kAgent}});

  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.get("type"), "1");
  EXPECT_EQ(peer.webhook_url(), peer.url() + "/webhooks/" + got.get("id") + "/" + got.get("token"));
}

TEST_F(DiscordTest, ABotCreatesAMessage) {
  DiscordPeer peer(loop_, {.token = kToken});

  const Got got = bot(peer, R"({"content":"soak 1","nonce":"n1"})");

  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.get("channel_id"), kChannel);
  EXPECT_EQ(got.get("author.bot"), "true");
  EXPECT_EQ(got.get("nonce"), "n1");
  EXPECT_EQ(got.get("webhook_id"), "(absent)");
}

TEST_F(DiscordTest, TakesFormsAndMultipart) {
  DiscordPeer peer(loop_);
  const std::string multipart =
      "--xx\r\nContent-Disposition: form-data; name=\"payload_json\"\r\nContent-Type: application/json\r\n\r\n"
      "{\"content\":\"a b\"}\r\n--xx\r\n"
      "Content-Disposition: form-data; name=\"files[0]\"; filename=\"a.txt\"\r\n\r\nx\r\n--xx--\r\n";
  const std::string file_alone =
      "--xx\r\nContent-Disposition: form-data; name=\"files[0]\"; filename=\"a.txt\"\r\n\r\nx\r\n--xx--\r\n";

  EXPECT_EQ(bot(peer, "content=a+b", kChannel, kToken, "application/x-www-form-urlencoded").get("content"), "a b");
  EXPECT_EQ(bot(peer, multipart, kChannel, kToken, "multipart/form-data; boundary=xx").get("content"), "a b");
  EXPECT_EQ(bot(peer, file_alone, kChannel, kToken, "multipart/form-data; boundary=xx").status, 200);
}

TEST_F(DiscordTest, TellsWhoTheBotIs) {
  DiscordPeer peer(loop_, {.token = kToken});
  const auto me = [&](const std::string& authorization) {
    return ask("GET", peer.url() + "/users/@me", "", {{"User-Agent", kAgent}, {"Authorization", authorization}});
  };

  EXPECT_EQ(me(std::string("Bot ") + kToken).get("bot"), "true");
  EXPECT_EQ(me(std::string("Bearer ") + kToken).status, 401);
  EXPECT_EQ(me("Bot other").body, R"({"message":"401: Unauthorized","code":0})");
}

struct BadMessage {
  const char* name;
  std::string body;
  int status;
  std::string answer;
  const char* type = "application/json";
};
void PrintTo(const BadMessage& bad, std::ostream* out) { *out << bad.name; }

class DiscordBadMessageTest : public DiscordTest, public testing::WithParamInterface<BadMessage> {};

TEST_P(DiscordBadMessageTest, IsRefusedWithItsCode) {
  DiscordPeer peer(loop_);

  const Got got = bot(peer, GetParam().body, kChannel, kToken, GetParam().type);

  EXPECT_EQ(got.status, GetParam().status);
  EXPECT_EQ(got.body, GetParam().answer);
  EXPECT_EQ(peer.ledger().messages_stored, 0u);
}

std::string form_error(const std::string& field, const std::string& code, const std::string& message) {
  return R"({"message":"Invalid Form Body","code":50035,"errors":{")" + field + R"(":{"_errors":[{"code":")" + code +
         R"(","message":")" + message + R"("}]}}})";
}

INSTANTIATE_TEST_SUITE_P(
    All, DiscordBadMessageTest,
    testing::Values(
        BadMessage{"not_json", "{", 400, R"({"message":"The request body contains invalid JSON.","code":50109})"},
        BadMessage{"not_utf8", "content=a&nonce=%ff", 400,
                   R"({"message":"The request body contains invalid JSON.","code":50109})",
                   "application/x-www-form-urlencoded"},
        BadMessage{"empty", "{}", 400, R"({"message":"Cannot send an empty message","code":50006})"},
        BadMessage{"blank", R"({"content":" "})", 400, R"({"message":"Cannot send an empty message","code":50006})"},
        BadMessage{"nothing", "", 400, R"({"message":"Cannot send an empty message","code":50006})", ""},
        BadMessage{"too_long", R"({"content":")" + std::string(2001, 'a') + "\"}", 400,
                   form_error("content", "BASE_TYPE_MAX_LENGTH", "Must be 2000 or fewer in length.")},
        BadMessage{"content_is_a_list", R"({"content":["a"]})", 400,
                   form_error("content", "STRING_TYPE_CONVERT", "Could not interpret the value as a string.")},
        BadMessage{"embeds", R"({"embeds":[{},{},{},{},{},{},{},{},{},{},{}]})", 400,
                   form_error("embeds", "BASE_TYPE_MAX_LENGTH", "Must be 10 or fewer in length.")},
        BadMessage{"nonce", R"({"content":"a","nonce":"12345678901234567890123456"})", 400,
                   form_error("nonce", "NONCE_TYPE_TOO_LONG", "Must be 25 or fewer in length.")},
        BadMessage{"type", R"({"content":"a"})", 400,
                   form_error("_misc", "CONTENT_TYPE_INVALID",
                              "Expected \\\"Content-Type\\\" header to be one of {'application/json', "
                              "'application/x-www-form-urlencoded', 'multipart/form-data'}."),
                   "text/plain"}),
    [](const auto& test) { return std::string(test.param.name); });

TEST_F(DiscordTest, RefusesTokensAndPlacesThatAreNot) {
  DiscordPeer peer(loop_, {.token = kToken, .channels = {kChannel}});

  EXPECT_EQ(bot(peer, R"({"content":"a"})", kChannel, "").status, 401);
  EXPECT_EQ(bot(peer, R"({"content":"a"})", kChannel, "other").body, R"({"message":"401: Unauthorized","code":0})");
  EXPECT_EQ(bot(peer, R"({"content":"a"})", "1").body, R"({"message":"Unknown Channel","code":10003})");
  EXPECT_EQ(bot(peer, R"({"content":"a"})", "general").get("code"), "50035");
  EXPECT_EQ(bot(peer, R"({"content":"a"})", "%ff").body, R"({"message":"404: Not Found","code":0})");
  EXPECT_EQ(hook_at(peer.url() + "/webhooks/1/a", "a").body, R"({"message":"Unknown Webhook","code":10015})");
  EXPECT_EQ(hook_at(peer.webhook_url() + "x", "a").body, R"({"message":"Invalid Webhook Token","code":50027})");
  EXPECT_EQ(peer.ledger().credential_failures, 4u);
  EXPECT_EQ(peer.ledger().messages_stored, 0u);
}

TEST_F(DiscordTest, ANonceThatIsEnforcedFindsTheFirstMessage) {
  faults_.on_send(1, {.kind = Kind::kStoreThenReset});
  DiscordPeer peer(loop_, {.faults = &faults_});
  const std::string body = R"({"content":"soak 1","nonce":"n1","enforce_nonce":true})";
  EXPECT_EQ(bot(peer, body).status, 0);

  pass(4min);
  const Got found = bot(peer, body);
  const Got loose = bot(peer, R"({"content":"soak 1","nonce":"n1"})");
  const Got elsewhere = bot(peer, body, "333333333333333333");
  pass(5min);
  const Got late = bot(peer, R"({"content":"soak 2","nonce":"n1","enforce_nonce":true})");

  EXPECT_EQ(found.status, 200);
  EXPECT_EQ(found.get("content"), "soak 1");
  EXPECT_EQ(found.get("timestamp"), "2026-01-01T00:00:00.000000+00:00");
  EXPECT_NE(loose.get("id"), found.get("id"));
  EXPECT_NE(elsewhere.get("id"), found.get("id"));
  EXPECT_EQ(late.get("content"), "soak 2");
  EXPECT_EQ(peer.ledger().messages_deduplicated, 1u);
  EXPECT_EQ(peer.ledger().unknown_outcomes_resolved, 1u);
  EXPECT_EQ(peer.ledger().sent_again, 1u);    // The loose one.
  EXPECT_EQ(peer.ledger().stored_twice, 1u);  // Likewise.
}

TEST_F(DiscordTest, EachAnswerTellsOfTheBucket) {
  DiscordPeer peer(loop_);

  const Got first = hook(peer, "1");
  pass(500ms);
  const Got second = hook(peer, "2", "");
  pass(1500ms);
  const Got third = hook(peer, "3");

  EXPECT_EQ(first.header("x-ratelimit-limit"), "5");
  EXPECT_EQ(first.header("x-ratelimit-remaining"), "4");
  EXPECT_EQ(first.header("x-ratelimit-reset-after"), "2.000");
  EXPECT_EQ(first.header("x-ratelimit-reset"), "1767225602.000");
  EXPECT_THAT(first.header("x-ratelimit-bucket"), MatchesRegex("[0-9a-f]{16}"));
  EXPECT_EQ(second.status, 204);
  EXPECT_EQ(second.header("x-ratelimit-remaining"), "3");
  EXPECT_EQ(second.header("x-ratelimit-reset-after"), "1.500");
  EXPECT_EQ(third.header("x-ratelimit-remaining"), "4");
}

TEST_F(DiscordTest, TheBucketHasFiveInTwoSeconds) {
  DiscordPeer peer(loop_);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(hook(peer, std::to_string(i)).status, 200);
  }
  pass(560ms);

  const Got limited = hook(peer, "5");
  const Got bot_elsewhere = say(peer, "1");
  pass(1440ms);
  const Got again = hook(peer, "5");

  EXPECT_EQ(limited.status, 429);
  EXPECT_EQ(limited.body, R"({"message":"You are being rate limited.","retry_after":1.440,"global":false})");
  EXPECT_EQ(limited.header("retry-after"), "2");
  EXPECT_EQ(limited.header("x-ratelimit-remaining"), "0");
  EXPECT_EQ(limited.header("x-ratelimit-reset-after"), "1.440");
  EXPECT_EQ(limited.header("x-ratelimit-scope"), "user");
  EXPECT_EQ(limited.header("x-ratelimit-global"), "(absent)");
  EXPECT_EQ(bot_elsewhere.status, 200);
  EXPECT_EQ(again.status, 200);
  EXPECT_THAT(peer.ledger().findings, IsEmpty());
}

TEST_F(DiscordTest, TheHiddenLimitShowsOnlyWhenItIsReached) {
  DiscordPeer peer(loop_);
  for (int i = 0; i < 30; ++i) {
    const Got got = hook(peer, std::to_string(i));
    ASSERT_EQ(got.status, 200) << i;
    pass(500ms);
  }

  const Got limited = hook(peer, "30");

  EXPECT_EQ(limited.status, 429);
  EXPECT_EQ(limited.header("retry-after"), "45");
  EXPECT_EQ(limited.get("retry_after"), "45.0");
  EXPECT_NE(limited.header("x-ratelimit-remaining"), "0");
  pass(45s);
  EXPECT_EQ(hook(peer, "30").status, 200);
}

TEST_F(DiscordTest, TheGlobalLimitIsOfAllChannels) {
  DiscordPeer peer(loop_, {.limits = {.global_per_second = 3}});
  for (const char* const channel : {"1", "2", "3"}) {
    EXPECT_EQ(say(peer, "a", channel).status, 200);
  }

  const Got limited = say(peer, "a", "4");

  EXPECT_EQ(limited.status, 429);
  EXPECT_EQ(limited.header("x-ratelimit-global"), "true");
  EXPECT_EQ(limited.header("x-ratelimit-scope"), "global");
  EXPECT_EQ(limited.header("x-ratelimit-bucket"), "(absent)");
  EXPECT_EQ(limited.get("global"), "true");
  EXPECT_EQ(say(peer, "a", "1").status, 429);
  pass(1s);
  EXPECT_EQ(say(peer, "a", "4").status, 200);
}

TEST_F(DiscordTest, WithoutLimitsNothingIsPacedAndNoHeaderTellsOfThem) {
  DiscordPeer peer(loop_, {.limits = {.on = false}});

  for (int i = 0; i < 500; ++i) {
    const Got got = hook(peer, std::to_string(i));
    ASSERT_EQ(got.status, 200);
    ASSERT_EQ(got.header("x-ratelimit-limit"), "(absent)");
  }
}

TEST_F(DiscordTest, TooManyInvalidRequestsAndTheAddressIsBanned) {
  DiscordPeer peer(loop_, {.token = kToken, .limits = {.invalid = 10, .ban = 1h}});
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(bot(peer, R"({"content":"a"})", kChannel, "other").status, 401);
  }
  EXPECT_EQ(peer.invalid_requests(), 10);
  EXPECT_EQ(say(peer, "soak 1").status, 200);  // Not yet.
  EXPECT_EQ(bot(peer, R"({"content":"a"})", kChannel, "other").status, 401);

  const Got banned = say(peer, "soak 2");
  pass(30min);
  const Got webhook = hook(peer, "soak 3");
  pass(30min);
  const Got well = say(peer, "soak 4");

  EXPECT_EQ(banned.status, 429);
  EXPECT_EQ(banned.body, "error code: 1015");
  EXPECT_EQ(banned.header("retry-after"), "3600");
  EXPECT_EQ(banned.header("x-ratelimit-scope"), "(absent)");
  EXPECT_EQ(webhook.header("retry-after"), "1800");
  EXPECT_EQ(well.status, 200);
  EXPECT_EQ(peer.invalid_requests(), 0);
}

TEST_F(DiscordTest, InvalidRequestsAreForgottenAfterTenMinutes) {
  DiscordPeer peer(loop_, {.token = kToken, .limits = {.invalid = 10}});
  for (int i = 0; i < 10; ++i) {
    bot(peer, R"({"content":"a"})", kChannel, "other");
  }
  pass(10min);

  EXPECT_EQ(bot(peer, R"({"content":"a"})", kChannel, "other").status, 401);
  EXPECT_EQ(peer.invalid_requests(), 1);
  EXPECT_EQ(say(peer, "soak 1").status, 200);
}

struct Form {
  Kind kind;
  const char* header;
  const char* body;
  const char* scope;
  const char* remaining;
  int invalid;
};
void PrintTo(const Form& form, std::ostream* out) { *out << to_string(form.kind); }

class DiscordFormTest : public DiscordTest, public testing::WithParamInterface<Form> {};

TEST_P(DiscordFormTest, StoresNothingAndPasses) {
  faults_.on_send(1, {.kind = GetParam().kind, .retry_after = 64570ms});
  DiscordPeer peer(loop_, {.faults = &faults_});

  const Got limited = hook(peer, "soak 1");
  pass(65s);
  const Got stored = hook(peer, "soak 1");

  EXPECT_EQ(limited.status, 429);
  EXPECT_EQ(limited.header("retry-after"), GetParam().header);
  EXPECT_EQ(limited.body, GetParam().body);
  EXPECT_EQ(limited.header("x-ratelimit-scope"), GetParam().scope);
  EXPECT_EQ(limited.header("x-ratelimit-remaining"), GetParam().remaining);
  EXPECT_EQ(stored.status, 200);
  EXPECT_EQ(peer.ledger().messages_stored, 1u);
  EXPECT_EQ(peer.invalid_requests(), GetParam().invalid);
  EXPECT_THAT(peer.ledger().findings, IsEmpty());
}

constexpr const char* kLimitedBody = R"({"message":"You are being rate limited.","retry_after":64.570,"global":false})";
constexpr const char* kUnsaidBody = R"({"message":"You are being rate limited.","global":false})";

INSTANTIATE_TEST_SUITE_P(
    All, DiscordFormTest,
    testing::Values(Form{Kind::kRateLimited, "65", kLimitedBody, "user", "0", 1},
                    Form{Kind::kRateLimitedLowerCase, "65", kLimitedBody, "user", "0", 1},
                    Form{Kind::kRateLimitedHeaderOnly, "65", kUnsaidBody, "user", "(absent)", 1},
                    Form{Kind::kRateLimitedBodyOnly, "(absent)", kLimitedBody, "user", "(absent)", 1},
                    Form{Kind::kRateLimitedUnsaid, "(absent)", kUnsaidBody, "user", "(absent)", 1},
                    Form{Kind::kRateLimitedJunk, "abc", kUnsaidBody, "user", "(absent)", 1},
                    Form{Kind::kRateLimitedZero, "0",
                         R"({"message":"You are being rate limited.","retry_after":0.000,"global":false})", "user", "0",
                         1},
                    Form{Kind::kRateLimitedGlobal, "65",
                         R"({"message":"You are being rate limited.","retry_after":64.570,"global":true})", "global",
                         "(absent)", 1},
                    Form{Kind::kRateLimitedShared, "65", kLimitedBody, "shared", "4", 0},
                    Form{Kind::kRateLimitedHidden, "65", kLimitedBody, "user", "4", 1},
                    Form{Kind::kEdgeBan, "65", "error code: 1015", "(absent)", "(absent)", 0}),
    [](const auto& test) { return std::string(to_string(test.param.kind)); });

TEST_F(DiscordTest, TheFractionOfASecondIsPartOfTheWindow) {
  faults_.on_send(1, {.kind = Kind::kRateLimited, .retry_after = 64570ms});
  DiscordPeer peer(loop_, {.faults = &faults_});
  hook(peer, "soak 1");

  pass(64500ms);
  EXPECT_EQ(hook(peer, "soak 1").status, 429);
  EXPECT_EQ(peer.ledger().inside_window, 1u);
  pass(70ms);
  EXPECT_EQ(hook(peer, "soak 1").status, 200);
  EXPECT_EQ(peer.ledger().inside_window, 1u);
}

TEST_F(DiscordTest, TheResetMayBeSkewedButNotHowLongItTakes) {
  DiscordPeer peer(loop_, {.reset_skew = -5min});

  const Got got = hook(peer, "soak 1");

  EXPECT_EQ(got.header("x-ratelimit-reset"), "1767225302.000");
  EXPECT_EQ(got.header("x-ratelimit-reset-after"), "2.000");
}

struct Unknown {
  Kind kind;
  int status;
  std::uint64_t stored;
};
void PrintTo(const Unknown& unknown, std::ostream* out) { *out << to_string(unknown.kind); }

class DiscordUnknownTest : public DiscordTest, public testing::WithParamInterface<Unknown> {};

TEST_P(DiscordUnknownTest, LeavesItsClientWithoutAnAnswerToTrust) {
  faults_.on_send(1, {.kind = GetParam().kind});
  DiscordPeer peer(loop_, {.faults = &faults_});

  const Got got = hook(peer, "soak 1", "");

  EXPECT_EQ(got.status, GetParam().status);
  EXPECT_EQ(peer.ledger().messages_stored, GetParam().stored);
  EXPECT_EQ(peer.ledger().unknown_outcomes, 1u);
  EXPECT_EQ(faults_.played(GetParam().kind), 1u);
}

INSTANTIATE_TEST_SUITE_P(All, DiscordUnknownTest,
                         testing::Values(Unknown{Kind::kStoreThenReset, 0, 1}, Unknown{Kind::kStoreThenSlow, 0, 1},
                                         Unknown{Kind::kStoreThenError, 500, 1}, Unknown{Kind::kServerError, 500, 0},
                                         Unknown{Kind::kBadGateway, 502, 0}, Unknown{Kind::kStoreNothing, 204, 0}),
                         [](const auto& test) { return std::string(to_string(test.param.kind)); });

TEST_F(DiscordTest, WhoWaitsForTheMessageLosesNone) {
  faults_.on_send(1, {.kind = Kind::kStoreNothing});
  DiscordPeer peer(loop_, {.faults = &faults_});

  EXPECT_EQ(hook(peer, "soak 1").status, 200);
  EXPECT_EQ(peer.ledger().messages_stored, 1u);
  EXPECT_EQ(faults_.played(Kind::kStoreNothing), 0u);
}

TEST_F(DiscordTest, ResetBeforeItIsReadIsSafeToRepeat) {
  faults_.on_send(1, {.kind = Kind::kResetBeforeRead});
  DiscordPeer peer(loop_, {.faults = &faults_});

  EXPECT_EQ(say(peer, "soak 1").status, 0);
  EXPECT_EQ(say(peer, "soak 1").status, 200);
  EXPECT_EQ(peer.ledger().stored_twice + peer.ledger().unknown_outcomes + peer.ledger().sent_again, 0u);
}

TEST_F(DiscordTest, RefusedWithWhateverCode) {
  faults_.on_send(1, {.kind = Kind::kRefuse, .status = 403, .code = 50001, .text = "Missing Access"});
  DiscordPeer peer(loop_, {.faults = &faults_});

  const Got got = say(peer, "soak 1");

  EXPECT_EQ(got.status, 403);
  EXPECT_EQ(got.body, R"({"message":"Missing Access","code":50001})");
  EXPECT_EQ(peer.invalid_requests(), 1);
}

TEST_F(DiscordTest, ABotsTokenIsRotated) {
  std::string told;
  faults_.on_send(2, {.kind = Kind::kRotate});
  DiscordPeer peer(loop_,
                   {.token = kToken, .faults = &faults_, .on_rotation = [&](const std::string& t) { told = t; }});
  EXPECT_EQ(say(peer, "soak 1").status, 200);

  EXPECT_EQ(say(peer, "soak 2").status, 401);

  EXPECT_EQ(told, peer.valid_token());
  EXPECT_EQ(bot(peer, R"({"content":"soak 2"})", kChannel, peer.valid_token()).status, 200);
  EXPECT_EQ(peer.ledger().rotation_refusals, 1u);
  EXPECT_EQ(peer.ledger().credential_failures, 0u);
}

TEST_F(DiscordTest, AWebhookIsDeletedAndAnotherOneIsThere) {
  std::string told;
  faults_.on_send(2, {.kind = Kind::kRotate});
  DiscordPeer peer(loop_, {.faults = &faults_, .on_rotation = [&](const std::string& url) { told = url; }});
  const std::string before = peer.webhook_url();
  EXPECT_EQ(hook(peer, "soak 1").status, 200);

  const Got gone = hook(peer, "soak 2");
  const Got stored = hook(peer, "soak 2");
  pass(1s);
  const Got still_gone = hook_at(before, "soak 3");

  EXPECT_EQ(gone.status, 404);
  EXPECT_EQ(gone.body, R"({"message":"Unknown Webhook","code":10015})");
  EXPECT_EQ(told, peer.webhook_url());
  EXPECT_EQ(stored.status, 200);
  EXPECT_EQ(still_gone.status, 404);
  EXPECT_EQ(peer.ledger().rotation_refusals, 1u);
  EXPECT_EQ(peer.ledger().credential_failures, 1u);
  ASSERT_THAT(peer.ledger().findings, SizeIs(1));
  EXPECT_THAT(peer.ledger().findings[0].text, HasSubstr("a credential that was rotated at 00:00:00"));
  EXPECT_EQ(peer.ledger().findings[0].text.find(before.substr(before.rfind('/') + 1)), std::string::npos);
}

TEST_F(DiscordTest, AWebhooksTokenMayGoAloneAndTheBotsStays) {
  faults_.on_send(1, {.kind = Kind::kWebhookToken});
  DiscordPeer peer(loop_, {.token = kToken, .faults = &faults_});
  const std::string before = peer.webhook_url();

  const Got refused = hook(peer, "soak 1");

  EXPECT_EQ(refused.body, R"({"message":"Invalid Webhook Token","code":50027})");
  EXPECT_EQ(hook_at(before, "soak 1").status, 401);
  EXPECT_EQ(hook(peer, "soak 1").status, 200);
  EXPECT_EQ(say(peer, "soak 1").status, 200);
}

TEST_F(DiscordTest, FaultsOfOtherProvidersAreErrors) {
  faults_.on_send(1, {.kind = Kind::kMigrate});
  faults_.on_send(2, {.kind = Kind::kWebhookToken});
  DiscordPeer peer(loop_, {.faults = &faults_});

  EXPECT_EQ(say(peer, "soak 1").status, 500);
  EXPECT_EQ(say(peer, "soak 1").status, 500);  // A bot has no webhook's token.
  EXPECT_EQ(say(peer, "soak 1").status, 200);
}

TEST_F(DiscordTest, TheSameSeedMakesTheSameIdsAndNoneTwice) {
  DiscordPeer first(loop_, {.seed = 7});
  DiscordPeer second(loop_, {.seed = 7});
  std::set<std::string> ids;
  const std::string path = first.webhook_url().substr(first.url().size());
  EXPECT_EQ(path, second.webhook_url().substr(second.url().size()));
  ids.insert(path.substr(10, path.rfind('/') - 10));

  for (int i = 0; i < 5; ++i) {
    const Got got = hook(first, std::to_string(i));
    EXPECT_EQ(got.get("id"), hook(second, std::to_string(i)).get("id"));
    ids.insert(got.get("id"));
    ids.insert(got.get("channel_id"));
  }

  EXPECT_EQ(ids.size(), 7u);  // The webhook, its channel, and five messages.
}

TEST_F(DiscordTest, DoesNotGrowWithItsNonces) {
  DiscordPeer peer(loop_);

  const std::int64_t bytes = heap_growth([&](int i) {
    const std::string text = "soak " + std::to_string(i);
    const std::string body = R"({"content":")" + text + R"(","nonce":")" + text + R"(","enforce_nonce":true})";
    EXPECT_EQ(bot(peer, body).status, 200);
    pass(30s);
  });

  EXPECT_LT(bytes, 2000);  // Less than a byte for each.
}

TEST_F(DiscordTest, OptionsThatMakeNoSenseAreRefused) {
  EXPECT_THROW(DiscordPeer(loop_, {.nonce_time = -1s}), Error);
  EXPECT_THROW(DiscordPeer(loop_, {.limits = {.bucket = -1}}), Error);
  EXPECT_THROW(DiscordPeer(loop_, {.limits = {.ban = 0s}}), Error);
}

}  // namespace
}  // namespace soak::peers
