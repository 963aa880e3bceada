// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_OPTIONS_H_
#define SOAK_OPTIONS_H_

// What a run is asked to do, and where each value comes from.
//
// Every option can be set by a flag (--soak_duration=90s), a variable (SOAK_DURATION_MIN=1.5) or in code
// (RunOptions). A flag beats a variable, a variable beats code, code beats the default. A value that does
// not parse is an error that names the option, the value and what is accepted, never a silent default.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace soak {

inline constexpr std::uint64_t kKiB = 1024;
inline constexpr std::uint64_t kMiB = 1024 * kKiB;
inline constexpr std::uint64_t kGiB = 1024 * kMiB;

// Options as code sets them; what is not set keeps its default. Sizes are in bytes.
struct RunOptions {
  std::string title = {};  // The bracket of the summary line; "SOAK / <name of the test>" unless set.
  std::optional<std::chrono::nanoseconds> duration = std::nullopt;
  std::optional<std::chrono::nanoseconds> reconnect_every = std::nullopt;
  std::optional<std::uint32_t> sessions = std::nullopt;  // At once, by AsyncRun::drive(); 1 to 100,000.
  std::optional<std::chrono::nanoseconds> audio_interval = std::nullopt;
  std::optional<std::chrono::nanoseconds> message_interval = std::nullopt;
  std::optional<std::uint64_t> rss_growth_max = std::nullopt;
  std::optional<std::uint64_t> heap_per_cycle_max = std::nullopt;
  std::optional<double> success_floor = std::nullopt;
  std::optional<double> rate_limit_ceiling = std::nullopt;
  std::optional<std::chrono::nanoseconds> http_timeout = std::nullopt;
  std::optional<std::chrono::nanoseconds> service_time_max = std::nullopt;  // For Run::use_service().
  std::optional<std::uint64_t> seed = std::nullopt;
  std::optional<bool> shuffle = std::nullopt;
  std::optional<bool> early_stop = std::nullopt;
  std::optional<std::string> report_dir = std::nullopt;
  std::optional<std::uint16_t> metrics_port = std::nullopt;
  // Who allocated what grew. Needs the program to be started with the flag or the variable too:
  // soak/heap_profile/heap_profile.h.
  std::optional<bool> heap_profile = std::nullopt;
  std::optional<std::string> checkpoint = std::nullopt;
  std::optional<std::chrono::nanoseconds> part_duration = std::nullopt;
  std::uint64_t failed_cycles_max = 0;  // Cycles that may fail before that is a finding. Code only.
};

// How a soak runs.
enum class Mode {
  kReal,     // Its whole duration on the real clock.
  kVirtual,  // Its whole duration at once, on a virtual clock.
  kSmoke,    // Two seconds in four cycles on the real clock, hard budgets only.
};

const char* to_string(Mode mode);

// The values in force.
struct Settings {
  std::chrono::nanoseconds duration = std::chrono::minutes{60};
  std::chrono::nanoseconds reconnect_every = std::chrono::seconds{90};
  std::uint32_t sessions = 1;
  std::chrono::nanoseconds audio_interval = std::chrono::milliseconds{40};
  std::chrono::nanoseconds message_interval = std::chrono::seconds{30};
  std::uint64_t rss_growth_max = 50 * kMiB;
  std::uint64_t heap_per_cycle_max = 16 * kKiB;
  double success_floor = 0.99;
  double rate_limit_ceiling = 0.01;
  std::chrono::nanoseconds http_timeout = std::chrono::seconds{15};
  std::chrono::nanoseconds service_time_max = std::chrono::minutes{10};
  std::uint64_t seed = 0;  // Drawn where nobody set it.
  bool shuffle = false;
  bool early_stop = true;  // A leak that is certain ends the run.
  std::string report_dir = "soak-report";
  bool heap_profile = false;
  // A file, or a directory, that a soak which is run as several processes goes on from; none where empty.
  std::string checkpoint;
  std::chrono::nanoseconds part_duration = std::chrono::minutes{330};  // The longest that one of these processes takes.
  std::optional<std::uint16_t> metrics_port = std::nullopt;            // Off where nobody set it; 0 is any free port.
};

namespace detail {

// The flags of this process and the variables of its environment, for the program that reads a command
// line: soak's GoogleTest glue, or the soak command. Not synchronised: before the first Run.

// True for the name of an option, without "soak_": "duration".
bool is_option(std::string_view name);

// Sets an option as its flag does. Returns what is wrong, empty when nothing is.
std::string set_flag(std::string_view name, std::string_view value);

// Sets an option as its variable does ("duration", "1.5" is 90 s), but with the rank of a flag.
std::string set_flag_in_variable_unit(std::string_view name, std::string_view value);

// Asks for a mode (or, with `on` false, takes back what a variable asked) as its flag does.
void set_mode_flag(Mode mode, bool on);

// Reads a switch: 1, true, yes, on; 0, false, no, off.
std::optional<bool> parse_switch(std::string_view value);

// Starts the program again with the profiling allocator where a flag or the variable asks for a heap profile
// (probe::restart_with_heap_profiler()). For who reads a command line, once a soak is sure to run. Returns what is in
// the way, that the program has no soak::heap_profile among others; empty where nothing is.
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

// What is wrong with the variables, a sentence each.
std::vector<std::string> variable_errors();

// A row of the options table, for help texts.
struct OptionHelp {
  std::string name;      // "duration"
  std::string variable;  // "SOAK_DURATION_MIN"
  std::string accepts;   // "a time such as 90s, 5m or 24h"
  std::string default_value;
  std::string text;
  std::string domain;      // "voice" or "channels" where only they use it; empty otherwise.
  bool is_switch = false;  // The flag may stand without a value: on.
};
std::vector<OptionHelp> option_help();

// A value in force with its origin, as reports list it.
struct NamedSetting {
  std::string name;
  std::string value;
  std::string source;
  std::string flag_value;  // As the flag accepts it.
};

// Puts flags, variables, `code` and the defaults together for `mode`; `named`, if given, lists them. Draws a seed
// when there is none. Throws std::invalid_argument for a value in code that is out of range, and for a variable.
Settings resolve(const RunOptions& code, Mode mode, std::vector<NamedSetting>* named = nullptr);

// Puts the flags into the environment, so that a process this one starts sees the same settings.
void export_flags();

}  // namespace detail
}  // namespace soak

#endif  // SOAK_OPTIONS_H_
