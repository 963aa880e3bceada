// SPDX-License-Identifier: Apache-2.0
#include "soak/peers/slack_peer.h"

#include <ostream>

#include "tests/unit/peers/slack/fixture.h"

namespace soak::peers {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;
using Kind = ChannelFaultKind;

TEST_F(SlackTest, PostMessageIsAnsweredWithTheMessage) {
  SlackPeer peer(loop_);

  const Got got = post(peer, "soak 1");

  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.header("content-type"), kJson);
  EXPECT_EQ(got.body, R"({"ok":true,"channel":"C1","ts":"1767225600.000001","message":{"type":"message",)"
                      R"("subtype":"bot_message","text":"soak 1","bot_id":"B00000001","ts":"1767225600.000001"}})");
  EXPECT_EQ(peer.ledger().messages_stored, 1u);
  EXPECT_THAT(peer.ledger().findings, IsEmpty());
}

TEST_F(SlackTest, WithoutCharsetItWarnsAndPosts) {
  SlackPeer peer(loop_);

  const Got got = call(peer, "chat.postMessage", R"({"channel":"C1","text":"a"})", kToken, "application/json");

  EXPECT_EQ(got.get("ok"), "true");
  EXPECT_EQ(got.get("warning"), "missing_charset");
  EXPECT_EQ(got.get("response_metadata.warnings"), R"(["missing_charset"])");
}

TEST_F(SlackTest, TextAboveFortyThousandIsCutAndPosted) {
  SlackPeer peer(loop_);

  const Got got = post(peer, std::string(40'001, 'a'));
  const Got whole = post(peer, std::string(40'000, 'b'));

  EXPECT_EQ(got.get("message.text").size(), 40'000u);
  EXPECT_EQ(got.get("response_metadata.warnings"), R"(["message_truncated"])");
  EXPECT_EQ(whole.get("warning"), "(absent)");
}

TEST_F(SlackTest, TakesFormMultipartAndQueryWithTheTokenInside) {
  SlackPeer peer(loop_, {.token = kToken});
  const std::string multipart =
      "--xx\r\nContent-Disposition: form-data; name=\"channel\"\r\n\r\nC1\r\n--xx\r\n"
      "Content-Disposition: form-data; name=\"text\"\r\n\r\na\r\n--xx--\r\n";

  EXPECT_EQ(call(peer, "chat.postMessage", "token=xoxb-1&channel=C1&text=a", "", kForm).get("ok"), "true");
  EXPECT_EQ(call(peer, "chat.postMessage", multipart, kToken, "multipart/form-data; boundary=xx").get("ok"), "true");
  EXPECT_EQ(ask("GET", peer.url() + "/chat.postMessage?token=xoxb-1&channel=C1&text=a").get("ok"), "true");
  EXPECT_EQ(call(peer, "chat.postMessage", "channel=C1&blocks=%5B%7B%22type%22%3A%22divider%22%7D%5D", kToken, kForm)
                .get("ok"),
            "true");
}

TEST_F(SlackTest, AuthTestAndApiTest) {
  SlackPeer peer(loop_);

  EXPECT_EQ(call(peer, "auth.test", "{}").get("bot_id"), "B00000001");
  EXPECT_EQ(call(peer, "api.test", R"({"foo":"bar"})", "").body, R"({"ok":true,"args":{"foo":"bar"}})");
  EXPECT_EQ(call(peer, "api.test", R"({"error":"my_error"})", "").get("error"), "my_error");
}

struct BadCall {
  const char* error;
  std::string body;
  const char* token = SlackTest::kToken;
  const char* type = kJson;
  const char* method = "chat.postMessage";
  const char* what = "";
};
void PrintTo(const BadCall& bad, std::ostream* out) { *out << bad.error << bad.what; }

class SlackBadCallTest : public SlackTest, public testing::WithParamInterface<BadCall> {};

TEST_P(SlackBadCallTest, IsAnErrorIn200) {
  SlackPeer peer(loop_, {.token = kToken, .channels = {"C1"}});
  const BadCall& bad = GetParam();

  const Got got = call(peer, bad.method, bad.body, bad.token, bad.type);

  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.get("ok"), "false");
  EXPECT_EQ(got.get("error"), bad.error);
  EXPECT_EQ(peer.ledger().messages_stored, 0u);
}

std::string many(const std::string& member, int count) {
  std::string list = R"({"channel":"C1",")" + member + "\":[";
  for (int i = 0; i < count; ++i) {
    list += i == 0 ? "{}" : ",{}";
  }
  return list + "]}";
}

INSTANTIATE_TEST_SUITE_P(
    All, SlackBadCallTest,
    testing::Values(
        BadCall{"not_authed", R"({"channel":"C1","text":"a"})", ""},
        BadCall{"not_authed", R"({"token":"xoxb-1","channel":"C1","text":"a"})", "", kJson, "chat.postMessage",
                "_token_in_json"},
        BadCall{"invalid_auth", R"({"channel":"C1","text":"a"})", "xoxb-2"},
        BadCall{"invalid_auth", "{}", "xoxb-2", kJson, "auth.test", "_of_auth_test"},
        BadCall{"channel_not_found", R"({"channel":"C2","text":"a"})"},
        BadCall{"channel_not_found", R"({"text":"a"})", SlackTest::kToken, kJson, "chat.postMessage", "_none"},
        BadCall{"no_text", R"({"channel":"C1"})"},
        BadCall{"no_text", R"({"channel":"C1","text":""})", SlackTest::kToken, kJson, "chat.postMessage", "_empty"},
        BadCall{"markdown_text_conflict", R"({"channel":"C1","text":"a","markdown_text":"b"})"},
        BadCall{"msg_too_long", R"({"channel":"C1","markdown_text":")" + std::string(12'001, 'a') + "\"}"},
        BadCall{"too_many_attachments", many("attachments", 101)}, BadCall{"invalid_blocks", many("blocks", 51)},
        BadCall{"invalid_blocks_format", R"({"channel":"C1","blocks":{}})"},
        BadCall{"invalid_array_arg", R"({"channel":"C1","attachments":"a"})"}, BadCall{"invalid_json", "{"},
        BadCall{"json_not_object", "[]"},
        BadCall{"invalid_charset", R"({"channel":"C1","text":"a"})", SlackTest::kToken,
                "application/json; charset=latin1"},
        BadCall{"invalid_charset", "channel=%23%ff&text=a", SlackTest::kToken, kForm, "chat.postMessage", "_in_a_form"},
        BadCall{"invalid_charset", "foo=%ff", SlackTest::kToken, kForm, "api.test", "_of_api_test"},
        BadCall{"invalid_post_type", R"({"channel":"C1","text":"a"})", SlackTest::kToken, "text/plain"},
        BadCall{"missing_post_type", R"({"channel":"C1","text":"a"})", SlackTest::kToken, ""},
        BadCall{"invalid_form_data", "--", SlackTest::kToken, "multipart/form-data; boundary=xx"},
        BadCall{"unknown_method", "{}", SlackTest::kToken, kJson, "chat.shout"}),
    [](const auto& test) { return std::string(test.param.error) + test.param.what; });

TEST_F(SlackTest, OutsideOfTheApiThereIsNothing) {
  SlackPeer peer(loop_);

  EXPECT_EQ(ask("POST", peer.url() + "/a/b").status, 404);
  EXPECT_EQ(ask("POST", peer.url() + "/%ff").status, 404);
  EXPECT_EQ(ask("GET", peer.url().substr(0, peer.url().size() - 4) + "/").status, 404);
}

TEST_F(SlackTest, AChannelHasItsBurstThenOneASecond) {
  SlackPeer peer(loop_);
  for (int i = 0; i < 25; ++i) {
    EXPECT_EQ(post(peer, std::to_string(i)).get("ok"), "true");
  }

  const Got limited = post(peer, "25");
  const Got elsewhere = post(peer, "1", "C2");
  pass(1s);
  const Got again = post(peer, "25");

  EXPECT_EQ(limited.status, 429);
  EXPECT_EQ(limited.header("retry-after"), "1");
  EXPECT_EQ(limited.body, R"({"ok":false,"error":"ratelimited"})");
  EXPECT_EQ(elsewhere.get("ok"), "true");
  EXPECT_EQ(again.get("ok"), "true");
  EXPECT_THAT(peer.ledger().findings, IsEmpty());
}

TEST_F(SlackTest, TheWorkspaceHasItsOwnLimit) {
  SlackPeer peer(loop_, {.limits = {.workspace_per_minute = 60, .workspace_burst = 3}});
  for (const char* const channel : {"C1", "C2", "C3"}) {
    EXPECT_EQ(post(peer, "a", channel).status, 200);
  }

  EXPECT_EQ(post(peer, "a", "C4").status, 429);
  EXPECT_EQ(post(peer, "b", "C1").status, 429);
  pass(1s);
  EXPECT_EQ(post(peer, "a", "C4").status, 200);
}

TEST_F(SlackTest, WithoutLimitsNothingIsPaced) {
  SlackPeer peer(loop_, {.limits = {.on = false}});

  for (int i = 0; i < 500; ++i) {
    ASSERT_EQ(post(peer, std::to_string(i)).status, 200);
  }
}

struct Form {
  Kind kind;
  const char* header;
};
void PrintTo(const Form& form, std::ostream* out) { *out << to_string(form.kind); }

class SlackFormTest : public SlackTest, public testing::WithParamInterface<Form> {};

TEST_P(SlackFormTest, StoresNothingAndPasses) {
  faults_.on_send(1, {.kind = GetParam().kind, .retry_after = 30s});
  SlackPeer peer(loop_, {.faults = &faults_});

  const Got limited = post(peer, "soak 1");
  pass(30s);
  const Got stored = post(peer, "soak 1");

  EXPECT_EQ(limited.status, 429);
  EXPECT_EQ(limited.header("Retry-After"), GetParam().header);
  EXPECT_EQ(limited.body, R"({"ok":false,"error":"ratelimited"})");
  EXPECT_EQ(stored.get("ok"), "true");
  EXPECT_EQ(peer.ledger().messages_stored, 1u);
  EXPECT_EQ(faults_.played(GetParam().kind), 1u);
}

INSTANTIATE_TEST_SUITE_P(All, SlackFormTest,
                         testing::Values(Form{Kind::kRateLimited, "30"}, Form{Kind::kRateLimitedHeaderOnly, "30"},
                                         Form{Kind::kRateLimitedLowerCase, "30"},
                                         Form{Kind::kRateLimitedUnsaid, "(absent)"},
                                         Form{Kind::kRateLimitedJunk, "abc"}, Form{Kind::kRateLimitedZero, "0"},
                                         Form{Kind::kRateLimitedGlobal, "30"}),
                         [](const auto& test) { return std::string(to_string(test.param.kind)); });

TEST_F(SlackTest, JunkIsWhatTheFaultSays) {
  faults_.on_send(1, {.kind = Kind::kRateLimitedJunk, .text = "-1"});
  SlackPeer peer(loop_, {.faults = &faults_});

  EXPECT_EQ(post(peer, "soak 1").header("retry-after"), "-1");
}

TEST_F(SlackTest, AWindowIsOfOneChannelAndAGlobalOneOfAll) {
  faults_.on_send(1, {.kind = Kind::kRateLimited, .retry_after = 30s});
  faults_.on_send(3, {.kind = Kind::kRateLimitedGlobal, .retry_after = 30s});
  SlackPeer peer(loop_, {.faults = &faults_});
  EXPECT_EQ(post(peer, "a", "C1").status, 429);
  EXPECT_EQ(post(peer, "a", "C2").status, 200);
  EXPECT_EQ(post(peer, "b", "C2").status, 429);
  pass(10s);

  EXPECT_EQ(post(peer, "a", "C1").header("retry-after"), "20");
  EXPECT_EQ(post(peer, "a", "C3").header("retry-after"), "20");
  EXPECT_EQ(call(peer, "auth.test", "{}").status, 429);
  EXPECT_EQ(call(peer, "api.test", "{}").status, 200);
}

struct Unknown {
  Kind kind;
  int status;
  const char* body;
  std::uint64_t stored;
};
void PrintTo(const Unknown& unknown, std::ostream* out) { *out << to_string(unknown.kind); }

class SlackUnknownTest : public SlackTest, public testing::WithParamInterface<Unknown> {};

TEST_P(SlackUnknownTest, LeavesItsClientWithoutAnAnswerToTrust) {
  faults_.on_send(1, {.kind = GetParam().kind});
  SlackPeer peer(loop_, {.faults = &faults_});

  const Got got = post(peer, "soak 1");

  EXPECT_EQ(got.status, GetParam().status);
  EXPECT_THAT(got.body, HasSubstr(GetParam().body));
  EXPECT_EQ(peer.ledger().messages_stored, GetParam().stored);
  EXPECT_EQ(peer.ledger().unknown_outcomes, 1u);
  EXPECT_EQ(faults_.played(GetParam().kind), 1u);
}

INSTANTIATE_TEST_SUITE_P(
    All, SlackUnknownTest,
    testing::Values(Unknown{Kind::kStoreThenReset, 0, "", 1}, Unknown{Kind::kStoreThenSlow, 0, "", 1},
                    Unknown{Kind::kStoreThenError, 200, R"({"ok":false,"error":"fatal_error"})", 1},
                    Unknown{Kind::kServerError, 200, R"({"ok":false,"error":"internal_error"})", 0},
                    Unknown{Kind::kBadGateway, 502, "<html>", 0}),
    [](const auto& test) { return std::string(to_string(test.param.kind)); });

struct Refused {
  const char* error;
  ChannelOutcome outcome;
};
void PrintTo(const Refused& refused, std::ostream* out) { *out << refused.error; }

class SlackRefusedTest : public SlackTest, public testing::WithParamInterface<Refused> {};

TEST_P(SlackRefusedTest, IsOfItsClass) {
  faults_.on_send(1, {.kind = Kind::kRefuse, .text = GetParam().error});
  SlackPeer peer(loop_, {.faults = &faults_});

  const Got got = post(peer, "soak 1");

  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.body, std::string(R"({"ok":false,"error":")") + GetParam().error + "\"}");
  EXPECT_EQ(peer.ledger().last_requests.back().outcome, GetParam().outcome);
  EXPECT_EQ(peer.ledger().unknown_outcomes, GetParam().outcome == ChannelOutcome::kFailed ? 1u : 0u);
}

INSTANTIATE_TEST_SUITE_P(All, SlackRefusedTest,
                         testing::Values(Refused{"account_inactive", ChannelOutcome::kCredential},
                                         Refused{"not_in_channel", ChannelOutcome::kRefused},
                                         Refused{"invalid_blocks", ChannelOutcome::kRefused},
                                         Refused{"rate_limited", ChannelOutcome::kRefused},
                                         Refused{"request_timeout", ChannelOutcome::kFailed}),
                         [](const auto& test) { return std::string(test.param.error); });

TEST_F(SlackTest, ResetBeforeItIsReadIsSafeToRepeat) {
  faults_.on_send(1, {.kind = Kind::kResetBeforeRead});
  SlackPeer peer(loop_, {.faults = &faults_});

  EXPECT_EQ(post(peer, "soak 1").status, 0);
  EXPECT_EQ(post(peer, "soak 1").get("ok"), "true");
  EXPECT_EQ(peer.ledger().stored_twice + peer.ledger().unknown_outcomes + peer.ledger().sent_again, 0u);
}

TEST_F(SlackTest, FaultsOfOtherProvidersAreErrors) {
  faults_.on_send(1, {.kind = Kind::kRateLimitedBodyOnly});
  faults_.on_send(2, {.kind = Kind::kMigrate});
  SlackPeer peer(loop_, {.faults = &faults_});

  EXPECT_EQ(post(peer, "soak 1").status, 500);
  EXPECT_EQ(post(peer, "soak 1").status, 500);
}

TEST_F(SlackTest, ATokenThatIsRotatedExpiresAndIsRefreshed) {
  faults_.on_send(2, {.kind = Kind::kRotate});
  SlackPeer peer(loop_, {.token = kToken, .refresh_token = "xoxe-1", .faults = &faults_});
  EXPECT_EQ(post(peer, "soak 1").get("ok"), "true");

  const Got expired = post(peer, "soak 2");
  const Got pair = refresh(peer, "xoxe-1");
  const Got stored = post(peer, "soak 2", "C1", pair.get("access_token"));
  const Got second_use = refresh(peer, "xoxe-1");

  EXPECT_EQ(expired.body, R"({"ok":false,"error":"token_expired"})");
  EXPECT_EQ(pair.get("ok"), "true");
  EXPECT_EQ(pair.get("expires_in"), "43200");
  EXPECT_EQ(pair.get("token_type"), "bot");
  EXPECT_THAT(pair.get("access_token"), MatchesRegex("xoxe\\.xoxb-1-[A-Za-z0-9]+"));
  EXPECT_EQ(pair.get("refresh_token"), peer.refresh_token());
  EXPECT_EQ(pair.get("access_token"), peer.valid_token());
  EXPECT_EQ(stored.get("ok"), "true");
  EXPECT_EQ(second_use.get("error"), "invalid_refresh_token");
  EXPECT_EQ(peer.ledger().rotation_refusals, 1u);
  EXPECT_EQ(peer.ledger().credential_failures, 0u);
}

TEST_F(SlackTest, ARotationCanRevokeAndTellsTheNewToken) {
  std::vector<std::string> told;
  faults_.on_send(1, {.kind = Kind::kRotate, .text = "token_revoked"});
  SlackPeer peer(loop_, {.token = kToken, .faults = &faults_, .on_rotation = [&](const std::string& token) {
                           told.push_back(token);
                         }});

  EXPECT_EQ(post(peer, "soak 1").get("error"), "token_revoked");
  EXPECT_THAT(told, ElementsAre(peer.valid_token()));
  EXPECT_EQ(post(peer, "soak 1", "C1", peer.valid_token()).get("ok"), "true");
  pass(1s);
  EXPECT_EQ(post(peer, "soak 2").get("error"), "token_revoked");
  EXPECT_EQ(peer.ledger().credential_failures, 1u);
}

TEST_F(SlackTest, ATokenLivesAsLongAsItIsSaid) {
  SlackPeer peer(loop_, {.token = kToken, .token_lifetime = 12h, .refresh_token = "xoxe-1"});
  pass(11h);
  const std::string second = refresh(peer, "xoxe-1").get("access_token");

  EXPECT_EQ(post(peer, "soak 1").get("ok"), "true");  // Though there is another one.
  EXPECT_EQ(post(peer, "soak 2", "C1", second).get("ok"), "true");
  pass(1h);
  EXPECT_EQ(post(peer, "soak 3").get("error"), "token_expired");
  EXPECT_EQ(post(peer, "soak 3", "C1", second).get("ok"), "true");
  pass(11h);
  EXPECT_EQ(post(peer, "soak 4", "C1", second).get("error"), "token_expired");
  EXPECT_EQ(peer.ledger().rotation_refusals, 1u);
}

TEST_F(SlackTest, ARefreshIsCheckedPieceByPiece) {
  SlackPeer peer(loop_, {.client_id = "1.2", .client_secret = "s", .refresh_token = "xoxe-1"});
  const auto error_of = [&](const std::string& form) {
    return call(peer, "oauth.v2.access", form, "", kForm).get("error");
  };

  EXPECT_EQ(error_of("client_secret=s&grant_type=refresh_token&refresh_token=xoxe-1"), "invalid_client_id");
  EXPECT_EQ(error_of("client_id=1.2&client_secret=x&grant_type=refresh_token&refresh_token=xoxe-1"),
            "bad_client_secret");
  EXPECT_EQ(error_of("client_id=1.2&client_secret=s&grant_type=code&refresh_token=xoxe-1"), "invalid_grant_type");
  EXPECT_EQ(error_of("client_id=1.2&client_secret=s&grant_type=refresh_token&refresh_token=xoxe-2"),
            "invalid_refresh_token");
  EXPECT_EQ(refresh(peer, "xoxe-1").get("ok"), "true");
}

TEST_F(SlackTest, AWebhookAnswersOkAsText) {
  SlackPeer peer(loop_);

  const Got got = hook(peer, "soak 1");
  const Got form =
      ask("POST", peer.webhook_url(), "payload=%7B%22text%22%3A%22soak+2%22%7D", {{"Content-Type", kForm}});

  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.body, "ok");
  EXPECT_EQ(form.body, "ok");
  EXPECT_EQ(peer.ledger().messages_stored, 2u);
  EXPECT_EQ(peer.ledger().last_requests[0].conversation, "services/T00000001/B00000001");
}

TEST_F(SlackTest, AWebhooksErrorsAreTextWithTheirStatus) {
  faults_.on_send(1, {.kind = Kind::kRefuse, .status = 410, .text = "channel_is_archived"});
  faults_.on_send(2, {.kind = Kind::kRefuse, .status = 403, .text = "action_prohibited"});
  faults_.on_send(3, {.kind = Kind::kServerError});
  faults_.on_send(4, {.kind = Kind::kRateLimited, .retry_after = 2s});
  SlackPeer peer(loop_, {.faults = &faults_});

  const Got no_text = ask("POST", peer.webhook_url(), "{}", {{"Content-Type", "application/json"}});
  const Got no_json = ask("POST", peer.webhook_url(), "{", {{"Content-Type", "application/json"}});
  const Got elsewhere = ask("POST", peer.webhook_url() + "x", R"({"text":"a"})");
  const Got archived = hook(peer, "soak 1");
  const Got prohibited = hook(peer, "soak 1");
  const Got failed = hook(peer, "soak 1");
  const Got limited = hook(peer, "soak 2");

  EXPECT_EQ(no_text.status, 400);
  EXPECT_EQ(no_text.body, "invalid_payload");
  EXPECT_EQ(no_json.body, "invalid_payload");
  EXPECT_EQ(elsewhere.status, 404);
  EXPECT_EQ(elsewhere.body, "no_service");
  EXPECT_EQ(archived.status, 410);
  EXPECT_EQ(archived.body, "channel_is_archived");
  EXPECT_EQ(prohibited.status, 403);
  EXPECT_EQ(failed.status, 500);
  EXPECT_EQ(failed.body, "rollup_error");
  EXPECT_EQ(limited.status, 429);
  EXPECT_EQ(limited.header("retry-after"), "2");
  EXPECT_EQ(limited.body, "rate_limited");
}

TEST_F(SlackTest, AWebhookThatIsRotatedIsGoneAndAnotherOneIsThere) {
  std::string told;
  faults_.on_send(2, {.kind = Kind::kRotate});
  SlackPeer peer(loop_, {.faults = &faults_, .on_rotation = [&](const std::string& url) { told = url; }});
  const std::string before = peer.webhook_url();
  EXPECT_EQ(hook(peer, "soak 1").body, "ok");

  EXPECT_EQ(hook(peer, "soak 2").body, "no_service");

  EXPECT_NE(peer.webhook_url(), before);
  EXPECT_EQ(told, peer.webhook_url());
  EXPECT_EQ(hook(peer, "soak 2").body, "ok");
  EXPECT_EQ(peer.ledger().rotation_refusals, 1u);
  EXPECT_EQ(peer.ledger().credential_failures, 0u);
  EXPECT_EQ(peer.ledger().out_of_order, 0u);
}

TEST_F(SlackTest, AWebhookIsDisabledForFlooding) {
  SlackPeer peer(loop_, {.limits = {.webhook_flood = 30}});
  int limited = 0;
  for (int i = 0; i < 30; ++i) {
    limited += hook(peer, std::to_string(i)).status == 429;
  }

  EXPECT_EQ(limited, 5);
  EXPECT_EQ(hook(peer, "30").status, 403);
  pass(1h);
  EXPECT_EQ(hook(peer, "30").status, 403);
}

TEST_F(SlackTest, AWebhookThatKeepsTheLimitIsNeverDisabled) {
  SlackPeer peer(loop_, {.limits = {.webhook_flood = 310}});
  for (int i = 0; i < 1000; ++i) {
    ASSERT_EQ(hook(peer, std::to_string(i)).body, "ok") << i;
    pass(1s);
  }
}

TEST_F(SlackTest, OptionsThatMakeNoSenseAreRefused) {
  EXPECT_THROW(SlackPeer(loop_, {.token_lifetime = -1s}), Error);
  EXPECT_THROW(SlackPeer(loop_, {.limits = {.channel_burst = 0}}), Error);
}

}  // namespace
}  // namespace soak::peers
