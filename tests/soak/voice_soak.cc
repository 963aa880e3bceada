// SPDX-License-Identifier: Apache-2.0
// A session with each provider of voice, an hour, with a reconnect every 90 seconds.

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "soak/run_driver.h"
#include "soak/soak.h"
#include "soak/voice/microphone.h"
#include "tools/providers/voice_providers.h"

namespace {

using namespace std::chrono_literals;
using soak::tools::CarriesSessionsOn;

// What a fake counts beside what every fake does.
template <typename Ledger>
void expect_nothing_refused(const Ledger& ledger) {
  if constexpr (requires { ledger.connections_refused; }) {
    EXPECT_EQ(ledger.connections_refused, 0u) << to_string(ledger);
  }
  if constexpr (requires { ledger.messages_refused; }) {
    EXPECT_EQ(ledger.messages_refused, 0u) << to_string(ledger);
  }
  // Each connection was renewed in time.
  if constexpr (requires { ledger.sessions_expired; }) {
    EXPECT_EQ(ledger.sessions_expired, 0u);
  }
  if constexpr (requires { ledger.deadlines_expired; }) {
    EXPECT_EQ(ledger.deadlines_expired, 0u);
  }
}

// A client that keeps its old socket, timer or reader task across a reconnect shows as a rising line. Besides the
// verdict, both ends must agree: what one sent is what the other received. The fake ends connections after a minute, so
// each cycle renews its own at least once. Where sessions can be carried on, every connection but the first, renewed or
// opened by the next client, carries the one session on.
template <typename Provider>
void stream(const Provider& provider) {
  soak::AsyncRun run(
      {.duration = 60min, .reconnect_every = 90s, .rss_growth_max = 20 * soak::kMiB, .counts_exact = true});
  typename Provider::FakeOptions fake_options;
  fake_options.seed = run.seed();
  if (provider.end_connections_after != nullptr) {
    provider.end_connections_after(fake_options, 60s);
  }
  typename Provider::Fake fake(run.loop(), fake_options);
  std::uint64_t renewals = 0;
  std::uint64_t responses_received = 0;
  std::uint64_t audio_received = 0;
  std::vector<std::string> handles(run.settings().sessions);

  run.drive([&](soak::Cycle& cycle) -> soak::Task<> {
    typename Provider::ClientOptions options;
    options.url = fake.url();
    if constexpr (CarriesSessionsOn<Provider>) {
      options.resumption_handle = handles[cycle.session()];
    }
    typename Provider::Client client(run.loop(), options);
    co_await client.connect();
    co_await soak::voice::stream_microphone(client, cycle, {.frame = 40ms});
    co_await client.close();
    if constexpr (CarriesSessionsOn<Provider>) {
      handles[cycle.session()] = client.resumption_handle();
    }
    const soak::voice::ClientCounters& counters = client.counters();
    renewals += counters.renewals;
    responses_received += counters.responses_done;
    audio_received += counters.audio_bytes_received;
    EXPECT_EQ(counters.errors, 0u) << client.last_error();
    EXPECT_EQ(counters.unknown_events, 0u);
    EXPECT_EQ(counters.invalid_events, 0u);
    EXPECT_EQ(counters.frames_dropped, 0u);
  });

  EXPECT_SOAK(run);
  const soak::RunDriver driver(run);
  const auto& ledger = fake.ledger();
  EXPECT_EQ(ledger.audio_frames_received, driver.counted_in_part("frames"));
  EXPECT_EQ(ledger.sessions_opened, driver.cycles_in_part() + renewals);
  if constexpr (CarriesSessionsOn<Provider>) {
    EXPECT_EQ(ledger.sessions_resumed, ledger.sessions_opened - run.settings().sessions);
  }
  EXPECT_EQ(ledger.sessions_lost, 0u);
  EXPECT_EQ(ledger.sessions_open, 0u);
  expect_nothing_refused(ledger);
  if (run.elapsed() > 10s) {  // A smoke run is shorter than a turn.
    EXPECT_GT(responses_received, 0u);
    EXPECT_GT(audio_received, 0u);
  }
  if (run.elapsed() > 180s && provider.end_connections_after != nullptr) {
    EXPECT_GT(renewals, 0u);
  }
}

class Voice : public testing::TestWithParam<std::string> {};

SOAK_TEST_P(Voice, AgainstTheFake) {
  soak::tools::with_voice_provider(GetParam(), [](const auto& provider) { stream(provider); });
}

SOAK_INSTANTIATE_TEST_SUITE_P(, Voice, testing::ValuesIn(soak::tools::voice_provider_names()),
                              [](const auto& test) { return test.param; });

}  // namespace
