// SPDX-License-Identifier: Apache-2.0
// soak's flags on the command line of a GoogleTest program.
//
// GoogleTest answers a flag it does not know with its help text and exit status 0: a test job would be green and
// would have run nothing. So the flags are read before GoogleTest sees them. With glibc that happens before main(),
// which also serves a program linked to the stock gtest_main: a flag of ours is replaced by an argument that GoogleTest
// ignores, since no argument can be removed there. soak::init() then removes it.

#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "soak/detail/command_line.h"
#include "soak/detail/program.h"
#include "soak/options.h"
#include "soak/soak_test.h"

namespace soak {
namespace {

constexpr int kUsageError = 2;

// No flag: GoogleTest passes over --gtest_internal_*, but where Abseil parses its flags an unknown one is an error.
char g_neutral[] = "gtest_internal_soak";

bool g_read = false;

struct Argument {
  std::string name;  // Without dashes, with underscores: "soak_duration".
  std::optional<std::string_view> value;
};

// The argument as a flag; empty when it is none. GoogleTest takes --x, -x and /x for its own, and lets the
// prefix end with a dash.
std::optional<Argument> as_flag(std::string_view text) {
  if (text.substr(0, 2) == "--") {
    text.remove_prefix(2);
  } else if (text.substr(0, 1) == "-" || text.substr(0, 7) == "/gtest_") {
    text.remove_prefix(1);
  } else {
    return std::nullopt;
  }
  Argument argument;
  const auto equals = text.find('=');
  argument.name = text.substr(0, equals);
  for (char& c : argument.name) {
    c = c == '-' ? '_' : c;
  }
  if (equals != std::string_view::npos) {
    argument.value = text.substr(equals + 1);
  }
  return argument;
}

bool starts_with(std::string_view text, std::string_view prefix) { return text.substr(0, prefix.size()) == prefix; }

enum class Owner { kOthers, kUs };

// Whose flag it is. What only looks like ours is ours too: as a typing error it must not pass.
Owner owner(const Argument& argument) {
  if (starts_with(argument.name, "soak_")) {
    return Owner::kUs;
  }
  const bool gtest = starts_with(argument.name, "gtest_") && !starts_with(argument.name, "gtest_internal_");
  return gtest && argument.name.find("soak") != std::string::npos ? Owner::kUs : Owner::kOthers;
}

struct ModeFlag {
  std::string_view name;
  Mode mode;
};
constexpr std::array<ModeFlag, 3> kModeFlags = {
    {{"gtest_runsoak", Mode::kReal}, {"soak_virtual", Mode::kVirtual}, {"soak_smoke", Mode::kSmoke}}};

bool is_switch(std::string_view option) {
  for (const detail::OptionHelp& row : detail::option_help()) {
    if (row.name == option) {
      return row.is_switch;
    }
  }
  return false;
}

// Takes one of our flags. Returns what is wrong, empty when nothing is.
std::string take(const Argument& argument) {
  for (const ModeFlag& flag : kModeFlags) {
    if (argument.name == flag.name) {
      const auto on = detail::parse_switch(argument.value.value_or("1"));
      if (!on) {
        return fmt::format("--{} is '{}': expected 1 or 0, or no value", flag.name, *argument.value);
      }
      detail::set_mode_flag(flag.mode, *on);
      return {};
    }
  }
  const std::string option = starts_with(argument.name, "soak_") ? argument.name.substr(5) : std::string{};
  if (option.empty() || !detail::is_option(option)) {
    std::string known;
    for (const ModeFlag& flag : kModeFlags) {
      known += fmt::format(" --{}", flag.name);
    }
    for (const detail::OptionHelp& row : detail::option_help()) {
      known += fmt::format(" --soak_{}", row.name);
    }
    return fmt::format("--{} is not an option of this program, which has{}", argument.name, known);
  }
  if (!argument.value && !is_switch(option)) {
    return fmt::format("--{0} needs a value: --{0}=...", argument.name);
  }
  const std::string error = detail::set_flag(option, argument.value.value_or("1"));
  return error.empty() ? "" : fmt::format("--{} {}", argument.name, error);
}

// GoogleTest would answer one of our flags in its flag file with its help and exit status 0.
std::string check_flag_file(std::string_view path) {
  std::ifstream file{std::string(path)};
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    const auto argument = as_flag(line);
    if (argument && owner(*argument) == Owner::kUs) {
      return fmt::format("{} line {}: --{} is not read from a flag file; give it on the command line or as a variable",
                         path, number, argument->name);
    }
  }
  return {};
}

void print_help() {
  std::string text =
      "\nSoak Test Selection (tests named Soak/*, skipped unless you choose a mode):\n"
      "  --gtest_runsoak  (GTEST_RUNSOAK=1)\n      Run soak tests for their whole duration on the real clock.\n"
      "  --soak_virtual  (SOAK_VIRTUAL=1)\n      Run them on a virtual clock, in seconds.\n"
      "  --soak_smoke  (SOAK_SMOKE=1)\n      Run them for two seconds, four cycles.\n"
      "\nSoak Test Options (a flag overrides its variable, a variable overrides code):\n";
  for (const detail::OptionHelp& row : detail::option_help()) {
    const bool of_driver = row.module != "run";
    text += fmt::format("  --soak_{}=  ({}{}{}; default {})\n      {}{}{}; {}.\n", row.name, row.variable,
                        row.alias.empty() ? "" : " or ", row.alias, row.default_value, of_driver ? row.module : "",
                        of_driver ? ": " : "", row.text, row.expected);
  }
  std::fputs(text.c_str(), stdout);
}

[[noreturn]] void refuse(const std::string& error) {
  std::fprintf(stderr, "soak: %s\n", error.c_str());
  std::fflush(stderr);
  std::_Exit(kUsageError);
}

// Reads our flags and puts the neutral one in their places.
void read_flags(int argc, char** argv) {
  if (g_read || argc < 1) {
    return;
  }
  g_read = true;
  detail::program().name = argv[0];
  bool listing = false;
  bool helping = false;
  for (int i = 1; i < argc; ++i) {
    const auto argument = as_flag(argv[i]);
    if (!argument) {
      continue;
    }
    std::string error;
    if (owner(*argument) == Owner::kUs) {
      error = take(*argument);
      argv[i] = g_neutral;
    } else if (argument->name == "gtest_flagfile" && argument->value) {
      error = check_flag_file(*argument->value);
    } else if (argument->name == "gtest_list_tests") {
      listing = true;
    } else if (argument->name == "help" || argument->name == "h" || argument->name == "?") {
      std::atexit(print_help);  // After GoogleTest's own.
      helping = true;
    }
    if (!error.empty()) {
      refuse(error);
    }
  }
  // A listing is the same whatever the environment says; it must not fail a build.
  const detail::ModeRequest request = detail::requested_mode();
  if (!request.conflict.empty() && (request.by_flag || !listing)) {
    refuse(request.conflict);
  }
  if (request.mode && !listing && !helping) {
    if (const std::string error = detail::start_heap_profiler_if_asked(); !error.empty()) {
      refuse(error);
    }
  }
  // A death test runs this program again without our flags.
  detail::export_flags();
}

#if defined(__GLIBC__)
// glibc hands the command line to constructors.
__attribute__((constructor)) void read_flags_before_main(int argc, char** argv, char**) { read_flags(argc, argv); }
#endif

}  // namespace

void init(int* argc, char** argv) {
  read_flags(*argc, argv);
  int kept = 0;
  for (int i = 0; i < *argc; ++i) {
    if (argv[i] != g_neutral) {
      argv[kept++] = argv[i];
    }
  }
  argv[kept] = nullptr;
  *argc = kept;
}

}  // namespace soak
