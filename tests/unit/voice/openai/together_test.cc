// SPDX-License-Identifier: Apache-2.0
// The OpenAI Realtime client and the fake, each made from the provider's documentation, on one wire.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "soak/error.h"
#include "soak/event_loop.h"
#include "soak/peers/openai_realtime_peer.h"
#include "soak/task.h"
#include "soak/voice/openai_realtime.h"

namespace soak {
namespace {

using namespace std::chrono_literals;

constexpr std::array<std::byte, 1920> kFrame{};

// Streams frames of 40 ms for `duration`, and asks for an answer every five seconds.
Task<> stream(voice::OpenAiRealtimeClient& client, std::chrono::nanoseconds duration) {
  const auto frames = duration / 40ms;
  for (std::int64_t i = 1; i <= frames; ++i) {
    co_await sleep_for(40ms);
    co_await client.send_audio(kFrame);
    if (i % 125 == 0) {
      co_await client.end_turn();
    }
  }
}

Task<> stream_a_session(voice::OpenAiRealtimeClient& client, std::chrono::nanoseconds duration) {
  co_await client.connect();
  Task<> streaming = stream(client, duration);
  co_await std::move(streaming);
  co_await sleep_for(3s);  // For the last answer.
  co_await client.close();
  co_await sleep_for(1s);
}

TEST(OpenAiTogetherTest, BothTellTheSameStory) {
  VirtualLoop loop;
  peers::OpenAiRealtimePeer peer(loop);
  voice::OpenAiRealtimeClient client(loop, {.url = peer.url()});
  loop.run(stream_a_session(client, 60s));

  EXPECT_EQ(client.counters().frames_sent, 1500u);
  EXPECT_EQ(peer.ledger().audio_frames_received, 1500u);
  EXPECT_EQ(client.counters().responses_done, 12u);
  EXPECT_EQ(peer.ledger().responses_done, 12u);
  EXPECT_EQ(client.counters().audio_bytes_received, peer.ledger().audio_bytes_sent);
  EXPECT_EQ(client.counters().audio_bytes_received, 12u * 96'000u);
  EXPECT_EQ(client.counters().unknown_events + client.counters().invalid_events + client.counters().errors, 0u);
  EXPECT_EQ(peer.ledger().sessions_open, 0u);
  EXPECT_EQ(peer.ledger().sessions_lost, 0u);
}

// Renewals and turns fall on the same instants, and the loop shuffles them.
TEST(OpenAiTogetherTest, TwoHoursAreStreamedThroughSessionsOfOne) {
  VirtualLoop loop({.seed = 7, .shuffle = true});
  peers::OpenAiRealtimePeer peer(loop, {.seed = 7});
  voice::OpenAiRealtimeClient client(loop, {.url = peer.url()});
  loop.run(stream_a_session(client, 2h));

  EXPECT_EQ(client.counters().renewals, 2u);
  EXPECT_EQ(client.counters().recoveries, 0u);
  EXPECT_EQ(client.counters().responses_lost, 0u);
  EXPECT_EQ(client.counters().errors, 0u) << client.last_error();
  EXPECT_EQ(client.counters().frames_sent, 180'000u);
  EXPECT_EQ(peer.ledger().audio_frames_received, 180'000u);
  EXPECT_EQ(peer.ledger().sessions_opened, 3u);
  EXPECT_EQ(peer.ledger().sessions_expired, 0u);  // Each was renewed in time.
  EXPECT_EQ(client.counters().responses_done, peer.ledger().responses_done);
}

TEST(OpenAiTogetherTest, SessionThatExpiresUnderTheClientIsCarriedOn) {
  // `expires_at` is cut to whole seconds, so that most of these have ended before they begin, by what they say.
  VirtualLoop loop;
  peers::OpenAiRealtimePeer peer(loop, {.session_max = 400ms});
  voice::OpenAiRealtimeClient client(loop, {.url = peer.url(), .stable_after = 100ms});
  loop.run(stream_a_session(client, 10s));

  EXPECT_GE(client.counters().renewals, 20u);
  EXPECT_EQ(client.counters().recoveries, 0u);
  EXPECT_GE(peer.ledger().sessions_expired, 10u);
  EXPECT_EQ(client.counters().errors, peer.ledger().sessions_expired);
  EXPECT_EQ(client.counters().frames_sent, 250u);
}

TEST(OpenAiTogetherTest, WrongKeyIsAnAuthenticationErrorInBothShapes) {
  for (const auto answer : {peers::BadKeyAnswer::kErrorEventThenClose, peers::BadKeyAnswer::kHttp401}) {
    VirtualLoop loop;
    peers::OpenAiRealtimePeer peer(loop, {.api_key = "right", .bad_key = answer});
    voice::OpenAiRealtimeClient client(loop, {.url = peer.url(), .api_key = "wrong", .backoff = BackoffOptions{}});
    const Errc code = loop.run([](voice::OpenAiRealtimeClient& own) -> Task<Errc> {
      try {
        co_await own.connect();
      } catch (const Error& error) {
        co_return error.code();
      }
      co_return Errc::kSystem;
    }(client));
    EXPECT_EQ(code, Errc::kAuthentication);
    EXPECT_EQ(peer.ledger().auth_failures, 1u);
  }
}

TEST(OpenAiTogetherTest, UserWhoSpeaksOverTheAnswerIsHeardByBoth) {
  std::vector<std::byte> loud(1920);
  for (std::size_t i = 1; i < loud.size(); i += 4) {
    loud[i] = std::byte{0x20};
  }
  VirtualLoop loop;
  peers::OpenAiRealtimePeer peer(loop, {.response_audio = 10s});
  std::string said;
  std::string answered;
  voice::OpenAiRealtimeOptions options{.url = peer.url(), .server_vad = true, .transcription_model = "whisper-1"};
  options.on_transcript = [&](const voice::Transcript& transcript) {
    if (!transcript.final) {
      return;
    }
    (transcript.speaker == voice::Transcript::Speaker::kUser ? said : answered) += transcript.text + "|";
  };
  voice::OpenAiRealtimeClient client(loop, options);
  loop.run([](voice::OpenAiRealtimeClient& own, const std::vector<std::byte>& speech) -> Task<> {
    co_await own.connect();
    // A second of speech, a second of silence: each turn falls into the answer to the one before.
    for (int i = 0; i < 500; ++i) {
      co_await sleep_for(40ms);
      co_await own.send_audio(i / 25 % 2 == 0 ? speech : std::span<const std::byte>(kFrame));
    }
    co_await own.close();
    co_await sleep_for(1s);
  }(client, loud));

  EXPECT_EQ(peer.ledger().turns_detected, 10u);
  EXPECT_EQ(client.counters().interruptions, 9u);
  EXPECT_EQ(peer.ledger().events_by_type.at("conversation.item.truncate"), 9u);
  EXPECT_EQ(peer.ledger().errors_sent, 0u) << client.last_error();  // Never truncated past what was sent.
  EXPECT_EQ(client.counters().responses_cancelled, peer.ledger().responses_cancelled);
  EXPECT_EQ(peer.ledger().responses_interrupted, peer.ledger().responses_cancelled);
  EXPECT_GT(peer.ledger().responses_cancelled, 0u);
  EXPECT_EQ(peer.ledger().transcripts_sent, 10u);
  EXPECT_EQ(std::count(said.begin(), said.end(), '|'), 10);
  EXPECT_EQ(static_cast<std::uint64_t>(std::count(answered.begin(), answered.end(), '|')),
            client.counters().responses_done);
  EXPECT_EQ(client.counters().unknown_events + client.counters().invalid_events, 0u);
}

TEST(OpenAiTogetherTest, ResponseWithoutTokensIsNoSilence) {
  VirtualLoop loop;
  peers::OpenAiRealtimePeer peer(loop, {.tokens_per_minute = 120});
  voice::OpenAiRealtimeClient client(loop, {.url = peer.url()});
  loop.run(stream_a_session(client, 5min));

  EXPECT_GT(client.counters().responses_failed, 0u);
  EXPECT_EQ(client.counters().responses_failed, peer.ledger().responses_failed);
  EXPECT_GT(client.counters().turns_held_back, client.counters().responses_failed);
  EXPECT_THAT(client.last_error(), testing::HasSubstr("tokens/rate_limit_exceeded: Rate limit reached"));
  ASSERT_EQ(client.rate_limits().size(), 1u);
  EXPECT_EQ(client.rate_limits()[0].limit, 120);
  EXPECT_EQ(client.counters().errors, 0u);
}

// The same over loopback.
TEST(OpenAiTogetherOverLoopbackTest, RenewsItsSession) {
  UvLoop loop;
  peers::OpenAiRealtimePeer peer(loop, {.session_max = 2500ms, .response_audio = 100ms});
  voice::OpenAiRealtimeClient client(
      loop, {.url = peer.url(), .stable_after = 50ms, .renewal_notice = 1900ms, .renewal_margin = 200ms});
  loop.run([](voice::OpenAiRealtimeClient& own) -> Task<> {
    co_await own.connect();
    for (int i = 0; i < 1000 && own.counters().renewals < 1; ++i) {
      co_await own.send_audio(kFrame);
      if (i % 10 == 9) {
        co_await own.end_turn();
      }
      co_await sleep_for(5ms);
    }
    co_await own.close();
  }(client));

  EXPECT_EQ(client.counters().renewals, 1u);
  EXPECT_EQ(peer.ledger().audio_frames_received, client.counters().frames_sent);
  EXPECT_EQ(peer.ledger().sessions_expired, 0u);
}

}  // namespace
}  // namespace soak
