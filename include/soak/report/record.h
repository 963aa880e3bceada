// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_REPORT_RECORD_H_
#define SOAK_REPORT_RECORD_H_

// Everything that is known of one run when it is over: what every report is made from. A value.

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "soak/growth/verdict.h"
#include "soak/probe/probe.h"
#include "soak/report/lateness.h"

namespace soak::report {

struct Counter {
  std::string name;
  std::uint64_t value = 0;
};

// A figure of the summary line that a driver has made: "success_rate", "1.0000".
struct Figure {
  std::string name;
  std::string value;
};

// Events that were due at fixed instants while a session was open, by third of the run.
struct Traffic {
  std::string counter;
  std::array<std::uint64_t, 3> due{};
  std::array<std::uint64_t, 3> met{};
  Lateness late{};  // Of those that were met.
};

// An option as it was in force, and where its value came from: "flag", "variable", "code" or "default".
struct Setting {
  std::string name;
  std::string value;
  std::string source;
};

// Something that happened while the run went on, for the charts: a fault that was put in, a note.
struct Mark {
  std::chrono::nanoseconds at{};  // Since the start of the run.
  std::string kind;               // "fault", "note".
  std::string text;
};

// One of the processes that a soak was run as.
struct Part {
  std::chrono::system_clock::time_point started;
  std::chrono::nanoseconds from{};  // Since the start of the soak.
  std::chrono::nanoseconds to{};
  std::uint64_t cycles = 0;      // Finished in it.
  std::uint64_t cycles_due = 0;  // Those that it should have finished.
  bool interrupted = false;
};

struct Record {
  std::string name;                                     // "Soak/Voice.OpenAiRealtime"; names the report files.
  std::string title;                                    // The bracket of the summary line: "VOICE SOAK / openai".
  std::string cycle_noun;                               // "cycle", "reconnect".
  std::string mode;                                     // "real", "virtual", "smoke".
  bool virtual_clock = false;                           // Times below are of the virtual clock.
  bool interrupted = false;                             // A signal ended the run before its time.
  std::optional<std::chrono::nanoseconds> ended_early;  // When a leak was certain; its finding says so too.
  bool killed = false;  // The process ended before the run did: this is what its journal holds.
  std::chrono::system_clock::time_point started;
  std::chrono::nanoseconds asked{};
  std::chrono::nanoseconds elapsed{};
  std::uint64_t seed = 0;
  std::uint32_t sessions = 1;                     // That were to be open at once.
  std::optional<std::int64_t> session_rss_bytes;  // What one of them added to RSS, where that could be told.
  std::uint64_t cycles = 0;                       // Finished ones, of all sessions.
  std::uint64_t failed_cycles = 0;
  std::vector<std::string> failures;  // What the first failed cycles said.
  std::vector<Counter> counters;      // In order of first use.
  std::vector<Figure> figures;        // What the summary line says in place of the counters; may be empty.
  std::vector<Traffic> traffic;
  std::vector<Mark> marks;          // The first ones, in order of time.
  std::uint64_t marks_dropped = 0;  // Those that came after.
  std::vector<Part> parts;          // The processes it was run as, in order; empty where it was one.
  std::uint64_t parts_left = 0;  // Those to come. Until there is none, the verdict is of what there is so far: no PASS.
  std::vector<Setting> settings;
  std::string rerun;  // The command that shows it again; may be empty.
  probe::Measurements measured;
  probe::Verdict verdict;
};

}  // namespace soak::report

#endif  // SOAK_REPORT_RECORD_H_
