// SPDX-License-Identifier: Apache-2.0
// Voice sessions, an hour each, with a reconnect every 90 seconds.

#include <gtest/gtest.h>

#include <chrono>

#include "soak/peers/openai_realtime_peer.h"
#include "soak/soak.h"
#include "soak/voice/microphone.h"
#include "soak/voice/openai_realtime.h"

namespace {

using namespace std::chrono_literals;

// A client that keeps its old socket, timer or reader task across a reconnect shows as a rising line. Beside the
// verdict, both ends must tell the same story: what one sent is what the other received.
SOAK_TEST(Voice, OpenAiRealtime) {
  soak::AsyncRun run({.duration = 60min, .reconnect_every = 90s, .rss_growth_max = 20 * soak::kMiB});
  soak::peers::OpenAiRealtimePeer peer(run.loop(), {.seed = run.seed()});
  std::uint64_t responses_received = 0;
  std::uint64_t audio_received = 0;

  run.drive([&](soak::Cycle& cycle) -> soak::Task<> {
    soak::voice::OpenAiRealtimeClient client(run.loop(), {.url = peer.url()});
    co_await client.connect();
    co_await soak::voice::stream_microphone(client, cycle, {.frame = 40ms});
    co_await client.close();
    responses_received += client.counters().responses_done;
    audio_received += client.counters().audio_bytes_received;
    EXPECT_EQ(client.counters().errors, 0u) << client.last_error();
    EXPECT_EQ(client.counters().unknown_events, 0u);
    EXPECT_EQ(client.counters().invalid_events, 0u);
  });

  EXPECT_SOAK(run);
  EXPECT_EQ(peer.ledger().audio_frames_received, run.counted_in_part("frames"));
  EXPECT_EQ(peer.ledger().sessions_opened, run.cycles_in_part());
  EXPECT_EQ(peer.ledger().sessions_lost, 0u);
  EXPECT_EQ(peer.ledger().sessions_open, 0u);
  if (run.elapsed() > 10s) {  // A smoke run is shorter than a turn.
    EXPECT_GT(responses_received, 0u);
    EXPECT_GT(audio_received, 0u);
  }
}

}  // namespace
