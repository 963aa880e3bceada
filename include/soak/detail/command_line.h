// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_DETAIL_COMMAND_LINE_H_
#define SOAK_DETAIL_COMMAND_LINE_H_

// The flags and the environment variables of this process, for code that reads a command line: soak's GoogleTest glue,
// and the soak command. Not synchronised: call these before the first Run. Not part of the API.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "soak/options.h"

namespace soak::detail {

// True for the name of an option of this program, without "soak_": "duration".
bool is_option(std::string_view name);

// Sets an option as its flag does. Returns what is wrong with the value, or an empty string.
std::string set_flag(std::string_view name, std::string_view value);

// The same with a number in `unit`: 1.5 and "min" are 90 s.
std::string set_flag_in_unit(std::string_view name, std::string_view number, std::string_view unit);

// Chooses a mode as its flag does; with `on` false, cancels the choice of a variable.
void set_mode_flag(Mode mode, bool on);

// Reads a switch: 1, true, yes, on; 0, false, no, off.
std::optional<bool> parse_switch(std::string_view value);

// If a flag or the variable asks for a heap profile, restarts the program with the profiling allocator
// (probe::HeapProfiler::restart()). Call it after reading the command line, once it is certain that a soak will run.
// Returns an error, for example that the program does not link soak::heap_profile, or an empty string.
std::string start_heap_profiler_if_asked();

// The mode that was chosen, if any. `conflict` is set if two were chosen in the same way, `error` if a variable's value
// is not a switch.
struct ModeRequest {
  std::optional<Mode> mode;
  bool by_flag = false;
  std::string asked_by;  // "--gtest_runsoak" or "GTEST_RUNSOAK"; empty without a mode.
  std::string conflict;
  std::string error;
};
ModeRequest requested_mode();

// The errors of the variables, one sentence each. Variables of an option whose flag is set are ignored.
std::vector<std::string> variable_errors();

// The settings of a run that sets nothing in code. Throws Error(Errc::kInvalidArgument) for an invalid variable.
Settings settings_without_code(Mode mode);

// A row of the options table, for help texts.
struct OptionHelp {
  std::string module;         // "run", "voice"
  std::string name;           // "duration"
  std::string variable;       // "SOAK_DURATION"
  std::string alias;          // "SOAK_DURATION_MIN"; empty if the option has no short variable.
  std::string expected;       // "a time above 0, such as 40ms, 90s, 5m or 24h"
  std::string default_value;  // If the program sets the option in code, that value.
  std::string text;
  bool is_switch = false;  // The flag may be given without a value, which means on.
};
std::vector<OptionHelp> option_help(const RunOptions& code = {});

// Puts the flags into the environment, so that child processes get the same settings.
void export_flags();

}  // namespace soak::detail

#endif  // SOAK_DETAIL_COMMAND_LINE_H_
