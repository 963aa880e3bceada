// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <soak/peers/openai_realtime_peer.h>
#include <soak/soak.h>
#include <soak/voice/microphone.h>
#include <soak/voice/openai_realtime.h>

#include <chrono>

namespace {

using namespace std::chrono_literals;

SOAK_TEST(Voice, OpenAiRealtime) {
  // A slow machine needs a good part of 500 ms to connect.
  soak::AsyncRun run({.duration = 2s, .reconnect_every = 500ms, .open_floor = 0.5});
  soak::peers::OpenAiRealtimePeer peer(run.loop());
  run.drive([&](soak::Cycle& cycle) -> soak::Task<> {
    soak::voice::OpenAiRealtimeClient client(run.loop(), {.url = peer.url()});
    co_await client.connect();
    co_await soak::voice::stream_microphone(client, cycle, {.frame = 40ms});
    co_await client.close();
  });
  EXPECT_SOAK(run);
}

}  // namespace
