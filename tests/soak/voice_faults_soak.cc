// SPDX-License-Identifier: Apache-2.0
// Voice clients under every fault of a script, over loopback. In each cycle a storm passes over a dozen of them, and
// then there is a moment of rest, in which all who count must come to the same number: the clients' gauges, the fake's
// ledger, and the kernel's connections, at either end.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iomanip>
#include <memory>
#include <random>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "soak/fault/script.h"
#include "soak/run_driver.h"
#include "soak/soak.h"
#include "tools/providers/voice_providers.h"

namespace {

using namespace std::chrono_literals;
using soak::fault::Fault;
using soak::fault::Kind;
using std::chrono::nanoseconds;

constexpr std::size_t kClients = 12;
constexpr nanoseconds kRestWithin = 20s;  // After the storm: what is half-open is noticed, and replaced.
constexpr std::chrono::milliseconds kFrame = 100ms;

// What is to happen to each connection that is accepted while it rages.
class Storm {
 public:
  explicit Storm(std::uint64_t seed) : random_(seed) {}

  void begin(nanoseconds lasts) {
    raging_ = true;
    lasts_ = lasts;
  }
  void end() { raging_ = false; }

  // Of a short one nobody waits for the end of a half-open connection.
  Fault fault(std::size_t number) const {
    constexpr std::array kQuick = {Kind::kReset, Kind::kClose, Kind::kUnknown, Kind::kNotJson};
    Fault fault;
    fault.kind = lasts_ < 2s ? kQuick[number % kQuick.size()] : static_cast<Kind>(number % soak::fault::kKinds);
    fault.lasts = fault.kind == Kind::kHalfOpen ? 4s : 1s;
    fault.bytes = std::size_t{256} << 10;
    fault.reason = "overloaded";
    return fault;
  }

  std::vector<Fault> operator()(std::uint64_t) {
    std::vector<Fault> plan;
    for (int i = 0; raging_ && i < 2; ++i) {
      plan.push_back(fault(random_()));
      plan.back().after = lasts_ / 16 * static_cast<int>(random_() % 4);
    }
    return plan;
  }

 private:
  std::mt19937_64 random_;
  bool raging_ = false;
  nanoseconds lasts_{0};
};

// Both ends of the connections to a port of 127.0.0.1 that the kernel takes for established.
struct Established {
  std::size_t at_server = 0;
  std::size_t at_clients = 0;
};

Established established(std::uint16_t port) {
  std::ostringstream address;
  address << "0100007F:" << std::hex << std::uppercase << std::setw(4) << std::setfill('0') << port;
  std::ifstream table("/proc/net/tcp");
  std::string line;
  Established found;
  while (std::getline(table, line)) {
    std::istringstream fields(line);
    std::string slot;
    std::string local;
    std::string remote;
    std::string state;
    fields >> slot >> local >> remote >> state;
    if (state != "01") {
      continue;
    }
    if (local == address.str()) {
      ++found.at_server;
    }
    if (remote == address.str()) {
      ++found.at_clients;
    }
  }
  return found;
}

template <typename Provider>
class Rest {
 public:
  using Clients = std::vector<std::unique_ptr<typename Provider::Client>>;

  Rest(soak::AsyncRun& run, const typename Provider::Fake& peer) : run_(run), peer_(peer) {}

  // Waits until all counts are `count`, and are still a little later.
  soak::Task<bool> reach(const Clients& clients, std::size_t count) {
    const nanoseconds until = run_.elapsed() + kRestWithin;
    for (int agreed = 0; agreed < 4 && run_.elapsed() < until;) {
      co_await soak::sleep_for(50ms);
      read(clients);
      agreed = gauge_ == count && ledger_ == count && kernel_.at_server == count && kernel_.at_clients == count
                   ? agreed + 1
                   : 0;
      if (agreed == 4) {
        co_return true;
      }
    }
    ADD_FAILURE() << "no rest within " << kRestWithin / 1s << " s of the storm: " << count
                  << " sessions expected; gauge " << gauge_ << ", ledger " << ledger_ << ", kernel "
                  << kernel_.at_server << " at the server and " << kernel_.at_clients << " at the clients";
    co_return false;
  }

 private:
  void read(const Clients& clients) {
    gauge_ = 0;
    for (const auto& client : clients) {
      gauge_ += client->counters().sessions_open;
    }
    ledger_ = peer_.ledger().sessions_open;
    // On a virtual clock there is no kernel between them.
    kernel_ = run_.loop().is_virtual() ? Established{ledger_, ledger_} : established(peer_.port());
  }

  soak::AsyncRun& run_;
  const typename Provider::Fake& peer_;
  std::size_t gauge_ = 0;
  std::size_t ledger_ = 0;
  Established kernel_;
};

template <typename Provider>
soak::Task<> speak(typename Provider::Client& client, soak::Event& over) {
  const std::vector<std::byte> frame(Provider::input_bytes(kFrame));
  int frames = 0;
  while (!co_await over.wait_for(kFrame)) {
    co_await client.send_audio(frame);
    if (++frames % 20 == 0) {
      co_await client.end_turn();
    }
  }
}

template <typename Provider>
void survive(const Provider& provider) {
  soak::AsyncRun run({.duration = 10min,
                      .reconnect_every = 30s,
                      .rss_growth_max = 20 * soak::kMiB,
                      .heap_per_cycle_max = kClients * 16 * soak::kKiB,  // A cycle is that of a dozen clients.
                      .counts_exact = true});
  soak::RunDriver driver(run);
  driver.describe("VOICE FAULTS SOAK / " + std::string(provider.name), "storm");
  Storm storm(run.seed());
  soak::fault::Script faults([&storm](std::uint64_t connection) { return storm(connection); });
  typename Provider::FakeOptions peer_options;
  peer_options.seed = run.seed();
  peer_options.faults = &faults;
  typename Provider::Fake peer(run.loop(), peer_options);
  typename Provider::ClientOptions options;
  options.url = peer.url();
  options.backoff = soak::BackoffOptions{.initial = 50ms, .max = 1s};
  options.attempts_max = 1000;
  options.setup_timeout = 2s;
  options.ping_interval = 500ms;
  options.ping_timeout = 2s;
  std::uint64_t sent = 0;
  std::uint64_t lost = 0;
  std::uint64_t unconfirmed = 0;
  std::uint64_t recoveries = 0;

  run.drive([&](soak::Cycle& cycle) -> soak::Task<> {
    typename Rest<Provider>::Clients clients;
    Rest<Provider> rest(run, peer);
    for (std::size_t i = 0; i < kClients; ++i) {
      clients.push_back(std::make_unique<typename Provider::Client>(run.loop(), options));
      co_await clients.back()->connect();
    }
    soak::Event over;
    soak::TaskGroup speakers(run.loop());
    for (std::size_t i = 0; i < kClients; ++i) {
      speakers.start({"speaker", i}, speak<Provider>(*clients[i], over));
    }

    const nanoseconds lasts = std::max<nanoseconds>((cycle.ends_at() - run.elapsed()) * 2 / 5, 100ms);
    storm.begin(lasts);
    faults.play_on_all(storm.fault(cycle.number()));
    co_await soak::sleep_for(lasts / 2);
    faults.play_on_all(storm.fault(cycle.number() + soak::fault::kKinds / 2));
    co_await soak::sleep_for(lasts / 2);
    storm.end();

    soak::Task<bool> resting = rest.reach(clients, kClients);
    if (co_await std::move(resting)) {
      run.count("rests");
    }
    over.set();
    const soak::DrainResult spoken = co_await soak::drain(speakers);
    EXPECT_EQ(spoken.cancelled + spoken.forced + spoken.failed, 0u);
    for (const auto& client : clients) {
      co_await client->close();
      sent += client->counters().frames_sent;
      lost += client->counters().frames_lost;
      unconfirmed += client->counters().frames_unconfirmed;
      recoveries += client->counters().recoveries;
    }
    soak::Task<bool> ending = rest.reach(clients, 0);
    if (co_await std::move(ending)) {
      run.count("ends");
    }
    const nanoseconds left = cycle.ends_at() - run.elapsed();
    if (left > 0s) {
      co_await soak::sleep_for(left);
    }
  });

  EXPECT_SOAK(run);
  EXPECT_EQ(driver.counted_in_part("rests"), driver.cycles_in_part());
  EXPECT_EQ(driver.counted_in_part("ends"), driver.cycles_in_part());
  EXPECT_GT(driver.cycles_in_part(), 0u);
  EXPECT_GT(recoveries, 0u);
  // No frame is lost without being counted.
  EXPECT_LE(peer.ledger().audio_frames_received + lost, sent);
  EXPECT_GE(peer.ledger().audio_frames_received + lost + unconfirmed, sent);
  EXPECT_EQ(peer.ledger().sessions_opened, peer.ledger().sessions_closed);
  if (run.elapsed() < 5min) {
    return;
  }
  for (std::size_t kind = 0; kind < soak::fault::kKinds; ++kind) {
    EXPECT_GT(faults.played(static_cast<Kind>(kind)), 0u) << soak::fault::to_string(static_cast<Kind>(kind));
  }
}

class VoiceFaults : public testing::TestWithParam<std::string> {};

SOAK_TEST_P(VoiceFaults, AreRecoveredFrom) {
  soak::tools::with_voice_provider(GetParam(), []<typename Provider>(const Provider& provider) {
    if constexpr (soak::tools::PlaysFaults<Provider>) {
      survive(provider);
    }
  });
}

SOAK_INSTANTIATE_TEST_SUITE_P(, VoiceFaults, testing::ValuesIn(soak::tools::voice_providers_that_play_faults()),
                              [](const auto& test) { return test.param; });

}  // namespace
