// SPDX-License-Identifier: Apache-2.0
#include "soak/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <span>
#include <utility>

#include "lib/run/heap_growth.h"
#include "lib/run/resolve.h"
#include "lib/run/run_state.h"
#include "lib/text/format.h"
#include "soak/detail/printable.h"
#include "soak/report/summary.h"
#include "soak/run_driver.h"

namespace soak {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

constexpr nanoseconds kTimeoutMargin = 1min;

}  // namespace

namespace detail {

RunContext& run_context() {
  static RunContext context;
  return context;
}

}  // namespace detail

void Cycle::quiescent() {
  Run::State& state = *run_->state_;
  const nanoseconds now = state.elapsed();
  // By the pace so far, a point after which there may be no other one before the run ends.
  const bool last = now + 2 * (now - state.asked_to_rest.value_or(now)) >= state.part_to;
  state.asked_to_rest = now;
  const bool first = !std::exchange(state.rested, true);  // It takes the place of the ends of passes.
  if (now < state.next_quiescent && !first && !last) {
    return;
  }
  state.rest(now, number_ + 1, {});  // The cycle whose end this is has not been counted yet.
  if (last) {
    state.probe.complete_rest();
  }
  state.look(state.elapsed());
  if (run_->ended_early()) {
    state.probe.complete_rest();
  }
}

Run::Run(RunOptions options) : Run(std::move(options), Driven{}) {
  if (state_->context.mode == Mode::kVirtual) {
    state_->read = true;  // Nothing ran, so there is no verdict to miss.
    throw detail::RunSkipped(
        "soak::Run has no virtual clock; only a soak::AsyncRun runs with --soak_virtual. "
        "Run it with --gtest_runsoak or --soak_smoke");
  }
}

Run::Run(RunOptions options, Driven) : state_(std::make_unique<State>()) {
  State& state = *state_;
  state.context = detail::run_context();
  state.read = true;  // Until the options are known to be good: an exception below is the whole story.
  state.settings = detail::resolve(options, state.context.mode, &state.in_force);
  if (state.context.group != nullptr && !state.asked_duration()) {
    state.settings.duration = Run::State::kEndless;
  }
  const nanoseconds duration = state.settings.duration;
  state.part_to = duration;
  state.traffic.emplace(duration);
  if (!state.settings.checkpoint.empty()) {
    state.open_checkpoint();
  }
  const nanoseconds takes = state.part_to - state.part_from + RunDriver(*this).reload_time();
  if (state.context.mode == Mode::kReal && state.context.timeout && takes + kTimeoutMargin > *state.context.timeout) {
    throw detail::RunRefused(
        fmt::format("a {} of {} does not fit the test's TIMEOUT of {}: give soak_discover_tests() a DURATION "
                    "that is as long, or ask for less with --soak_{}",
                    state.checkpoint ? "part" : "duration", text::format_duration(takes),
                    text::format_duration(*state.context.timeout), state.checkpoint ? "part_duration" : "duration"));
  }
  if (state.settings.heap_profile) {
    const probe::HeapProfiler* const profiler = probe::heap_profiler();
    const std::string why = profiler == nullptr ? std::string(detail::kNoHeapProfiler) : profiler->unavailable();
    if (why.empty()) {
      state.heap_profile = profiler->start(duration);
    } else {
      add_note("heap profile: " + why);
    }
  }
  state.title = std::move(options.title);
  state.failed_cycles_max = options.failed_cycles_max;
  state.probe.watch_operations(
      Counters::kCountersMax,
      [&counters = state.counters](std::span<probe::OperationCount> counts) { return counters.read(counts); });
  state.failures_over_time.emplace(duration);
  state.early_stop.emplace(EarlyStop::Limits{.may_end = state.settings.early_stop,
                                             .asked = duration,
                                             .endless = state.is_endless(),
                                             .memory_growth_max = state.budgets().rss_growth_bytes_max});
  state.failures.reserve(State::kFailuresKept);
  state.read = false;
}

Run::~Run() {
  const bool cycles_began = state_->active || state_->ended;
  // A test that skips itself before the first cycle has measured nothing; in a cycle it would hide what was measured.
  const bool skipped = !cycles_began && state_->context.skipped && state_->context.skipped();
  if (state_->read || skipped) {
    return;
  }
  // Whoever catches the exception reports it. What was measured stays in the journal.
  if (state_->thrown_out()) {
    state_->sampler.reset();  // It shows progress.
    if (state_->progress) {
      state_->progress->clear();
    }
    try {
      if (state_->journal && state_->active) {
        state_->write_totals(elapsed());
      }
    } catch (...) {  // Most likely for want of memory, which the exception may be about already.
    }
    return;
  }
  std::string message = fmt::format(
      "{}: the verdict of this soak::Run was never read; end the test with EXPECT_SOAK(run)\n", state_->context.name);
  try {
    verdict();
    message += summary();
  } catch (const std::exception& error) {
    message += text::printable(error.what());  // Of memory that ran out, say: nothing may leave a destructor.
  }
  if (!state_->context.on_unread) {
    fmt::print(stderr, "{}\n", message);
    std::abort();
  }
  state_->context.on_unread(message);
}

Run::Iterator Run::begin() {
  RunDriver(*this).begin_run();
  return Iterator(*this);
}

Cycle Run::Iterator::operator*() const {
  const RunDriver driver(*run_);
  return Cycle(*run_, driver.cycles(), driver.part_to());
}

Run::Iterator& Run::Iterator::operator++() {
  RunDriver driver(*run_);
  driver.finish_cycle();
  if (driver.cycles_in_part() == 1) {
    driver.sample();  // Where RSS starts, if there is no quiescent point.
  }
  return *this;
}

bool Run::Iterator::operator!=(Sentinel) const {
  RunDriver driver(*run_);
  const bool over = run_->elapsed() >= driver.part_to() || run_->interrupted();
  driver.end_pass(over);
  if (!over && !run_->ended_early()) {
    return true;
  }
  driver.end_run();
  return false;
}

void Run::count(std::string_view name, std::uint64_t n) { state_->counters.add(name, n); }

std::uint64_t Run::counted(std::string_view name) const { return state_->counters.value(name); }

void Run::due(std::string_view name, nanoseconds at) { state_->traffic->due(name, at); }

void Run::met(std::string_view name, nanoseconds at) {
  state_->traffic->met(name, at, elapsed());
  count(name);
}

void Run::mark(std::string_view kind, std::string_view text) {
  const nanoseconds now = elapsed();
  if (state_->marks.add(now, kind, text) && state_->journal) {
    state_->journal->mark(now, kind, text);
  }
}

void Run::add_gauge(std::string name, std::function<std::optional<std::int64_t>()> read) {
  add_gauge(std::move(name), std::move(read), {});
}

void Run::add_gauge(std::string name, std::function<std::optional<std::int64_t>()> read, GaugeOptions options) {
  state_->probe.add_gauge(std::move(name), std::move(read), options);
}

void Run::watch_process(probe::ProcessId id, std::string name) { state_->probe.watch_process(id, std::move(name)); }

void Run::use_service(ServiceCost cost) {
  if (mode() != Mode::kReal) {
    state_->read = true;  // Nothing ran, so there is no verdict to miss.
    throw detail::RunSkipped("a service is used only in real time: --gtest_runsoak (or GTEST_RUNSOAK=1)");
  }
  if (cost == ServiceCost::kFree) {
    return;
  }
  const nanoseconds allowed = settings().service_time_max;
  const std::uint64_t sessions = settings().sessions;
  const nanoseconds duration = settings().duration;
  // Divided, for a product might overflow.
  if (static_cast<std::uint64_t>(duration.count()) <=
      static_cast<std::uint64_t>(allowed.count()) / std::max<std::uint64_t>(sessions, 1)) {
    return;
  }
  const detail::RunContext& context = state_->context;
  const std::string option =
      context.spell_option ? context.spell_option("service_time_max", "<time>") : "--soak_service_time_max=<time>";
  RunDriver(*this).refuse(
      fmt::format("{} of {} would together exceed {}, the limit for a service that charges for sessions: shorten the "
                  "run, or raise the limit with {} or SOAK_SERVICE_TIME_MAX",
                  text::format_plural(sessions, "session"), text::format_duration(duration),
                  text::format_duration(allowed), option));
}

const Settings& Run::settings() const { return state_->settings; }

Mode Run::mode() const { return state_->context.mode; }

nanoseconds Run::elapsed() const { return state_->elapsed(); }

bool Run::interrupted() const { return state_->signal != 0 || (state_->active && InterruptGuard::signal() != 0); }

bool Run::ended_early() const { return state_->early_stop->ended().has_value(); }

void Run::add_finding(Finding finding) { state_->findings.push_back(std::move(finding)); }

void Run::add_note(std::string text) { state_->remarks.push_back(std::move(text)); }

const Verdict& Run::verdict() {
  State& state = *state_;
  state.read = true;
  if (!state.record) {
    RunDriver(*this).end_run();
    state.judge();
    if (state.checkpoint) {
      state.end_part();
    }
    if (!state.context.quiet) {
      state.write_report();
    }
  }
  return state.record->verdict;
}

std::string Run::summary() const {
  return report::summary_line(record()) + "\n" + report::findings_text(record()) + report::remarks_text(record());
}

const report::Record& Run::record() const {
  if (!state_->record) {
    fmt::print(stderr, "{}: Run::record() before Run::verdict()\n", state_->context.name);
    std::abort();
  }
  return *state_->record;
}

const std::string& Run::report_page() const { return state_->page; }

}  // namespace soak
