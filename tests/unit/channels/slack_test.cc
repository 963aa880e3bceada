// SPDX-License-Identifier: Apache-2.0
#include "soak/channels/slack.h"

#include <ostream>
#include <string>

#include "tests/unit/channels/channel_fixture.h"

namespace soak::channels {
namespace {

using testing::HasSubstr;

constexpr char kPosted[] = R"({"ok":true,"channel":"C1","ts":"1503435956.000247","message":{"text":"hi"}})";

class SlackTest : public ChannelTest {
 protected:
  SlackTest() { answer_all(net::HttpReply(200, kPosted)); }

  SlackOptions options() const {
    SlackOptions own;
    own.url = url();
    own.token = "xoxb-a-secret-token";
    own.delivery.credential_timeout = 1s;
    return own;
  }

  static net::HttpReply error(const std::string& what) {
    return net::HttpReply(200, R"({"ok":false,"error":")" + what + "\"}");
  }
};

TEST_F(SlackTest, PostsAMessageAsTheApiTakesIt) {
  SlackChannel channel(loop_, options());

  const Delivery delivery = send(channel, "C1", "hi");

  EXPECT_EQ(delivery.outcome, DeliveryOutcome::kDelivered);
  EXPECT_EQ(delivery.id, "1503435956.000247");
  const net::HttpServerRequest& request = asked()[0].request;
  EXPECT_EQ(request.path, "/chat.postMessage");
  EXPECT_EQ(request.headers.get("Authorization"), "Bearer xoxb-a-secret-token");
  EXPECT_EQ(request.headers.get("Content-Type"), "application/json; charset=utf-8");
  EXPECT_EQ(request.body, R"({"channel":"C1","text":"hi"})");
}

TEST_F(SlackTest, WhatTheApiWouldNotTakeIsNotAsked) {
  SlackChannel channel(loop_, options());

  EXPECT_EQ(send(channel, "", "hi").why, "slack: no channel, such as C0123456789");
  EXPECT_EQ(send(channel, "C1", std::string(40'001, 'x')).why, "slack: text has 40001 characters: expected 1 to 40000");
  EXPECT_EQ(asked().size(), 0u);
}

struct Meant {
  const char* error;
  DeliveryOutcome outcome;
  std::size_t requests;
  std::size_t requests_of_two;  // When a second message follows in the same channel.

  friend void PrintTo(const Meant& one, std::ostream* out) { *out << one.error; }
};

class SlackErrorTest : public SlackTest, public testing::WithParamInterface<Meant> {};

TEST_P(SlackErrorTest, MeansThis) {
  answer(1, error(GetParam().error));
  SlackChannel channel(loop_, options());

  const Delivery delivery = send(channel, "C1", "hi");
  const std::size_t requests = asked().size();
  send(channel, "C1", "ho");

  EXPECT_EQ(delivery.outcome, GetParam().outcome);
  EXPECT_EQ(requests, GetParam().requests);
  EXPECT_EQ(asked().size(), GetParam().requests_of_two);
}

INSTANTIATE_TEST_SUITE_P(Errors, SlackErrorTest,
                         testing::Values(Meant{"token_revoked", DeliveryOutcome::kFailed, 1, 1},
                                         Meant{"invalid_auth", DeliveryOutcome::kFailed, 1, 1},
                                         Meant{"missing_scope", DeliveryOutcome::kFailed, 1, 1},
                                         Meant{"channel_not_found", DeliveryOutcome::kFailed, 1, 1},
                                         Meant{"is_archived", DeliveryOutcome::kFailed, 1, 1},
                                         Meant{"no_text", DeliveryOutcome::kFailed, 1, 2},
                                         Meant{"an_error_that_is_new", DeliveryOutcome::kFailed, 1, 2},
                                         Meant{"rate_limited", DeliveryOutcome::kDelivered, 2, 3},
                                         Meant{"message_limit_exceeded", DeliveryOutcome::kDelivered, 2, 3},
                                         Meant{"internal_error", DeliveryOutcome::kUncertain, 1, 2},
                                         Meant{"fatal_error", DeliveryOutcome::kUncertain, 1, 2}),
                         [](const auto& one) { return std::string(one.param.error); });

TEST_F(SlackTest, RetryAfterHoldsItsOwnChannelAlone) {
  answer(1, net::HttpReply(429, R"({"ok":false,"error":"ratelimited"})", {{"retry-after", "30"}}));
  SlackChannel channel(loop_, options());

  const std::vector<Delivery> deliveries = send_all(channel, {{"C1", "a"}, {"C2", "b"}});

  EXPECT_GT(deliveries[0].took, 30s);
  EXPECT_LE(deliveries[0].took, 33100ms);
  EXPECT_LT(deliveries[1].took, 1s);
}

TEST_F(SlackTest, RetryAfterIsObeyedWhereTheErrorComesWith200) {
  answer(1, net::HttpReply(200, R"({"ok":false,"error":"ratelimited"})", {{"Retry-After", "20"}}));
  SlackChannel channel(loop_, options());

  const Delivery delivery = send(channel, "C1", "a");

  EXPECT_EQ(delivery.outcome, DeliveryOutcome::kDelivered);
  EXPECT_GT(delivery.took, 20s);
}

TEST_F(SlackTest, ATokenThatExpiredIsRefreshedOnceAndTheNextPairKept) {
  std::string valid = "xoxe.xoxb-2";
  std::vector<std::string> spent;
  answer_by([&](const net::HttpServerRequest& request) {
    if (request.path == "/oauth.v2.access") {
      spent.push_back(request.body);
      valid = "xoxe.xoxb-" + std::to_string(spent.size() + 1);
      return net::HttpReply(200, R"({"ok":true,"access_token":")" + valid + R"(","refresh_token":"xoxe-)" +
                                     std::to_string(spent.size() + 1) + R"(","expires_in":43200})");
    }
    return request.headers.get("Authorization") == "Bearer " + valid ? net::HttpReply(200, kPosted)
                                                                     : error("token_expired");
  });
  std::string kept;
  SlackOptions own = options();
  own.token = "xoxe.xoxb-1";
  own.refresh_token = "xoxe-1&";
  own.client_id = "1.2";
  own.client_secret = "s";
  own.on_refresh = [&kept](const std::string& token, const std::string& refresh) { kept = token + " " + refresh; };
  SlackChannel channel(loop_, own);

  const std::vector<Delivery> deliveries = send_all(channel, {{"C1", "a"}, {"C2", "b"}, {"C3", "c"}});
  valid = "expired";
  const Delivery later = send(channel, "C1", "d");

  for (const Delivery& delivery : deliveries) {
    EXPECT_EQ(delivery.outcome, DeliveryOutcome::kDelivered) << delivery.why;
  }
  EXPECT_EQ(later.outcome, DeliveryOutcome::kDelivered);
  ASSERT_EQ(spent.size(), 2u);
  EXPECT_EQ(spent[0], "client_id=1.2&client_secret=s&grant_type=refresh_token&refresh_token=xoxe-1%26");
  EXPECT_THAT(spent[1], HasSubstr("refresh_token=xoxe-2"));
  EXPECT_EQ(kept, "xoxe.xoxb-3 xoxe-3");
  EXPECT_EQ(channel.counters().auth_failures, 0u);
  EXPECT_EQ(channel.counters().rotations, 2u);
}

TEST_F(SlackTest, ARefreshThatFailsIsOneAlarmAndNoLoop) {
  answer_by([](const net::HttpServerRequest& request) {
    return request.path == "/oauth.v2.access" ? error("invalid_refresh_token") : error("token_expired");
  });
  SlackOptions own = options();
  own.refresh_token = "xoxe-1";
  SlackChannel channel(loop_, own);

  EXPECT_EQ(send(channel, "C1", "a").outcome, DeliveryOutcome::kFailed);
  EXPECT_EQ(send(channel, "C1", "b").outcome, DeliveryOutcome::kFailed);

  EXPECT_EQ(asked().size(), 2u);
  EXPECT_EQ(channel.counters().auth_failures, 1u);
}

}  // namespace
}  // namespace soak::channels
