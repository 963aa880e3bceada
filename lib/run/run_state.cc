// SPDX-License-Identifier: Apache-2.0
#include "lib/run/run_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "lib/run/option_value.h"
#include "lib/run/parts.h"
#include "lib/run/read_clock.h"
#include "lib/text/format.h"
#include "soak/detail/printable.h"
#include "soak/error.h"
#include "soak/probe/process.h"
#include "soak/report/files.h"

namespace soak {

using std::chrono::nanoseconds;

namespace {

// The probe may take a thousandth of a core: between two quiescent points of a plain loop lies a thousand times what
// the last one cost. A short run has its forty all the same, or there would be nothing to judge.
constexpr int kProbeShare = 1000;
constexpr int kQuiescentPoints = 40;
constexpr int kProbeShareOfGroup = 4000;  // Most of it is for the samples in between.
constexpr int kQuiescentPointsOfGroup = 240;
constexpr int kLookShare = 10'000;  // Looks at a group of processes may take a tenth of that.

}  // namespace

report::Setting detail::named(const Setting& setting) {
  return {std::string(setting.option->name), value_text(*setting.option, setting.value), setting.source};
}

bool Run::State::thrown_out() const {
  return std::uncaught_exceptions() > exceptions_before || (context.threw && context.threw());
}

nanoseconds Run::State::elapsed() const {
  if (ended) {
    return lasted;
  }
  return active ? clock_now() - began : part_from;
}

nanoseconds Run::State::clock_now() const {
  return virtual_clock ? virtual_clock() : std::chrono::steady_clock::now().time_since_epoch();
}

detail::Setting& Run::State::setting_of(const Option& option) {
  const auto found = std::find_if(in_force.begin(), in_force.end(), [&option](const detail::Setting& setting) {
    return setting.option->name == option.name;
  });
  if (found == in_force.end()) {
    fmt::print(stderr, "{}: the option {} is in no soak::OptionTable\n", context.name, option.name);
    std::abort();
  }
  return *found;
}

bool Run::State::asked_duration() const {
  return std::any_of(in_force.begin(), in_force.end(), [](const detail::Setting& setting) {
    return setting.option->name == "duration" && setting.source != "default";
  });
}

std::vector<report::Setting> Run::State::named_settings() const {
  std::vector<report::Setting> named;
  for (const detail::Setting& setting : in_force) {
    if (setting.option->name != "duration" || !is_endless()) {
      named.push_back(detail::named(setting));
    }
  }
  return named;
}

std::string Run::State::title_now() const {
  const std::lock_guard lock(words_mutex);
  return title.empty() ? "SOAK / " + short_name() : title;
}

// The test's name without the suite prefix that every soak has.
std::string Run::State::short_name() const {
  constexpr std::string_view kPrefix = "Soak/";
  return context.name.rfind(kPrefix, 0) == 0 ? context.name.substr(kPrefix.size()) : context.name;
}

std::string Run::State::rerun_command() const {
  std::string command = context.rerun;
  for (const detail::Setting& setting : in_force) {
    // What was asked from outside is asked again; where reports and metrics go makes no difference.
    const std::string name(setting.option->name);
    if (setting.value && (name == "seed" || (setting.asked_outside() && setting.option->changes_the_run))) {
      const std::string value = detail::flag_text(*setting.option, *setting.value);
      command +=
          " " + (context.spell_option ? context.spell_option(name, value) : fmt::format("--soak_{}={}", name, value));
    }
  }
  return command + context.rerun_end;
}

probe::Budgets Run::State::budgets() const {
  probe::Budgets budgets;
  budgets.rss_growth_bytes_max = static_cast<std::int64_t>(settings.rss_growth_max);
  budgets.heap_per_cycle_bytes_max = static_cast<std::int64_t>(settings.heap_per_cycle_max);
  if (!settings.leak_max.empty()) {
    budgets.leak_max = probe::parse_leak_max(settings.leak_max);
  }
  if (settings.memory_limit > 0) {
    budgets.memory_limit_bytes = static_cast<std::int64_t>(settings.memory_limit);
  }
  budgets.counts_exact = settings.counts_exact;
  return budgets;
}

probe::JudgeWords Run::State::judge_words() const {
  probe::JudgeWords words;
  words.cycle = cycle_noun;
  words.per_cycle = context.judged_per_cycle;
  words.virtual_clock = static_cast<bool>(virtual_clock);
  words.budgets_only = context.mode == Mode::kSmoke;
  if (context.group == nullptr && probe::rss_is_distorted()) {
    words.rss_not_judged = "a sanitizer keeps freed memory";
  }
  return words;
}

void Run::State::sample(nanoseconds now) {
  const std::uint64_t cycle = cycles.load(std::memory_order_relaxed);
  probe.sample(now, cycle);
  write_down(&report::Journal::sample, now, cycle);
}

void Run::State::rest(nanoseconds now, std::uint64_t cycle, std::string_view unsettled_by) {
  probe.rest(now, cycle, unsettled_by);
  note_rest(now, cycle);
}

void Run::State::note_rest(nanoseconds now, std::uint64_t cycle) {
  write_down(&report::Journal::rest, now, cycle);
  if (heap_profile) {
    heap_profile->rest(now, cycle);
  }
  const nanoseconds after = elapsed();
  // Of other processes, no point disturbs what is measured.
  const bool is_group = context.group != nullptr;
  next_quiescent = after + std::min((after - now) * (is_group ? kProbeShareOfGroup : kProbeShare),
                                    settings.duration / (is_group ? kQuiescentPointsOfGroup : kQuiescentPoints));
}

void Run::State::end_pass(nanoseconds now, bool last) {
  // In a smoke run four cycles are all there is, and warming up is most of what they do.
  if (rested || context.mode == Mode::kSmoke || (now < next_quiescent && !last)) {
    return;
  }
  const std::uint64_t cycle = cycles.load(std::memory_order_relaxed);
  probe.end_pass(now, cycle);
  note_rest(now, cycle);
  if (last) {
    probe.complete_rest();
  }
}

void Run::State::tick() {
  const nanoseconds now = elapsed();
  const Stops::Clocks woken = Stops::clocks(now);
  stops.wakes(woken);
  stops.sleeps(woken, nanoseconds{0});  // A stop may fall into what follows, too.
  if (now >= next_sample) {
    next_sample = now - now % sample_every + sample_every;
    sample(now);
    creep.see_driver(now, read_clock(driver_cpu));
    if (progress && progress->due(now)) {
      show_progress(now);
    }
  }
  const Stops::Clocks done = Stops::clocks(elapsed());
  stops.wakes(done);
  stops.sleeps(done, kBeat);
}

void Run::State::show_progress(nanoseconds now) {
  std::array<probe::OperationCount, Counters::kCountersMax> counts;
  const std::size_t used = counters.read(counts);
  const auto value = [this](std::string_view track) {
    const std::optional<probe::Point> last = probe.latest(track);
    return last ? std::optional(last->value) : std::nullopt;
  };
  const std::string bracket = title_now();
  const std::lock_guard lock(words_mutex);
  progress->show(bracket, now,
                 status_line.text({now, cycle_noun, cycles.load(std::memory_order_relaxed),
                                   std::span(counts).first(used), value("memory"), value("rss"), value("fds"),
                                   journal_lost.empty() ? found_so_far : journal_lost}));
}

void Run::State::look(nanoseconds now) {
  if (context.mode == Mode::kSmoke || now < next_look) {
    return;
  }
  const nanoseconds cpu = read_clock(CLOCK_THREAD_CPUTIME_ID);
  early_stop->look(now, [this] {
    EarlyStop::Seen seen{{}, measured_so_far()};
    Verdict verdict = probe::judge(seen.measured, budgets(), judge_words());
    {
      const std::lock_guard lock(words_mutex);
      found_so_far = verdict_so_far(verdict);
    }
    seen.trends = context.trends ? context.trends(seen.measured) : std::move(verdict.trends);
    return seen;
  });
  if (context.group != nullptr) {
    next_look = now + (read_clock(CLOCK_THREAD_CPUTIME_ID) - cpu) * kLookShare;
  }
}

probe::Measurements Run::State::measured_so_far() const {
  return checkpoint ? join_parts(checkpoint->before().measured, probe.measurements()) : probe.measurements();
}

report::Record Run::State::totals() const {
  report::Record result;
  result.ended_early = early_stop->ended();
  result.session_rss_bytes = session_rss_bytes;
  result.figures = figures;
  result.traffic = traffic->entries(stops.all());
  result.open_time = open_time.at(elapsed());
  result.answers = answers;
  result.marks_dropped = marks.dropped() + (checkpoint ? checkpoint->before().marks_dropped : 0);
  return result;
}

report::Record Run::State::so_far() const {
  report::Record result = totals();
  result.name = context.name;
  result.file = context.file;
  result.line = context.line;
  result.title = title_now();
  result.cycle_noun = cycle_noun;
  result.mode = to_string(context.mode);
  result.virtual_clock = static_cast<bool>(virtual_clock);
  result.interrupted = signal != 0 && context.group == nullptr;
  result.started = checkpoint && !checkpoint->first() ? checkpoint->before().started : started;
  result.asked = is_endless() ? lasted : settings.duration;
  result.elapsed = lasted;
  result.seed = settings.seed;
  result.sessions = settings.sessions;
  result.memory_limit_bytes = budgets().memory_limit_bytes;
  result.cycles = cycles.load();
  result.failed_cycles = failed_cycles;
  result.failures = failures;
  result.counters = counters.all();
  result.marks = marks.all();
  result.bound_asked = !settings.leak_max.empty();
  result.settings = named_settings();
  if (!context.rerun.empty()) {
    result.rerun = rerun_command();
  }
  result.measured = measured_so_far();
  return result;
}

void Run::State::open_checkpoint() {
  if (context.mode == Mode::kSmoke) {
    remarks.emplace_back("checkpoint: a smoke run has no parts");
    return;
  }
  if (context.quiet) {
    return;
  }
  if (++detail::run_context().checkpoints_opened > 1) {
    throw detail::RunRefused(
        "a test that runs with a checkpoint has one soak::Run: of two, the second one would go on "
        "with what the first one wrote");
  }
  SoakIdentity identity{context.name, std::string(to_string(context.mode)), settings.duration, std::nullopt, {}, {}};
  detail::Setting* seed = nullptr;
  for (detail::Setting& setting : in_force) {
    if (setting.option->name == "seed") {
      seed = &setting;
    } else if (setting.option->changes_the_run) {
      (setting.of_driver ? identity.driver_settings : identity.settings).push_back(detail::named(setting));
    }
  }
  if (seed->source != "default") {
    identity.seed = settings.seed;
  }
  checkpoint.emplace(settings.checkpoint, identity, settings.part_duration);
  part_from = checkpoint->from();
  part_to = checkpoint->to();
  if (checkpoint->seed()) {
    settings.seed = *checkpoint->seed();
    seed->value = settings.seed;
  }
  const report::Record& before = checkpoint->before();
  cycles = before.cycles;
  failed_cycles = before.failed_cycles;
  failures = before.failures;
  session_rss_bytes = before.session_rss_bytes;
  for (const report::Counter& counter : before.counters) {
    counters.add(counter.name, counter.value);
  }
  for (const report::Mark& mark : before.marks) {
    marks.add(mark.at, mark.kind, mark.text);
  }
  traffic->go_on_from(before.traffic);
  open_time.go_on_from(before.open_time);
  answers = before.answers;
}

std::string Run::State::claim_report() {
  file_size_signal.emplace();
  const report::Record begun = so_far();
  const std::string path = report::report_path(begun, settings.report_dir, "");
  try {
    if (std::optional<FileLock> taken = FileLock::take(path)) {
      report_lock.emplace(std::move(*taken));
    } else if (!FileLock::is_held_here(path)) {  // The Runs of one test share its report.
      const std::optional<pid_t> holder = FileLock::holder(path);
      return fmt::format(
          "the report {}.json is being written by another run{}: wait for it to end, or give this one its "
          "own report_dir",
          path, holder ? fmt::format(", process {}", *holder) : "");
    }
  } catch (const Error& error) {
    return fmt::format("the report cannot be written: {}", error.what());
  }
  for (const char* const extension : {".json", ".html"}) {
    if (const std::string error = report::try_file(path + extension); !error.empty()) {
      return "the report cannot be written: " + error;
    }
  }
  return {};
}

std::string Run::State::begin_journal() {
  const report::Record begun = so_far();
  journal.emplace(report::report_path(begun, settings.report_dir, ".journal"), begun, budgets(),
                  judge_words().rss_not_judged, context.judged_per_cycle);
  const std::string error = journal->error();
  if (!error.empty()) {
    journal->remove();
    return "the journal cannot be written: " + error;
  }
  return {};
}

void Run::State::write_totals_when_due(nanoseconds now) {
  if (journal && now >= next_totals) {
    next_totals = now + std::clamp(settings.duration / kTotalsWritten, kTotalsEveryMin, kTotalsEveryMax);
    write_totals(now);
  }
}

void Run::State::write_totals(nanoseconds now) {
  report::Record added_up = totals();
  probe.inspect([&](const probe::Measurements& measured) { added_up.measured.probe_cpu = measured.probe_cpu; });
  journal->totals(now, added_up);
  look_at_journal(now);
}

void Run::State::look_at_journal(nanoseconds now) {
  const std::string error = journal->error();
  if (error.empty()) {
    return;
  }
  const std::string bracket = title_now();
  const std::lock_guard lock(words_mutex);
  if (!journal_lost.empty()) {
    return;
  }
  journal_lost = fmt::format("the journal ended at {}, before the run: {}", text::format_clock(now), error);
  if (progress) {
    progress->clear();
  }
  // Perhaps on the same full disk: fmt::print() would throw.
  std::fputs((text::printable(fmt::format("[{}] {}", bracket, journal_lost)) + '\n').c_str(), stderr);
}

void Run::State::write_down(JournalEntry entry, nanoseconds now, std::uint64_t cycle) {
  if (!journal) {
    return;
  }
  std::array<probe::OperationCount, Counters::kCountersMax> counts;
  const std::size_t used = counters.read(counts);
  probe.inspect([&](const probe::Measurements& measured) {
    ((*journal).*entry)(now, cycle, measured, std::span(counts).first(used));
  });
  look_at_journal(now);
}

}  // namespace soak
