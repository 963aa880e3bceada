// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_DETAIL_COMMAND_LINE_H_
#define SOAK_DETAIL_COMMAND_LINE_H_

// The flags of this process and the variables of its environment, for the program that reads a command line: soak's
// GoogleTest glue, or the soak command. Not synchronised: before the first Run. Ours: not part of the API.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "soak/options.h"

namespace soak::detail {

// True for the name of an option of this program, without "soak_": "duration".
bool is_option(std::string_view name);

// Sets an option as its flag does. Returns what is wrong, empty when nothing is.
std::string set_flag(std::string_view name, std::string_view value);

// The same with a number in `unit`: 1.5 and "min" are 90 s.
std::string set_flag_in_unit(std::string_view name, std::string_view number, std::string_view unit);

// Asks for a mode (or, with `on` false, takes back what a variable asked) as its flag does.
void set_mode_flag(Mode mode, bool on);

// Reads a switch: 1, true, yes, on; 0, false, no, off.
std::optional<bool> parse_switch(std::string_view value);

// Starts the program again with the profiling allocator where a flag or the variable asks for a heap profile
// (probe::HeapProfiler::restart()). For who reads a command line, once a soak is sure to run. Returns what is in the
// way, that the program has no soak::heap_profile among others; empty where nothing is.
std::string start_heap_profiler_if_asked();

// The mode that was asked for: none is "not at all". `conflict` says that two were, in the same way, and
// `error` that a variable's value is no switch.
struct ModeRequest {
  std::optional<Mode> mode;
  bool by_flag = false;
  std::string asked_by;  // "--gtest_runsoak" or "GTEST_RUNSOAK"; empty where there is no mode.
  std::string conflict;
  std::string error;
};
ModeRequest requested_mode();

// What is wrong with the variables, a sentence each. The variables of an option whose flag is set do not count.
std::vector<std::string> variable_errors();

// The settings of a run that sets nothing in code. Throws Error(Errc::kInvalidArgument) for a variable that is not
// accepted.
Settings settings_without_code(Mode mode);

// A row of the options table, for help texts.
struct OptionHelp {
  std::string module;         // "run", "voice"
  std::string name;           // "duration"
  std::string variable;       // "SOAK_DURATION"
  std::string alias;          // "SOAK_DURATION_MIN"; empty where there is none.
  std::string expected;       // "a time above 0, such as 40ms, 90s, 5m or 24h"
  std::string default_value;  // Of a program that sets the option in code, what it sets.
  std::string text;
  bool is_switch = false;  // The flag may stand without a value: on.
};
std::vector<OptionHelp> option_help(const RunOptions& code = {});

// Puts the flags into the environment, so that a process this one starts sees the same settings.
void export_flags();

}  // namespace soak::detail

#endif  // SOAK_DETAIL_COMMAND_LINE_H_
