// SPDX-License-Identifier: Apache-2.0
#include "soak/async_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "lib/drive/run_metrics.h"
#include "lib/drive/schedule.h"
#include "lib/drive/session_memory.h"
#include "lib/text/format.h"
#include "soak/backoff.h"
#include "soak/detail/descriptor_limit.h"
#include "soak/detail/frame_cache.h"
#include "soak/detail/run_context.h"
#include "soak/error.h"
#include "soak/event.h"
#include "soak/metrics/endpoint.h"
#include "soak/probe/process.h"
#include "soak/run_driver.h"

namespace soak {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

constexpr std::uint64_t kOtherDescriptors = 24;  // That a run opens, beside those of its sessions.
constexpr nanoseconds kConnectTime = 1s;         // For the last of many sessions.
constexpr nanoseconds kOverrun = 30s;            // How long after its end a cycle may still be closing.
constexpr nanoseconds kSettleStep = 5ms;
constexpr nanoseconds kSettleStill = 50ms;
constexpr nanoseconds kSettleMax = 2s;
constexpr nanoseconds kLook = 100ms;  // How soon an interrupt is seen.
// How often a virtual run is sampled: each sample reads the real process, and 86,400 of them would be most of what a
// day takes.
constexpr nanoseconds kVirtualSample = 1s;
constexpr int kVirtualSamples = 3600;

// How a body ended: nothing is said when it returned.
struct BodyResult {
  bool done = false;
  std::optional<std::string> error;  // The outside world failed.
  std::optional<std::string> crash;  // The program did.
};

Task<> call(const std::function<Task<>(Cycle&)>& body, Cycle& cycle, BodyResult& result, Event& wake) {
  try {
    Task<> task = body(cycle);
    co_await std::move(task);
  } catch (const Error& error) {
    // An argument that is wrong in one cycle is wrong in all of them.
    (error.code() == Errc::kInvalidArgument ? result.crash : result.error) = error.what();
  } catch (const std::exception& error) {
    result.crash = error.what();
  } catch (const Cancelled&) {
    result.error = "was cancelled";
  } catch (...) {
    result.crash = "an exception that is not a std::exception";
  }
  result.done = true;
  wake.set();
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

AsyncRun::AsyncRun(RunOptions options, AsyncRunOptions more) : Run(std::move(options), Driven{}) {
  if (settings().sessions > 1 && mode() != Mode::kVirtual) {
    ready_descriptors(settings().sessions);
  }
  RunDriver driver(*this);
  // With a heap profile, a kept frame would be attributed to the code that first allocated its memory.
  detail::keep_frames(!settings().heap_profile);
  if (mode() == Mode::kVirtual) {
    loop_ = std::make_unique<VirtualLoop>(
        VirtualLoopOptions{.seed = driver.part_seed(),
                           .shuffle = settings().shuffle,
                           .wall_start = VirtualLoopOptions{}.wall_start + driver.part_from()});
    driver.use_virtual_clock([loop = loop_.get()] { return loop->elapsed(); });
  } else {
    loop_ = std::make_unique<UvLoop>(UvLoopOptions{.seed = driver.part_seed()});
  }
  add_gauge("tasks", [loop = loop_.get()] { return static_cast<std::int64_t>(loop->live_tasks()); });
  metrics_ = std::make_unique<RunMetrics>(*this);
  metrics_->serve_if_asked(more.metrics_port);
}

AsyncRun::~AsyncRun() = default;

// One for each session, and as many again where the peer is in this process too.
void AsyncRun::ready_descriptors(std::uint64_t sessions) {
  const std::uint64_t others = static_cast<std::uint64_t>(probe::read_open_fds().value_or(0)) + kOtherDescriptors;
  const std::uint64_t limit = detail::raise_descriptor_limit(2 * sessions + others);
  if (limit < sessions + others) {
    RunDriver(*this).refuse(
        fmt::format("sessions is {}: this process may open {} descriptors and needs {} for other things: expected at "
                    "most {} sessions; raise the hard limit (ulimit -Hn) for more",
                    sessions, limit, others, limit > others ? limit - others : 0));
  }
}

std::string AsyncRun::metrics_url() const { return metrics_->url(); }

void AsyncRun::drive(std::function<Task<>(Cycle&)> body) {
  RunDriver driver(*this);
  driver.begin_run();
  until_ = driver.part_to();
  try {
    loop_->run(settings().sessions > 1 ? drive_sessions(body) : drive_cycles(body));
  } catch (const std::exception& error) {
    driver.crash(error.what());
  } catch (const Cancelled&) {
    driver.crash("drive() was cancelled");
  }
  for (const TaskReport& left : loop_->stragglers()) {
    driver.straggler(to_string(left));
  }
  driver.end_run();
}

Task<> AsyncRun::drive_cycles(const std::function<Task<>(Cycle&)>& body) {
  RunDriver driver(*this);
  const nanoseconds interval = settings().reconnect_every;
  const std::vector<nanoseconds> ends =
      ends_in_part(cycle_ends(settings().duration, interval, seed()), interval, driver.part_from(), driver.part_to());
  driver.expect_cycles(ends.size());
  Task<> running = run_cycles(body, ends, 0);
  co_await std::move(running);
  if (!loads_again()) {
    co_return;
  }
  const std::vector<nanoseconds> again = begin_reload(cycle_ends(driver.reload_time(), interval, seed()));
  driver.expect_cycles(ends.size() + again.size());
  Task<> reloading = run_cycles(body, again, ends.size());
  co_await std::move(reloading);
}

bool AsyncRun::loads_again() { return RunDriver(*this).reload_time() > 0ns && !stopping() && !ended_early(); }

// Returns `ends`, which are from the beginning of a load, for the one that begins now.
std::vector<nanoseconds> AsyncRun::begin_reload(std::vector<nanoseconds> ends) {
  RunDriver(*this).begin_reload();
  const nanoseconds now = elapsed();
  for (nanoseconds& end : ends) {
    end += now;
  }
  until_ = ends.back();
  return ends;
}

// `first` is how many cycles this process has had.
Task<> AsyncRun::run_cycles(const std::function<Task<>(Cycle&)>& body, const std::vector<nanoseconds>& ends,
                            std::uint64_t first) {
  RunDriver driver(*this);
  Backoff backoff;
  for (std::uint64_t number = 0; number < ends.size() && !interrupted();) {
    Cycle cycle(*this, driver.first_cycle() + first + number, ends[number]);
    driver.want_sessions(1, elapsed(), cycle.ends_at());
    Event wake;
    Task<CycleOutcome> running = run_cycle(body, cycle, wake, look_every());
    const CycleOutcome outcome = co_await std::move(running);
    if (outcome == CycleOutcome::kFinished) {
      driver.finish_cycle();
      backoff.reset();
    }
    co_await settle();
    if (outcome == CycleOutcome::kEnded || ended_early()) {
      co_return;
    }
    // A body that failed gets its cycle's time again, after a back-off; one that returned early has used it.
    const nanoseconds again =
        outcome == CycleOutcome::kFailed ? elapsed() + backoff.next(loop_->random()) : cycle.ends_at();
    co_await pause_until(again);
    if (outcome == CycleOutcome::kFinished || elapsed() >= cycle.ends_at()) {
      ++number;
    }
  }
}

// How often drive() checks for an interrupt, or samples virtual time.
nanoseconds AsyncRun::look_every() const {
  return loop_->is_virtual() ? std::max(kVirtualSample, settings().duration / kVirtualSamples) : kLook;
}

// Its sessions, between two quiescent points.
struct AsyncRun::Round {
  Round(std::vector<SessionPlan> planned, bool is_first)
      : plans(std::move(planned)), wakes(plans.size()), first(is_first) {}

  void wake_all() {
    for (Event& wake : wakes) {
      wake.set();
    }
  }

  std::vector<SessionPlan> plans;
  std::vector<Event> wakes;  // Of each session: its body is done, or the run ends.
  bool first;                // Of this process: memory that is given back is not always seen to be.
  std::size_t begun = 0;
  std::size_t over = 0;
  Event all_over;
};

Task<> AsyncRun::drive_sessions(const std::function<Task<>(Cycle&)>& body) {
  RunDriver driver(*this);
  const nanoseconds interval = settings().reconnect_every;
  const nanoseconds quiesce = quiesce_every(settings().duration, interval);
  const std::vector<nanoseconds> ends =
      ends_in_part(cycle_ends(settings().duration, quiesce, seed()), quiesce, driver.part_from(), driver.part_to());
  std::mt19937_64 random(driver.part_seed());
  Task<> running = run_rounds(body, driver.part_from(), ends, random);
  co_await std::move(running);
  if (!loads_again()) {
    co_return;
  }
  const nanoseconds from = elapsed();
  const nanoseconds time = driver.reload_time();
  const std::vector<nanoseconds> again = begin_reload(cycle_ends(time, quiesce_every(time, interval), seed()));
  Task<> reloading = run_rounds(body, from, again, random);
  co_await std::move(reloading);
}

Task<> AsyncRun::run_rounds(const std::function<Task<>(Cycle&)>& body, nanoseconds from,
                            const std::vector<nanoseconds>& ends, std::mt19937_64& random) {
  RunDriver driver(*this);
  for (std::size_t i = 0; i < ends.size() && !interrupted(); ++i) {
    Round round(plan_sessions(settings().sessions, from, ends[i], settings().reconnect_every, random),
                cycles_due_ == 0);
    for (const SessionPlan& plan : round.plans) {
      cycles_due_ += plan.ends.size();
    }
    driver.expect_cycles(cycles_due_);
    Task<> running = run_round(body, round);
    co_await std::move(running);
    co_await settle();
    if (crashed_ || ended_early()) {
      co_return;
    }
    co_await pause_until(ends[i]);
    from = std::max(ends[i], elapsed());
  }
}

Task<> AsyncRun::run_round(const std::function<Task<>(Cycle&)>& body, Round& round) {
  RunDriver driver(*this);
  const std::size_t sessions = round.plans.size();
  driver.want_sessions(sessions, round.plans.back().begins, round.plans.front().ends.back());
  TaskGroup group(*loop_);
  for (std::uint32_t i = 0; i < sessions; ++i) {
    group.start({"session", i}, run_session(body, round, i));
  }
  SessionMemory memory(sessions);
  const nanoseconds all_open = round.plans.back().begins + kConnectTime;
  while (!round.all_over.is_set()) {
    co_await round.all_over.wait_for(look_every());
    driver.keep_totals();
    if (stopping()) {
      round.wake_all();
    }
    if (loop_->is_virtual()) {
      driver.sample();
    } else if (round.first) {
      memory.look(round.begun, elapsed() >= all_open);
    }
  }
  if (const auto bytes = memory.bytes_each()) {
    driver.session_holds(*bytes);
  }
  Task<DrainResult> draining = drain(group);
  co_await std::move(draining);
}

Task<> AsyncRun::run_session(const std::function<Task<>(Cycle&)>& body, Round& round, std::uint32_t session) {
  RunDriver driver(*this);
  const SessionPlan& plan = round.plans[session];
  Event& wake = round.wakes[session];
  co_await pause_until(plan.begins, wake);
  ++round.begun;
  Backoff backoff;
  for (std::size_t i = 0; i < plan.ends.size() && !stopping(); ++i) {
    Cycle cycle(*this, driver.first_cycle() + cycles_begun_++, plan.ends[i], session);
    CycleOutcome outcome = CycleOutcome::kFailed;
    while (outcome == CycleOutcome::kFailed && !stopping()) {
      wake.reset();
      Task<CycleOutcome> running = run_cycle(body, cycle, wake, std::chrono::nanoseconds::max());
      outcome = co_await std::move(running);
      nanoseconds again = cycle.ends_at();
      if (outcome == CycleOutcome::kFinished) {
        driver.finish_cycle();
        backoff.reset();
      } else if (outcome == CycleOutcome::kFailed) {
        again = std::min(again, elapsed() + backoff.next(loop_->random()));
      }
      co_await pause_until(again, wake);
      if (elapsed() >= cycle.ends_at()) {
        break;
      }
    }
  }
  if (++round.over == round.plans.size()) {
    round.all_over.set();
  }
}

Task<AsyncRun::CycleOutcome> AsyncRun::run_cycle(const std::function<Task<>(Cycle&)>& body, Cycle& cycle, Event& wake,
                                                 nanoseconds look) {
  RunDriver driver(*this);
  BodyResult result;
  TaskGroup group(*loop_);
  group.start({"cycle", cycle.number()}, call(body, cycle, result, wake));
  const nanoseconds latest = cycle.ends_at() + kOverrun;
  while (!result.done && !stopping() && elapsed() < latest) {
    co_await wake.wait_for(std::min(look, latest - elapsed()));
    driver.keep_totals();
    if (loop_->is_virtual() && settings().sessions == 1) {
      driver.sample();
    }
  }
  const bool overran = !result.done && !stopping();
  const std::string standing = overran ? to_string(group.tasks().front()) : std::string{};
  Task<DrainResult> draining = drain(group, {.cancel_first = true});
  const DrainResult drained = co_await std::move(draining);

  const std::string name = settings().sessions > 1
                               ? fmt::format("session {}, cycle {}", cycle.session() + 1, cycle.number() + 1)
                               : fmt::format("cycle {}", cycle.number() + 1);
  if (result.crash) {
    driver.crash(fmt::format("{}: {}", name, *result.crash));
    crashed_ = true;
    co_return CycleOutcome::kEnded;
  }
  if (stopping()) {
    co_return CycleOutcome::kEnded;
  }
  if (overran) {
    driver.fail_cycle(fmt::format("{} was still running {} after its end and was {}: {}", name,
                                  text::format_duration(kOverrun),
                                  drained.forced > 0 ? "destroyed where it stood" : "cancelled", standing));
    co_return CycleOutcome::kFailed;
  }
  if (result.error) {
    driver.fail_cycle(fmt::format("{}: {}", name, *result.error));
    co_return CycleOutcome::kFailed;
  }
  co_return CycleOutcome::kFinished;
}

// Of one of many sessions: its wake is set where the run is to end.
Task<> AsyncRun::pause_until(nanoseconds at, Event& wake) {
  while (!stopping() && elapsed() < at) {
    wake.reset();
    co_await wake.wait_for(at - elapsed());
  }
}

Task<> AsyncRun::pause_until(nanoseconds at) {
  RunDriver driver(*this);
  while (!interrupted()) {
    const nanoseconds left = std::min(at, until_) - elapsed();
    if (left <= 0ns) {
      co_return;
    }
    co_await sleep_for(std::min(left, look_every()));
    driver.keep_totals();
    if (loop_->is_virtual()) {
      driver.sample();
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
  // What a timer gives back has not moved until then.
  const nanoseconds still = std::max(kSettleStill, RunDriver(*this).slowest_timer() + kSettleStep);
  const Instant latest = loop_->now() + std::max(kSettleMax, 2 * still);
  Counts now = counts();
  Instant still_since = loop_->now();
  std::string moved;
  std::string unsettled_by;
  const auto at_rest = [&] {
    return now.scrapes == 0 && ((at_rest_ && *at_rest_ == now) || loop_->now() - still_since >= still);
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
  RunDriver driver(*this);
  if (driver.cycles_in_part() > 0) {
    detail::release_frames();  // What is kept for the next tasks is no heap that a cycle left.
    driver.quiescent_point(unsettled_by);
    at_rest_ = std::make_unique<Counts>(now);
  }
}

}  // namespace soak
