// SPDX-License-Identifier: Apache-2.0
// Voice sessions, an hour each, with a reconnect every 90 seconds.

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "soak/peers/gemini_live_peer.h"
#include "soak/peers/openai_realtime_peer.h"
#include "soak/run_driver.h"
#include "soak/soak.h"
#include "soak/voice/gemini_live.h"
#include "soak/voice/microphone.h"
#include "soak/voice/openai_realtime.h"

namespace {

using namespace std::chrono_literals;

// A client that keeps its old socket, timer or reader task across a reconnect shows as a rising line. Beside the
// verdict, both ends must tell the same story: what one sent is what the other received. Sessions live for a minute, so
// that each cycle renews its own at least once.
SOAK_TEST(Voice, OpenAiRealtime) {
  soak::AsyncRun run({.duration = 60min, .reconnect_every = 90s, .rss_growth_max = 20 * soak::kMiB});
  soak::peers::OpenAiRealtimePeer peer(run.loop(), {.seed = run.seed(), .session_max = 60s});
  std::uint64_t renewals = 0;
  std::uint64_t responses_received = 0;
  std::uint64_t audio_received = 0;

  run.drive([&](soak::Cycle& cycle) -> soak::Task<> {
    soak::voice::OpenAiRealtimeClient client(run.loop(), {.url = peer.url()});
    co_await client.connect();
    co_await soak::voice::stream_microphone(client, cycle, {.frame = 40ms});
    co_await client.close();
    renewals += client.counters().renewals;
    responses_received += client.counters().responses_done;
    audio_received += client.counters().audio_bytes_received;
    EXPECT_EQ(client.counters().errors, 0u) << client.last_error();
    EXPECT_EQ(client.counters().unknown_events, 0u);
    EXPECT_EQ(client.counters().invalid_events, 0u);
  });

  EXPECT_SOAK(run);
  const soak::RunDriver driver(run);
  EXPECT_EQ(peer.ledger().audio_frames_received, driver.counted_in_part("frames"));
  EXPECT_EQ(peer.ledger().sessions_opened, driver.cycles_in_part() + renewals);
  EXPECT_EQ(peer.ledger().sessions_expired, 0u);  // Each was renewed in time.
  EXPECT_EQ(peer.ledger().sessions_lost, 0u);
  EXPECT_EQ(peer.ledger().sessions_open, 0u);
  if (run.elapsed() > 10s) {  // A smoke run is shorter than a turn.
    EXPECT_GT(responses_received, 0u);
    EXPECT_GT(audio_received, 0u);
  }
  if (run.elapsed() > 180s) {
    EXPECT_GT(renewals, 0u);
  }
}

// The same, and beside it what this provider does to a session: each connection is sent away once within a cycle, and
// every connection but the first, renewed or opened by the next client, carries the one session on.
SOAK_TEST(Voice, GeminiLive) {
  soak::AsyncRun run({.duration = 60min, .reconnect_every = 90s, .rss_growth_max = 20 * soak::kMiB});
  soak::peers::GeminiLivePeer peer(run.loop(), {.seed = run.seed(), .connection_max = 60s, .go_away_before = 10s});
  std::uint64_t renewals = 0;
  std::uint64_t responses_received = 0;
  std::uint64_t audio_received = 0;
  std::vector<std::string> handles(run.settings().sessions);

  run.drive([&](soak::Cycle& cycle) -> soak::Task<> {
    soak::voice::GeminiLiveClient client(run.loop(),
                                         {.url = peer.url(), .resumption_handle = handles[cycle.session()]});
    co_await client.connect();
    co_await soak::voice::stream_microphone(client, cycle, {.frame = 40ms});
    co_await client.close();
    handles[cycle.session()] = client.resumption_handle();
    renewals += client.counters().renewals;
    responses_received += client.counters().responses_done;
    audio_received += client.counters().audio_bytes_received;
    EXPECT_EQ(client.counters().errors, 0u) << client.last_error();
    EXPECT_EQ(client.counters().unknown_events, 0u);
    EXPECT_EQ(client.counters().invalid_events, 0u);
    EXPECT_EQ(client.counters().frames_dropped, 0u);
  });

  EXPECT_SOAK(run);
  const soak::RunDriver driver(run);
  const soak::peers::GeminiLiveLedger& ledger = peer.ledger();
  EXPECT_EQ(ledger.audio_frames_received, driver.counted_in_part("frames"));
  EXPECT_EQ(ledger.sessions_opened, driver.cycles_in_part() + renewals);
  EXPECT_EQ(ledger.sessions_resumed, ledger.sessions_opened - run.settings().sessions);
  EXPECT_EQ(ledger.connections_refused, 0u) << ledger.last_refusal;
  EXPECT_EQ(ledger.messages_refused, 0u) << ledger.last_refusal;
  EXPECT_EQ(ledger.deadlines_expired, 0u);  // Each was renewed in time.
  EXPECT_EQ(ledger.sessions_lost, 0u);
  EXPECT_EQ(ledger.sessions_open, 0u);
  if (run.elapsed() > 10s) {  // A smoke run is shorter than a turn.
    EXPECT_GT(responses_received, 0u);
    EXPECT_GT(audio_received, 0u);
  }
  if (run.elapsed() > 180s) {
    EXPECT_GT(renewals, 0u);
  }
}

}  // namespace
