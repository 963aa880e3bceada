// SPDX-License-Identifier: Apache-2.0
// A provider that sends a minute of audio in a moment, and then stalls.

#include <gtest/gtest.h>
#include <malloc.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "soak/backoff.h"
#include "soak/event_loop.h"
#include "soak/fault/script.h"
#include "soak/task.h"
#include "tests/unit/voice/providers.h"

namespace soak {
namespace {

using namespace std::chrono_literals;

template <typename Provider>
class BurstTest : public testing::Test {
 protected:
  VirtualLoop loop_;
};
TYPED_TEST_SUITE(BurstTest, Providers, ProviderNames);

// All of it is taken, none of it is kept, what comes after it is understood, and the stall is noticed.
TYPED_TEST(BurstTest, AMinuteOfAudioAtOnceAndThenAStall) {
  static constexpr std::uint64_t kAudioBytes = std::uint64_t{60} * TypeParam::Client::kOutputRateHz * 2;
  fault::Script faults;
  typename TypeParam::FakeOptions peer_options;
  peer_options.response_audio = 60s;
  peer_options.pace = std::numeric_limits<double>::infinity();
  peer_options.faults = &faults;
  typename TypeParam::Fake peer(this->loop_, peer_options);
  typename TypeParam::ClientOptions options;
  options.url = peer.url();
  options.backoff = BackoffOptions{};
  std::uint64_t heard = 0;
  options.on_audio = [&heard](std::span<const std::byte> pcm) { heard += pcm.size(); };
  typename TypeParam::Client client(this->loop_, options);
  this->loop_.run([](EventLoop& loop, auto& own, fault::Script& script, const std::uint64_t& got) -> Task<> {
    const std::vector<std::byte> frame(4800);
    co_await own.connect();
    co_await own.send_audio(frame);
    co_await own.end_turn();
    const Instant asked = loop.now();
    while (got < kAudioBytes && loop.now() < asked + 1s) {
      co_await sleep_for(1ms);
    }
    EXPECT_EQ(got, kAudioBytes);
    co_await sleep_for(70s);  // Gemini's turn is over when it would have been heard.
    EXPECT_EQ(own.counters().responses_done, 1u);
    EXPECT_EQ(own.counters().recoveries, 0u);
    const std::size_t held_before = mallinfo2().uordblks;
    for (int i = 0; i < 2; ++i) {
      co_await own.send_audio(frame);
      co_await own.end_turn();
      co_await sleep_for(70s);
    }
    EXPECT_EQ(own.counters().responses_done, 3u);
    // Two more minutes, of which a client that keeps its audio would hold five megabytes. Under a sanitizer, which has
    // a heap of its own, this says nothing.
    EXPECT_LT(mallinfo2().uordblks, held_before + (std::size_t{1} << 20));
    co_await own.send_audio(frame);
    co_await own.end_turn();
    script.play_on_all({.kind = fault::Kind::kHalfOpen, .lasts = 80s});
    co_await sleep_for(70s);
    EXPECT_EQ(own.counters().recoveries, 1u);
    co_await own.send_audio(frame);
    co_await own.end_turn();
    co_await sleep_for(70s);
    EXPECT_EQ(own.counters().responses_done, 4u);
    co_await own.close();
    co_await sleep_for(2min);
  }(this->loop_, client, faults, heard));

  EXPECT_EQ(client.counters().invalid_events + client.counters().unknown_events, 0u);
  EXPECT_EQ(peer.ledger().sessions_open, 0u);
}

}  // namespace
}  // namespace soak
