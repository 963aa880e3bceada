// SPDX-License-Identifier: Apache-2.0
// How messages are delivered, whoever the provider is; by Telegram's client, but where another one is needed.

#include <algorithm>
#include <ostream>
#include <stdexcept>
#include <string>

#include "soak/channels/discord.h"
#include "soak/channels/slack.h"
#include "soak/channels/telegram.h"
#include "soak/error.h"
#include "soak/net/http_server.h"
#include "soak/net/test_ca.h"
#include "tests/unit/channels/channel_fixture.h"

namespace soak::channels {
namespace {

using testing::AllOf;
using testing::Each;
using testing::Field;
using testing::HasSubstr;
using testing::Le;
using testing::Not;

constexpr char kSent[] = R"({"ok":true,"result":{"message_id":7}})";

class SenderTest : public ChannelTest {
 protected:
  SenderTest() { answer_all(net::HttpReply(200, kSent)); }

  TelegramOptions options() const { return {.url = url(), .token = "123456:AA-a-secret-of-the-bot"}; }

  static net::HttpReply too_many(const std::string& seconds) {
    return net::HttpReply(429, R"({"ok":false,"parameters":{"retry_after":)" + seconds + "}}");
  }

  // Of a client whose credential is refused; another one, which is not, comes `after` it has been asked for.
  TelegramOptions refused_at_first(nanoseconds after) {
    answer_by([](const net::HttpServerRequest& request) {
      return request.path.find("new-secret") != std::string::npos ? net::HttpReply(200, kSent)
                                                                  : net::HttpReply(401, R"({"ok":false})");
    });
    TelegramOptions own = options();
    own.delivery.on_credential_refused = [this, after]() -> Task<std::string> {
      ++asked_for_;
      co_await sleep_for(after);
      co_return "123456:AA-new-secret";
    };
    return own;
  }

  int asked_for_ = 0;  // Credentials.
};

TEST_F(SenderTest, KeepsTheOrderOfAConversationWhileOneOfItWaits) {
  answer(2, too_many("30"));
  TelegramChannel channel(loop_, options());

  send_all(channel, {{"1", "a"}, {"2", "b"}, {"2", "c"}, {"1", "d"}, {"2", "e"}});

  std::vector<std::string> texts;
  for (const Asked& one : asked()) {
    texts.push_back(one.request.body.substr(one.request.body.find("\"text\"")));
  }
  EXPECT_THAT(texts, testing::ElementsAre(HasSubstr("a"), HasSubstr("b"), HasSubstr("d"), HasSubstr("b"),
                                          HasSubstr("c"), HasSubstr("e")));
}

TEST_F(SenderTest, WhoWasRefusedTogetherDoesNotComeBackTogether) {
  answer_by([this](const net::HttpServerRequest&) {
    return loop_.elapsed() < 2s ? too_many("60") : net::HttpReply(200, kSent);
  });
  TelegramChannel channel(loop_, options());
  std::vector<std::pair<std::string, std::string>> messages;
  for (int chat = 1; chat <= 20; ++chat) {
    messages.emplace_back(std::to_string(chat), "hi");
  }

  const std::vector<Delivery> deliveries = send_all(channel, messages);

  EXPECT_THAT(deliveries, Each(Field(&Delivery::outcome, DeliveryOutcome::kDelivered)));
  std::vector<nanoseconds> returns;
  for (std::size_t i = 20; i < asked().size(); ++i) {
    returns.push_back(asked()[i].at);
  }
  ASSERT_EQ(returns.size(), 20u);
  EXPECT_GT(returns.front(), 60s);
  EXPECT_GT(returns.back() - returns.front(), 2s);  // Over up to 6 s.
  for (std::size_t i = 4; i < returns.size(); ++i) {
    EXPECT_GT(returns[i] - returns[i - 4], 100ms);
  }
  EXPECT_EQ(channel.counters().early_requests, 0u);
}

TEST_F(SenderTest, RefusedAgainAndAgainItGivesUp) {
  answer_all(too_many("10"));
  TelegramOptions own = options();
  own.delivery.requests_max = 3;
  TelegramChannel channel(loop_, own);

  const Delivery delivery = send(channel, "42", "hi");

  EXPECT_EQ(delivery.outcome, DeliveryOutcome::kFailed);
  EXPECT_EQ(delivery.why, "telegram: 429 ; given up after 3 requests");
  EXPECT_EQ(asked().size(), 3u);
  EXPECT_EQ(channel.counters().max_consecutive_429s, 3u);
  EXPECT_EQ(channel.counters().retries, 2u);
}

TEST_F(SenderTest, TellsThe429sBeforeAnyOtherResponseAndThoseSince) {
  for (const std::size_t number : {1U, 2U, 4U, 5U, 6U}) {
    answer(number, too_many("1"));
  }
  TelegramOptions own = options();
  own.delivery.requests_max = 3;
  TelegramChannel channel(loop_, own);

  send(channel, "42", "delivered");
  const ChannelCounters then = channel.counters();
  send(channel, "42", "given up");

  EXPECT_EQ(then.first_429s, 2u);
  EXPECT_EQ(then.last_429s, 0u);
  EXPECT_EQ(channel.counters().first_429s, 2u);
  EXPECT_EQ(channel.counters().last_429s, 3u);
  EXPECT_EQ(channel.counters().max_consecutive_429s, 3u);
}

TEST_F(SenderTest, AWindowLongerThanAMessageMayWaitFailsItAtOnceAndIsKept) {
  answer(1, too_many("6775"));
  TelegramOptions own = options();
  own.delivery.give_up_after = 1h;
  TelegramChannel channel(loop_, own);

  const Delivery first = send(channel, "42", "1");
  const Delivery second = send(channel, "42", "2");
  const Delivery other = send(channel, "43", "3");

  EXPECT_EQ(first.why, "telegram: asked to wait for 6775.0 s, which is longer than a message waits here");
  EXPECT_EQ(first.took, 0s);
  EXPECT_EQ(second.outcome, DeliveryOutcome::kFailed);
  EXPECT_EQ(other.outcome, DeliveryOutcome::kDelivered);
  EXPECT_EQ(asked().size(), 2u);
}

TEST_F(SenderTest, ATimeThatAnErrorNamesIsObeyedAsThatOfA429) {
  answer(1, net::HttpReply(503, "busy", {{"Retry-After", "120"}}));
  TelegramChannel channel(loop_, options());

  const Delivery first = send(channel, "42", "1");
  const Delivery second = send(channel, "42", "2");

  EXPECT_EQ(first.outcome, DeliveryOutcome::kUncertain);
  EXPECT_EQ(second.outcome, DeliveryOutcome::kDelivered);
  EXPECT_GE(gap(1), 120s);
}

TEST_F(SenderTest, WhatMayHaveArrivedIsNotSentAgain) {
  answer(1, net::HttpReply::reset());
  TelegramChannel channel(loop_, options());

  const Delivery lost = send(channel, "42", "1");
  const Delivery next = send(channel, "42", "2");

  EXPECT_EQ(lost.outcome, DeliveryOutcome::kUncertain);
  EXPECT_THAT(lost.why, HasSubstr("telegram: "));
  EXPECT_EQ(next.outcome, DeliveryOutcome::kDelivered);
  EXPECT_EQ(asked().size(), 2u);
  EXPECT_EQ(channel.counters().uncertain, 1u);
}

TEST_F(SenderTest, AnAnswerThatComesTooLateIsNotWaitedFor) {
  delay(1, 20s);
  TelegramChannel channel(loop_, options());

  const Delivery late = send(channel, "42", "1");
  const Delivery next = send(channel, "42", "2");

  EXPECT_EQ(late.outcome, DeliveryOutcome::kUncertain);
  EXPECT_EQ(late.took, 15s);
  EXPECT_EQ(next.outcome, DeliveryOutcome::kDelivered);
  EXPECT_EQ(asked().size(), 2u);
}

TEST_F(SenderTest, WhatCannotHaveArrivedIsSentAgainAfterABackoff) {
  TelegramOptions own = options();
  own.url = "http://127.0.0.1:1";  // Nobody listens.
  own.delivery.requests_max = 4;
  TelegramChannel channel(loop_, own);

  const Delivery delivery = send(channel, "42", "hi");

  EXPECT_EQ(delivery.outcome, DeliveryOutcome::kFailed);
  EXPECT_EQ(delivery.requests, 4u);
  EXPECT_THAT(delivery.why, HasSubstr("; given up after 4 requests"));
  EXPECT_THAT(delivery.took, AllOf(testing::Gt(200ms), Le(1s + 2s + 4s)));
}

TEST_F(SenderTest, TheBackoffIsTheOneThatItWasGiven) {
  TelegramOptions own = options();
  own.url = "http://127.0.0.1:1";
  own.delivery.requests_max = 4;
  own.delivery.backoff = {.initial = 1h, .max = 1h};
  own.delivery.give_up_after = 24h;
  TelegramChannel channel(loop_, own);

  EXPECT_GT(send(channel, "42", "hi").took, 18min);  // A tenth of each.
}

TEST_F(SenderTest, AMessageWhoseTurnComesTooLateIsNotSent) {
  TelegramOptions own = options();
  own.delivery.http_timeout = 60s;
  own.delivery.give_up_after = 20s;
  delay(1, 25s);
  TelegramChannel channel(loop_, own);

  const std::vector<Delivery> deliveries = send_all(channel, {{"1", "a"}, {"1", "b"}});

  EXPECT_EQ(deliveries[0].outcome, DeliveryOutcome::kDelivered);
  EXPECT_EQ(deliveries[1].outcome, DeliveryOutcome::kFailed);
  EXPECT_THAT(deliveries[1].why, HasSubstr("the messages before it took longer than a message waits here"));
  EXPECT_EQ(asked().size(), 1u);
}

TEST_F(SenderTest, WithANonceItIsSentAgainUntilThereIsAnAnswer) {
  answer(1, net::HttpReply::reset());
  answer(2, net::HttpReply(502, "<html></html>"));
  answer_all(net::HttpReply(200, R"({"id":"111"})"));
  DiscordBotOptions own;
  own.url = url();
  own.token = "a-token-of-the-bot";
  DiscordBotChannel bot(loop_, own);

  const Delivery delivery = send(bot, "222", "hi");

  EXPECT_EQ(delivery.outcome, DeliveryOutcome::kDelivered);
  ASSERT_EQ(asked().size(), 3u);
  EXPECT_EQ(asked()[0].request.body, asked()[1].request.body);  // The nonce, too.
  EXPECT_EQ(asked()[0].request.body, asked()[2].request.body);
  EXPECT_EQ(bot.counters().resolved, 1u);
}

// Each keeps a message that may have arrived from being sent again before Discord forgets its nonce.
struct Delay {
  const char* name;
  net::HttpReply first;
  net::HttpReply second;
  std::size_t requests;
  nanoseconds credential_after;

  friend void PrintTo(const Delay& one, std::ostream* out) { *out << one.name; }
};

class NonceTest : public SenderTest, public testing::WithParamInterface<Delay> {};

TEST_P(NonceTest, IsNotReliedOnForLongerThanItLives) {
  answer(1, GetParam().first);
  answer(2, GetParam().second);
  answer(3, GetParam().second);  // To confirm a refusal.
  answer_all(net::HttpReply(200, R"({"id":"111"})"));
  DiscordBotOptions own;
  own.url = url();
  own.token = "a-token-of-the-bot";
  own.delivery.credential_timeout = 10min;
  own.delivery.on_credential_refused = []() -> Task<std::string> {
    co_await sleep_for(GetParam().credential_after);
    co_return "the-next-token-of-the-bot";
  };
  DiscordBotChannel bot(loop_, own);

  const Delivery delivery = send(bot, "222", "hi");

  EXPECT_EQ(delivery.outcome, DeliveryOutcome::kUncertain);
  EXPECT_THAT(delivery.why, HasSubstr("; not sent again, because after 105.0 s the provider might not know that"));
  EXPECT_EQ(asked().size(), GetParam().requests);
  EXPECT_EQ(bot.counters().uncertain, 1u);
  EXPECT_EQ(send(bot, "222", "ho").outcome, DeliveryOutcome::kDelivered);
}

INSTANTIATE_TEST_SUITE_P(
    Delays, NonceTest,
    testing::Values(Delay{"UnavailableForTenMinutes", net::HttpReply(503, "busy", {{"Retry-After", "600"}}),
                          net::HttpReply(200, R"({"id":"111"})"), 1, 0s},
                    Delay{"ThenLimitedForTenMinutes", net::HttpReply::reset(),
                          net::HttpReply(429, R"({"message":"limited","retry_after":600,"global":false})"), 2, 0s},
                    Delay{"ThenRefusedUntilTheTokenIsReplaced", net::HttpReply::reset(),
                          net::HttpReply(401, R"({"message":"401: Unauthorized","code":0})"), 3, 5min}),
    [](const auto& one) { return std::string(one.param.name); });

TEST_F(SenderTest, AMessageThatCannotHaveArrivedIsSentHoweverLateItIs) {
  answer(1, net::HttpReply(429, R"({"message":"limited","retry_after":600,"global":false})"));
  answer_all(net::HttpReply(200, R"({"id":"111"})"));
  DiscordBotOptions own;
  own.url = url();
  own.token = "a-token-of-the-bot";
  DiscordBotChannel bot(loop_, own);

  EXPECT_EQ(send(bot, "222", "hi").outcome, DeliveryOutcome::kDelivered);
}

TEST_F(SenderTest, ANonceThatIsNotTrustedIsNoReasonToSendAgain) {
  answer(1, net::HttpReply::reset());
  DiscordBotOptions own;
  own.url = url();
  own.token = "a-token-of-the-bot";
  own.nonce_time = 0s;
  DiscordBotChannel bot(loop_, own);

  EXPECT_EQ(send(bot, "222", "hi").outcome, DeliveryOutcome::kUncertain);
  EXPECT_EQ(asked().size(), 1u);

  own.nonce_time = -1s;
  EXPECT_THROW(DiscordBotChannel(loop_, own), Error);
}

TEST_F(SenderTest, WhatMayHaveArrivedAndIsThenRefusedIsUncertain) {
  answer(1, net::HttpReply::reset());
  answer_all(net::HttpReply(403, R"({"message":"Missing Access","code":50001})"));
  DiscordBotOptions own;
  own.url = url();
  own.token = "a-token-of-the-bot";
  DiscordBotChannel bot(loop_, own);

  EXPECT_EQ(send(bot, "222", "hi").outcome, DeliveryOutcome::kUncertain);
}

TEST_F(SenderTest, MoreThanMayWaitFailsAtOnce) {
  answer(1, too_many("600"));
  TelegramOptions own = options();
  own.delivery.queue_max = 2;
  TelegramChannel channel(loop_, own);

  const std::vector<Delivery> deliveries = send_all(channel, {{"42", "1"}, {"42", "2"}, {"42", "3"}});

  EXPECT_EQ(deliveries[1].outcome, DeliveryOutcome::kDelivered);
  EXPECT_EQ(deliveries[2].outcome, DeliveryOutcome::kFailed);
  EXPECT_EQ(deliveries[2].why, "telegram: 2 messages are waiting, no more are taken");
}

TEST_F(SenderTest, ACredentialIsReplacedOnceForAllThatSawItRefused) {
  TelegramChannel channel(loop_, refused_at_first(2s));

  const std::vector<Delivery> deliveries = send_all(channel, {{"1", "a"}, {"2", "b"}, {"3", "c"}});

  EXPECT_THAT(deliveries, Each(Field(&Delivery::outcome, DeliveryOutcome::kDelivered)));
  EXPECT_EQ(asked_for_, 1);
  EXPECT_EQ(channel.counters().auth_failures, 0u);
  EXPECT_EQ(channel.counters().rotations, 1u);
}

TEST_F(SenderTest, ACredentialThatNobodyReplacesIsAskedForAgainAfterABackoff) {
  answer_all(net::HttpReply(401, R"({"ok":false,"description":"Unauthorized"})"));
  TelegramOptions own = options();
  std::vector<nanoseconds> times;
  own.delivery.on_credential_refused = [&]() -> Task<std::string> {
    times.push_back(loop_.elapsed());
    co_return "";
  };
  TelegramChannel channel(loop_, own);

  const Delivery first = send(channel, "1", "a");
  const std::size_t before = times.size();
  const Delivery second = send(channel, "2", "b");

  EXPECT_EQ(first.took, 2s + 30s);  // To confirm it, and to replace it.
  EXPECT_THAT(first.why, HasSubstr(" refused the token twice: 401 Unauthorized; no other one after "));
  EXPECT_THAT(first.why, HasSubstr(" tries: on_credential_refused returned nothing"));
  EXPECT_EQ(second.took, 0s);
  ASSERT_GT(before, 3u);
  ASSERT_LT(before, 25u);
  EXPECT_LE(times[1] - times[0], 1s);
  EXPECT_GT(times[before - 1] - times[before - 2], 1s);
  EXPECT_EQ(asked().size(), 2u);
  EXPECT_EQ(channel.counters().auth_failures, 2u);
}

// Each for once, before it returns a token.
TEST_F(SenderTest, WhoeverReplacesACredentialMayFailAndIsAskedAgain) {
  TelegramOptions own = refused_at_first(0s);
  own.delivery.on_credential_refused = [this]() -> Task<std::string> {
    switch (++asked_for_) {
      case 1:
        throw std::runtime_error("no route to the vault");
      case 2:
        throw 42;
      case 3:
        co_return "";
      case 4:
        co_return "123456:AA-a-secret-of-the-bot";  // The refused one.
      default:
        co_return "123456:AA-new-secret";
    }
  };
  TelegramChannel channel(loop_, own);

  const Delivery delivery = send(channel, "1", "a");

  EXPECT_EQ(delivery.outcome, DeliveryOutcome::kDelivered) << delivery.why;
  EXPECT_EQ(asked_for_, 5);
  EXPECT_EQ(asked().size(), 3u);
  EXPECT_EQ(channel.counters().rotations, 1u);
}

TEST_F(SenderTest, WhatThrowsInPlaceOfATaskDoesNotComeOutOfSend) {
  TelegramOptions own = refused_at_first(0s);
  own.delivery.on_credential_refused = []() -> Task<std::string> { throw std::runtime_error("no vault"); };
  own.delivery.credential_timeout = 1s;
  TelegramChannel channel(loop_, own);

  EXPECT_THAT(send(channel, "1", "a").why, HasSubstr(": on_credential_refused threw: no vault"));
}

TEST_F(SenderTest, ARefusalThatPassesIsNotBelieved) {
  answer(1, net::HttpReply(401, R"({"ok":false,"description":"Unauthorized"})"));
  TelegramOptions own = options();
  own.delivery.on_credential_refused = [this]() -> Task<std::string> {
    ++asked_for_;
    co_return "";
  };
  TelegramChannel channel(loop_, own);

  const std::vector<Delivery> deliveries = send_all(channel, {{"1", "a"}, {"2", "b"}, {"1", "c"}});

  EXPECT_THAT(deliveries, Each(Field(&Delivery::outcome, DeliveryOutcome::kDelivered)));
  EXPECT_EQ(asked_for_, 0);
  EXPECT_EQ(channel.counters().auth_failures, 0u);
  EXPECT_EQ(channel.counters().wrong_refusals, 1u);
}

TEST_F(SenderTest, ARefusalIsConfirmedByOneRequestOnAnotherConnectionWhileAllWait) {
  answer_all(net::HttpReply(401, R"({"ok":false})"));
  answer(2, net::HttpReply(502, "<html></html>"));  // No answer to that, so a third one has to tell.
  TelegramOptions own = options();
  own.delivery.credential_timeout = 1s;
  own.delivery.pacing = false;
  TelegramChannel channel(loop_, own);
  send(channel, "1", "a");
  send(channel, "2", "b");

  ASSERT_EQ(asked().size(), 3u);
  EXPECT_GE(gap(1), 1s);
  EXPECT_GT(gap(2), 0s);
  EXPECT_NE(asked()[1].request.connection, asked()[0].request.connection);
  EXPECT_NE(asked()[2].request.connection, asked()[0].request.connection);
}

TEST_F(SenderTest, TheSameCredentialSetAgainStartsAgain) {
  bool refuses = true;
  answer_by([&refuses](const net::HttpServerRequest&) {
    return refuses ? net::HttpReply(401, R"({"ok":false})") : net::HttpReply(200, kSent);
  });
  TelegramOptions own = options();
  own.delivery.credential_timeout = 1s;
  TelegramChannel channel(loop_, own);

  const Delivery refused = send(channel, "1", "a");
  refuses = false;
  const Delivery still_refused = send(channel, "1", "b");
  channel.set_token(own.token);
  const Delivery delivered = send(channel, "1", "c");

  EXPECT_EQ(refused.outcome, DeliveryOutcome::kFailed);
  EXPECT_EQ(still_refused.outcome, DeliveryOutcome::kFailed);
  EXPECT_EQ(delivered.outcome, DeliveryOutcome::kDelivered);
  EXPECT_EQ(channel.counters().rotations, 0u);
  EXPECT_EQ(channel.counters().auth_failures, 2u);
}

TEST_F(SenderTest, APageOfAProxyIsNoRefusal) {
  answer(1, net::HttpReply(404, "<html>404 Not Found</html>"));
  answer(2, net::HttpReply(401, "<html>401 Authorization Required</html>"));
  TelegramChannel channel(loop_, options());

  const Delivery delivery = send(channel, "1", "a");
  send(channel, "1", "b");

  EXPECT_EQ(delivery.outcome, DeliveryOutcome::kDelivered);
  EXPECT_EQ(delivery.requests, 3u);
  EXPECT_EQ(channel.counters().auth_failures, 0u);
  EXPECT_EQ(channel.counters().wrong_refusals, 0u);
}

TEST_F(SenderTest, WhoIsCancelledWhileTheCredentialIsReplacedLeavesItToTheNext) {
  TelegramChannel channel(loop_, refused_at_first(10s));

  const Delivery second = loop_.run([](TelegramChannel& to) -> Task<Delivery> {
    TaskGroup group(co_await this_loop());
    group.start("first", [](TelegramChannel& same) -> Task<> { (void)co_await same.send("1", "a"); }(to));
    co_await sleep_for(5s);
    group.cancel();
    Delivery delivery = co_await to.send("2", "b");
    co_await drain(group);
    co_return delivery;
  }(channel));

  EXPECT_EQ(second.outcome, DeliveryOutcome::kDelivered);
  EXPECT_EQ(asked_for_, 2);
}

TEST_F(SenderTest, WhatCannotBeAskedFailsAtOnce) {
  TelegramOptions own = options();
  own.token = "123456:AA-a secret-of-the-bot";
  TelegramChannel channel(loop_, own);

  const Delivery delivery = send(channel, "42", "hi");

  EXPECT_EQ(delivery.outcome, DeliveryOutcome::kFailed);
  EXPECT_EQ(delivery.requests, 1u);
  EXPECT_THAT(delivery.why, testing::Not(HasSubstr("secret")));
}

TEST_F(SenderTest, PacingIsOffForALoopbackUrlAlone) {
  TelegramOptions own = options();
  own.delivery.pacing = false;
  TelegramChannel channel(loop_, own);
  send_all(channel, {{"42", "1"}, {"42", "2"}, {"42", "3"}});
  EXPECT_EQ(loop_.elapsed(), 0s);

  own.url = "https://api.telegram.org";
  try {
    const TelegramChannel refused(loop_, own);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::kInvalidArgument);
    EXPECT_THAT(error.what(), HasSubstr("telegram: pacing may be off for a loopback URL alone"));
  }
}

TEST_F(SenderTest, RefusalsAreKeptFarBelowTheNumberThatBansAnAddress) {
  answer_all(net::HttpReply(403, R"({"message":"Missing Access","code":50001})"));
  DiscordBotOptions own;
  own.url = url();
  own.token = "a-token-of-the-bot";
  own.delivery.pacing = false;
  own.invalid_requests_max = 50;
  DiscordBotChannel bot(loop_, own);
  std::vector<std::pair<std::string, std::string>> messages;
  for (int i = 1; i <= 120; ++i) {
    messages.emplace_back(std::to_string(i), "hi");
  }

  send_all(bot, messages);

  const auto in_window = std::count_if(asked().begin(), asked().end(), [](const Asked& one) { return one.at < 10min; });
  EXPECT_GE(in_window, 50);
  EXPECT_LT(in_window, 66);  // Sixteen may be under way at once.
  EXPECT_EQ(asked().size(), 120u);
}

TEST_F(SenderTest, ManyConversationsAreForgottenOnceTheyRest) {
  TelegramOptions own = options();
  own.delivery.pacing = false;
  TelegramChannel channel(loop_, own);

  for (int i = 0; i < 10'000; ++i) {
    send(channel, std::to_string(i), "hi");
  }

  EXPECT_EQ(channel.counters().ok, 10'000u);
}

// It would be the same one each time.
TEST(RefusedCertificateTest, FailsTheMessageWithoutAnotherRequest) {
  UvLoop loop;
  net::TestCa ca;
  net::TestCa other;
  net::HttpServerOptions server_options;
  server_options.tls = ca.issue({"127.0.0.1"});
  net::HttpServer server(
      loop, [](net::HttpServerRequest) -> Task<net::HttpReply> { co_return net::HttpReply(500); }, server_options);
  TelegramOptions options{.url = server.url(), .token = "123456:AA-a-secret-of-the-bot"};
  options.delivery.ca_file = other.ca_file();
  options.delivery.backoff = {.initial = 1ms, .max = 2ms};
  TelegramChannel channel(loop, options);

  const Delivery delivery = loop.run(channel.send("42", "text"));

  EXPECT_EQ(delivery.outcome, DeliveryOutcome::kFailed);
  EXPECT_EQ(delivery.requests, 1u);
  EXPECT_THAT(delivery.why, HasSubstr("a certificate authority that is not trusted"));
}

TEST_F(ChannelTest, AnInvalidUrlIsAnErrorOfTheConstructor) {
  for (const char* wrong : {"ftp://127.0.0.1", "127.0.0.1:80", "http://user:password@127.0.0.1/", ""}) {
    try {
      TelegramChannel channel(loop_, {.url = wrong, .token = "123456:AA-a-secret-of-the-bot"});
      ADD_FAILURE() << wrong << " was taken";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::kInvalidArgument) << wrong;
      EXPECT_THAT(error.what(), Not(HasSubstr("password@")));
    }
  }
}

TEST_F(ChannelTest, AConversationThatNothingCanBeSentToIsRefused) {
  const TelegramChannel telegram(loop_, {.url = url(), .token = "123456:AA-a-secret-of-the-bot"});
  for (const char* chat : {"42", "-1001234567890", "@name"}) {
    EXPECT_NO_THROW(telegram.check_conversation(chat)) << chat;
  }
  for (const char* chat : {"abc", "", "@", "4 2", "12345678901234567890123", "@name\n"}) {
    EXPECT_THROW(telegram.check_conversation(chat), Error) << chat;
  }
  const SlackChannel slack(loop_, {.url = url(), .token = "xoxb-1"});
  EXPECT_NO_THROW(slack.check_conversation("C0123456789"));
  EXPECT_NO_THROW(slack.check_conversation("#general"));
  EXPECT_THROW(slack.check_conversation(""), Error);
  EXPECT_THROW(slack.check_conversation("a b"), Error);
}

TEST_F(ChannelTest, AWebhookThatIsNoneIsAnErrorWithoutTheSecret) {
  for (const char* wrong : {"http://127.0.0.1:1/canary", "canary", "123/", "/canary", "abc/canary", "123/can ary",
                            "http://127.0.0.1/webhooks/123/canary/slack", ""}) {
    try {
      DiscordWebhookChannel channel(loop_, {.url = url(), .webhook = wrong});
      ADD_FAILURE() << wrong << " was taken";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::kInvalidArgument) << wrong;
      EXPECT_THAT(error.what(), Not(HasSubstr("canary")));
    }
  }
}

}  // namespace
}  // namespace soak::channels
