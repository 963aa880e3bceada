// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_REPORT_RECORD_H_
#define SOAK_REPORT_RECORD_H_

// Everything known about a finished run. Every report is made from it. A value type.

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "soak/growth/verdict.h"
#include "soak/probe/probe.h"
#include "soak/report/answers.h"
#include "soak/report/lateness.h"

namespace soak::report {

struct Counter {
  std::string name;
  std::uint64_t value = 0;
};

// A figure that a driver adds to the summary line: "success_rate", "1.0000".
struct Figure {
  std::string name;
  std::string value;
};

// Events that were due at fixed times while a session was open, by third of the run.
struct Traffic {
  std::string counter;
  std::array<std::uint64_t, 3> due{};
  std::array<std::uint64_t, 3> met{};
  Lateness late{};  // Of the events that were met.
  // Those due while the process did not run (it was stopped, or the machine suspended). They are not in the thirds.
  std::uint64_t stopped_due = 0;
  std::uint64_t stopped_met = 0;
};

// An option's value, and where it came from: "flag", "variable", "code" or "default".
struct Setting {
  std::string name;
  std::string value;
  std::string source;
};

// Something that happened during the run, for the charts: an injected fault, a note.
struct Mark {
  std::chrono::nanoseconds at{};  // Since the start of the run.
  std::string kind;               // "fault", "note".
  std::string text;
};

// One of the processes that a soak ran in.
struct Part {
  std::chrono::system_clock::time_point started;
  std::chrono::nanoseconds from{};  // Since the start of the soak.
  std::chrono::nanoseconds to{};
  std::uint64_t cycles = 0;      // Finished in it.
  std::uint64_t cycles_due = 0;  // How many it should have finished.
  bool interrupted = false;
};

struct Record {
  std::string name;  // "Soak/Voice.OpenAiRealtime"; names the report files.
  std::string file;  // Where the test is in the source; empty outside a test.
  std::uint32_t line = 0;
  std::string title;                                    // In brackets in the summary line: "VOICE SOAK / openai".
  std::string cycle_noun;                               // "cycle", "reconnect".
  std::string mode;                                     // "real", "virtual", "smoke".
  bool virtual_clock = false;                           // Times below are on the virtual clock.
  bool interrupted = false;                             // A signal ended the run early.
  std::optional<std::chrono::nanoseconds> ended_early;  // When a leak became certain; its finding has it too.
  bool bound_asked = false;                             // A verdict that is inconclusive is no PASS.
  bool killed = false;  // The process died before the run ended; this is from its journal.
  std::chrono::system_clock::time_point started;
  std::chrono::nanoseconds asked{};
  std::chrono::nanoseconds elapsed{};
  std::uint64_t seed = 0;
  std::uint32_t sessions = 1;                      // How many were to be open at once.
  std::optional<std::int64_t> memory_limit_bytes;  // That was asked for: the page draws it.
  std::optional<std::int64_t> session_rss_bytes;   // How much one session added to RSS, if that was measured.
  std::uint64_t cycles = 0;                        // Finished, over all sessions.
  std::uint64_t failed_cycles = 0;
  std::vector<std::string> failures;  // The errors of the first failed cycles.
  std::vector<Counter> counters;      // In order of first use.
  std::vector<Figure> figures;        // Replace the counters in the summary line; may be empty.
  std::vector<Traffic> traffic;
  std::optional<OpenTime> open_time;  // If a driver reports when its sessions are open.
  std::optional<Answers> answers;     // If a driver asks for some.
  std::vector<Mark> marks;            // The first marks, in order of time.
  std::uint64_t marks_dropped = 0;    // How many came after these.
  std::vector<Part> parts;            // The processes it ran in, in order; empty if it was one.
  std::uint64_t parts_left = 0;  // Still to run. Until it is 0, the verdict covers the soak so far and is never PASS.
  std::vector<Setting> settings;
  std::string rerun;  // The command that reproduces it; may be empty.
  probe::Measurements measured;
  probe::Verdict verdict;
};

}  // namespace soak::report

#endif  // SOAK_REPORT_RECORD_H_
