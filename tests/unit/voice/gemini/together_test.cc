// SPDX-License-Identifier: Apache-2.0
// The Gemini Live client and the fake, each made from the provider's documentation, on one wire.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "soak/error.h"
#include "soak/event_loop.h"
#include "soak/fault/script.h"
#include "soak/peers/gemini_live_peer.h"
#include "soak/task.h"
#include "soak/voice/gemini_live.h"

namespace soak {
namespace {

using namespace std::chrono_literals;

constexpr std::array<std::byte, 1280> kFrame{};

class GeminiTogetherTest : public testing::Test {
 protected:
  // Streams frames of 40 ms for `duration`, and asks for an answer every five seconds.
  static Task<> stream(voice::GeminiLiveClient& client, std::chrono::nanoseconds duration) {
    const auto frames = duration / 40ms;
    for (std::int64_t i = 1; i <= frames; ++i) {
      co_await sleep_for(40ms);
      co_await client.send_audio(kFrame);
      if (i % 125 == 0) {
        co_await client.end_turn();
      }
    }
  }

  VirtualLoop loop_;
};

TEST_F(GeminiTogetherTest, BothTellTheSameStory) {
  peers::GeminiLivePeer peer(loop_);
  voice::GeminiLiveClient client(loop_, {.url = peer.url()});
  loop_.run([](voice::GeminiLiveClient& own) -> Task<> {
    co_await own.connect();
    co_await stream(own, 60s);
    co_await sleep_for(5s);
    co_await own.close();
    co_await sleep_for(1s);
  }(client));

  EXPECT_EQ(client.counters().frames_sent, 1500u);
  EXPECT_EQ(peer.ledger().audio_frames_received, 1500u);
  EXPECT_EQ(client.counters().responses_done, 12u);
  EXPECT_EQ(peer.ledger().turns_completed, 12u);
  EXPECT_EQ(client.counters().audio_bytes_received, peer.ledger().audio_bytes_sent);
  EXPECT_EQ(client.counters().audio_bytes_received, 12u * 96'000u);
  EXPECT_EQ(client.counters().unknown_events + client.counters().invalid_events + client.counters().errors, 0u);
  EXPECT_EQ(peer.ledger().messages_refused, 0u) << peer.ledger().last_refusal;
  EXPECT_EQ(peer.ledger().sessions_open, 0u);
  EXPECT_EQ(peer.ledger().sessions_lost, 0u);
}

TEST_F(GeminiTogetherTest, OneSessionGoesOnForAnHourOverManyConnections) {
  peers::GeminiLivePeer peer(loop_);
  voice::GeminiLiveClient client(loop_, {.url = peer.url()});
  loop_.run([](voice::GeminiLiveClient& own) -> Task<> {
    co_await own.connect();
    co_await stream(own, 1h);
    co_await own.close();
    co_await sleep_for(1s);
  }(client));

  // A renewal about every nine minutes, when the goAway comes.
  EXPECT_EQ(client.counters().renewals, 6u);
  EXPECT_EQ(client.counters().go_aways, 6u);
  EXPECT_EQ(client.counters().sessions_resumed, 6u);
  EXPECT_EQ(peer.ledger().sessions_resumed, 6u);
  EXPECT_EQ(peer.ledger().resumptions_refused, 0u);
  EXPECT_EQ(peer.ledger().deadlines_expired, 0u);  // Always in time.
  EXPECT_EQ(client.counters().frames_sent, 90'000u);
  EXPECT_EQ(peer.ledger().audio_frames_received, 90'000u);
  EXPECT_EQ(client.counters().turns_lost, 0u);
  EXPECT_EQ(client.counters().responses_done, peer.ledger().turns_completed);
}

// A session that is carried on at once is not refused as still open, whichever end hears first that the old connection
// is closed. Renewals and turns fall on the same instants, and the loop shuffles them.
TEST(GeminiShuffledTest, EveryRenewalFindsItsSessionFree) {
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    VirtualLoop loop({.seed = seed, .shuffle = true});
    peers::GeminiLivePeer peer(loop, {.seed = seed, .connection_max = 10s, .go_away_before = 5s});
    voice::GeminiLiveClient client(loop, {.url = peer.url(), .stable_after = 1s});
    loop.run([](voice::GeminiLiveClient& own) -> Task<> {
      co_await own.connect();
      for (int i = 1; i <= 15'000; ++i) {
        co_await sleep_for(40ms);
        co_await own.send_audio(kFrame);
        if (i % 125 == 0) {
          co_await own.end_turn();
        }
      }
      co_await own.close();
      co_await sleep_for(1s);
    }(client));
    EXPECT_GT(client.counters().renewals, 70u) << seed;
    EXPECT_EQ(peer.ledger().resumptions_refused, 0u) << seed << ": " << peer.ledger().last_refusal;
  }
}

TEST_F(GeminiTogetherTest, ConnectionThatEndsWithoutAGoAwayIsRecovered) {
  peers::GeminiLivePeer peer(loop_, {.connection_max = 60s, .go_away_before = 0s});
  voice::GeminiLiveClient client(loop_, {.url = peer.url(), .backoff = BackoffOptions{}});
  loop_.run([](voice::GeminiLiveClient& own) -> Task<> {
    co_await own.connect();
    co_await stream(own, 10min);
    co_await own.close();
    co_await sleep_for(1s);
  }(client));

  EXPECT_GE(client.counters().recoveries, 9u);
  EXPECT_EQ(client.counters().renewals, 0u);
  EXPECT_EQ(peer.ledger().deadlines_expired, client.counters().recoveries);
  EXPECT_EQ(peer.ledger().sessions_resumed, client.counters().recoveries);
  EXPECT_EQ(client.last_error(), "1011 Deadline expired before operation could complete.");
  EXPECT_EQ(client.counters().frames_sent, 15'000u);
}

TEST_F(GeminiTogetherTest, AHalfOpenConnectionIsNoticedAndReplacedOnce) {
  fault::Script faults([](std::uint64_t connection) {
    std::vector<fault::Fault> plan;
    if (connection == 1) {
      plan.push_back({.kind = fault::Kind::kHalfOpen, .after = 60s, .lasts = 10min});
    }
    return plan;
  });
  peers::GeminiLivePeer peer(loop_, {.connection_max = 1h, .faults = &faults});
  voice::GeminiLiveClient client(loop_, {.url = peer.url(), .backoff = BackoffOptions{}});
  std::uint64_t recovered_within_the_deadline = 0;
  loop_.run([](voice::GeminiLiveClient& own, std::uint64_t& recovered) -> Task<> {
    co_await own.connect();
    // A ping every 15 s, its pong missing for 35 s; then the session is still open for the provider, until after three
    // attempts a new one is begun.
    co_await stream(own, 60s + 15s + 35s + 20s);
    recovered = own.counters().recoveries;
    co_await stream(own, 13min);
    co_await own.close();
    co_await sleep_for(1s);
  }(client, recovered_within_the_deadline));

  EXPECT_EQ(recovered_within_the_deadline, 1u);
  EXPECT_EQ(client.counters().recoveries, 1u);
  EXPECT_EQ(client.counters().sessions, 2u);
  EXPECT_EQ(client.counters().sessions_resumed, 0u);
  EXPECT_EQ(peer.ledger().resumptions_refused, 3u);
  EXPECT_EQ(peer.ledger().sessions_open, 0u);  // The other end of it is gone, too.
  // What waited in the half-open connection was read when it was read again; what waited in the client was lost.
  EXPECT_GT(client.counters().frames_lost, 0u);
  EXPECT_EQ(peer.ledger().audio_frames_received, client.counters().frames_sent - client.counters().frames_lost);
}

TEST_F(GeminiTogetherTest, APongThatTakesHalfAMinuteIsNoLoss) {
  fault::Script faults([](std::uint64_t) {
    return std::vector<fault::Fault>{{.kind = fault::Kind::kStalledReader, .after = 60s, .lasts = 30s}};
  });
  peers::GeminiLivePeer peer(loop_, {.connection_max = 1h, .faults = &faults});
  voice::GeminiLiveClient client(loop_, {.url = peer.url()});
  loop_.run([](voice::GeminiLiveClient& own) -> Task<> {
    co_await own.connect();
    co_await stream(own, 3min);
    co_await own.close();
    co_await sleep_for(1s);
  }(client));

  EXPECT_EQ(faults.played(fault::Kind::kStalledReader), 1u);
  EXPECT_EQ(client.counters().sessions, 1u);
  EXPECT_EQ(peer.ledger().audio_frames_received, client.counters().frames_sent);
}

TEST_F(GeminiTogetherTest, SilenceAfterTheGoAwayCostsTheAnswerAndNoMore) {
  peers::GeminiLivePeer peer(
      loop_,
      {.response_audio = 30s, .pace = 1, .connection_max = 60s, .go_away_before = 20s, .silent_after_go_away = true});
  voice::GeminiLiveClient client(loop_, {.url = peer.url()});
  loop_.run([](voice::GeminiLiveClient& own) -> Task<> {
    co_await own.connect();
    co_await stream(own, 100s);
    co_await own.close();
    co_await sleep_for(1s);
  }(client));

  EXPECT_EQ(client.counters().renewals, 1u);
  EXPECT_EQ(client.counters().turns_lost, 1u);
  EXPECT_EQ(peer.ledger().deadlines_expired, 0u);
  EXPECT_EQ(peer.ledger().audio_frames_received, 2500u);
}

TEST_F(GeminiTogetherTest, MicrophoneInterruptsWhereItMay) {
  peers::GeminiLivePeer peer(loop_, {.response_audio = 10s});
  voice::GeminiLiveClient client(loop_, {.url = peer.url(), .interruptible = true});
  loop_.run([](voice::GeminiLiveClient& own) -> Task<> {
    co_await own.connect();
    co_await stream(own, 5s);
    co_await sleep_for(1s);
    EXPECT_EQ(own.counters().interruptions, 0u);
    co_await own.send_audio(kFrame);
    co_await sleep_for(1s);
    EXPECT_EQ(own.counters().interruptions, 1u);
    EXPECT_EQ(own.counters().responses_done, 1u);
    co_await own.close();
  }(client));

  EXPECT_EQ(peer.ledger().turns_interrupted, 1u);
  EXPECT_LT(client.counters().audio_bytes_received, 480'000u);
}

TEST_F(GeminiTogetherTest, NextClientCarriesTheSessionOn) {
  peers::GeminiLivePeer peer(loop_);
  std::string handle;
  for (int i = 0; i < 3; ++i) {
    voice::GeminiLiveClient client(loop_, {.url = peer.url(), .resumption_handle = handle});
    loop_.run([](voice::GeminiLiveClient& own) -> Task<> {
      co_await own.connect();
      co_await stream(own, 10s);
      co_await own.close();
      co_await sleep_for(1s);
    }(client));
    EXPECT_EQ(client.counters().sessions_resumed, i == 0 ? 0u : 1u);
    handle = client.resumption_handle();
  }

  EXPECT_EQ(peer.ledger().sessions_resumed, 2u);
}

TEST_F(GeminiTogetherTest, WrongKeyIsAnAuthenticationErrorInEachShape) {
  for (const auto answer : {peers::GeminiBadKeyAnswer::kCloseAfterSetup, peers::GeminiBadKeyAnswer::kHttp400,
                            peers::GeminiBadKeyAnswer::kHttp403}) {
    peers::GeminiLivePeer peer(loop_, {.api_key = "right", .bad_key = answer});
    voice::GeminiLiveClient client(loop_, {.url = peer.url(), .api_key = "wrong"});
    const Errc code = loop_.run([](voice::GeminiLiveClient& own) -> Task<Errc> {
      try {
        co_await own.connect();
      } catch (const Error& error) {
        co_return error.code();
      }
      co_return Errc::kSystem;
    }(client));
    EXPECT_EQ(code, Errc::kAuthentication);
  }
}

// The same over loopback.
TEST(GeminiTogetherOverLoopbackTest, RenewsItsConnection) {
  UvLoop loop;
  peers::GeminiLivePeer peer(loop, {.response_audio = 100ms, .connection_max = 5100ms, .go_away_before = 5s});
  voice::GeminiLiveClient client(loop, {.url = peer.url(), .stable_after = 50ms});
  loop.run([](voice::GeminiLiveClient& own) -> Task<> {
    co_await own.connect();
    // An answer may fall to a renewal, so it is asked for until one came through.
    for (int i = 0; i < 1000 && (i < 100 || own.counters().responses_done == 0); ++i) {
      co_await own.send_audio(kFrame);
      if (i >= 100) {
        co_await own.end_turn();
      }
      co_await sleep_for(10ms);
    }
    co_await own.close();
  }(client));

  EXPECT_GE(client.counters().renewals, 2u);
  EXPECT_GT(client.counters().responses_done, 0u);
  EXPECT_GT(client.counters().sessions_resumed, 0u);
  EXPECT_EQ(peer.ledger().audio_frames_received, client.counters().frames_sent);
  EXPECT_EQ(peer.ledger().deadlines_expired, 0u);
}

}  // namespace
}  // namespace soak
