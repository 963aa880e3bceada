// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TOOLS_COMMANDS_H_
#define SOAK_TOOLS_COMMANDS_H_

// The subcommands of `soak`. Each adds itself to the command line and, where it was asked for, runs and returns the
// exit status: kPassed, kFailed or kUsage.

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

#include "soak/options.h"

namespace soak::tools {

inline constexpr int kPassed = 0;
inline constexpr int kFailed = 1;
inline constexpr int kUsage = 2;

using Command = std::function<int()>;

// `program` is how this program was called, for the command that runs a soak again.
Command add_voice_command(CLI::App& app, const std::string& program);
Command add_channels_command(CLI::App& app, const std::string& program);
Command add_fake_command(CLI::App& app);
Command add_judge_command(CLI::App& app);
Command add_compare_command(CLI::App& app);
Command add_report_command(CLI::App& app);

// Tells the AsyncRun that follows its name, its clock and the command that runs it again, which it completes with its
// options. Returns what is wrong with the environment, a sentence; empty where nothing is. A heap profile that was
// asked for starts the program anew.
std::string prepare_run(const std::string& name, bool virtual_clock, const std::string& rerun);

// "reconnect_every" as the command line spells it: "reconnect-every".
std::string with_dashes(std::string name);

// What the runs of a subcommand take from its command line.
struct RunOptionChoice {
  std::vector<std::string> modules = {};  // "run", "voice"
  std::vector<std::string> but_not = {};  // "sessions"
  RunOptions code = {};                   // What the subcommand sets unless it is asked for something else.
};

// Adds the options of these modules to a subcommand, with dashes: --reconnect-every 90s.
void add_run_options(CLI::App& command, const RunOptionChoice& choice);

}  // namespace soak::tools

#endif  // SOAK_TOOLS_COMMANDS_H_
