// SPDX-License-Identifier: Apache-2.0
#include "soak/run.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "checkpoint.h"
#include "counters.h"
#include "early_stop.h"
#include "interrupt.h"
#include "marks.h"
#include "parts.h"
#include "soak/detail/format.h"
#include "soak/detail/run_context.h"
#include "soak/probe/heap_profile.h"
#include "soak/probe/process.h"
#include "soak/report/files.h"
#include "soak/report/journal.h"
#include "soak/report/json.h"
#include "soak/report/page.h"
#include "soak/report/progress.h"
#include "soak/report/summary.h"
#include "status_line.h"
#include "traffic.h"

namespace soak {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

// The probe may take a thousandth of a core: between two quiescent points of a plain loop lies a thousand times what
// the last one cost. A short run has its forty all the same, or there would be nothing to judge.
constexpr int kProbeShare = 1000;
constexpr int kQuiescentPoints = 40;
constexpr std::size_t kFailuresKept = 5;
constexpr nanoseconds kTimeoutMargin = 1min;
constexpr nanoseconds kProbeJudgedFrom = 30s;  // In less time the readings that are always taken are all there is.

void remark_on_probe(double share, Verdict& verdict) {
  if (share > probe::kShare) {
    verdict.remarks.push_back(fmt::format("the probe took {:.2f}% of a core, more than its share of {:.1f}%",
                                          share * 100, probe::kShare * 100));
  }
}

nanoseconds steady_now() { return std::chrono::steady_clock::now().time_since_epoch(); }

}  // namespace

namespace detail {

RunContext& run_context() {
  static RunContext context;
  return context;
}

}  // namespace detail

struct Run::State {
  detail::RunContext context;
  Settings settings;
  std::vector<report::Setting> named_settings;
  std::vector<std::pair<std::string, std::string>> rerun_options;
  std::uint64_t failed_cycles_max = 0;

  mutable std::mutex words_mutex;  // The probe's thread reads the title for the progress line.
  std::string title;
  std::string cycle_noun = "cycle";
  std::string found_so_far;  // By the last look.

  // Of a soak that is run as several processes, this one's part; a soak of one process is one from beginning to end.
  std::optional<Checkpoint> checkpoint;
  nanoseconds part_from{};
  nanoseconds part_to{};

  Clock virtual_clock;
  nanoseconds began{};  // When the soak would have begun, had this process run all of it.
  nanoseconds lasted{};
  std::chrono::system_clock::time_point started;
  bool active = false;
  bool ended = false;

  probe::Probe probe;
  std::optional<probe::HeapProfile> heap_profile;
  std::optional<report::Journal> journal;
  std::optional<probe::Sampler> sampler;
  std::optional<report::Progress> progress;
  StatusLine status_line;
  std::optional<InterruptGuard> interrupts;
  int signal = 0;

  Counters counters;
  std::optional<TrafficLedger> traffic;
  Marks marks;
  std::atomic<std::uint64_t> cycles{0};
  std::atomic<std::uint64_t> failed_cycles{0};
  std::vector<std::string> failures;
  std::vector<std::string> remarks;
  std::optional<std::string> crashed;
  std::vector<std::string> stragglers;
  std::optional<std::uint64_t> expected_cycles;
  nanoseconds next_quiescent{};
  bool rested = false;                       // There was a quiescent point.
  bool at_rest = false;                      // Whoever drives the run does nothing after its last quiescent point.
  std::optional<nanoseconds> asked_to_rest;  // When cycle.quiescent() was called last.
  std::optional<EarlyStop> early_stop;

  std::optional<report::Record> record;
  std::string page;  // Where it was written.
  bool read = false;

  // Between begin_run and the end of the run only `began` and the clock are looked at, so any thread may ask.
  nanoseconds elapsed() const {
    if (ended) {
      return lasted;
    }
    if (!active) {
      return part_from;
    }
    return (virtual_clock ? virtual_clock() : steady_now()) - began;
  }

  void show_progress(nanoseconds now) {
    std::array<probe::OperationCount, Counters::kMost> counts;
    const std::size_t used = counters.read(counts);
    const auto value = [this](std::string_view track) {
      const std::optional<probe::Point> last = probe.latest(track);
      return last ? std::optional(last->value) : std::nullopt;
    };
    const std::string bracket = title_now();
    const std::lock_guard lock(words_mutex);
    progress->show(bracket, now,
                   status_line.text({now, cycle_noun, cycles.load(std::memory_order_relaxed),
                                     std::span(counts).first(used), value("rss"), value("fds"), found_so_far}));
  }

  std::string title_now() const {
    const std::lock_guard lock(words_mutex);
    return title.empty() ? "SOAK / " + short_name() : title;
  }

  // The test's name without the suite prefix that every soak has.
  std::string short_name() const {
    constexpr std::string_view kPrefix = "Soak/";
    return context.name.rfind(kPrefix, 0) == 0 ? context.name.substr(kPrefix.size()) : context.name;
  }

  void sample(nanoseconds now) {
    const std::uint64_t cycle = cycles.load(std::memory_order_relaxed);
    probe.sample(now, cycle);
    write_down(&report::Journal::sample, now, cycle);
  }

  void tick() {
    const nanoseconds now = elapsed();
    sample(now);
    if (progress && progress->due(now)) {
      show_progress(now);
    }
  }

  std::string rerun_command() const {
    std::string command = context.rerun;
    for (const auto& [name, value] : rerun_options) {
      command +=
          " " + (context.spell_option ? context.spell_option(name, value) : fmt::format("--soak_{}={}", name, value));
    }
    return command;
  }

  // A look at what there is so far, and the end of the run if that shows a certain leak. On the thread of the run.
  void look() {
    early_stop->look(elapsed(), [this] {
      const probe::Measurements measured = measured_so_far();
      const Verdict seen = probe::judge(measured, budgets(), judge_words());
      {
        const std::lock_guard lock(words_mutex);
        found_so_far = verdict_so_far(seen);
      }
      return context.trends ? context.trends(measured) : seen.trends;
    });
  }

  probe::Budgets budgets() const {
    return {static_cast<std::int64_t>(settings.rss_growth_max), static_cast<std::int64_t>(settings.heap_per_cycle_max)};
  }

  probe::JudgeWords judge_words() const {
    probe::JudgeWords words;
    words.cycle = cycle_noun;
    if (probe::rss_is_distorted()) {
      words.rss_not_judged = "a sanitizer keeps freed memory";
    }
    return words;
  }

  void rest(nanoseconds now, std::uint64_t cycle, std::string_view unsettled_by) {
    probe.rest(now, cycle, unsettled_by);
    write_down(&report::Journal::rest, now, cycle);
    if (heap_profile) {
      heap_profile->rest(now, cycle);
    }
  }

  // In the parts before, too.
  probe::Measurements measured_so_far() const {
    return checkpoint ? join_parts(checkpoint->before().measured, probe.measurements()) : probe.measurements();
  }

  void open_checkpoint();
  report::Record so_far() const;

  using JournalEntry = void (report::Journal::*)(nanoseconds, std::uint64_t, const probe::Measurements&,
                                                 std::span<const probe::OperationCount>);
  void write_down(JournalEntry entry, nanoseconds now, std::uint64_t cycle) {
    if (!journal) {
      return;
    }
    std::array<probe::OperationCount, Counters::kMost> counts;
    const std::size_t used = counters.read(counts);
    probe.inspect([&](const probe::Measurements& measured) {
      ((*journal).*entry)(now, cycle, measured, std::span(counts).first(used));
    });
  }

  void begin_journal() {
    const report::Record begun = so_far();
    journal.emplace(report::report_path(begun, settings.report_dir, ".journal"), begun, budgets(),
                    judge_words().rss_not_judged);
  }

  void judge();
  void end_part();
  void write_report();
};

void Cycle::quiescent() {
  Run::State& state = *run_->state_;
  const nanoseconds now = state.elapsed();
  // By the pace so far, a point after which there may be no other one before the run ends.
  const bool last = now + 2 * (now - state.asked_to_rest.value_or(now)) >= state.part_to;
  state.asked_to_rest = now;
  if (now < state.next_quiescent && !last) {
    return;
  }
  state.rested = true;
  state.rest(now, number_ + 1, {});  // The cycle whose end this is has not been counted yet.
  if (last) {
    state.probe.complete_rest();
  }
  const nanoseconds after = state.elapsed();
  state.next_quiescent = after + std::min((after - now) * kProbeShare, state.settings.duration / kQuiescentPoints);
  state.look();
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
  if (settings().metrics_port) {
    remark("metrics_port: only a soak::AsyncRun serves metrics");
  }
}

Run::Run(RunOptions options, Driven) : state_(std::make_unique<State>()) {
  State& state = *state_;
  state.context = detail::run_context();
  std::vector<detail::NamedSetting> named;
  state.read = true;  // Until the options are known to be good: an exception below is the whole story.
  state.settings = detail::resolve(options, state.context.mode, &named);
  for (detail::NamedSetting& setting : named) {
    // What was asked from outside is asked again; where reports and metrics go makes no difference.
    const bool outside = setting.source == "flag" || setting.source == "variable";
    const bool elsewhere = setting.name == "report_dir" || setting.name == "metrics_port" ||
                           setting.name == "checkpoint" || setting.name == "part_duration";
    if (setting.name == "seed" || (outside && !elsewhere)) {
      state.rerun_options.emplace_back(setting.name, setting.flag_value);
    }
    state.named_settings.push_back({setting.name, setting.value, setting.source});
  }
  const nanoseconds duration = state.settings.duration;
  state.part_to = duration;
  state.traffic.emplace(duration);
  if (!state.settings.checkpoint.empty()) {
    state.open_checkpoint();
  }
  const nanoseconds takes = state.part_to - state.part_from;
  if (state.context.mode == Mode::kReal && state.context.timeout && takes + kTimeoutMargin > *state.context.timeout) {
    throw detail::RunRefused(
        fmt::format("a {} of {} does not fit the test's TIMEOUT of {}: give soak_discover_tests() a DURATION "
                    "that is as long, or ask for less with --soak_{}",
                    state.checkpoint ? "part" : "duration", detail::format_duration(takes),
                    detail::format_duration(*state.context.timeout), state.checkpoint ? "part_duration" : "duration"));
  }
  if (state.settings.heap_profile) {
    if (const std::string why = probe::heap_profile_unavailable(); why.empty()) {
      state.heap_profile.emplace(duration);
    } else {
      remark("heap profile: " + why);
    }
  }
  state.title = std::move(options.title);
  state.failed_cycles_max = options.failed_cycles_max;
  state.probe.watch_operations(Counters::kMost, [&counters = state.counters](std::span<probe::OperationCount> counts) {
    return counters.read(counts);
  });
  state.early_stop.emplace(state.settings.early_stop && state.context.mode != Mode::kSmoke);
  state.failures.reserve(kFailuresKept);
  state.read = false;
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
  SoakIdentity identity{context.name, to_string(context.mode), settings.duration, std::nullopt, named_settings};
  report::Setting* seed = nullptr;
  for (report::Setting& setting : named_settings) {
    if (setting.name == "seed") {
      seed = &setting;
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
    seed->value = std::to_string(settings.seed);
    for (auto& [name, value] : rerun_options) {
      value = name == "seed" ? seed->value : value;
    }
  }
  const report::Record& before = checkpoint->before();
  cycles = before.cycles;
  failed_cycles = before.failed_cycles;
  failures = before.failures;
  for (const report::Counter& counter : before.counters) {
    counters.add(counter.name, counter.value);
  }
  for (const report::Mark& mark : before.marks) {
    marks.add(mark.at, mark.kind, mark.text);
  }
  traffic->go_on_from(before.traffic);
}

Run::~Run() {
  if (state_->read) {
    return;
  }
  verdict();
  const std::string message =
      fmt::format("{}: the verdict of this soak::Run was never asked for; end the test with EXPECT_SOAK(run)\n{}",
                  state_->context.name, summary());
  if (!state_->context.on_unread) {
    fmt::print(stderr, "{}\n", message);
    std::abort();
  }
  state_->context.on_unread(message);
}

Run::Iterator Run::begin() {
  begin_run();
  return Iterator(*this);
}

Cycle Run::Iterator::operator*() const { return Cycle(*run_, run_->cycles(), run_->part_to()); }

Run::Iterator& Run::Iterator::operator++() {
  run_->finish_cycle();
  if (run_->cycles_in_part() == 1) {
    run_->sample();  // Where RSS starts, if there is no quiescent point.
  }
  return *this;
}

bool Run::Iterator::operator!=(Sentinel) const {
  State& state = *run_->state_;
  if (!state.rested) {
    state.look();  // There is no other moment for it.
  }
  if (state.elapsed() < run_->part_to() && !run_->interrupted() && !run_->ended_early()) {
    return true;
  }
  run_->end_run();
  return false;
}

void Run::count(std::string_view name, std::uint64_t n) { state_->counters.add(name, n); }

std::uint64_t Run::counted(std::string_view name) const { return state_->counters.value(name); }

std::uint64_t Run::counted_in_part(std::string_view name) const {
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

std::uint64_t Run::cycles_in_part() const {
  return cycles() - (state_->checkpoint ? state_->checkpoint->before().cycles : 0);
}

std::uint64_t Run::first_cycle() const { return state_->checkpoint ? state_->checkpoint->cycles_due_before() : 0; }

nanoseconds Run::part_from() const { return state_->part_from; }

nanoseconds Run::part_to() const { return state_->part_to; }

std::uint64_t Run::part_seed() const { return state_->checkpoint ? state_->checkpoint->part_seed(seed()) : seed(); }

void Run::due(std::string_view name, nanoseconds at) { state_->traffic->due(name, at); }

void Run::met(std::string_view name, nanoseconds at) {
  state_->traffic->met(name, at);
  count(name);
}

void Run::mark(std::string_view kind, std::string_view text) {
  const nanoseconds now = elapsed();
  if (state_->marks.add(now, kind, text) && state_->journal) {
    state_->journal->mark(now, kind, text);
  }
}

void Run::add_gauge(std::string name, std::function<std::int64_t()> read, GaugeOptions options) {
  state_->probe.add_gauge(std::move(name), std::move(read), options);
}

void Run::watch_process(probe::ProcessId id, std::string name) { state_->probe.watch_process(id, std::move(name)); }

void Run::describe(std::string_view title, std::string_view cycle_noun) {
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

const Settings& Run::settings() const { return state_->settings; }

bool Run::asked_outside(std::string_view option) const {
  for (const report::Setting& setting : state_->named_settings) {
    if (setting.name == option) {
      return setting.source == "flag" || setting.source == "variable";
    }
  }
  return false;
}

Mode Run::mode() const { return state_->context.mode; }

nanoseconds Run::elapsed() const { return state_->elapsed(); }

bool Run::interrupted() const { return state_->signal != 0 || (state_->active && InterruptGuard::signal() != 0); }

bool Run::ended_early() const { return state_->early_stop->ended().has_value(); }

void Run::use_virtual_clock(Clock clock) {
  state_->virtual_clock = std::move(clock);
  state_->probe.take_every_reading();  // What it may take of the processor says nothing about virtual seconds.
}

void Run::begin_run() {
  State& state = *state_;
  if (state.active || state.ended) {
    fmt::print(stderr, "{}: a soak::Run runs once\n", state.context.name);
    std::abort();
  }
  state.started = std::chrono::system_clock::now();
  if (state.checkpoint) {
    if (const std::string error = state.checkpoint->save_start(state.so_far()); !error.empty()) {
      refuse("the checkpoint cannot be written: " + error);
    }
  }
  state.began = (state.virtual_clock ? state.virtual_clock() : steady_now()) - state.part_from;
  state.active = true;
  state.interrupts.emplace();
  // A run on the virtual clock is over at once, and its seed gives it again.
  const bool threads = !state.virtual_clock && !state.context.quiet;
  if (threads) {
    state.begin_journal();
  }
  sample();
  if (threads) {
    if (state.context.progress) {
      state.progress.emplace(stdout, ::isatty(STDOUT_FILENO) == 1, state.settings.duration);
    }
    state.sampler.emplace(state.settings.duration < 1min ? nanoseconds(100ms) : nanoseconds(1s),
                          [&state] { state.tick(); });
  }
}

void Run::end_run() {
  State& state = *state_;
  if (state.ended || !state.active) {
    return;
  }
  state.sampler.reset();
  if (state.at_rest) {
    state.probe.complete_rest();
  }
  sample();
  state.lasted = state.elapsed();
  if (state.journal) {
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

std::uint64_t Run::cycles() const { return state_->cycles.load(std::memory_order_relaxed); }

std::uint64_t Run::failed_cycles() const { return state_->failed_cycles.load(std::memory_order_relaxed); }

std::vector<report::Counter> Run::counters() const { return state_->counters.all(); }

std::vector<probe::Reading> Run::held() const { return state_->probe.latest(); }

void Run::refuse(const std::string& why) {
  state_->read = true;  // Nothing ran, so there is no verdict to miss.
  throw detail::RunRefused(why);
}

void Run::remark(std::string text) { state_->remarks.push_back(std::move(text)); }

void Run::expect_cycles(std::uint64_t count) { state_->expected_cycles = count; }

void Run::finish_cycle() { state_->cycles.fetch_add(1, std::memory_order_relaxed); }

void Run::fail_cycle(std::string_view what) {
  ++state_->failed_cycles;
  if (state_->journal) {
    state_->journal->failure(elapsed(), what);
  }
  if (state_->failures.size() < kFailuresKept) {
    state_->failures.push_back(fmt::format("{} {}", detail::format_clock(elapsed()), what));
  }
}

void Run::crash(std::string_view what) {
  if (!state_->crashed) {
    state_->crashed = fmt::format("{} {}", detail::format_clock(elapsed()), what);
  }
}

void Run::straggler(std::string_view what) { state_->stragglers.emplace_back(what); }

void Run::quiescent_point(std::string_view unsettled_by) {
  state_->rested = true;
  state_->at_rest = true;
  state_->rest(elapsed(), cycles(), unsettled_by);
  state_->look();
}

void Run::sample() { state_->sample(elapsed()); }

const Verdict& Run::verdict() {
  State& state = *state_;
  state.read = true;
  if (!state.record) {
    end_run();
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

report::Record Run::State::so_far() const {
  report::Record result;
  result.name = context.name;
  result.title = title_now();
  result.cycle_noun = cycle_noun;
  result.mode = to_string(context.mode);
  result.virtual_clock = static_cast<bool>(virtual_clock);
  result.interrupted = signal != 0;
  result.ended_early = early_stop->ended();
  result.started = checkpoint && !checkpoint->first() ? checkpoint->before().started : started;
  result.asked = settings.duration;
  result.elapsed = lasted;
  result.seed = settings.seed;
  result.cycles = cycles.load();
  result.failed_cycles = failed_cycles;
  result.failures = failures;
  result.counters = counters.all();
  result.traffic = traffic->entries();
  result.marks = marks.all();
  result.marks_dropped = marks.dropped() + (checkpoint ? checkpoint->before().marks_dropped : 0);
  result.settings = named_settings;
  if (!context.rerun.empty()) {
    result.rerun = rerun_command();
  }
  result.measured = measured_so_far();
  return result;
}

void Run::State::judge() {
  report::Record result = so_far();
  // A part that is over, or was interrupted, before the soak is: only what is certainly wrong by now is.
  const bool unfinished = checkpoint && lasted < settings.duration && !result.ended_early;
  std::optional<std::uint64_t> due = expected_cycles;
  if (checkpoint) {
    const std::uint64_t here = result.cycles - checkpoint->before().cycles;
    report::Part part{started, part_from, std::min(lasted, part_to), here, here, signal != 0};
    if (expected_cycles) {
      part.cycles_due = signal != 0 ? here : *expected_cycles;
      due = checkpoint->cycles_due_before() + part.cycles_due;
    }
    result.parts = checkpoint->before().parts;
    result.parts.push_back(part);
  }

  Verdict& verdict = result.verdict;
  const auto add = [&verdict](std::string subject, std::string text) -> Finding& {
    verdict.findings.push_back({std::move(subject), std::move(text), {}});
    return verdict.findings.back();
  };
  const std::string& noun = cycle_noun;
  if (crashed) {
    add("crash", "the run ended by an exception: " + *crashed);
  } else if (signal != 0) {
    add("interrupted", fmt::format("interrupted by {} after {} of {}", signal == SIGINT ? "SIGINT" : "SIGTERM",
                                   detail::format_duration(lasted), detail::format_duration(settings.duration)));
  }
  if (!stragglers.empty()) {
    add("stragglers", fmt::format("{} never returned: {}", detail::format_plural(stragglers.size(), "blocking call"),
                                  fmt::join(stragglers, "; ")));
  }
  const bool short_of_cycles =
      (result.cycles == 0 && !unfinished) || (due && (result.cycles + 1 < *due || result.cycles > *due + 1));
  std::string cycles_text = fmt::format("{} finished", detail::format_plural(result.cycles, noun.c_str()));
  if (due) {
    cycles_text += fmt::format(", {} +-1 were due", *due);
  }
  // Cycles that failed are why too few were finished, and a run that was cut short has its own finding.
  if (result.failed_cycles > failed_cycles_max) {
    Finding& finding =
        add("failed_cycles", fmt::format("{} failed, allowed {}",
                                         detail::format_plural(result.failed_cycles, noun.c_str()), failed_cycles_max));
    for (const std::string& failure : failures) {
      finding.evidence.push_back({"at", failure});
    }
    if (short_of_cycles) {
      finding.evidence.push_back({"with", cycles_text});
    }
  } else if (short_of_cycles && verdict.passed() && !result.ended_early) {
    add("cycles", cycles_text);
  }

  if (result.cycles > 0 && (!unfinished || probe::rss_growth(result.measured))) {
    probe::JudgeWords words = judge_words();
    if (const auto growth = result.measured.find("sockets");
        growth != nullptr && growth->at_rest.added() >= 2 &&
        growth->at_rest.last()->value > growth->at_rest.first()->value) {
      words.socket_holders = probe::describe_sockets(3);
    }
    const Verdict held = probe::judge(result.measured, budgets(), words);
    std::copy_if(held.findings.begin(), held.findings.end(), std::back_inserter(verdict.findings),
                 [unfinished](const Finding& finding) { return !unfinished || finding.subject != "settling"; });
    verdict.remarks = held.remarks;
    verdict.trends = held.trends;
    if (!result.ended_early) {
      judge_traffic(result.traffic, verdict);
    }
  }
  early_stop->explain(settings.duration, verdict);
  if (heap_profile) {
    probe::explain(heap_profile->growth(), noun, verdict);
  }
  if (!virtual_clock && lasted >= kProbeJudgedFrom) {
    remark_on_probe(std::chrono::duration<double>(result.measured.probe_cpu) / lasted, verdict);
  }
  verdict.remarks.insert(verdict.remarks.end(), remarks.begin(), remarks.end());
  record = std::move(result);
}

// An interrupt ends a part, not the soak; anything else that is wrong ends the soak.
void Run::State::end_part() {
  Verdict& verdict = record->verdict;
  const bool goes_on = std::all_of(verdict.findings.begin(), verdict.findings.end(),
                                   [](const Finding& finding) { return finding.subject == "interrupted"; });
  record->parts_left = goes_on ? checkpoint->parts_after(record->parts.back().to) : 0;
  if (record->parts_left > 0) {
    verdict.remarks.push_back(fmt::format("{} of {} done, in {}; run the same again to go on",
                                          detail::format_duration(record->parts.back().to),
                                          detail::format_duration(settings.duration), checkpoint->path()));
  } else {
    verdict.remarks.push_back(
        fmt::format("the checkpoint {} is finished; delete it to start anew", checkpoint->path()));
  }
  if (const std::string error = checkpoint->save(*record); !error.empty()) {
    verdict.findings.push_back({"checkpoint", "the checkpoint was not written: " + error, {}});
  }
}

void Run::State::write_report() {
  const std::string json = report::report_path(*record, settings.report_dir, ".json");
  const std::string html = report::report_path(*record, settings.report_dir, ".html");
  std::string error = report::write_file(json, report::to_json(*record));
  if (error.empty()) {
    error = report::write_file(html, report::to_html(*record));
  }
  if (!error.empty()) {
    record->verdict.remarks.push_back("the report was not written: " + error);
    return;
  }
  page = html;
  record->verdict.remarks.push_back("report in " + page);
  if (journal) {
    journal->remove();
    if (const std::string broken = journal->error(); !broken.empty()) {
      record->verdict.remarks.push_back("the journal ended before the run: " + broken);
    }
  }
}

}  // namespace soak
