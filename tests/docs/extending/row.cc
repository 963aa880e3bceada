// SPDX-License-Identifier: Apache-2.0
// The provider of docs/extending.md, in a table like kVoiceProviders, and what its row can do.

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <tuple>
#include <vector>

#include "soak/event_loop.h"
#include "soak/peers/parrot_peer.h"
#include "soak/task.h"
#include "soak/voice/parrot.h"
#include "tools/providers/voice_providers.h"

namespace soak::tools {
namespace {

constexpr std::tuple kTable{
    VoiceProvider<voice::ParrotClient, voice::ParrotOptions, peers::ParrotPeer, peers::ParrotPeerOptions>{
        .name = "parrot",
        .title = "Parrot, which answers what was said",
        .key_variable = "PARROT_API_KEY",
        .url_variable = "SOAK_PARROT_URL"},
};

TEST(ExtendingTest, ThePagesProviderTalksToItsFake) {
  using Provider = std::tuple_element_t<0, decltype(kTable)>;
  VirtualLoop loop;
  Provider::Fake fake(loop, Provider::FakeOptions());
  Provider::ClientOptions options;
  options.url = fake.url();
  for (int cycle = 0; cycle < 3; ++cycle) {
    Provider::Client client(loop, options);
    loop.run([](voice::Client& own, std::size_t frame_bytes) -> Task<> {
      const std::vector<std::byte> frame(frame_bytes);
      co_await own.connect();
      for (int i = 0; i < 10; ++i) {
        co_await own.send_audio(frame);
      }
      co_await own.end_turn();
      co_await sleep_for(std::chrono::seconds{1});
      co_await own.close();
    }(client, Provider::input_bytes(std::chrono::milliseconds{40})));
    EXPECT_EQ(client.counters().responses_done, 1u);
    EXPECT_EQ(client.counters().errors, 0u) << client.last_error();
  }
  loop.run(fake.close());

  EXPECT_EQ(to_string(fake.ledger()), "sessions=3 lost=0 open=0 auth_failures=0 audio_frames=30");
  EXPECT_EQ(std::get<0>(kTable).name, "parrot");
  EXPECT_FALSE(CarriesSessionsOn<Provider>);
  EXPECT_FALSE(PlaysFaults<Provider>);
}

}  // namespace
}  // namespace soak::tools
