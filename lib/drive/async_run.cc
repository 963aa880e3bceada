// SPDX-License-Identifier: Apache-2.0
#include "soak/async_run.h"

#include <fmt/format.h>

#include <cstdint>
#include <cstdio>
#include <exception>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "schedule.h"
#include "soak/backoff.h"
#include "soak/detail/format.h"
#include "soak/detail/frame_cache.h"
#include "soak/detail/run_context.h"
#include "soak/error.h"
#include "soak/event.h"
#include "soak/metrics/collector.h"
#include "soak/metrics/endpoint.h"
#include "soak/metrics/probe_families.h"
#include "soak/probe/process.h"

namespace soak {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

constexpr nanoseconds kOverrun = 30s;  // How long after its end a cycle may still be closing.
constexpr nanoseconds kSettleStep = 5ms;
constexpr nanoseconds kSettleStill = 50ms;
constexpr nanoseconds kSettleMost = 2s;
constexpr nanoseconds kLook = 100ms;        // How soon an interrupt is seen.
constexpr nanoseconds kVirtualSample = 1s;  // How often a virtual run is sampled.

// How a body ended: nothing is said when it returned.
struct BodyResult {
  std::optional<std::string> error;  // soak::Error: the world failed.
  std::optional<std::string> crash;  // Anything else: the program did.
};

Task<> call(const std::function<Task<>(Cycle&)>& body, Cycle& cycle, BodyResult& result, Event& done) {
  try {
    Task<> task = body(cycle);
    co_await std::move(task);
  } catch (const Error& error) {
    result.error = error.what();
  } catch (const std::exception& error) {
    result.crash = error.what();
  } catch (const Cancelled&) {
    result.error = "was cancelled";
  } catch (...) {
    result.crash = "an exception that is no std::exception";
  }
  done.set();
}

}  // namespace

// What tells whether the process has come to rest.
struct AsyncRun::Counts {
  std::size_t tasks = 0;
  std::size_t closing = 0;
  std::size_t scrapes = 0;  // Of the metrics: each holds a descriptor.
  std::int64_t fds = 0;

  friend bool operator==(const Counts&, const Counts&) = default;
};

// Read by whoever asks for the metrics, so on any thread.
struct AsyncRun::Shown {
  explicit Shown(const AsyncRun& shown) : run(shown) {}

  std::vector<metrics::Family> families() const {
    using metrics::Kind;
    std::vector<metrics::Family> all = metrics::probe_families(run.held());
    all.push_back({"soak_run_info", "The soak that runs.", Kind::kGauge, {{{{"name", name}, {"mode", mode}}, 1}}});
    all.push_back({"soak_cycles_total", "Cycles that were finished.", Kind::kCounter, {{{}, as_value(run.cycles())}}});
    all.push_back({"soak_failed_cycles_total",
                   "Cycles that ended by an error of the outside world.",
                   Kind::kCounter,
                   {{{}, as_value(run.failed_cycles())}}});
    metrics::Family events{"soak_events_total", "What the run counted, such as frames.", Kind::kCounter, {}};
    for (const report::Counter& counter : run.counters()) {
      events.samples.push_back({{{"event", counter.name}}, as_value(counter.value)});
    }
    all.push_back(std::move(events));
    return all;
  }

  static double as_value(std::uint64_t count) { return static_cast<double>(count); }

  const AsyncRun& run;
  std::string name = detail::run_context().name;
  std::string mode = to_string(run.mode());
  metrics::Collector collector{[this] { return families(); }};
  std::optional<metrics::Endpoint> endpoint;
};

AsyncRun::AsyncRun(RunOptions options) : Run(std::move(options), Driven{}) {
  // A frame that is kept would be charged to whoever first asked for its memory.
  detail::keep_frames(!settings().heap_profile);
  if (mode() == Mode::kVirtual) {
    loop_ =
        std::make_unique<VirtualLoop>(VirtualLoopOptions{.seed = part_seed(),
                                                         .shuffle = settings().shuffle,
                                                         .wall_start = VirtualLoopOptions{}.wall_start + part_from()});
    use_virtual_clock([loop = loop_.get()] { return loop->elapsed(); });
  } else {
    loop_ = std::make_unique<UvLoop>(UvLoopOptions{.seed = part_seed()});
  }
  add_gauge("tasks", [loop = loop_.get()] { return static_cast<std::int64_t>(loop->live_tasks()); });
  shown_ = std::make_unique<Shown>(*this);
  if (settings().metrics_port) {
    serve_metrics(*settings().metrics_port);
  }
}

AsyncRun::~AsyncRun() = default;

// From the beginning, so that the baseline holds the endpoint's threads and its socket.
void AsyncRun::serve_metrics(std::uint16_t port) {
  if (mode() == Mode::kVirtual) {
    remark("metrics_port: a run on the virtual clock serves no metrics");
    return;
  }
  if (detail::run_context().quiet) {
    return;
  }
  try {
    shown_->endpoint.emplace(metrics::EndpointOptions{.port = port});
  } catch (const std::exception& error) {
    refuse(error.what());
  }
  fmt::print("metrics at {}\n", metrics_url());
  std::fflush(stdout);
}

std::string AsyncRun::metrics_url() const { return shown_->endpoint ? shown_->endpoint->url() : std::string{}; }

void AsyncRun::drive(std::function<Task<>(Cycle&)> body) {
  begin_run();
  try {
    loop_->run(drive_cycles(body));
  } catch (const std::exception& error) {
    crash(error.what());
  } catch (const Cancelled&) {
    crash("drive() was cancelled");
  }
  for (const TaskReport& left : loop_->stragglers()) straggler(to_string(left));
  end_run();
}

Task<> AsyncRun::drive_cycles(const std::function<Task<>(Cycle&)>& body) {
  const nanoseconds interval = settings().reconnect_every;
  const std::vector<nanoseconds> ends =
      ends_in_part(cycle_ends(settings().duration, interval, seed()), interval, part_from(), part_to());
  expect_cycles(ends.size());
  Backoff backoff;
  for (std::uint64_t number = 0; number < ends.size() && !interrupted();) {
    Cycle cycle(*this, first_cycle() + number, ends[number]);
    Task<Outcome> running = run_cycle(body, cycle);
    const Outcome outcome = co_await std::move(running);
    if (outcome == Outcome::kFinished) {
      finish_cycle();
      backoff.reset();
    }
    co_await settle();
    if (outcome == Outcome::kEnded || ended_early()) {
      co_return;
    }
    // A body that failed gets its cycle's time again, after a back-off; one that returned early has used it.
    const nanoseconds again = outcome == Outcome::kFailed ? elapsed() + backoff.next(loop_->random()) : cycle.ends_at();
    co_await pause_until(again);
    if (outcome == Outcome::kFinished || elapsed() >= cycle.ends_at()) {
      ++number;
    }
  }
}

Task<AsyncRun::Outcome> AsyncRun::run_cycle(const std::function<Task<>(Cycle&)>& body, Cycle& cycle) {
  BodyResult result;
  Event done;
  TaskGroup group(*loop_);
  group.start({"cycle", cycle.number()}, call(body, cycle, result, done));
  const nanoseconds latest = cycle.ends_at() + kOverrun;
  while (!done.is_set() && !interrupted() && elapsed() < latest) {
    co_await done.wait_for(loop_->is_virtual() ? kVirtualSample : kLook);
    if (loop_->is_virtual()) {
      sample();
    }
  }
  const bool overran = !done.is_set() && !interrupted();
  const std::string standing = overran ? to_string(group.tasks().front()) : std::string{};
  Task<DrainResult> draining = drain(group, {.cancel_first = true});
  const DrainResult drained = co_await std::move(draining);

  const std::string name = fmt::format("cycle {}", cycle.number() + 1);
  if (result.crash) {
    crash(fmt::format("{}: {}", name, *result.crash));
    co_return Outcome::kEnded;
  }
  if (interrupted()) {
    co_return Outcome::kEnded;
  }
  if (overran) {
    fail_cycle(fmt::format("{} was not done {} after its end and was {}: {}", name, detail::format_duration(kOverrun),
                           drained.forced > 0 ? "destroyed where it stood" : "cancelled", standing));
    co_return Outcome::kFailed;
  }
  if (result.error) {
    fail_cycle(fmt::format("{}: {}", name, *result.error));
    co_return Outcome::kFailed;
  }
  co_return Outcome::kFinished;
}

Task<> AsyncRun::pause_until(nanoseconds at) {
  while (!interrupted()) {
    const nanoseconds left = std::min(at, part_to()) - elapsed();
    if (left <= 0ns) {
      co_return;
    }
    co_await sleep_for(std::min(left, loop_->is_virtual() ? kVirtualSample : kLook));
    if (loop_->is_virtual()) {
      sample();
    }
  }
}

AsyncRun::Counts AsyncRun::counts() const {
  Counts counts;
  counts.tasks = loop_->live_tasks();
  counts.closing = loop_->closing_handles();
  if (!loop_->is_virtual()) {
    counts.fds = probe::read_open_fds().value_or(0);
    counts.scrapes = metrics::Endpoint::open_connections();
  }
  return counts;
}

Task<> AsyncRun::settle() {
  const Instant latest = loop_->now() + kSettleMost;
  Counts now = counts();
  Instant still_since = loop_->now();
  std::string moved;
  std::string unsettled_by;
  const auto at_rest = [&] {
    return now.scrapes == 0 && ((at_rest_ && *at_rest_ == now) || loop_->now() - still_since >= kSettleStill);
  };
  while (!at_rest()) {
    if (loop_->now() >= latest) {
      unsettled_by = now.scrapes > 0 ? "scrapes of the metrics" : moved;
      break;
    }
    co_await sleep_for(kSettleStep);
    const Counts next = counts();
    if (next != now) {
      moved = next.tasks != now.tasks ? "tasks" : next.fds != now.fds ? "fds" : "closing handles";
      now = next;
      still_since = loop_->now();
    }
  }
  // Before the first cycle is finished there is nothing to compare with: lazy pools and tables are still made.
  if (cycles_in_part() > 0) {
    detail::release_frames();  // What is kept for the next tasks is no heap that a cycle left.
    quiescent_point(unsettled_by);
    at_rest_ = std::make_unique<Counts>(now);
  }
}

}  // namespace soak
