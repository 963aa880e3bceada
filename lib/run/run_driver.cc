// SPDX-License-Identifier: Apache-2.0
#include "soak/run_driver.h"

#include <fmt/format.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "lib/run/read_clock.h"
#include "lib/run/run_state.h"
#include "lib/text/format.h"

namespace soak {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

constexpr int kReloadShare = 10;

}  // namespace

void RunDriver::describe(std::string_view title, std::string_view cycle_noun) {
  const std::lock_guard lock(state_->words_mutex);
  const bool titled = state_->title.empty() && !title.empty();
  if (titled) {
    state_->title = title;
  }
  // A driver says it again in each cycle.
  if ((titled || state_->cycle_noun != cycle_noun) && state_->journal) {
    state_->journal->describe(state_->title, cycle_noun);
  }
  state_->cycle_noun = cycle_noun;
}

void RunDriver::show_figures(std::vector<report::Figure> figures) { state_->figures = std::move(figures); }

std::string RunDriver::figure_before(std::string_view name) const {
  if (!state_->checkpoint) {
    return {};
  }
  for (const report::Figure& figure : state_->checkpoint->before().figures) {
    if (figure.name == name) {
      return figure.value;
    }
  }
  return {};
}

const std::optional<OptionValue>& RunDriver::in_force(const Option& option, const std::optional<OptionValue>& in_code) {
  detail::Setting& setting = state_->setting_of(option);
  if (in_code) {
    detail::set_in_code(setting, *in_code, state_->context.mode, std::string(option.name) + " in code");
    if (state_->checkpoint && !state_->active && option.changes_the_run) {
      state_->checkpoint->refuse_unless_same(detail::named(setting));
    }
  }
  return setting.value;
}

std::uint64_t RunDriver::counted_in_part(std::string_view name) const {
  const std::uint64_t counted = state_->counters.value(name);
  if (state_->checkpoint) {
    for (const report::Counter& before : state_->checkpoint->before().counters) {
      if (before.name == name) {
        return counted - before.value;
      }
    }
  }
  return counted;
}

std::uint64_t RunDriver::cycles_in_part() const {
  return cycles() - (state_->checkpoint ? state_->checkpoint->before().cycles : 0);
}

void RunDriver::use_virtual_clock(std::function<nanoseconds()> clock) {
  state_->virtual_clock = std::move(clock);
  state_->probe.take_every_reading();  // What it may take of the processor says nothing about virtual seconds.
}

void RunDriver::begin_run() {
  Run::State& state = *state_;
  if (state.active || state.ended) {
    fmt::print(stderr, "{}: a soak::Run runs once\n", state.context.name);
    std::abort();
  }
  state.started = std::chrono::system_clock::now();
  // A run on the virtual clock is over at once, and its seed gives it again.
  const bool threads = !state.virtual_clock && !state.context.quiet;
  if (!state.context.quiet) {
    std::string error = state.claim_report();
    if (error.empty() && threads) {
      error = state.begin_journal();
    }
    if (!error.empty()) {
      refuse(error);
    }
  }
  if (state.checkpoint) {
    if (const std::string error = state.checkpoint->save_start(state.so_far()); !error.empty()) {
      refuse("the checkpoint cannot be written: " + error);
    }
  }
  state.began = state.clock_now() - state.part_from;
  state.active = true;
  state.interrupts.emplace();
  sample();
  if (threads) {
    if (state.context.progress) {
      state.progress.emplace(stdout, ::isatty(STDOUT_FILENO) == 1,
                             state.is_endless() ? nanoseconds{0} : state.settings.duration);
    }
    ::pthread_getcpuclockid(::pthread_self(), &state.driver_cpu);
    state.sample_every = state.settings.duration < 1min ? nanoseconds(100ms) : nanoseconds(1s);
    state.sampler.emplace(Run::State::kBeat, [&state] { state.tick(); });
  }
}

void RunDriver::end_run() {
  Run::State& state = *state_;
  if (state.ended || !state.active) {
    return;
  }
  state.sampler.reset();
  state.stops.wakes(Stops::clocks(state.elapsed()));
  if (state.at_rest) {
    state.probe.complete_rest();
  }
  sample();
  state.lasted = state.elapsed();
  if (state.journal) {
    state.write_totals(state.lasted);
    state.journal->end(state.lasted, cycles());
  }
  state.signal = InterruptGuard::signal();
  state.interrupts.reset();
  state.active = false;
  state.ended = true;
  if (state.progress) {
    state.progress->clear();
  }
}

void RunDriver::refuse(const std::string& why) {
  state_->read = true;  // Nothing ran, so there is no verdict to miss.
  throw detail::RunRefused(why);
}

std::uint64_t RunDriver::cycles() const { return state_->cycles.load(std::memory_order_relaxed); }

std::uint64_t RunDriver::failed_cycles() const { return state_->failed_cycles.load(std::memory_order_relaxed); }

std::vector<report::Counter> RunDriver::counters() const { return state_->counters.all(); }

std::vector<probe::Reading> RunDriver::held() const { return state_->probe.latest(); }

nanoseconds RunDriver::part_from() const { return state_->part_from; }

nanoseconds RunDriver::part_to() const { return state_->part_to; }

std::uint64_t RunDriver::first_cycle() const {
  return state_->checkpoint ? state_->checkpoint->cycles_due_before() : 0;
}

std::uint64_t RunDriver::part_seed() const {
  return state_->checkpoint ? state_->checkpoint->part_seed(state_->settings.seed) : state_->settings.seed;
}

bool RunDriver::has_duration() const { return !state_->is_endless(); }

void RunDriver::expect_cycles(std::uint64_t count) { state_->expected_cycles = count; }

void RunDriver::finish_cycles(std::uint64_t count) { state_->cycles.fetch_add(count, std::memory_order_relaxed); }

void RunDriver::session_holds(std::int64_t rss_bytes) { state_->session_rss_bytes = rss_bytes; }

void RunDriver::want_sessions(std::uint64_t count, nanoseconds from, nanoseconds to) {
  state_->open_time.want(count, from, to);
}

void RunDriver::report_sessions() { state_->open_time.report(); }

void RunDriver::session_open(nanoseconds from, nanoseconds to) { state_->open_time.open(from, to); }

report::Answers& RunDriver::answers() { return state_->answers ? *state_->answers : state_->answers.emplace(); }

void RunDriver::bound_answers(const AnswerBounds& bounds) { state_->answer_bounds = bounds; }

void RunDriver::answer_error(std::string_view last_error) { state_->last_answer_error = last_error; }

void RunDriver::fail_cycle(std::string_view what) {
  ++state_->failed_cycles;
  state_->failures_over_time->add(state_->elapsed());
  if (state_->journal) {
    state_->journal->failure(state_->elapsed(), what);
  }
  if (state_->failures.size() < Run::State::kFailuresKept) {
    state_->failures.push_back(fmt::format("{} {}", text::format_clock(state_->elapsed()), what));
  }
}

void RunDriver::crash(std::string_view what) {
  if (!state_->crashed) {
    state_->crashed = fmt::format("{} {}", text::format_clock(state_->elapsed()), what);
  }
}

void RunDriver::straggler(std::string_view what) { state_->stragglers.emplace_back(what); }

void RunDriver::quiescent_point(std::string_view unsettled_by) {
  state_->rested = true;
  state_->at_rest = true;
  state_->rest(state_->elapsed(), cycles(), unsettled_by);
  if (state_->sampler) {
    state_->creep.rest(state_->elapsed(), cycles(), read_clock(CLOCK_PROCESS_CPUTIME_ID),
                       state_->traffic->take_lateness());
  }
  state_->look(state_->elapsed());
}

void RunDriver::end_pass(bool last) {
  Run::State& state = *state_;
  const nanoseconds now = state.elapsed();
  if (cycles_in_part() > 0) {
    state.end_pass(now, last);
  }
  state.write_totals_when_due(now);
  if (!state.rested && !last) {
    state.look(now);
    if (state.early_stop->ended()) {
      state.probe.complete_rest();
    }
  }
}

nanoseconds RunDriver::reload_time() const {
  const bool is_due =
      state_->settings.reload && state_->context.mode != Mode::kSmoke && state_->part_to >= state_->settings.duration;
  return is_due ? state_->settings.duration / kReloadShare : nanoseconds{0};
}

void RunDriver::begin_reload() { state_->reload_from = state_->elapsed(); }

void RunDriver::has_timer(nanoseconds after) { state_->slowest_timer = std::max(state_->slowest_timer, after); }

nanoseconds RunDriver::slowest_timer() const { return state_->slowest_timer; }

void RunDriver::keep_totals() { state_->write_totals_when_due(state_->elapsed()); }

void RunDriver::sample() { state_->sample(state_->elapsed()); }

}  // namespace soak
