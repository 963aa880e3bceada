// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_RUN_RUN_STATE_H_
#define SOAK_LIB_RUN_RUN_STATE_H_

// What a Run is made of: the clock, what is counted, what measures, and what is written down. run_state.cc drives
// them, run_verdict.cc judges what they saw.

#include <time.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/run/checkpoint.h"
#include "lib/run/counters.h"
#include "lib/run/creep.h"
#include "lib/run/early_stop.h"
#include "lib/run/file_lock.h"
#include "lib/run/file_size_signal.h"
#include "lib/run/interrupt.h"
#include "lib/run/marks.h"
#include "lib/run/open_time.h"
#include "lib/run/option_registry.h"
#include "lib/run/status_line.h"
#include "lib/run/stops.h"
#include "lib/run/traffic.h"
#include "soak/detail/run_context.h"
#include "soak/probe/heap_profiler.h"
#include "soak/probe/probe.h"
#include "soak/report/journal.h"
#include "soak/report/progress.h"
#include "soak/report/record.h"
#include "soak/run.h"
#include "soak/run_driver.h"

namespace soak {

namespace detail {

report::Setting named(const Setting& setting);

}  // namespace detail

struct Run::State {
  // What was in flight when the Run was made: more than that, and an exception is what destroys it.
  const int exceptions_before = std::uncaught_exceptions();
  detail::RunContext context;
  Settings settings;
  std::vector<detail::Setting> in_force;  // The settings, and the options of drivers.
  std::uint64_t failed_cycles_max = 0;

  mutable std::mutex words_mutex;  // The probe's thread reads the title for the progress line.
  std::string title;
  std::string cycle_noun = "cycle";
  std::string found_so_far;  // By the last look.
  std::string journal_lost;  // When it ended before the run, and why; otherwise empty.

  // Of a soak that is run as several processes, this one's part; a soak of one process is one from beginning to end.
  std::optional<Checkpoint> checkpoint;
  std::chrono::nanoseconds part_from{};
  std::chrono::nanoseconds part_to{};

  std::function<std::chrono::nanoseconds()> virtual_clock;
  std::chrono::nanoseconds began{};  // When the soak would have begun, had this process run all of it.
  std::chrono::nanoseconds lasted{};
  std::chrono::system_clock::time_point started;
  bool active = false;
  bool ended = false;

  probe::Probe probe{detail::run_context().group};
  std::unique_ptr<probe::HeapRecording> heap_profile;
  std::optional<FileSizeSignal> file_size_signal;
  std::optional<FileLock> report_lock;  // Until the reports are written.
  std::optional<report::Journal> journal;
  std::chrono::nanoseconds next_totals{};
  std::optional<probe::Sampler> sampler;
  std::chrono::nanoseconds sample_every{};  // Of the sampler, which wakes more often, to see whether the process runs.
  std::chrono::nanoseconds next_sample{};
  Stops stops;
  Creep creep;
  clockid_t driver_cpu = CLOCK_THREAD_CPUTIME_ID;  // Of the thread of the run, for the sampler's.
  std::optional<report::Progress> progress;
  StatusLine status_line;
  std::optional<InterruptGuard> interrupts;
  int signal = 0;

  Counters counters;
  std::optional<TrafficLedger> traffic;
  OpenTime open_time;
  std::optional<report::Answers> answers;
  AnswerBounds answer_bounds;
  std::string last_answer_error;
  Marks marks;
  std::atomic<std::uint64_t> cycles{0};
  std::atomic<std::uint64_t> failed_cycles{0};
  std::optional<std::int64_t> session_rss_bytes;
  std::optional<EventsOverTime> failures_over_time;
  static constexpr std::size_t kFailuresKept = 5;
  std::vector<std::string> failures;
  std::vector<std::string> remarks;
  std::vector<Finding> findings;  // Of a driver.
  std::vector<report::Figure> figures;
  std::optional<std::string> crashed;
  std::vector<std::string> stragglers;
  std::optional<std::uint64_t> expected_cycles;
  std::chrono::nanoseconds next_quiescent{};
  bool rested = false;   // There was a quiescent point: not only ends of passes.
  bool at_rest = false;  // Whoever drives the run does nothing after its last quiescent point.
  std::optional<std::chrono::nanoseconds> reload_from;  // When the same load began again.
  std::chrono::nanoseconds slowest_timer{};
  std::optional<std::chrono::nanoseconds> asked_to_rest;  // When cycle.quiescent() was called last.
  std::optional<EarlyStop> early_stop;
  std::chrono::nanoseconds next_look{};

  std::optional<report::Record> record;
  std::string page;  // Where it was written.
  bool read = false;

  // For a run that lasts until its driver ends it: more than any time that is compared with it.
  static constexpr std::chrono::nanoseconds kEndless = std::chrono::hours{24} * 365 * 100;
  bool is_endless() const { return settings.duration == kEndless; }
  bool asked_duration() const;  // By a flag, a variable or in code.

  // Between begin_run and the end of the run only `began` and the clock are looked at, so any thread may ask.
  std::chrono::nanoseconds elapsed() const;
  std::chrono::nanoseconds clock_now() const;  // By the steady clock, unless there is a virtual one.

  detail::Setting& setting_of(const Option& option);
  std::vector<report::Setting> named_settings() const;  // As reports list them.

  std::string title_now() const;
  std::string rerun_command() const;
  probe::Budgets budgets() const;
  probe::JudgeWords judge_words() const;

  void sample(std::chrono::nanoseconds now);
  void rest(std::chrono::nanoseconds now, std::uint64_t cycle, std::string_view unsettled_by);

  // The end of a pass of a plain loop whose body marks no quiescent points: a candidate for one, which is taken as
  // often as the probe may. `last` is always taken, with all that can be read.
  void end_pass(std::chrono::nanoseconds now, bool last);

  // What the sampler does: a sample and the progress line where they are due, and it sees whether the process runs.
  static constexpr std::chrono::nanoseconds kBeat = std::chrono::milliseconds{100};
  void tick();

  // Writes what is added up so far into the journal. On the thread of the run.
  static constexpr int kTotalsWritten = 120;  // In a run, apart from the last of them.
  static constexpr std::chrono::nanoseconds kTotalsEveryMax = std::chrono::seconds{30};
  static constexpr std::chrono::nanoseconds kTotalsEveryMin = std::chrono::seconds{1};
  void write_totals_when_due(std::chrono::nanoseconds now);
  void write_totals(std::chrono::nanoseconds now);

  // A look at what there is so far, and the end of the run if that calls for it. On the thread of the run.
  void look(std::chrono::nanoseconds now);

  // In the parts before, too.
  probe::Measurements measured_so_far() const;
  report::Record totals() const;  // Of a record, what is added up and is in no series.
  report::Record so_far() const;

  void open_checkpoint();

  // Before the first cycle: that the reports cannot be written must be known before it has run for hours. Returns what
  // is wrong, empty where nothing is.
  std::string claim_report();
  std::string begin_journal();

  // Notes, and says at once, that the journal could not be written on.
  void look_at_journal(std::chrono::nanoseconds now);

  // An exception ends the run, or ended the body of the test that holds it.
  bool thrown_out() const;

  // The verdict, in `record`; what is left to do of a soak in parts; the reports.
  void judge();
  std::uint64_t excuse_stops(report::Record& result) const;
  void end_part();
  void write_report();

 private:
  // Writes down what the probe took at rest, and notes when a plain loop may have its next quiescent point.
  void note_rest(std::chrono::nanoseconds now, std::uint64_t cycle);

  using JournalEntry = void (report::Journal::*)(std::chrono::nanoseconds, std::uint64_t, const probe::Measurements&,
                                                 std::span<const probe::OperationCount>);

  std::string short_name() const;
  void show_progress(std::chrono::nanoseconds now);
  void write_down(JournalEntry entry, std::chrono::nanoseconds now, std::uint64_t cycle);
};

}  // namespace soak

#endif  // SOAK_LIB_RUN_RUN_STATE_H_
