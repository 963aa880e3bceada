// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TOOLS_COMMANDS_H_
#define SOAK_TOOLS_COMMANDS_H_

// The subcommands of `soak`. Each adds itself to the command line; its body returns the exit status.

#include <string>
#include <vector>

#include "command_line.h"
#include "soak/options.h"
#include "soak/report/record.h"
#include "soak/report/summary.h"

namespace soak::tools {

inline constexpr int kPassed = 0;
inline constexpr int kFailed = 1;
inline constexpr int kUsage = 2;         // It could not run: an option or the environment is invalid.
inline constexpr int kInconclusive = 3;  // A bound was asked for, and could be neither shown nor refuted.

inline int exit_status(const report::Record& record) {
  if (!record.verdict.passed()) {
    return kFailed;
  }
  return report::is_short_of_its_bound(record) ? kInconclusive : kPassed;
}

// `program` is how this program was called, for the command that runs a soak again.
void add_voice_command(CommandLine& app, const std::string& program);
void add_channels_command(CommandLine& app, const std::string& program);
void add_watch_command(CommandLine& app, const std::string& program);
void add_fake_command(CommandLine& app);
void add_judge_command(CommandLine& app);
void add_compare_command(CommandLine& app);
void add_report_command(CommandLine& app);
void add_capacity_command(CommandLine& app);

// Sets the name, the clock and the rerun command of the next AsyncRun, which adds its options to that command. Returns
// an error of the environment as a sentence, or an empty string. If a heap profile was requested, restarts the
// program.
std::string prepare_run(const std::string& name, bool virtual_clock, const std::string& rerun);

// " --url 'wss://host/?a=1&b=2'" as a shell reads it; empty without a value.
std::string rerun_option(const std::string& option, const std::string& value);

// "reconnect_every" as the command line spells it: "reconnect-every".
std::string with_dashes(std::string name);

// The options that a subcommand has.
struct RunOptionChoice {
  std::vector<std::string> modules = {};  // "run", "voice"
  std::vector<std::string> but_not = {};  // "sessions"
  RunOptions code = {};                   // The values that the subcommand sets in code.
};

// Adds the options of these modules to a subcommand, with dashes: --reconnect-every 90s.
void add_run_options(CommandLine& command, const RunOptionChoice& choice);

}  // namespace soak::tools

#endif  // SOAK_TOOLS_COMMANDS_H_
