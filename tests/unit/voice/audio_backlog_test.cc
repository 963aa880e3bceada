// SPDX-License-Identifier: Apache-2.0
// A microphone that does not wait, and a provider that does not read: what is dropped is the oldest, and counted.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "lib/text/base64.h"
#include "soak/backoff.h"
#include "soak/error.h"
#include "soak/event_loop.h"
#include "soak/fault/script.h"
#include "soak/task.h"
#include "tests/unit/voice/openai/fixture.h"
#include "tests/unit/voice/providers.h"

namespace soak {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr std::size_t kFrameBytes = 4800;

// Sends a frame each 100 ms without ever waiting.
template <typename Client>
Task<> speak(EventLoop& loop, Client& client, int frames) {
  const std::vector<std::byte> frame(kFrameBytes);
  for (int i = 0; i < frames; ++i) {
    const Instant before = loop.now();
    co_await client.send_audio(frame);
    EXPECT_EQ(loop.now(), before);
    co_await sleep_for(100ms);
  }
}

template <typename Provider>
class AudioBacklogTest : public testing::Test {
 protected:
  AudioBacklogTest() {
    options_.backlog = 2s;
    options_.ping_interval = 0s;  // Or the stalled connection would be replaced.
    peer_options_.faults = &faults_;
    std::get<Provider>(tools::kVoiceProviders).end_connections_after(peer_options_, 2h);  // Nor is it renewed.
  }

  // The frames that the client's backlog may hold.
  static constexpr std::uint64_t kHeld = 2 * Provider::Client::kInputRateHz * 2 / kFrameBytes;

  VirtualLoop loop_;
  fault::Script faults_;
  typename Provider::FakeOptions peer_options_;
  typename Provider::ClientOptions options_;
};
TYPED_TEST_SUITE(AudioBacklogTest, Providers, ProviderNames);

TYPED_TEST(AudioBacklogTest, IsEmptyWhileTheProviderReads) {
  typename TypeParam::Fake peer(this->loop_, this->peer_options_);
  this->options_.url = peer.url();
  typename TypeParam::Client client(this->loop_, this->options_);
  this->loop_.run([](EventLoop& loop, auto& own) -> Task<> {
    co_await own.connect();
    Task<> speaking = speak(loop, own, 50);
    co_await std::move(speaking);
    co_await own.end_turn();
    co_await sleep_for(10s);
    co_await own.close();
  }(this->loop_, client));

  EXPECT_EQ(client.counters().frames_sent, 50u);
  EXPECT_EQ(client.counters().frames_dropped, 0u);
  EXPECT_EQ(client.counters().responses_done, 1u);
  EXPECT_EQ(peer.ledger().audio_frames_received, 50u);
}

TYPED_TEST(AudioBacklogTest, DropsTheOldestOfAProviderThatDoesNotReadAndGoesOnAfterwards) {
  typename TypeParam::Fake peer(this->loop_, this->peer_options_);
  this->options_.url = peer.url();
  typename TypeParam::Client client(this->loop_, this->options_);
  this->loop_.run([](EventLoop& loop, auto& own, fault::Script& faults) -> Task<> {
    co_await own.connect();
    co_await sleep_for(1s);
    faults.play_on_all({.kind = fault::Kind::kStalledReader, .lasts = 20min});
    Task<> speaking = speak(loop, own, 10'000);
    co_await std::move(speaking);
    EXPECT_GT(own.counters().frames_dropped, 5000u);
    // Nothing but the backlog is between what was given and what was sent or dropped, and the frame at hand.
    const std::uint64_t known = own.counters().frames_sent + own.counters().frames_dropped;
    EXPECT_LE(10'000 - known, AudioBacklogTest<TypeParam>::kHeld + 1);
    EXPECT_GE(10'000 - known, AudioBacklogTest<TypeParam>::kHeld - 1);
    co_await sleep_for(10min);  // It is read again, all of it.
    EXPECT_EQ(own.counters().frames_sent + own.counters().frames_dropped, 10'000u);
    co_await own.end_turn();
    co_await sleep_for(10s);
    EXPECT_EQ(own.counters().responses_done, 1u);
    co_await own.close();
  }(this->loop_, client, this->faults_));

  EXPECT_EQ(peer.ledger().audio_frames_received, client.counters().frames_sent);
}

TYPED_TEST(AudioBacklogTest, HoldsWhatIsSaidWhileTheConnectionIsReplaced) {
  this->options_.backoff = BackoffOptions{.initial = 1s, .max = 1s};
  typename TypeParam::Fake peer(this->loop_, this->peer_options_);
  this->options_.url = peer.url();
  typename TypeParam::Client client(this->loop_, this->options_);
  this->loop_.run([](EventLoop& loop, auto& own, fault::Script& faults) -> Task<> {
    co_await own.connect();
    Task<> speaking = speak(loop, own, 10);
    co_await std::move(speaking);
    faults.play_on_all({.kind = fault::Kind::kReset});
    Task<> speaking_on = speak(loop, own, 50);
    co_await std::move(speaking_on);
    EXPECT_EQ(own.counters().recoveries, 1u);
    EXPECT_EQ(own.counters().frames_sent, 60u);
    EXPECT_EQ(own.counters().frames_dropped, 0u);
    co_await own.close();
  }(this->loop_, client, this->faults_));

  EXPECT_EQ(peer.ledger().audio_frames_received + client.counters().frames_lost, 60u);
}

TYPED_TEST(AudioBacklogTest, ClosedInTheMiddleItCountsTheRestAsDropped) {
  typename TypeParam::Fake peer(this->loop_, this->peer_options_);
  this->options_.url = peer.url();
  typename TypeParam::Client client(this->loop_, this->options_);
  this->loop_.run([](EventLoop& loop, auto& own, fault::Script& faults) -> Task<> {
    co_await own.connect();
    faults.play_on_all({.kind = fault::Kind::kStalledReader, .lasts = 20min});
    Task<> speaking = speak(loop, own, 1000);
    co_await std::move(speaking);
    const Instant before = loop.now();
    co_await own.close();
    EXPECT_LE(loop.now() - before, 4s);
    EXPECT_EQ(own.counters().frames_sent + own.counters().frames_dropped, 1000u);
    std::string what;
    try {
      const std::vector<std::byte> frame(kFrameBytes);
      co_await own.send_audio(frame);
    } catch (const Error& error) {
      what = error.what();
    }
    EXPECT_THAT(what, HasSubstr("close() was called"));
  }(this->loop_, client, this->faults_));
}

TYPED_TEST(AudioBacklogTest, SaysThatTheConnectionIsOver) {
  typename TypeParam::Fake peer(this->loop_, this->peer_options_);
  this->options_.url = peer.url();
  typename TypeParam::Client client(this->loop_, this->options_);  // Without backoff.
  this->loop_.run([](auto& own, fault::Script& faults) -> Task<> {
    co_await own.connect();
    faults.play_on_all({.kind = fault::Kind::kReset});
    const std::vector<std::byte> frame(kFrameBytes);
    std::optional<Errc> code;
    for (int i = 0; i < 10 && !code; ++i) {
      try {
        co_await own.send_audio(frame);
      } catch (const Error& error) {
        code = error.code();
      }
      co_await sleep_for(100ms);
    }
    EXPECT_EQ(code, Errc::kConnectionClosed);
    co_await own.close();
  }(client, this->faults_));
}

}  // namespace

namespace voice {
namespace {

class AudioBacklogOrderTest : public OpenAiClientTest {};

// Frame i says i, in the order in which they were given, without those that were too old.
TEST_F(AudioBacklogOrderTest, KeepsTheNewestAndTheEndsOfTurns) {
  options_.backlog = 1s;  // Ten frames.
  options_.ping_interval = 0s;
  const Script deaf = [](Connection& connection) -> Task<> {
    co_await begin(connection);
    co_await sleep_for(10min);  // Reads nothing meanwhile.
  };
  play(deaf, [](OpenAiRealtimeClient& client) -> Task<> {
    co_await client.connect();
    for (int i = 0; i < 2000; ++i) {
      const std::vector<std::byte> frame(kFrameBytes, static_cast<std::byte>(i % 256));
      co_await client.send_audio(frame);
      if (i == 1994) {
        co_await client.end_turn();
      }
      co_await sleep_for(100ms);
    }
    co_await sleep_for(10min);
    EXPECT_GT(client.counters().frames_dropped, 0u);
    co_await client.close();
  });

  std::vector<std::string> last;
  for (const std::string& event : connections_[0]->received) {
    std::string type = text_at(event, "type");
    last.push_back(type == "input_audio_buffer.append" ? text_at(event, "audio").substr(0, 4) : type);
  }
  ASSERT_GT(last.size(), 12u);
  last.erase(last.begin(), last.end() - 12);
  std::vector<std::string> expected;
  for (int i = 1990; i < 2000; ++i) {
    expected.emplace_back();
    text::append_base64(expected.back(), std::vector<std::byte>(3, static_cast<std::byte>(i % 256)));
    if (i == 1994) {
      expected.insert(expected.end(), {"input_audio_buffer.commit", "response.create"});
    }
  }
  EXPECT_EQ(last, expected);
}

}  // namespace
}  // namespace voice
}  // namespace soak
