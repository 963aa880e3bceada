// SPDX-License-Identifier: Apache-2.0
#include "soak/channels/slack.h"

#include <ostream>
#include <stdexcept>
#include <string>

#include "soak/log.h"
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
                         testing::Values(Meant{"token_revoked", DeliveryOutcome::kDelivered, 2, 3},
                                         Meant{"invalid_auth", DeliveryOutcome::kDelivered, 2, 3},
                                         Meant{"missing_scope", DeliveryOutcome::kDelivered, 2, 3},
                                         Meant{"channel_not_found", DeliveryOutcome::kFailed, 1, 1},
                                         Meant{"is_archived", DeliveryOutcome::kFailed, 1, 1},
                                         Meant{"no_text", DeliveryOutcome::kFailed, 1, 2},
                                         Meant{"an_error_that_is_new", DeliveryOutcome::kFailed, 1, 2},
                                         Meant{"rate_limited", DeliveryOutcome::kDelivered, 2, 3},
                                         Meant{"message_limit_exceeded", DeliveryOutcome::kDelivered, 2, 3},
                                         Meant{"internal_error", DeliveryOutcome::kUncertain, 1, 2},
                                         Meant{"fatal_error", DeliveryOutcome::kUncertain, 1, 2}),
                         [](const auto& one) { return std::string(one.param.error); });

TEST_F(SlackTest, AChannelWithANameIsTheOneWithItsId) {
  SlackChannel channel(loop_, options());
  send(channel, "#general", "1");

  send_all(channel, {{"C1", "2"}, {"#general", "3"}, {"C2", "4"}});

  EXPECT_THAT(asked()[1].request.body, HasSubstr("C2"));
  EXPECT_THAT(asked()[2].request.body, HasSubstr("\"C1\""));
  EXPECT_THAT(asked()[3].request.body, HasSubstr("#general"));
  EXPECT_GE(asked()[2].at - asked()[0].at, 1s);
  EXPECT_GE(gap(3), 1s);
}

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
  EXPECT_EQ(channel.counters().rate_limited, 1u);
}

TEST_F(SlackTest, ALimitIsALimitWhateverItsStatus) {
  for (const char* name : {"ratelimited", "rate_limited", "message_limit_exceeded"}) {
    answer(asked().size() + 1, error(name));
    answer(asked().size() + 2, error(name));
    SlackChannel channel(loop_, options());

    const Delivery delivery = send(channel, "C1", "a");

    EXPECT_EQ(delivery.outcome, DeliveryOutcome::kDelivered) << name;
    EXPECT_EQ(channel.counters().rate_limited, 2u) << name;
    EXPECT_EQ(channel.counters().max_consecutive_429s, 2u) << name;
  }
}

TEST_F(SlackTest, TheLimitOfTheWorkspaceHoldsAllChannels) {
  answer(1, net::HttpReply(200, R"({"ok":false,"error":"message_limit_exceeded"})", {{"Retry-After", "20"}}));
  SlackChannel channel(loop_, options());

  const std::vector<Delivery> deliveries =
      send_all(channel, {{"C1", "a"}, {"C2", "b"}, {"C3", "c"}, {"C4", "d"}, {"C5", "e"}, {"C6", "f"}});

  EXPECT_GT(deliveries[0].took, 20s);
  EXPECT_GT(deliveries[5].took, 20s);  // The first that was not under way.
}

// Of a proxy, whatever its status.
TEST_F(SlackTest, APageInPlaceOfAnAnswerStopsAllAndRefusesNothing) {
  for (const int status : {401, 403, 404, 407, 429}) {
    answer(asked().size() + 1, net::HttpReply(status, "<html></html>"));
    SlackChannel channel(loop_, options());

    const Delivery delivery = send(channel, "C1", "a");

    EXPECT_EQ(delivery.outcome, DeliveryOutcome::kDelivered) << status;
    EXPECT_EQ(delivery.requests, 2u) << status;
    EXPECT_EQ(channel.counters().auth_failures, 0u) << status;
  }
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

TEST_F(SlackTest, ATokenThatIsRefusedTwiceIsNotTriedAgain) {
  answer_all(error("token_revoked"));
  SlackChannel channel(loop_, options());

  const Delivery first = send(channel, "C1", "a");
  const Delivery second = send(channel, "C2", "b");

  EXPECT_EQ(first.why, "slack: " + url() + " refused the token twice: 200 token_revoked; no other one was set");
  EXPECT_EQ(second.outcome, DeliveryOutcome::kFailed);
  EXPECT_EQ(asked().size(), 2u);
}

TEST_F(SlackTest, ARefreshThatIsRefusedTwiceIsOneAlarmAndNoLoop) {
  answer_by([](const net::HttpServerRequest& request) {
    return request.path == "/oauth.v2.access" ? error("invalid_refresh_token") : error("token_expired");
  });
  SlackOptions own = options();
  own.refresh_token = "xoxe-1";
  SlackChannel channel(loop_, own);

  const Delivery first = send(channel, "C1", "a");
  const Delivery second = send(channel, "C1", "b");

  EXPECT_EQ(first.why, "slack: " + url() +
                           " refused the token: 200 token_expired; no other one after 2 tries: oauth.v2.access: 200 "
                           "invalid_refresh_token");
  EXPECT_EQ(second.outcome, DeliveryOutcome::kFailed);
  EXPECT_EQ(second.took, 0s);
  EXPECT_EQ(asked().size(), 3u);  // Two of them to refresh.
  EXPECT_EQ(channel.counters().auth_failures, 1u);
}

// What a refresh may be answered once, before it is granted.
struct Passing {
  const char* name;
  net::HttpReply reply;
  nanoseconds at_least;

  friend void PrintTo(const Passing& one, std::ostream* out) { *out << one.name; }
};

class SlackRefreshTest : public SlackTest, public testing::WithParamInterface<Passing> {};

TEST_P(SlackRefreshTest, IsTriedAgain) {
  int refreshes = 0;
  answer_by([&refreshes](const net::HttpServerRequest& request) {
    if (request.path == "/oauth.v2.access") {
      return ++refreshes == 1 ? GetParam().reply
                              : net::HttpReply(200, R"({"ok":true,"access_token":"xoxe.xoxb-2-the-second-token",)"
                                                    R"("refresh_token":"xoxe-2-the-second","expires_in":43200})");
    }
    return request.headers.get("Authorization") == "Bearer xoxe.xoxb-2-the-second-token" ? net::HttpReply(200, kPosted)
                                                                                         : error("token_expired");
  });
  SlackOptions own = options();
  own.refresh_token = "xoxe-1-the-first";
  own.delivery.credential_timeout = 30s;
  SlackChannel channel(loop_, own);

  const Delivery delivery = send(channel, "C1", "a");

  EXPECT_EQ(delivery.outcome, DeliveryOutcome::kDelivered) << delivery.why;
  EXPECT_EQ(refreshes, 2);
  EXPECT_GE(delivery.took, GetParam().at_least);
  EXPECT_EQ(channel.counters().auth_failures, 0u);
  EXPECT_EQ(channel.counters().rotation_refusals, 1u);
}

INSTANTIATE_TEST_SUITE_P(
    Answers, SlackRefreshTest,
    testing::Values(
        Passing{"Unavailable", net::HttpReply(503, "upstream connect error"), 100ms},
        Passing{"UnavailableForAWhile", net::HttpReply(503, "busy", {{"Retry-After", "20"}}), 20s},
        Passing{"TooMany", net::HttpReply(429, R"({"ok":false,"error":"ratelimited"})"), 100ms},
        // Longer than a message waits for a token that nobody has promised.
        Passing{"TooManyForAWhile",
                net::HttpReply(429, R"({"ok":false,"error":"ratelimited"})", {{"Retry-After", "300"}}), 300s},
        Passing{"TooManyWith200", net::HttpReply(200, R"({"ok":false,"error":"ratelimited"})"), 100ms},
        Passing{"Reset", net::HttpReply::reset(), 100ms},
        Passing{"Internal", net::HttpReply(200, R"({"ok":false,"error":"internal_error"})"), 100ms},
        Passing{"RefusedOnce", net::HttpReply(200, R"({"ok":false,"error":"invalid_refresh_token"})"), 100ms},
        Passing{"Html", net::HttpReply(404, "<html></html>"), 100ms}),
    [](const auto& one) { return std::string(one.param.name); });

TEST_F(SlackTest, ARefreshOutlivesTheMessagesThatWaitedForIt) {
  bool down = true;
  int refreshes = 0;
  answer_by([&](const net::HttpServerRequest& request) {
    if (request.path == "/oauth.v2.access") {
      ++refreshes;
      return down ? net::HttpReply(503)
                  : net::HttpReply(200, R"({"ok":true,"access_token":"xoxe.xoxb-2-the-second-one"})");
    }
    return request.headers.get("Authorization") == "Bearer xoxe.xoxb-2-the-second-one" ? net::HttpReply(200, kPosted)
                                                                                       : error("token_expired");
  });
  SlackOptions own = options();
  own.refresh_token = "xoxe-1-the-first";
  own.delivery.credential_timeout = 30s;
  SlackChannel channel(loop_, own);

  const Delivery failed = send(channel, "C1", "a");
  const Delivery at_once = send(channel, "C1", "b");
  const int before = refreshes;
  down = false;
  loop_.run([]() -> Task<> { co_await sleep_for(1min); }());
  const Delivery delivered = send(channel, "C1", "c");

  EXPECT_EQ(failed.outcome, DeliveryOutcome::kFailed);
  EXPECT_THAT(failed.why, HasSubstr("oauth.v2.access: 503"));
  EXPECT_EQ(failed.took, 30s);
  EXPECT_EQ(at_once.took, 0s);
  EXPECT_GT(before, 3);
  EXPECT_LT(before, 25);
  EXPECT_EQ(delivered.outcome, DeliveryOutcome::kDelivered);
}

TEST_F(SlackTest, APairThatCannotBeStoredIsUsedAllTheSame) {
  std::string logged;
  const LogSink before = set_log_sink([&logged](const LogRecord& record) { logged = record.message; });
  answer_by([](const net::HttpServerRequest& request) {
    if (request.path == "/oauth.v2.access") {
      return net::HttpReply(200,
                            R"({"ok":true,"access_token":"xoxe.xoxb-2-the-next","refresh_token":"xoxe-2-the-next"})");
    }
    return request.headers.get("Authorization") == "Bearer xoxe.xoxb-2-the-next" ? net::HttpReply(200, kPosted)
                                                                                 : error("token_expired");
  });
  SlackOptions own = options();
  own.refresh_token = "xoxe-1-the-first";
  own.on_refresh = [](const std::string&, const std::string&) { throw std::runtime_error("the disk is full"); };
  SlackChannel channel(loop_, own);

  const Delivery delivery = send(channel, "C1", "a");
  set_log_sink(before);

  EXPECT_EQ(delivery.outcome, DeliveryOutcome::kDelivered);
  EXPECT_THAT(logged, HasSubstr("on_refresh threw: the disk is full"));
}

}  // namespace
}  // namespace soak::channels
