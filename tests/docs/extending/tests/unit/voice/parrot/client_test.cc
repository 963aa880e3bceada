// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <span>

#include "soak/event_loop.h"
#include "soak/peers/parrot_peer.h"
#include "soak/task.h"
#include "soak/voice/parrot.h"

namespace soak {
namespace {

TEST(ParrotClientTest, HearsWhatItSaid) {
  VirtualLoop loop;
  peers::ParrotPeer peer(loop);
  std::size_t heard = 0;
  voice::ParrotOptions options;
  options.url = peer.url();
  options.on_audio = [&heard](std::span<const std::byte> pcm) { heard += pcm.size(); };
  voice::ParrotClient client(loop, options);

  loop.run([](voice::Client& own) -> Task<> {
    constexpr std::array<std::byte, 640> kFrame{};
    co_await own.connect();
    co_await own.send_audio(kFrame);
    co_await own.send_audio(kFrame);
    co_await own.end_turn();
    co_await sleep_for(std::chrono::seconds{1});
    co_await own.close();
  }(client));

  EXPECT_EQ(heard, 1280u);
  EXPECT_EQ(client.counters().responses_done, 1u);
  EXPECT_EQ(client.counters().sessions_open, 0u);
}

}  // namespace
}  // namespace soak
