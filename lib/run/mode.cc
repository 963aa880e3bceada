// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/run/option_registry.h"
#include "soak/detail/command_line.h"
#include "soak/detail/enum_names.h"
#include "soak/options.h"

namespace soak {
namespace {

constexpr detail::EnumNames<Mode> kModeNames({{Mode::kReal, "real"},
                                              {Mode::kVirtual, "virtual"},
                                              {Mode::kSmoke, "smoke"}});

struct ModeSwitch {
  Mode mode;
  const char* flag;
  const char* variable;
  std::optional<bool> by_flag;
};

std::array<ModeSwitch, 3>& mode_switches() {
  static std::array<ModeSwitch, 3> switches = {{{Mode::kReal, "--gtest_runsoak", "GTEST_RUNSOAK", std::nullopt},
                                                {Mode::kVirtual, "--soak_virtual", "SOAK_VIRTUAL", std::nullopt},
                                                {Mode::kSmoke, "--soak_smoke", "SOAK_SMOKE", std::nullopt}}};
  return switches;
}

}  // namespace

std::string_view to_string(Mode mode) { return kModeNames[mode]; }

namespace detail {

void set_mode_flag(Mode mode, bool on) {
  for (ModeSwitch& mode_switch : mode_switches()) {
    if (mode_switch.mode == mode) {
      mode_switch.by_flag = on;
    }
  }
}

std::optional<bool> parse_switch(std::string_view value) {
  for (const std::string_view on : {"1", "true", "yes", "on"}) {
    if (value == on) {
      return true;
    }
  }
  for (const std::string_view off : {"0", "false", "no", "off"}) {
    if (value == off) {
      return false;
    }
  }
  return std::nullopt;
}

ModeRequest requested_mode() {
  ModeRequest request;
  std::vector<const ModeSwitch*> by_flag;
  std::vector<const ModeSwitch*> by_variable;
  for (const ModeSwitch& mode_switch : mode_switches()) {
    if (mode_switch.by_flag) {
      if (*mode_switch.by_flag) {
        by_flag.push_back(&mode_switch);
      }
      continue;
    }
    if (const char* text = variable_value(mode_switch.variable)) {
      const auto on = parse_switch(text);
      if (!on) {
        request.error = fmt::format("{} is '{}': expected 1 or 0", mode_switch.variable, text);
      } else if (*on) {
        by_variable.push_back(&mode_switch);
      }
    }
  }
  request.by_flag = !by_flag.empty();
  const auto& asked = request.by_flag ? by_flag : by_variable;
  if (asked.size() > 1) {
    request.conflict =
        fmt::format("{} and {} ask for two modes: expected one", request.by_flag ? asked[0]->flag : asked[0]->variable,
                    request.by_flag ? asked[1]->flag : asked[1]->variable);
  } else if (asked.size() == 1) {
    request.mode = asked[0]->mode;
    request.asked_by = request.by_flag ? asked[0]->flag : asked[0]->variable;
  }
  if (request.by_flag) {
    request.error.clear();
  }
  return request;
}

void export_mode_flags() {
  // A mode asked for by flag overrules the other modes' variables here, so it must do so there.
  const bool asked = requested_mode().by_flag;
  for (const ModeSwitch& mode_switch : mode_switches()) {
    if (mode_switch.by_flag || asked) {
      ::setenv(mode_switch.variable, mode_switch.by_flag.value_or(false) ? "1" : "0", 1);
    }
  }
}

}  // namespace detail
}  // namespace soak
