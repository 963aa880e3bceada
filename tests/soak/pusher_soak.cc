// SPDX-License-Identifier: Apache-2.0
// The incident. Clients leave in mid-stream, some of them without a close, while an upload of their session hangs. The
// service of examples/pusher ends each session within its drain and grace: the gauge shows what there are sockets, and
// each byte that was accepted is stored, or dropped and counted. The specimen, with the same handlers and the same
// script, waits for all of a session's tasks, and is left with a ghost for each upload that hung.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pusher/pusher.h"
#include "pusher_ghosts.h"
#include "pusher_specimen.h"
#include "soak/log.h"
#include "soak/probe/process.h"
#include "soak/soak.h"
#include "tests/examples/pusher/listen_client.h"
#include "tests/examples/pusher/store_peer.h"

namespace pusher::tests {
namespace {

using namespace std::chrono_literals;
using soak::Task;
using std::chrono::nanoseconds;

constexpr int kSteady = 2;  // Clients that stay connected: what the sockets have to show.

soak::RunOptions half_an_hour() {
  return {.title = "PUSHER SOAK / ghosts", .duration = 30min, .reconnect_every = 90s, .early_stop = false};
}

constexpr nanoseconds kAfterLeaving = 37s;  // Drain and grace, and a little.

PusherOptions service_options(const StorePeer& stores) {
  PusherOptions options;
  options.stores.url = stores.url();
  options.stores.timeout = 24h;  // An upload that hangs, hangs.
  options.user.integrations = 5;
  return options;
}

// The log of uploads that fail on purpose.
class NoLog {
 public:
  NoLog() {
    soak::set_log_sink([](const soak::LogRecord&) {});
  }
  ~NoLog() { soak::set_log_sink(nullptr); }
  NoLog(const NoLog&) = delete;
  NoLog& operator=(const NoLog&) = delete;
};

// Runs the script against a service: the pusher, or the specimen.
template <typename Service>
class Incident {
 public:
  Incident(soak::AsyncRun& run)
      : run_(run), loop_(run.loop()), stores_(loop_), service_(loop_, service_options(stores_)), tasks_(loop_) {
    stores_.record = false;
    stores_.script = [this](const StorePeer::Request& request) {
      return hang_ && request.kind == "private-cloud" ? StoreAnswer::kHang : StoreAnswer::kStore;
    };
    run.add_gauge("connections", [this] { return sockets_.load(); });
    run.add_gauge("sessions", [this] { return gauge_.load(); }, {.stands_for = "connections"});
  }
  ~Incident() { tasks_.end_in_place(); }
  Incident(const Incident&) = delete;
  Incident& operator=(const Incident&) = delete;

  void drive() {
    run_.drive([this](soak::Cycle& cycle) -> Task<> {
      if (cycle.number() == 0) {
        Task<> beginning = begin();
        co_await std::move(beginning);
      }
      Task<> leaving = stream_and_leave(cycle);
      co_await std::move(leaving);
      look();
    });
    if (std::optional<soak::Finding> ghosts = find_ghosts(count_, loop_)) {
      run_.add_finding(std::move(*ghosts));
    }
  }

  // After drive(): what the shutdown of the service leaves is a finding too.
  void shut_down() {
    service_.stop();
    loop_.run(until_stopped());
    for (const std::string& line : disagreements(service_.ledger(), stores_)) {
      run_.add_finding({"ledger", line, {}});
    }
  }

  const Service& service() const { return service_; }
  std::uint64_t hung() const { return hung_; }

 private:
  Task<> serve() {
    co_await service_.run();
    stopped_.set();
  }

  Task<> until_stopped() {
    const bool stopped = co_await stopped_.wait_for(10min);
    if (!stopped) {
      run_.add_finding({"shutdown", "the service did not stop within 10 min", {}});
    }
  }

  // A client that only says that it is there.
  Task<> stay() {
    ListenClient client = co_await ListenClient::connect(loop_, service_.url());
    for (;;) {
      const Heartbeat heartbeat;
      co_await client.send(heartbeat);
      co_await soak::sleep_for(20s);
    }
  }

  Task<> begin() {
    tasks_.start("service", serve());
    co_await soak::sleep_for(1ms);
    for (int i = 0; i < kSteady; ++i) {
      tasks_.start({"steady", i}, stay(), soak::TaskKind::kBackground);
    }
    co_await soak::sleep_for(1s);
  }

  // Every third upload hangs; of the clients, every second one leaves without a close.
  Task<> stream_and_leave(soak::Cycle& cycle) {
    hang_ = cycle.number() % 3 == 1;
    hung_ += hang_ ? 1U : 0U;
    ListenClient client = co_await ListenClient::connect(loop_, service_.url());
    co_await client.stream(cycle.ends_at() - run_.elapsed() - kAfterLeaving);
    run_.count("frames", client.socket().counters().frames_sent);
    if (cycle.number() % 2 == 0) {
      co_await client.close();
    } else {
      client.vanish();
    }
    co_await soak::sleep_for(kAfterLeaving);
    if (service_.sessions_without_connection().empty()) {
      stores_.release_hung();  // Nobody waits for these any more.
    }
    stores_.forget_keys();
  }

  // A quiescent point.
  void look() {
    const std::optional<std::int64_t> heap = soak::probe::read_heap_bytes();
    if (!heap_before_) {
      heap_before_ = heap;
    }
    count_.gauge = service_.active();
    count_.sockets = static_cast<std::int64_t>(service_.open_connections());
    count_.sessions = service_.sessions_without_connection();
    count_.bytes = heap && heap_before_ ? std::optional(*heap - *heap_before_) : std::nullopt;
    gauge_ = count_.gauge;
    sockets_ = count_.sockets;
  }

  const NoLog no_log_;
  soak::AsyncRun& run_;
  soak::EventLoop& loop_;
  StorePeer stores_;
  Service service_;
  bool hang_ = false;
  std::uint64_t hung_ = 0;
  GhostCount count_;
  std::optional<std::int64_t> heap_before_;
  std::atomic<std::int64_t> gauge_ = 0;
  std::atomic<std::int64_t> sockets_ = 0;
  soak::Event stopped_;
  soak::TaskGroup tasks_;
};

// Whose cycles are shorter than a drain.
#define SKIP_IF_SMOKE(run)                                                      \
  if ((run).mode() == soak::Mode::kSmoke) {                                     \
    GTEST_SKIP() << "a drain of 35 s does not fit into a cycle of a smoke run"; \
  }                                                                             \
  static_assert(true)

SOAK_TEST(Pusher, AnUploadThatHangsLeavesNoGhost) {
  soak::AsyncRun run(half_an_hour());
  SKIP_IF_SMOKE(run);
  Incident<Pusher> incident(run);

  incident.drive();
  incident.shut_down();

  EXPECT_GT(incident.hung(), 0u);
  EXPECT_SOAK(run);
}

// The verdict that must say FAIL, and why.
SOAK_TEST(Pusher, SpecimenThatWaitsForAllFailsWithItsGhostsNamed) {
  soak::AsyncRun run(half_an_hour());
  SKIP_IF_SMOKE(run);
  Incident<PusherSpecimen> incident(run);

  incident.drive();

  const soak::Verdict& verdict = run.verdict();
  std::fputs(run.summary().c_str(), stdout);
  EXPECT_FALSE(verdict.passed());
  const soak::Finding* const ghosts = verdict.find("ghosts");
  ASSERT_NE(ghosts, nullptr);
  EXPECT_THAT(ghosts->text,
              testing::HasSubstr("gauge " + std::to_string(kSteady + incident.hung()) + ", sockets " +
                                 std::to_string(kSteady) + ": " + std::to_string(incident.hung()) + " ghost"));
  EXPECT_THAT(ghosts->text,
              testing::ContainsRegex("of session [0-9]+, private_cloud-[0-9]+ awaits .+ at .+:[0-9]+ since [0-9.]+ s"));
  EXPECT_THAT(ghosts->text, testing::ContainsRegex("[0-9.]+ MiB a ghost"));
}

}  // namespace
}  // namespace pusher::tests
