// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "commands.h"
#include "lib/text/ascii.h"
#include "soak/detail/command_line.h"
#include "soak/detail/run_context.h"
#include "soak/options.h"

namespace soak::tools {
namespace {

// Names from the harness that many soaks come from. Each takes a number in the unit that its name ends with.
struct Alias {
  const char* alias;
  const char* name;
  const char* unit;
  const char* noun;
};
constexpr std::array<Alias, 3> kAliases = {{{"duration-min", "duration", "min", "minutes"},
                                            {"reconnect-interval-sec", "reconnect_every", "s", "seconds"},
                                            {"interval-sec", "message_interval", "s", "seconds"}}};

bool is_plain_in_a_shell(char c) {
  return text::is_letter_or_digit(c) || std::string_view("_-./:@%+,=").find(c) != std::string_view::npos;
}

}  // namespace

std::string prepare_run(const std::string& name, bool virtual_clock, const std::string& rerun) {
  if (const std::vector<std::string> errors = detail::variable_errors(); !errors.empty()) {
    return errors.front();
  }
  if (const std::string error = detail::start_heap_profiler_if_asked(); !error.empty()) {
    return error;
  }
  detail::RunContext& context = detail::run_context();
  context.name = name;
  context.mode = virtual_clock ? Mode::kVirtual : Mode::kReal;
  context.rerun = rerun;
  context.spell_option = [](const std::string& option, const std::string& value) {
    return fmt::format("--{} {}", with_dashes(option), value);
  };
  return {};
}

std::string rerun_option(const std::string& option, const std::string& value) {
  if (value.empty()) {
    return {};
  }
  if (std::all_of(value.begin(), value.end(), is_plain_in_a_shell)) {
    return fmt::format(" {} {}", option, value);
  }
  std::string quoted;
  for (const char c : value) {
    quoted += c == '\'' ? "'\\''" : std::string(1, c);
  }
  return fmt::format(" {} '{}'", option, quoted);
}

std::string with_dashes(std::string name) {
  for (char& c : name) {
    c = c == '_' ? '-' : c;
  }
  return name;
}

void add_run_options(CommandLine& command, const RunOptionChoice& choice) {
  const auto has = [](const std::vector<std::string>& all, const std::string& one) {
    return std::find(all.begin(), all.end(), one) != all.end();
  };
  for (const detail::OptionHelp& row : detail::option_help(choice.code)) {
    if (!has(choice.modules, row.module) || has(choice.but_not, row.name)) {
      continue;
    }
    const std::string name = row.name;
    CommandOption option = command.add_option(
        "--" + with_dashes(name),
        [name](const std::string& value) {
          const std::string error = detail::set_flag(name, value);
          return error.empty() ? error : fmt::format("--{} {}", with_dashes(name), error);
        },
        fmt::format("{}; {} (default {}; {})", row.text, row.expected, row.default_value, row.variable));
    option.value_name("VALUE");
    if (row.is_switch) {
      option.value_if_bare("1");
    }
    for (const auto& [alias, aliased, unit, noun] : kAliases) {
      if (aliased != name) {
        continue;
      }
      command
          .add_option(
              fmt::format("--{}", alias),
              [alias = alias, aliased = aliased, unit = unit](const std::string& value) {
                const std::string error = detail::set_flag_in_unit(aliased, value, unit);
                return error.empty() ? error : fmt::format("--{} {}", alias, error);
              },
              fmt::format("the same as --{}, as a number of {}", with_dashes(name), noun))
          .value_name("NUMBER");
    }
  }
}

}  // namespace soak::tools
