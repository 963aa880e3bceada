// SPDX-License-Identifier: Apache-2.0
// A virtual hour with all faults at once, drawn from a seed: stores that fail, hang before or after they stored, are
// slow, reset, or are away for minutes; clients that close, vanish, fall silent, stop reading, or send what is no
// frame; and a deploy in the middle of it. Whatever happens, no session outlives its connection by more than drain and
// grace, and every byte that was accepted is stored, or dropped and counted.
//
// PUSHER_FAULT_SEEDS sets how many seeds are run, PUSHER_FAULT_SEED runs that one alone.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "pusher/pusher.h"
#include "soak/error.h"
#include "soak/event_loop.h"
#include "soak/log.h"
#include "soak/task.h"
#include "tests/examples/pusher/listen_client.h"
#include "tests/examples/pusher/store_peer.h"

namespace pusher::tests {
namespace {

using namespace std::chrono_literals;
using soak::Task;
using testing::IsEmpty;

constexpr int kClients = 4;
constexpr auto kHour = 60min;

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* const text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// One hour of one seed.
class Hour {
 public:
  explicit Hour(std::uint64_t seed) : loop_({.seed = seed, .shuffle = true}), random_(seed), stores_(loop_) {
    options_.stores.url = stores_.url();
    options_.stores.timeout = pick<std::chrono::nanoseconds>({5s, 60s, 24h});
    options_.user.integrations = 2;
    stores_.record = false;
    stores_.script = [this](const StorePeer::Request&) { return answer(); };
    for (std::unique_ptr<Pusher>& instance : instances_) {
      instance = std::make_unique<Pusher>(loop_, options_);
    }
  }

  void play() { loop_.run(everything()); }

  void check() const {
    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(instances_[i]->active(), 0);
      EXPECT_EQ(instances_[i]->open_connections(), 0u);
      EXPECT_LE(reports_[i].took, options_.limits.drain_timeout + options_.limits.drain_grace);
      EXPECT_TRUE(reports_[i].sessions.unresponsive.empty());
    }
    LedgerTotals both;
    both.add(instances_[0]->ledger());
    both.add(instances_[1]->ledger());
    EXPECT_THAT(disagreements(both, stores_), IsEmpty());
    EXPECT_EQ(ghosts_, 0u);
    EXPECT_GT(sessions_, 10u);  // It was no hour in which nothing happened.
    EXPECT_GT(instances_[0]->ledger().stored(Sink::kPrivateCloud).bytes, 0u);
    EXPECT_GT(instances_[0]->ledger().dropped(Sink::kPrivateCloud).bytes +
                  instances_[1]->ledger().dropped(Sink::kPrivateCloud).bytes,
              0u);
  }

 private:
  std::uint64_t below(std::uint64_t most) { return std::uniform_int_distribution<std::uint64_t>(0, most - 1)(random_); }
  std::chrono::nanoseconds up_to(std::chrono::seconds most) {
    return std::chrono::milliseconds(below(static_cast<std::uint64_t>(most.count()) * 1000) + 1);
  }
  template <typename T>
  T pick(std::vector<T> of) {
    return of[below(of.size())];
  }

  StoreAnswer answer() {
    if (loop_.now() < away_until_) {
      return away_;
    }
    switch (below(50)) {
      case 0:
        return StoreAnswer::kHang;
      case 1:
        return StoreAnswer::kStoreAndHang;
      case 2:
        return StoreAnswer::kReset;
      case 3:
      case 4:
        return StoreAnswer::kFail;
      case 5:
        return StoreAnswer::kGone;
      case 6:
      case 7:
        return StoreAnswer::kSlow;
      default:
        return StoreAnswer::kStore;
    }
  }

  // Twice or so the stores are away for minutes.
  Task<> outages() {
    while (loop_.elapsed() < kHour) {
      co_await soak::sleep_for(10min + up_to(600s));
      away_ = pick<StoreAnswer>({StoreAnswer::kHang, StoreAnswer::kFail, StoreAnswer::kReset, StoreAnswer::kSlow});
      away_until_ = loop_.now() + up_to(300s);
    }
  }

  Task<> serve(int number) { reports_[number] = co_await instances_[number]->run(); }

  Task<> deploy() {
    co_await soak::sleep_for(25min + up_to(600s));
    current_ = 1;
    instances_[0]->stop();
  }

  // Sessions whose connection has ended for longer than drain and grace allow.
  Task<> watch() {
    std::vector<std::uint64_t> before;
    int instance = current_;
    while (loop_.elapsed() < kHour) {
      co_await soak::sleep_for(36s);
      if (std::exchange(instance, current_) != current_) {
        before.clear();  // The numbers of the next instance are others.
      }
      std::vector<std::uint64_t> now = instances_[current_]->sessions_without_connection();
      for (const std::uint64_t session : now) {
        ghosts_ += std::find(before.begin(), before.end(), session) != before.end() ? 1U : 0U;
      }
      before = std::move(now);
    }
  }

  Task<> client(int number) {
    while (loop_.elapsed() < kHour) {
      try {
        co_await session(number);
      } catch (const soak::Error&) {
        // The service has ended it, or is not there: the next one comes.
      }
      co_await soak::sleep_for(up_to(60s));
    }
  }

  Task<> session(int number) {
    ListenOptions options;
    options.frame = 2s;
    options.conversation = "c" + std::to_string(number);
    ListenClient client = co_await ListenClient::connect(loop_, instances_[current_]->url(), std::move(options));
    ++sessions_;
    co_await client.stream(up_to(300s));
    const Finalize finalize{"c" + std::to_string(number), "en", "null", std::to_string(below(5)), 0};
    co_await client.send(finalize);
    switch (below(5)) {
      case 0:
        co_await client.close();
        break;
      case 1:
        client.vanish();
        break;
      case 2:  // Silent, and then still there or not.
        co_await soak::sleep_for(up_to(400s));
        break;
      case 3: {
        const std::string noise(below(64), '\x7F');
        co_await client.send_bytes(noise);
        const soak::net::CloseStatus status = co_await client.closed();
        static_cast<void>(status);
        break;
      }
      default:  // Hangs.
        client.socket().set_reading(false);
        co_await client.send(finalize);
        co_await soak::sleep_for(up_to(100s));
        break;
    }
  }

  Task<> everything() {
    soak::TaskGroup world(loop_);
    soak::TaskGroup services(loop_);
    services.start({"service", 0}, serve(0), soak::TaskKind::kFinite);
    services.start({"service", 1}, serve(1), soak::TaskKind::kFinite);
    world.start("outages", outages(), soak::TaskKind::kFinite);
    world.start("deploy", deploy(), soak::TaskKind::kFinite);
    world.start("watch", watch(), soak::TaskKind::kFinite);
    for (int i = 0; i < kClients; ++i) {
      world.start({"client", i}, client(i), soak::TaskKind::kFinite);
    }
    Task<soak::DrainResult> hour = soak::drain(world, {.timeout = 3h});
    const soak::DrainResult played = co_await std::move(hour);
    EXPECT_TRUE(played.clean());
    instances_[1]->stop();
    Task<soak::DrainResult> stopping = soak::drain(services, {.timeout = 5min});
    const soak::DrainResult stopped = co_await std::move(stopping);
    EXPECT_TRUE(stopped.clean());
    stores_.release_hung();
    co_await soak::sleep_for(1s);
  }

  soak::VirtualLoop loop_;
  std::mt19937_64 random_;
  StorePeer stores_;
  PusherOptions options_;
  std::unique_ptr<Pusher> instances_[2];
  ShutdownReport reports_[2];
  int current_ = 0;
  soak::Instant away_until_{};
  StoreAnswer away_ = StoreAnswer::kHang;
  std::uint64_t sessions_ = 0;
  std::uint64_t ghosts_ = 0;
};

TEST(FaultsTest, NoSeedOfAnHourWithAllFaultsIsUnbalancedOrGhosted) {
  const std::uint64_t only = number_from("PUSHER_FAULT_SEED", 0);
  const std::uint64_t first = only == 0 ? 1 : only;
  const std::uint64_t count = only == 0 ? number_from("PUSHER_FAULT_SEEDS", 3) : 1;
  soak::set_log_sink([](const soak::LogRecord&) {});
  for (std::uint64_t seed = first; seed < first + count && !HasFailure(); ++seed) {
    SCOPED_TRACE("PUSHER_FAULT_SEED=" + std::to_string(seed));
    Hour hour(seed);
    hour.play();
    hour.check();
  }
  soak::set_log_sink(nullptr);
}

}  // namespace
}  // namespace pusher::tests
