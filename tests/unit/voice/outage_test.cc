// SPDX-License-Identifier: Apache-2.0
// What happens to all clients of a provider at once: its network goes away, it is overloaded for a while, a key is
// rotated.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "soak/backoff.h"
#include "soak/error.h"
#include "soak/event_loop.h"
#include "soak/fault/script.h"
#include "soak/task.h"
#include "tests/unit/voice/providers.h"

namespace soak {
namespace {

using namespace std::chrono_literals;

constexpr std::array<std::byte, 1920> kFrame{};

template <typename Provider>
class OutageTest : public testing::Test {
 protected:
  VirtualLoop loop_;
};
TYPED_TEST_SUITE(OutageTest, Providers, ProviderNames);

// A hundred clients lose their connections at one instant, and find a provider that closes at once for twenty seconds.
TYPED_TEST(OutageTest, ClientsComeBackInNoWave) {
  constexpr std::size_t kClients = 100;
  std::vector<Instant> attempts;
  std::optional<Instant> since;
  fault::Script faults([&](std::uint64_t) {
    std::vector<fault::Fault> plan;
    if (!since) {
      return plan;
    }
    attempts.push_back(this->loop_.now());
    if (this->loop_.now() < *since + 20s) {
      plan.push_back({.kind = fault::Kind::kClose, .reason = "overloaded"});
    }
    return plan;
  });
  typename TypeParam::FakeOptions peer_options;
  peer_options.faults = &faults;
  typename TypeParam::Fake peer(this->loop_, peer_options);
  std::vector<std::unique_ptr<typename TypeParam::Client>> clients;
  for (std::size_t i = 0; i < kClients; ++i) {
    clients.push_back(std::make_unique<typename TypeParam::Client>(
        this->loop_, typename TypeParam::ClientOptions{.url = peer.url(), .backoff = BackoffOptions{}}));
  }
  this->loop_.run([](EventLoop& loop, auto& own, fault::Script& script, std::optional<Instant>& begun) -> Task<> {
    for (auto& client : own) {
      co_await client->connect();
    }
    co_await sleep_for(60s);
    begun = loop.now();
    script.play_on_all({.kind = fault::Kind::kReset});
    co_await sleep_for(90s);
    for (auto& client : own) {
      co_await client->close();
    }
    co_await sleep_for(10s);
  }(this->loop_, clients, faults, since));

  EXPECT_EQ(faults.played(fault::Kind::kReset), kClients);
  for (auto& client : clients) {
    EXPECT_EQ(client->counters().recoveries, 1u);
  }
  // Half a second, one, two, ... as long as it is of no use: five or six attempts each, and then one that is.
  EXPECT_LE(attempts.size(), 8 * kClients);
  // Those that are of use come in no wave: in no half second more than a third of them.
  std::vector<Instant> of_use;
  for (const Instant at : attempts) {
    if (at >= *since + 20s) {
      of_use.push_back(at);
    }
  }
  EXPECT_EQ(of_use.size(), kClients);
  for (std::size_t i = 0; i < of_use.size(); ++i) {
    const auto until = std::upper_bound(of_use.begin(), of_use.end(), of_use[i] + 500ms);
    EXPECT_LT(until - of_use.begin() - static_cast<std::ptrdiff_t>(i), static_cast<std::ptrdiff_t>(kClients / 3));
  }
  EXPECT_EQ(peer.ledger().sessions_open, 0u);
}

TYPED_TEST(OutageTest, ARotatedKeyIsOneFailureAndTheNextClientHasTheNewOne) {
  fault::Script faults;
  typename TypeParam::FakeOptions peer_options;
  peer_options.api_key = "first";
  peer_options.faults = &faults;
  typename TypeParam::Fake peer(this->loop_, peer_options);
  typename TypeParam::Client client(this->loop_, {.url = peer.url(), .api_key = "first", .backoff = BackoffOptions{}});
  typename TypeParam::Client next(this->loop_, {.url = peer.url(), .api_key = "second", .backoff = BackoffOptions{}});
  this->loop_.run([](auto& own, auto& following, auto& own_peer, fault::Script& script) -> Task<> {
    co_await own.connect();
    own_peer.set_api_key("second");
    co_await own.send_audio(kFrame);  // The session goes on.
    script.play_on_all({.kind = fault::Kind::kReset});
    std::optional<Errc> code;
    try {
      for (int i = 0; i < 1000; ++i) {
        co_await own.send_audio(kFrame);
        co_await sleep_for(100ms);
      }
    } catch (const Error& error) {
      code = error.code();
    }
    EXPECT_EQ(code, Errc::kAuthentication);
    co_await sleep_for(10min);  // In which it does not come back.
    co_await own.close();
    co_await following.connect();
    co_await following.close();
  }(client, next, peer, faults));

  EXPECT_EQ(peer.ledger().auth_failures, 1u);
  EXPECT_EQ(next.counters().sessions, 1u);
}

}  // namespace
}  // namespace soak
