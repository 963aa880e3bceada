// SPDX-License-Identifier: Apache-2.0
#include "soak/channels/discord.h"

#include <ostream>
#include <string>

#include "tests/unit/channels/channel_fixture.h"

namespace soak::channels {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr char kMessage[] = R"({"id":"111","channel_id":"222","content":"hi"})";

class DiscordTest : public ChannelTest {
 protected:
  DiscordTest() { answer_all(net::HttpReply(200, kMessage)); }

  DiscordWebhookOptions webhook() const {
    DiscordWebhookOptions own;
    own.url = url();
    own.webhook = "333/a-token-of-the-hook";
    own.delivery.credential_timeout = 1s;
    return own;
  }

  DiscordBotOptions bot() const {
    DiscordBotOptions own;
    own.url = url();
    own.token = "a-token-of-the-bot";
    own.delivery.credential_timeout = 1s;
    return own;
  }
};

TEST_F(DiscordTest, ExecutesAWebhookAndWaitsForTheMessage) {
  DiscordWebhookChannel channel(loop_, webhook());

  const Delivery delivery = send(channel, "", "hi");

  EXPECT_EQ(delivery.outcome, DeliveryOutcome::kDelivered);
  EXPECT_EQ(delivery.id, "111");
  const net::HttpServerRequest& request = asked()[0].request;
  EXPECT_EQ(request.path, "/webhooks/333/a-token-of-the-hook");
  EXPECT_EQ(request.query, "wait=true");
  EXPECT_EQ(request.body, R"({"content":"hi"})");
  EXPECT_THAT(request.headers.get("User-Agent"), StartsWith("DiscordBot ("));
  EXPECT_FALSE(request.headers.contains("Authorization"));
}

TEST_F(DiscordTest, AWebhookIsTakenAsAUrlAndMaySendToAThread) {
  answer_all(net::HttpReply(204));
  DiscordWebhookOptions own = webhook();
  own.webhook = url() + "/webhooks/444/another-token";
  own.url = "http://127.0.0.1:1";
  own.wait = false;
  DiscordWebhookChannel channel(loop_, own);

  const Delivery delivery = send(channel, "555", "hi");

  EXPECT_EQ(delivery.outcome, DeliveryOutcome::kDelivered);
  EXPECT_EQ(delivery.id, "");
  EXPECT_EQ(asked()[0].request.path, "/webhooks/444/another-token");
  EXPECT_EQ(asked()[0].request.query, "wait=false&thread_id=555");
}

TEST_F(DiscordTest, ABotsMessageHasANonceThatIsEnforced) {
  DiscordBotChannel channel(loop_, bot());

  send(channel, "222", "hi");

  const net::HttpServerRequest& request = asked()[0].request;
  EXPECT_EQ(request.path, "/channels/222/messages");
  EXPECT_EQ(request.headers.get("Authorization"), "Bot a-token-of-the-bot");
  EXPECT_THAT(request.body, testing::MatchesRegex(R"(\{"content":"hi","nonce":"[0-9a-f]{16}","enforce_nonce":true\})"));
}

TEST_F(DiscordTest, WhatTheApiWouldNotTakeIsNotAsked) {
  DiscordBotChannel own(loop_, bot());
  DiscordWebhookChannel hook(loop_, webhook());

  EXPECT_EQ(send(own, "", "hi").why, "discord: a channel id that is not a number");
  EXPECT_EQ(send(own, "222", std::string(2001, 'x')).why, "discord: text has 2001 characters: expected 1 to 2000");
  EXPECT_EQ(send(hook, "a-thread", "hi").why, "discord: a thread id that is not a number");
  EXPECT_EQ(asked().size(), 0u);
}

TEST_F(DiscordTest, RestsBeforeItIsRefusedWhereNothingIsLeftOfTheBucket) {
  answer(1, net::HttpReply(
                200, kMessage,
                {{"X-RateLimit-Remaining", "0"}, {"X-RateLimit-Reset-After", "4.5"}, {"X-RateLimit-Reset", "1"}}));
  DiscordWebhookChannel channel(loop_, webhook());

  send_all(channel, {{"", "a"}, {"", "b"}});

  EXPECT_EQ(gap(1), 4500ms);
}

TEST_F(DiscordTest, StaysBelowTheLimitThatNoHeaderTells) {
  DiscordWebhookChannel channel(loop_, webhook());
  std::vector<std::pair<std::string, std::string>> messages(61, {"", "hi"});

  send_all(channel, messages);

  for (std::size_t i = 30; i < asked().size(); ++i) {
    EXPECT_GT(asked()[i].at - asked()[i - 30].at, 60s);
  }
}

TEST_F(DiscordTest, TheThreadsOfAWebhookShareItsPace) {
  DiscordWebhookChannel channel(loop_, webhook());
  std::vector<std::pair<std::string, std::string>> messages;
  for (int i = 0; i < 120; ++i) {
    messages.emplace_back(i % 4 == 0 ? "" : std::to_string(500 + i % 4), "hi");
  }

  send_all(channel, messages);

  ASSERT_EQ(asked().size(), 120u);
  for (std::size_t i = 30; i < asked().size(); ++i) {
    EXPECT_GT(asked()[i].at - asked()[i - 30].at, 60s);
  }
}

TEST_F(DiscordTest, WhatA429OfOneThreadAsksForHoldsForAllOfTheWebhook) {
  answer(1, net::HttpReply(429, R"({"message":"You are being rate limited.","retry_after":40,"global":false})"));
  DiscordWebhookChannel channel(loop_, webhook());
  send(channel, "501", "a");
  answer(3, net::HttpReply(200, kMessage, {{"X-RateLimit-Remaining", "0"}, {"X-RateLimit-Reset-After", "9"}}));
  send(channel, "502", "b");
  send(channel, "503", "c");

  EXPECT_GT(gap(1), 40s);
  EXPECT_GE(gap(3), 9s);
}

TEST_F(DiscordTest, AThreadThatIsGoneIsNotTheWebhook) {
  answer(1, net::HttpReply(404, R"({"message":"Unknown Channel","code":10003})"));
  DiscordWebhookChannel channel(loop_, webhook());

  EXPECT_EQ(send(channel, "501", "a").outcome, DeliveryOutcome::kFailed);
  EXPECT_EQ(send(channel, "501", "b").outcome, DeliveryOutcome::kFailed);
  EXPECT_EQ(send(channel, "502", "c").outcome, DeliveryOutcome::kDelivered);
  EXPECT_EQ(asked().size(), 2u);
}

TEST_F(DiscordTest, AConversationThatIsGoneStillRestsForAsLongAsItsBucket) {
  answer(1, net::HttpReply(403, R"({"message":"Missing Access","code":50001})",
                           {{"X-RateLimit-Remaining", "0"}, {"X-RateLimit-Reset-After", "7200"}}));
  DiscordBotChannel channel(loop_, bot());

  send(channel, "222", "a");
  loop_.run([]() -> Task<> { co_await sleep_for(90min); }());

  EXPECT_EQ(send(channel, "222", "b").outcome, DeliveryOutcome::kFailed);
  EXPECT_EQ(asked().size(), 1u);
}

struct Wait {
  const char* name;
  int status;
  std::string body;
  net::Headers headers;
  nanoseconds at_least;
  bool for_all;  // Other conversations wait, too.

  friend void PrintTo(const Wait& one, std::ostream* out) { *out << one.name; }
};

class DiscordWaitTest : public DiscordTest, public testing::WithParamInterface<Wait> {};

TEST_P(DiscordWaitTest, IsObeyedToItsFraction) {
  answer(1, net::HttpReply(GetParam().status, GetParam().body, GetParam().headers));
  DiscordBotChannel channel(loop_, bot());

  const std::vector<Delivery> deliveries = send_all(channel, {{"1", "a"}, {"2", "b"}});

  EXPECT_EQ(deliveries[0].outcome, DeliveryOutcome::kDelivered);
  EXPECT_GT(deliveries[0].took, GetParam().at_least);
  EXPECT_LT(deliveries[0].took, GetParam().at_least + std::min(GetParam().at_least / 10, nanoseconds(10s)) + 1100ms);
  EXPECT_EQ(deliveries[1].took > GetParam().at_least, GetParam().for_all);
  EXPECT_EQ(channel.counters().auth_failures, 0u);
}

std::string limited(const std::string& seconds, bool global = false) {
  return R"({"message":"You are being rate limited.","retry_after":)" + seconds +
         (global ? R"(,"global":true})" : R"(,"global":false})");
}

INSTANTIATE_TEST_SUITE_P(
    Waits, DiscordWaitTest,
    testing::Values(
        Wait{"Fraction", 429, limited("64.57"), {{"Retry-After", "65"}}, 64570ms, false},
        Wait{"Global", 429, limited("3", true), {{"X-RateLimit-Global", "true"}}, 3s, true},
        Wait{"Hidden", 429, limited("43.2"), {{"X-RateLimit-Remaining", "2"}}, 43200ms, false},
        Wait{"HeaderAlone", 429, R"({"message":"no number"})", {{"Retry-After", "20"}}, 20s, false},
        Wait{"Edge", 429, "error code: 1015", {{"Retry-After", "3600"}}, 1h, true},
        Wait{"EdgeAsForbidden", 403, "error code: 1015", {{"Retry-After", "3600"}}, 1h, true},
        Wait{"EdgeAsForbiddenForAnUnsaidTime", 403, "error code: 1015", {}, 10min, true},
        Wait{"EdgeForAnUnsaidTime", 429, "<html>Error 1015</html>", {}, 10min, true},
        Wait{"Blocked",
             429,
             R"({"message":"You are being blocked from accessing our API temporarily due to exceeding our )"
             R"(rate limits frequently.","code":0})",
             {},
             10min,
             true},
        Wait{"BlockedForASaidTime",
             429,
             R"({"message":"You are being blocked from ...","code":0})",
             {{"Retry-After", "1800"}},
             30min,
             true},
        Wait{"NoWordOnALimit", 429, R"({"message":"Slow down","code":0})", {}, 10min, true},
        Wait{"InternalNetworkError", 403, R"({"message":"internal network error","code":40333})", {}, 10min, true},
        Wait{"UnknownNumberOfTheApi",
             429,
             R"({"message":"You are being rate limited.","global":false})",
             {{"X-RateLimit-Scope", "user"}},
             1s,
             false},
        Wait{"ZeroButInTheHeader", 429, limited("0"), {{"Retry-After", "20"}}, 20s, false},
        Wait{"Zero", 429, limited("0"), {{"Retry-After", "0"}}, 1s, false}),
    [](const auto& one) { return std::string(one.param.name); });

TEST_F(DiscordTest, AWebhookThatIsGoneIsNotUsedAgainButReplaced) {
  answer_by([](const net::HttpServerRequest& request) {
    return request.path.starts_with("/webhooks/333/")
               ? net::HttpReply(404, R"({"message":"Unknown Webhook","code":10015})")
               : net::HttpReply(200, kMessage);
  });
  DiscordWebhookChannel channel(loop_, webhook());

  const Delivery first = send(channel, "", "a");
  const Delivery second = send(channel, "", "b");
  const std::size_t before = asked().size();
  channel.set_webhook(url() + "/webhooks/444/another-token");
  const Delivery third = send(channel, "", "c");

  EXPECT_EQ(first.outcome, DeliveryOutcome::kFailed);
  EXPECT_EQ(second.outcome, DeliveryOutcome::kFailed);
  EXPECT_EQ(before, 2u);  // The second one confirmed it.
  EXPECT_THAT(first.why, HasSubstr(" refused the webhook twice: 404 Unknown Webhook; no other one was set"));
  EXPECT_EQ(third.outcome, DeliveryOutcome::kDelivered);
  EXPECT_EQ(channel.counters().auth_failures, 0u);  // It was no 401.
}

TEST_F(DiscordTest, APageInPlaceOfAMessageIsNoDelivery) {
  answer(1, net::HttpReply(200, "<html>Sign in to the network</html>"));
  DiscordWebhookChannel channel(loop_, webhook());

  const Delivery delivery = send(channel, "", "a");

  EXPECT_EQ(delivery.outcome, DeliveryOutcome::kUncertain);
  EXPECT_EQ(delivery.why, "discord: 200 and a body that is not the provider's");
}

TEST_F(DiscordTest, AWebhooksTokenIsNoneOfTheBots) {
  answer(1, net::HttpReply(401, R"({"message":"Invalid Webhook Token","code":50027})"));
  DiscordBotChannel channel(loop_, bot());

  EXPECT_EQ(send(channel, "222", "a").outcome, DeliveryOutcome::kFailed);
  EXPECT_EQ(send(channel, "222", "b").outcome, DeliveryOutcome::kDelivered);
}

TEST_F(DiscordTest, ALimitThatIsSharedIsNotHeldAgainstTheClient) {
  DiscordBotOptions own = bot();
  own.invalid_requests_max = 1;
  answer(1, net::HttpReply(429, limited("1"), {{"X-RateLimit-Scope", "shared"}}));
  DiscordBotChannel channel(loop_, own);

  EXPECT_LT(send(channel, "222", "a").took, 5s);

  answer(3, net::HttpReply(429, limited("1"), {{"X-RateLimit-Scope", "user"}}));
  EXPECT_GE(send(channel, "222", "b").took, 10min);
}

TEST_F(DiscordTest, TheWebhooksTokenIsCutOutOfWhatIsSaid) {
  answer_all(
      net::HttpReply(400, R"({"message":"/webhooks/333/a-token-of-the-hook: a-token-of-the-hook","code":50006})"));
  DiscordWebhookChannel channel(loop_, webhook());

  EXPECT_EQ(send(channel, "", "a").why, "discord: 400 /webhooks/***: ***");
}

}  // namespace
}  // namespace soak::channels
