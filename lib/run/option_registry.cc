// SPDX-License-Identifier: Apache-2.0
#include "lib/run/option_registry.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <map>
#include <stdexcept>
#include <utility>

#include "lib/run/option_value.h"
#include "soak/detail/command_line.h"
#include "soak/error.h"

namespace soak {
namespace {

// A constant: tables register before any constructor of this file would run.
constinit OptionTable* g_first_table = nullptr;

}  // namespace

OptionTable::OptionTable(std::string_view module, std::span<const Option> options) noexcept
    : module_(module), options_(options), next_(g_first_table) {
  g_first_table = this;
}

// A table ends with the program, or with the library that was loaded with it.
OptionTable::~OptionTable() {
  OptionTable** link = &g_first_table;
  while (*link != this) {
    link = &(*link)->next_;
  }
  *link = next_;
}

const OptionTable* OptionTable::first() { return g_first_table; }

namespace detail {
namespace {

std::map<std::string, OptionValue, std::less<>>& flags() {
  static std::map<std::string, OptionValue, std::less<>> values;
  return values;
}

std::vector<KnownOption> known_options() {
  std::vector<KnownOption> all;
  for (const Option* option : run_options()) {
    all.push_back({"run", option});
  }
  const std::vector<KnownOption> of_drivers = driver_options();
  all.insert(all.end(), of_drivers.begin(), of_drivers.end());
  return all;
}

const Option* find_option(std::string_view name) {
  for (const KnownOption& known : known_options()) {
    if (known.option->name == name) {
      return known.option;
    }
  }
  return nullptr;
}

std::string variable_of(const Option& option) {
  std::string variable = "SOAK_" + std::string(option.name);
  for (char& c : variable) {
    c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return variable;
}

struct Variable {
  std::string name;
  std::string_view unit;  // Its values are numbers in this unit; empty where they are as the flag's.
};

// All that set an option. The last is the one of the harness that many soaks come from, which knew the short names.
std::vector<Variable> variables_of(const Option& option) {
  std::vector<Variable> variables = {{variable_of(option), {}}};
  if (!option.alias.variable.empty()) {
    variables.push_back({std::string(option.alias.variable), option.alias.unit});
  }
  variables.push_back({"FERAL_" + variables.back().name, variables.back().unit});
  return variables;
}

// What the variables of an option say together.
std::optional<OptionValue> read_variables(const Option& option, std::vector<std::string>& errors) {
  std::optional<OptionValue> agreed;
  std::string by;
  for (const Variable& variable : variables_of(option)) {
    const char* const text = variable_value(variable.name);
    if (text == nullptr) {
      continue;
    }
    const std::optional<OptionValue> value = parse_value(option, text, variable.unit);
    if (!value) {
      errors.push_back(
          fmt::format("{} is '{}': expected {}", variable.name, text, expected_text(option, variable.unit)));
    } else if (!agreed) {
      agreed = value;
      by = fmt::format("{} is '{}'", variable.name, text);
    } else if (*agreed != *value) {
      errors.push_back(
          fmt::format("{} and {} is '{}': they set the same option, expected one value", by, variable.name, text));
    }
  }
  return agreed;
}

void shorten_for(Mode mode, Setting& setting) {
  const std::chrono::nanoseconds most = setting.option->smoke_max;
  if (mode == Mode::kSmoke && setting.value && most > std::chrono::nanoseconds{0}) {
    setting.value = std::min(std::get<std::chrono::nanoseconds>(*setting.value), most);
  }
}

}  // namespace

const char* variable_value(const std::string& name) {
  const char* const value = std::getenv(name.c_str());
  return value != nullptr && *value != '\0' ? value : nullptr;
}

std::vector<KnownOption> driver_options() {
  std::vector<KnownOption> options;
  for (const OptionTable* table = OptionTable::first(); table != nullptr; table = table->next()) {
    for (const Option& option : table->options()) {
      options.push_back({table->module(), &option});
    }
  }
  std::stable_sort(options.begin(), options.end(),
                   [](const KnownOption& a, const KnownOption& b) { return a.module < b.module; });
  return options;
}

bool is_option(std::string_view name) { return find_option(name) != nullptr; }

std::string set_flag(std::string_view name, std::string_view value) { return set_flag_in_unit(name, value, {}); }

std::string set_flag_in_unit(std::string_view name, std::string_view number, std::string_view unit) {
  const Option* const option = find_option(name);
  if (option == nullptr) {
    return fmt::format("no option is named '{}'", name);
  }
  std::optional<OptionValue> value = parse_value(*option, number, unit);
  if (!value) {
    return fmt::format("is '{}': expected {}", number, expected_text(*option, unit));
  }
  flags().insert_or_assign(std::string(name), *std::move(value));
  return {};
}

std::vector<std::string> variable_errors() {
  std::vector<std::string> errors;
  for (const KnownOption& known : known_options()) {
    if (flags().find(known.option->name) == flags().end()) {
      read_variables(*known.option, errors);
    }
  }
  return errors;
}

std::optional<OptionValue> asked_outside(const Option& option) {
  if (const auto flag = flags().find(option.name); flag != flags().end()) {
    return flag->second;
  }
  std::vector<std::string> errors;  // Reported by others, who know whether they matter.
  return read_variables(option, errors);
}

Setting settle(const Option& option, Mode mode) {
  std::vector<std::string> errors;
  Setting setting{&option, std::nullopt, "default", false};
  if (const auto flag = flags().find(option.name); flag != flags().end()) {
    setting.value = flag->second;
    setting.source = "flag";
  } else if (const auto variable = read_variables(option, errors)) {
    setting.value = variable;
    setting.source = "variable";
  } else {
    setting.value = parse_value(option, option.default_value);
  }
  if (!errors.empty()) {
    throw Error(Errc::kInvalidArgument, errors.front());
  }
  shorten_for(mode, setting);
  return setting;
}

void set_in_code(Setting& setting, const OptionValue& value, Mode mode, const std::string& where) {
  const Option& option = *setting.option;
  if (!accepts(option, value)) {
    throw Error(Errc::kInvalidArgument,
                fmt::format("{} is {}: expected {}", where, flag_text(option, value), expected_text(option)));
  }
  if (!setting.asked_outside()) {
    setting.value = value;
    setting.source = "code";
    shorten_for(mode, setting);
  }
}

std::vector<OptionHelp> option_help(const RunOptions& code) {
  std::vector<OptionHelp> rows;
  for (const auto& [module, option] : known_options()) {
    rows.push_back({std::string(module), std::string(option->name), variable_of(*option),
                    std::string(option->alias.variable), expected_text(*option),
                    std::string(option->default_value.empty() ? option->no_value : option->default_value),
                    std::string(option->help), option->kind == OptionKind::kSwitch});
    if (const std::optional<OptionValue> set = value_in_code(code, *option)) {
      const bool is_switch = option->kind == OptionKind::kSwitch;
      rows.back().default_value = is_switch ? value_text(*option, set) : flag_text(*option, *set);
    }
  }
  return rows;
}

void export_flags() {
  for (const auto& [name, value] : flags()) {
    const Option& option = *find_option(name);
    for (const Variable& variable : variables_of(option)) {
      ::unsetenv(variable.name.c_str());  // A flag overrules them here, so it must do so there.
    }
    ::setenv(variable_of(option).c_str(), flag_text(option, value).c_str(), 1);
  }
  export_mode_flags();
}

}  // namespace detail
}  // namespace soak
