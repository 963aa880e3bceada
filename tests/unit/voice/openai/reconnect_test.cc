// SPDX-License-Identifier: Apache-2.0
// One session of the client after the other.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

#include "tests/unit/voice/openai/fixture.h"

namespace soak::voice {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr char kExpiry[] = "Your session hit the maximum duration of 60 minutes.";

class OpenAiReconnectTest : public OpenAiClientTest {
 protected:
  OpenAiReconnectTest() { options_.backoff = BackoffOptions{.initial = 1s, .max = 10s}; }

  // What send_audio() throws once `script` has had its way with each connection.
  std::optional<Error> end_of_streaming(std::vector<Script> scripts) {
    std::optional<Error> thrown;
    run(std::move(scripts), [&thrown](OpenAiRealtimeClient& client) -> Task<> {
      co_await client.connect();
      Task<std::optional<Error>> streaming = stream(client, 50'000);
      thrown = co_await std::move(streaming);
      co_await sleep_for(1h);  // Nothing is tried any more.
    });
    return thrown;
  }
};

TEST_F(OpenAiReconnectTest, LostConnectionIsReplacedHoweverItWasLost) {
  const Script dropping = [](Connection& connection) -> Task<> {
    co_await begin(connection);
    co_await sleep_for(1s);
    connection.drop();
  };
  for (const Script& lost : {dropping, closing_after(1s, 1001, ""), closing_after(1s, 1011, "internal error"),
                             closing_after(1s, 1000, "")}) {
    connections_.clear();
    run({lost, begin}, [](OpenAiRealtimeClient& client) -> Task<> {
      co_await client.connect();
      Task<std::optional<Error>> streaming = stream(client, 100);
      const std::optional<Error> thrown = co_await std::move(streaming);
      EXPECT_FALSE(thrown);
      EXPECT_EQ(client.counters().frames_sent, 100u);
      EXPECT_EQ(client.counters().sessions, 2u);
      EXPECT_EQ(client.counters().recoveries, 1u);
      EXPECT_EQ(client.counters().renewals, 0u);
      co_await client.close();
    });

    ASSERT_EQ(connections_.size(), 2u);
    EXPECT_GE(between(0, 1), 1100ms);  // The second after which it was lost, and a tenth of the first delay.
    EXPECT_LE(between(0, 1), 2100ms);
    EXPECT_EQ(types_received(*connections_[1]).front(), "session.update");
  }
}

TEST_F(OpenAiReconnectTest, GoingAwayInTheMiddleOfAnAnswerIsNoEndOfIt) {
  const Script leaving = [](Connection& connection) -> Task<> {
    co_await begin(connection);
    co_await hear_until(connection, "response.create");
    co_await connection.send_text(R"({"type":"response.output_audio.delta","delta":"Zm9v"})");
    co_await connection.close(1001, "");
  };
  run({leaving, begin}, [](OpenAiRealtimeClient& client) -> Task<> {
    co_await client.connect();
    co_await client.send_audio(kShortTurn);
    co_await client.end_turn();
    co_await sleep_for(10s);
    EXPECT_EQ(client.counters().responses_done, 0u);
    EXPECT_EQ(client.counters().responses_lost, 1u);
    EXPECT_EQ(client.counters().recoveries, 1u);
    co_await client.end_turn();  // What was said is gone with the session: it asks for nothing.
    co_await client.send_audio(kShortTurn);
    co_await client.end_turn();
    co_await client.close();
  });

  EXPECT_THAT(types_received(*connections_[1]),
              testing::ElementsAre("session.update", "input_audio_buffer.commit", "response.create"));
}

TEST_F(OpenAiReconnectTest, DelaysGrowThoughEachConnectionIsAcceptedAndEndAtTheirBound) {
  options_.backoff = BackoffOptions{.initial = 1s, .max = 60s};
  options_.attempts_max = 5;

  const std::optional<Error> thrown = end_of_streaming({closing_after(100ms, 1011, "internal error")});

  ASSERT_TRUE(thrown);
  EXPECT_EQ(thrown->code(), Errc::kConnectionClosed);
  EXPECT_THAT(thrown->what(),
              HasSubstr("closed 1011 in a session, 0.1 s after connect: internal error; gave up after 5 attempts"));
  ASSERT_EQ(connections_.size(), 6u);
  for (std::size_t i = 1; i < connections_.size(); ++i) {
    const auto ceiling = std::chrono::seconds(1 << (i - 1));
    const auto delay = between(i - 1, i) - 100ms;
    EXPECT_GE(delay, ceiling / 10) << i;
    EXPECT_LE(delay, ceiling + 100ms) << i;
  }
}

TEST_F(OpenAiReconnectTest, DelaysBeginAgainAfterAStableConnectionOnly) {
  options_.backoff = BackoffOptions{.initial = 1s, .max = 60s};
  options_.stable_after = 30s;
  const Script flapping = closing_after(100ms, 1011, "");
  std::vector<Script> scripts(6, flapping);
  scripts.push_back(closing_after(31s, 1011, ""));
  scripts.emplace_back(begin);
  run(std::move(scripts), [](OpenAiRealtimeClient& client) -> Task<> {
    co_await client.connect();
    co_await sleep_for(5min);
    EXPECT_EQ(client.counters().recoveries, 7u);
    co_await client.close();
  });

  ASSERT_EQ(connections_.size(), 8u);
  EXPECT_GE(between(5, 6), 3300ms);   // The sixth delay, of 3.2 to 32 s.
  EXPECT_LE(between(6, 7), 32100ms);  // The first one again.
}

TEST_F(OpenAiReconnectTest, ClientsThatAreLostTogetherDoNotComeBackTogether) {
  std::vector<Instant> second;
  for (int i = 0; i < 20; ++i) {
    connections_.clear();
    const Instant begun = loop_.now();
    run({closing_after(1s, 1001, ""), begin}, [](OpenAiRealtimeClient& client) -> Task<> {
      co_await client.connect();
      co_await sleep_for(5s);
      co_await client.close();
    });
    second.push_back(Instant(connections_.at(1)->opened - begun));
  }

  std::sort(second.begin(), second.end());
  EXPECT_EQ(std::unique(second.begin(), second.end()), second.end());
  EXPECT_GT(second.back() - second.front(), 300ms);
}

TEST_F(OpenAiReconnectTest, RefusedHandshakesAndMissingSetupsAreTriedAgain) {
  const Script silent = [](Connection& connection) -> Task<> { co_await hear_until(connection, "never"); };
  run({closing_after(1s, 1011, ""), silent, closing_after(0s, 1011, ""), begin},
      [this](OpenAiRealtimeClient& client) -> Task<> {
        co_await client.connect();
        refusals_.assign(2, net::HandshakeReply::refuse(503, "busy"));
        Task<std::optional<Error>> streaming = stream(client, 2500);
        const std::optional<Error> thrown = co_await std::move(streaming);
        EXPECT_FALSE(thrown);
        EXPECT_EQ(client.counters().recoveries, 2u);  // The third connection was a session, too.
        co_await client.close();
      });

  EXPECT_EQ(connections_.size(), 4u);
  EXPECT_EQ(handshakes_, 6);
  ASSERT_TRUE(connections_[1]->closed);
  EXPECT_EQ(connections_[1]->closed->code, net::kCloseNormal);  // It does not leave the silent one open.
}

TEST_F(OpenAiReconnectTest, RetryAfterIsAddedToTheDelay) {
  net::Headers headers{{"Retry-After", "20"}};
  run({closing_after(1s, 1011, ""), begin}, [this, &headers](OpenAiRealtimeClient& client) -> Task<> {
    co_await client.connect();
    refusals_.push_back(net::HandshakeReply::refuse(429, "", headers));
    co_await sleep_for(60s);
    EXPECT_EQ(client.counters().recoveries, 1u);
    co_await client.close();
  });

  ASSERT_EQ(connections_.size(), 2u);
  EXPECT_GE(between(0, 1), 1s + 500ms + 20s + 1s);
}

TEST_F(OpenAiReconnectTest, ServerThatIsGoneIsGivenUpAfterItsAttempts) {
  options_.attempts_max = 3;
  const std::optional<Error> thrown = [this] {
    std::optional<Error> error;
    play(closing_after(1s, 1011, ""), [this, &error](OpenAiRealtimeClient& client) -> Task<> {
      co_await client.connect();
      refusal_ = net::HandshakeReply::refuse(503, "busy");
      Task<std::optional<Error>> streaming = stream(client, 50'000);
      error = co_await std::move(streaming);
    });
    return error;
  }();

  ASSERT_TRUE(thrown);
  EXPECT_EQ(thrown->code(), Errc::kHandshakeRefused);
  EXPECT_THAT(thrown->what(), testing::AllOf(HasSubstr("503"), HasSubstr("gave up after 3 attempts")));
  EXPECT_EQ(handshakes_, 4);
}

TEST_F(OpenAiReconnectTest, BadKeyIsNotTriedAgainInEitherShape) {
  const std::string error = error_event("invalid_api_key", "Incorrect API key provided: sk-v***.");
  const Script revoked = [error](Connection& connection) -> Task<> {
    std::string event = error;
    co_await connection.send_text(std::move(event));
    co_await connection.close(3000, "invalid_request_error.invalid_api_key");
  };

  const std::optional<Error> after_upgrade = end_of_streaming({closing_after(1s, 1011, ""), revoked});
  EXPECT_EQ(handshakes_, 2);
  const std::optional<Error> in_session =
      end_of_streaming({closing_after(1s, 3000, "invalid_request_error.invalid_api_key", error)});

  for (const std::optional<Error>& thrown : {after_upgrade, in_session}) {
    ASSERT_TRUE(thrown);
    EXPECT_EQ(thrown->code(), Errc::kAuthentication);
    EXPECT_THAT(thrown->what(), HasSubstr("invalid_request_error/invalid_api_key: Incorrect API key provided"));
    EXPECT_THAT(thrown->what(), Not(HasSubstr("gave up")));
    EXPECT_THAT(thrown->what(), Not(HasSubstr(kKey)));
  }
}

TEST_F(OpenAiReconnectTest, StatusThatBlamesTheRequestIsNotTriedAgain) {
  for (const int status : {401, 403, 404}) {
    handshakes_ = 0;
    std::optional<Error> thrown;
    play(closing_after(1s, 1011, ""), [this, status, &thrown](OpenAiRealtimeClient& client) -> Task<> {
      co_await client.connect();
      refusal_ = net::HandshakeReply::refuse(status, R"({"error":{"code":null}})");
      Task<std::optional<Error>> streaming = stream(client, 50'000);
      thrown = co_await std::move(streaming);
    });
    refusal_.reset();

    ASSERT_TRUE(thrown) << status;
    EXPECT_EQ(thrown->code(), status == 404 ? Errc::kHandshakeRefused : Errc::kAuthentication);
    EXPECT_THAT(thrown->what(), HasSubstr(std::to_string(status)));
    EXPECT_EQ(handshakes_, 2) << status;
  }
}

TEST_F(OpenAiReconnectTest, RetiredBetaShapeIsNotTriedAgain) {
  const std::string error = error_event("beta_api_shape_disabled", "Use /v1/realtime for the GA API.");

  const std::optional<Error> thrown =
      end_of_streaming({closing_after(0s, 4000, "invalid_request_error.beta_api_shape_disabled", error)});

  ASSERT_TRUE(thrown);
  EXPECT_EQ(thrown->code(), Errc::kRejected);
  EXPECT_THAT(thrown->what(), HasSubstr("invalid_request_error/beta_api_shape_disabled: Use /v1/realtime"));
  EXPECT_EQ(handshakes_, 1);
}

TEST_F(OpenAiReconnectTest, CloseIsTheEndEvenWhileItRecovers) {
  options_.backoff = BackoffOptions{.initial = 1h, .max = 1h};
  play(closing_after(1s, 1011, ""), [this](OpenAiRealtimeClient& client) -> Task<> {
    co_await client.connect();
    co_await sleep_for(10s);
    const Instant before = loop_.now();
    co_await client.close();
    EXPECT_LT(loop_.now() - before, 1s);
    Task<std::optional<Error>> streaming = stream(client, 1);
    const std::optional<Error> thrown = co_await std::move(streaming);
    EXPECT_TRUE(thrown);
    EXPECT_THAT(thrown ? thrown->what() : "", HasSubstr("close() was called"));
    co_await sleep_for(2h);
  });

  EXPECT_EQ(handshakes_, 1);
}

TEST_F(OpenAiReconnectTest, CloseDuringTheSetupOfTheNextConnectionIsTheEnd) {
  const Script silent = [](Connection&) -> Task<> { co_await sleep_for(1h); };
  run({closing_after(1s, 1011, ""), silent}, [this](OpenAiRealtimeClient& client) -> Task<> {
    co_await client.connect();
    while (connections_.size() < 2) {
      co_await sleep_for(10ms);
    }
    const Instant before = loop_.now();
    co_await client.close();
    EXPECT_LE(loop_.now() - before, 4s);
    co_await sleep_for(2h);
  });

  EXPECT_EQ(handshakes_, 2);
}

TEST_F(OpenAiReconnectTest, IntentionalCloseIsNotFollowedByAConnection) {
  play(begin, [](OpenAiRealtimeClient& client) -> Task<> {
    co_await client.connect();
    co_await client.close();
    EXPECT_EQ(client.counters().recoveries, 0u);
    co_await sleep_for(2h);
  });

  EXPECT_EQ(handshakes_, 1);
}

// Renewal

TEST_F(OpenAiReconnectTest, SessionIsRenewedBeforeItExpiresAndWithoutBackoff) {
  options_.backoff.reset();
  run({beginning_for(1h), begin}, [](OpenAiRealtimeClient& client) -> Task<> {
    co_await client.connect();
    Task<std::optional<Error>> streaming = stream(client, 90'000);
    const std::optional<Error> thrown = co_await std::move(streaming);
    EXPECT_FALSE(thrown);
    EXPECT_EQ(client.counters().frames_sent, 90'000u);
    EXPECT_EQ(client.counters().renewals, 1u);
    EXPECT_EQ(client.counters().recoveries, 0u);
    EXPECT_EQ(client.counters().errors, 0u);
    co_await client.close();
  });

  ASSERT_EQ(connections_.size(), 2u);
  EXPECT_GE(between(0, 1), 58min);
  EXPECT_LT(between(0, 1), 58min + 1s);
  ASSERT_TRUE(connections_[0]->closed);  // By the client, before the second was opened.
  EXPECT_EQ(connections_[0]->closed->code, net::kCloseNormal);
}

TEST_F(OpenAiReconnectTest, SessionIsRenewedAfterTheAnswerThatIsUnderWay) {
  const Script answering = [this](Connection& connection) -> Task<> {
    Task<> beginning = begin_for(connection, 10min);
    co_await std::move(beginning);
    co_await hear_until(connection, "response.create");
    co_await sleep_for(60s);
    co_await connection.send_text(R"({"type":"response.done","response":{"id":"r","status":"completed"}})");
  };
  run({answering, begin}, [](OpenAiRealtimeClient& client) -> Task<> {
    co_await client.connect();
    co_await sleep_for(479s);
    co_await client.send_audio(kShortTurn);
    co_await client.end_turn();
    co_await sleep_for(120s);
    EXPECT_EQ(client.counters().responses_done, 1u);
    EXPECT_EQ(client.counters().responses_lost, 0u);
    EXPECT_EQ(client.counters().renewals, 1u);
    co_await client.close();
  });

  ASSERT_EQ(connections_.size(), 2u);
  EXPECT_GE(between(0, 1), 539s);
  EXPECT_LT(between(0, 1), 540s);
}

TEST_F(OpenAiReconnectTest, SessionIsRenewedInTimeThoughTheAnswerNeverEnds) {
  run({beginning_for(10min), begin}, [](OpenAiRealtimeClient& client) -> Task<> {
    co_await client.connect();
    co_await client.send_audio(kShortTurn);
    co_await client.end_turn();  // Never answered.
    co_await sleep_for(11min);
    EXPECT_EQ(client.counters().responses_lost, 1u);
    EXPECT_EQ(client.counters().renewals, 1u);
    co_await client.close();
  });

  ASSERT_EQ(connections_.size(), 2u);
  EXPECT_GE(between(0, 1), 590s);
  EXPECT_LT(between(0, 1), 591s);
}

TEST_F(OpenAiReconnectTest, ExpiryThatCameAllTheSameIsPlannedAndCarriedOnAtOnce) {
  options_.backoff.reset();
  const std::string error = error_event("session_expired", kExpiry);
  run({closing_after(60s, 1001, kExpiry, error), begin}, [](OpenAiRealtimeClient& client) -> Task<> {
    co_await client.connect();
    Task<std::optional<Error>> streaming = stream(client, 2500);
    const std::optional<Error> thrown = co_await std::move(streaming);
    EXPECT_FALSE(thrown);
    EXPECT_EQ(client.counters().renewals, 1u);
    EXPECT_EQ(client.counters().recoveries, 0u);
    EXPECT_EQ(client.last_error(), std::string("invalid_request_error/session_expired: ") + kExpiry);
    co_await client.close();
  });

  ASSERT_EQ(connections_.size(), 2u);
  EXPECT_LT(between(0, 1), 61s);
}

TEST_F(OpenAiReconnectTest, ProviderThatExpiresEachSessionAtOnceIsNotHammered) {
  const std::string error = error_event("session_expired", kExpiry);

  const std::optional<Error> thrown = end_of_streaming({closing_after(100ms, 1001, kExpiry, error)});

  ASSERT_TRUE(thrown);
  EXPECT_THAT(thrown->what(), HasSubstr("gave up after 8 attempts"));
  EXPECT_EQ(handshakes_, 9);
}

TEST_F(OpenAiReconnectTest, ExpiryInThePastIsAClockThatIsWrong) {
  run({beginning_for(-5min)}, [](OpenAiRealtimeClient& client) -> Task<> {
    co_await client.connect();
    co_await sleep_for(2h);
    EXPECT_EQ(client.counters().renewals, 0u);
    co_await client.close();
  });

  EXPECT_EQ(handshakes_, 1);
}

}  // namespace
}  // namespace soak::voice
