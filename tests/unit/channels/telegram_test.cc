// SPDX-License-Identifier: Apache-2.0
#include "soak/channels/telegram.h"

#include <fmt/format.h>

#include <ostream>
#include <string>

#include "tests/unit/channels/channel_fixture.h"

namespace soak::channels {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr char kToken[] = "123456:AA-a-secret-of-the-bot";
constexpr char kSent[] = R"({"ok":true,"result":{"message_id":7,"chat":{"id":42},"date":1790000000,"text":"hi"}})";

net::HttpReply json(int status, std::string body, net::Headers headers = {}) {
  return net::HttpReply(status, std::move(body), std::move(headers));
}

class TelegramTest : public ChannelTest {
 protected:
  TelegramTest() { answer_all(json(200, kSent)); }

  TelegramOptions options() const { return {.url = url(), .token = kToken}; }
};

TEST_F(TelegramTest, SendsAMessageAsTheApiTakesIt) {
  TelegramChannel channel(loop_, options());

  const Delivery delivery = send(channel, "-42", "\"hi\" \xc3\xa4");

  EXPECT_EQ(delivery.outcome, DeliveryOutcome::kDelivered);
  EXPECT_EQ(delivery.id, "7");
  EXPECT_EQ(delivery.requests, 1u);
  ASSERT_EQ(asked().size(), 1u);
  const net::HttpServerRequest& request = asked()[0].request;
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.path, std::string("/bot") + kToken + "/sendMessage");
  EXPECT_EQ(request.headers.get("Content-Type"), "application/json");
  EXPECT_EQ(request.body, "{\"chat_id\":-42,\"text\":\"\\\"hi\\\" \xc3\xa4\"}");
}

TEST_F(TelegramTest, AChatMayHaveAName) {
  TelegramChannel channel(loop_, options());

  send(channel, "@news", "hi");

  EXPECT_EQ(asked()[0].request.body, R"({"chat_id":"@news","text":"hi"})");
}

TEST_F(TelegramTest, WhatTheApiWouldNotTakeIsNotAsked) {
  TelegramChannel channel(loop_, options());
  std::string astral;
  for (int i = 0; i < 2049; ++i) {
    astral += "\xf0\x9f\x98\x80";  // Two UTF-16 units each.
  }

  EXPECT_EQ(send(channel, "42", "").why, "telegram: text has 0 characters: expected 1 to 4096");
  EXPECT_EQ(send(channel, "42", astral).why, "telegram: text has 4098 characters: expected 1 to 4096");
  EXPECT_EQ(send(channel, "42", "cut \xe2\x82").why, "telegram: text is not UTF-8");
  EXPECT_EQ(send(channel, "someone", "hi").why, "telegram: a chat that is neither a number nor \"@name\"");
  EXPECT_EQ(send(channel, "42", astral.substr(4)).outcome, DeliveryOutcome::kDelivered);
  EXPECT_EQ(asked().size(), 1u);
}

TEST_F(TelegramTest, AGroupHasAMessageEveryThreeSecondsAndAChatOneASecond) {
  TelegramChannel channel(loop_, options());

  send_all(channel, {{"-42", "1"}, {"-42", "2"}});
  const nanoseconds group = gap(1);
  loop_.run([]() -> Task<> { co_await sleep_for(1min); }());
  send_all(channel, {{"42", "3"}, {"42", "4"}});

  EXPECT_EQ(group, 3100ms);
  EXPECT_EQ(gap(3), 1050ms);
}

TEST_F(TelegramTest, ChatsTogetherStayBelowThirtyASecond) {
  TelegramChannel channel(loop_, options());
  std::vector<std::pair<std::string, std::string>> messages;
  for (int chat = 1; chat <= 100; ++chat) {
    messages.emplace_back(std::to_string(chat), "hi");
  }

  send_all(channel, messages);

  for (std::size_t i = 25; i < asked().size(); ++i) {
    EXPECT_GE(asked()[i].at - asked()[i - 25].at, 1s);
  }
  EXPECT_LT(loop_.elapsed(), 5s);
}

// What an answer means: how many requests the message takes when all others are granted, and what becomes of it.
struct Meant {
  const char* name;
  int status;
  std::string body;
  DeliveryOutcome outcome;
  std::size_t requests;
  const char* why;

  friend void PrintTo(const Meant& one, std::ostream* out) { *out << one.name; }
};

class TelegramAnswerTest : public TelegramTest, public testing::WithParamInterface<Meant> {};

TEST_P(TelegramAnswerTest, MeansThis) {
  answer(1, json(GetParam().status, GetParam().body));
  TelegramOptions own = options();
  own.delivery.credential_timeout = 1s;
  TelegramChannel channel(loop_, own);

  const Delivery delivery = send(channel, "42", "hi");

  EXPECT_EQ(delivery.outcome, GetParam().outcome);
  EXPECT_EQ(asked().size(), GetParam().requests);
  EXPECT_EQ(delivery.why, GetParam().why);
}

std::string error(int code, const std::string& description, const std::string& parameters = "") {
  return fmt::format(R"({{"ok":false,"error_code":{},"description":"{}"{}}})", code, description,
                     parameters.empty() ? "" : ",\"parameters\":{" + parameters + "}");
}

INSTANTIATE_TEST_SUITE_P(
    Answers, TelegramAnswerTest,
    testing::Values(Meant{"TooLong", 400, error(400, "Bad Request: message is too long"), DeliveryOutcome::kFailed, 1,
                          "telegram: 400 Bad Request: message is too long"},
                    Meant{"NoSuchChat", 400, error(400, "Bad Request: chat not found"), DeliveryOutcome::kFailed, 1,
                          "telegram: 400 Bad Request: chat not found"},
                    Meant{"Blocked", 403, error(403, "Forbidden: bot was blocked by the user"),
                          DeliveryOutcome::kFailed, 1, "telegram: 403 Forbidden: bot was blocked by the user"},
                    Meant{"RefusedOnce", 401, error(401, "Unauthorized"), DeliveryOutcome::kDelivered, 2, ""},
                    Meant{"NotFoundOnce", 404, error(404, "Not Found"), DeliveryOutcome::kDelivered, 2, ""},
                    Meant{"NotFoundInHtml", 404, "<html>404 Not Found</html>", DeliveryOutcome::kDelivered, 2, ""},
                    Meant{"ForbiddenInHtml", 403, "<html>403 Forbidden</html>", DeliveryOutcome::kDelivered, 2, ""},
                    Meant{"ForbiddenByAGateway", 403, R"({"message":"Forbidden"})", DeliveryOutcome::kDelivered, 2, ""},
                    Meant{"TooLargeForAProxy", 413, "<html>413</html>", DeliveryOutcome::kFailed, 1,
                          "telegram: 413 and a body that is not the provider's"},
                    Meant{"Migrated", 400,
                          error(400, "Bad Request: group chat was upgraded to a supergroup chat",
                                R"("migrate_to_chat_id":-1001)"),
                          DeliveryOutcome::kDelivered, 2, ""},
                    Meant{"TooMany", 429, error(429, "Too Many Requests: retry after 5", R"("retry_after":5)"),
                          DeliveryOutcome::kDelivered, 2, ""},
                    Meant{"Restarting", 500, error(500, "Internal Server Error: restart"), DeliveryOutcome::kUncertain,
                          1, "telegram: 500 Internal Server Error: restart"},
                    Meant{"Proxy", 502, "<html>Bad Gateway</html>", DeliveryOutcome::kUncertain, 1,
                          "telegram: 502 and a body that is not the provider's"},
                    Meant{"GrantedInHtml", 200, "<html></html>", DeliveryOutcome::kUncertain, 1,
                          "telegram: 200 and a body that is not the provider's"}),
    [](const auto& one) { return std::string(one.param.name); });

TEST_F(TelegramTest, ASupergroupIsFollowedToItsNumber) {
  answer(1, json(400, error(400, "Bad Request: group chat was upgraded", R"("migrate_to_chat_id":-1001)")));
  TelegramChannel channel(loop_, options());

  send(channel, "-42", "1");
  send(channel, "-42", "2");

  EXPECT_THAT(asked()[1].request.body, HasSubstr("\"chat_id\":-1001,\"text\":\"1\""));
  EXPECT_THAT(asked()[2].request.body, HasSubstr("\"chat_id\":-1001,\"text\":\"2\""));
}

// Half a minute's messages to a group that has moved, under both numbers.
TEST_F(TelegramTest, AGroupThatMovedIsOneChatUnderBothNumbers) {
  answer(1, json(400, error(400, "Bad Request: group chat was upgraded", R"("migrate_to_chat_id":-1001)")));
  TelegramChannel channel(loop_, options());
  send(channel, "-42", "1");

  send_all(channel, {{"-42", "2"}, {"-1001", "3"}, {"-42", "4"}, {"-1001", "5"}, {"-1001", "6"}, {"-42", "7"}});

  ASSERT_EQ(asked().size(), 8u);
  for (std::size_t i = 1; i < asked().size(); ++i) {
    EXPECT_THAT(asked()[i].request.body, HasSubstr(fmt::format("\"chat_id\":-1001,\"text\":\"{}\"", i)));
    EXPECT_GE(gap(i), 3100ms);
  }
}

TEST_F(TelegramTest, AGroupThatMovesWhileBothNumbersAreInUseHasOnePaceAtOnce) {
  answer_by([](const net::HttpServerRequest& request) {
    return request.body.find("-42,") != std::string::npos
               ? json(400, error(400, "Bad Request: group chat was upgraded", R"("migrate_to_chat_id":-1001)"))
               : json(200, kSent);
  });
  TelegramChannel channel(loop_, options());

  send_all(channel, {{"-42", "1"}, {"-1001", "2"}, {"-42", "3"}, {"-1001", "4"}, {"-42", "5"}});
  send_all(channel, {{"-42", "6"}, {"-1001", "7"}, {"-42", "8"}});

  ASSERT_EQ(asked().size(), 9u);  // One of them was sent away.
  for (std::size_t i = 2; i < asked().size(); ++i) {
    EXPECT_GE(gap(i), 3100ms) << i;
  }
  EXPECT_THAT(asked()[6].request.body, HasSubstr("\"6\""));
  EXPECT_THAT(asked()[7].request.body, HasSubstr("\"7\""));
  EXPECT_THAT(asked()[8].request.body, HasSubstr("\"8\""));
}

TEST_F(TelegramTest, WhatA429AsksForHoldsUnderBothNumbers) {
  answer(1, json(400, error(400, "Bad Request: group chat was upgraded", R"("migrate_to_chat_id":-1001)")));
  answer(2, json(429, error(429, "Too Many Requests: retry after 60", R"("retry_after":60)")));
  TelegramChannel channel(loop_, options());

  const std::vector<Delivery> deliveries = send_all(channel, {{"-42", "1"}, {"-1001", "2"}});

  EXPECT_GT(deliveries[0].took, 60s);
}

TEST_F(TelegramTest, AChatWithANameIsTheOneWithItsNumber) {
  answer_all(json(200, R"({"ok":true,"result":{"message_id":7,"chat":{"id":-1001,"username":"news"}}})"));
  TelegramChannel channel(loop_, options());
  send(channel, "@news", "1");

  send_all(channel, {{"-1001", "2"}, {"@news", "3"}, {"-1001", "4"}});

  for (std::size_t i = 1; i < asked().size(); ++i) {
    EXPECT_GE(gap(i), 3100ms);
    EXPECT_THAT(asked()[i].request.body, HasSubstr(fmt::format("\"text\":\"{}\"", i + 1)));
  }
}

// Where the number stands, whatever the server's age.
struct Where {
  const char* name;
  std::string body;
  net::Headers headers;
  nanoseconds at_least;
  nanoseconds at_most;

  friend void PrintTo(const Where& one, std::ostream* out) { *out << one.name; }
};

class TelegramRetryAfterTest : public TelegramTest, public testing::WithParamInterface<Where> {};

TEST_P(TelegramRetryAfterTest, IsWaitedForAndALittleLonger) {
  answer(1, json(429, GetParam().body, GetParam().headers));
  TelegramChannel channel(loop_, options());

  const Delivery delivery = send(channel, "42", "hi");

  EXPECT_EQ(delivery.outcome, DeliveryOutcome::kDelivered);
  EXPECT_GT(gap(1), GetParam().at_least);
  EXPECT_LE(gap(1), GetParam().at_most);
  EXPECT_EQ(channel.counters().rate_limited, 1u);
  EXPECT_EQ(channel.counters().waits_obeyed, 1u);
  EXPECT_EQ(channel.counters().early_requests, 0u);
}

INSTANTIATE_TEST_SUITE_P(
    Places, TelegramRetryAfterTest,
    testing::Values(
        Where{"Parameters",
              error(429, "Too Many Requests: retry after 9", R"("retry_after":5)"),
              {{"Retry-After", "7"}},
              5s,
              5600ms},
        Where{"Header", error(429, "Too Many Requests: retry after 9"), {{"retry-after", "7"}}, 7s, 7800ms},
        Where{"Text", error(429, "Too Many Requests: retry after 9"), {}, 9s, 10s},
        Where{"Hours", error(429, "Too Many Requests", R"("retry_after":6775)"), {}, 6775s, 6786s},
        Where{"Nowhere", error(429, "Too Many Requests"), {}, 1s, 2s},
        Where{"Zero", error(429, "Too Many Requests", R"("retry_after":0)"), {}, 1s, 2s},
        Where{"ZeroButInTheHeader",
              error(429, "Too Many Requests", R"("retry_after":0)"),
              {{"Retry-After", "7"}},
              7s,
              7800ms},
        Where{"Negative", error(429, "Too Many Requests", R"("retry_after":-5)"), {}, 1s, 2s},
        Where{
            "NoNumber", error(429, "Too Many Requests", R"("retry_after":"soon")"), {{"Retry-After", "abc"}}, 1s, 2s}),
    [](const auto& one) { return std::string(one.param.name); });

TEST_F(TelegramTest, ATokenThatWasReplacedIsUsedAtOnce) {
  answer_by([](const net::HttpServerRequest& request) {
    return request.path.find("new-secret") != std::string::npos ? json(200, kSent)
                                                                : json(401, error(401, "Unauthorized"));
  });
  TelegramChannel channel(loop_, options());

  const auto [first, second] = loop_.run([](TelegramChannel& own) -> Task<std::pair<Delivery, Delivery>> {
    TaskGroup group(co_await this_loop());
    group.start("rotate", [](TelegramChannel& rotated) -> Task<> {
      co_await sleep_for(10s);
      rotated.set_token("123456:AA-new-secret");
    }(own));
    Delivery one = co_await own.send("42", "1");
    Delivery two = co_await own.send("42", "2");
    co_await drain(group);
    co_return std::pair(one, two);
  }(channel));

  EXPECT_EQ(first.outcome, DeliveryOutcome::kDelivered);
  EXPECT_EQ(first.took, 10s);
  EXPECT_EQ(second.outcome, DeliveryOutcome::kDelivered);
  EXPECT_EQ(asked().size(), 4u);  // The second one confirmed the refusal.
  EXPECT_EQ(channel.counters().auth_failures, 0u);
  EXPECT_EQ(channel.counters().rotation_refusals, 2u);
  EXPECT_EQ(channel.counters().rotations, 1u);
}

// The words for a malformed token, and for a path that is none.
struct Refused {
  const char* name;
  int status;
  const char* description;

  friend void PrintTo(const Refused& one, std::ostream* out) { *out << one.name; }
};

class TelegramRefusedTokenTest : public TelegramTest, public testing::WithParamInterface<Refused> {};

TEST_P(TelegramRefusedTokenTest, IsTriedOnceMoreAndThenNotAgain) {
  answer_all(json(GetParam().status, error(GetParam().status, GetParam().description)));
  TelegramChannel channel(loop_, options());

  std::vector<Delivery> deliveries;
  for (int i = 0; i < 5; ++i) {
    deliveries.push_back(send(channel, std::to_string(i), "hi"));
  }

  for (const Delivery& delivery : deliveries) {
    EXPECT_EQ(delivery.outcome, DeliveryOutcome::kFailed);
    EXPECT_EQ(delivery.why, fmt::format("telegram: {} refused the token twice: {} {}; no other one was set", url(),
                                        GetParam().status, GetParam().description));
  }
  EXPECT_EQ(asked().size(), 2u);
  EXPECT_GE(gap(1), 1s);
  EXPECT_EQ(channel.counters().auth_failures, GetParam().status == 401 ? 2u : 0u);
}

INSTANTIATE_TEST_SUITE_P(Answers, TelegramRefusedTokenTest,
                         testing::Values(Refused{"Revoked", 401, "Unauthorized"},
                                         Refused{"Malformed", 404, "Not Found"},
                                         Refused{"NotAllowed", 421, "Misdirected Request: unallowed token specified"}),
                         [](const auto& one) { return std::string(one.param.name); });

TEST_F(TelegramTest, AChatThatIsGoneFailsAloneAndIsNotAskedAgainWithinTheHour) {
  answer_by([](const net::HttpServerRequest& request) {
    return request.body.find("\"chat_id\":13,") != std::string::npos
               ? json(403, error(403, "Forbidden: bot was blocked by the user"))
               : json(200, kSent);
  });
  TelegramChannel channel(loop_, options());

  EXPECT_EQ(send(channel, "13", "1").outcome, DeliveryOutcome::kFailed);
  EXPECT_EQ(send(channel, "13", "2").why, "telegram: 403 Forbidden: bot was blocked by the user");
  EXPECT_EQ(send(channel, "42", "3").outcome, DeliveryOutcome::kDelivered);
  const std::size_t before = asked().size();
  loop_.run([]() -> Task<> { co_await sleep_for(1h); }());
  send(channel, "13", "4");

  EXPECT_EQ(before, 2u);
  EXPECT_EQ(asked().size(), 3u);
}

TEST_F(TelegramTest, TheTokenIsCutOutOfWhatTheServerSays) {
  answer_all(json(400, error(400, std::string("no route /bot") + kToken + "/sendMessage, AA-a-secret-of-the-bot")));
  TelegramChannel channel(loop_, options());

  const Delivery delivery = send(channel, "42", "hi");

  EXPECT_EQ(delivery.why, "telegram: 400 no route /bot***/sendMessage, ***");
  EXPECT_THAT(delivery.why, Not(HasSubstr("secret")));
}

}  // namespace
}  // namespace soak::channels
