// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TESTS_SOAK_VOICE_FIXTURE_H_
#define SOAK_TESTS_SOAK_VOICE_FIXTURE_H_

// A minute of a voice client that reconnects every second, for soaks of what a client may and may not do.

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>

#include "soak/peers/openai_realtime_peer.h"
#include "soak/soak.h"
#include "soak/voice/microphone.h"
#include "soak/voice/openai_realtime.h"

namespace soak::tests {

// What the client does beside its work. Either may be empty.
struct Habits {
  std::function<void(std::uint64_t reconnect)> at_connect = {};  // Once connected; the first is 0.
  std::function<void(std::span<const std::byte> pcm)> at_frame = {};
};

class VoiceSoak : public testing::Test {
 protected:
  static RunOptions five_minutes() {
    return {.duration = std::chrono::minutes{5}, .reconnect_every = std::chrono::seconds{1}, .counts_exact = true};
  }

  static void drive(AsyncRun& run, const Habits& habits) {
    peers::OpenAiRealtimePeer peer(run.loop());
    run.drive([&](Cycle& cycle) -> Task<> {
      Client client(run.loop(), peer.url(), habits);
      co_await client.connect();
      if (habits.at_connect) {
        habits.at_connect(cycle.number());
      }
      co_await voice::stream_microphone(client, cycle);
      co_await client.close();
    });
  }

 private:
  class Client : public voice::OpenAiRealtimeClient {
   public:
    Client(EventLoop& loop, const std::string& url, const Habits& habits)
        : OpenAiRealtimeClient(loop, {.url = url}), habits_(habits) {}

    Task<> send_audio(std::span<const std::byte> pcm) override {
      if (habits_.at_frame) {
        habits_.at_frame(pcm);
      }
      co_await OpenAiRealtimeClient::send_audio(pcm);
    }

   private:
    const Habits& habits_;
  };
};

}  // namespace soak::tests

#endif  // SOAK_TESTS_SOAK_VOICE_FIXTURE_H_
