// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_DETAIL_RUN_CONTEXT_H_
#define SOAK_DETAIL_RUN_CONTEXT_H_

// What surrounds a Run: the test or the command that made it. Ours: not part of the API.

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "soak/growth/trend.h"
#include "soak/options.h"
#include "soak/probe/probe.h"

namespace soak::detail {

// One per process. The code that starts a soak sets it before a Run is created.
struct RunContext {
  std::string name = "soak";  // "Soak/Cache.SurvivesChurn"
  std::string file;           // Where the test is in the source, as the compiler was given it; empty if it is no test.
  std::uint32_t line = 0;
  Mode mode = Mode::kReal;
  std::string rerun;      // The command that runs it again, without options. Empty: the report shows none.
  std::string rerun_end;  // What comes after the options in that command: " -- ./server --port 80".
  // How `rerun` spells an option; "--soak_<name>=<value>" unless set.
  std::function<std::string(const std::string& name, const std::string& value)> spell_option;
  // The processes that the run measures and judges instead of this one; they outlive it. Unless a duration is asked
  // for, such a run lasts until its driver ends it, and a signal ends it without being a finding.
  probe::ProcessGroup* group = nullptr;
  bool judged_per_cycle = false;  // What leaks is judged against the cycles, and not against time.
  bool quiet = false;             // In a death test's child: no threads, no progress, no reports.
  bool progress = true;
  std::optional<std::chrono::nanoseconds> timeout;  // When something outside, such as CTest, ends this process.
  // The trends that decide about an early stop; if empty, those of the verdict.
  std::function<std::vector<probe::Trend>(const probe::Measurements&)> trends;
  int checkpoints_opened = 0;                         // By the Runs of this test.
  std::function<void(const std::string&)> on_unread;  // Called for a verdict that nobody read; empty: abort.
  std::function<bool()> skipped;                      // True once the test has skipped itself; empty: never.
  std::function<bool()> threw;  // True once the test's body has ended by an exception; empty: never.
};

RunContext& run_context();

// Thrown by the constructor of a Run that the mode cannot run: the test is skipped with these words.
class RunSkipped : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Thrown by the constructor of a Run that must not start: the test fails with these words.
class RunRefused : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace soak::detail

#endif  // SOAK_DETAIL_RUN_CONTEXT_H_
