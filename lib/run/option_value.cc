// SPDX-License-Identifier: Apache-2.0
#include "lib/run/option_value.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <system_error>

#include "soak/detail/command_line.h"
#include "soak/detail/format.h"

namespace soak::detail {
namespace {

using std::chrono::nanoseconds;

constexpr nanoseconds kTimeMax = std::chrono::hours{24 * 366};
constexpr double kSizeMax = 9e18;  // Within what a signed number of bytes holds.

struct Unit {
  std::string_view name;
  double value;           // In nanoseconds, or in bytes.
  std::string_view noun;  // What a number in this unit counts.
};
constexpr std::array<Unit, 6> kTimes = {{{"ms", 1e6, "milliseconds"},
                                         {"s", 1e9, "seconds"},
                                         {"m", 60e9, "minutes"},
                                         {"min", 60e9, "minutes"},
                                         {"h", 3600e9, "hours"},
                                         {"d", 24 * 3600e9, "days"}}};
constexpr std::array<Unit, 4> kSizes = {{{"B", 1, "bytes"},
                                         {"KiB", 1024, "KB of 1,024 bytes"},
                                         {"MiB", 1048576, "MB of 1,048,576 bytes"},
                                         {"GiB", 1073741824, "GB of 1,073,741,824 bytes"}}};

const Unit* find_unit(std::span<const Unit> units, std::string_view name) {
  const auto found = std::find_if(units.begin(), units.end(), [name](const Unit& unit) { return unit.name == name; });
  return found == units.end() ? nullptr : &*found;
}

// The number that `text` begins with; the text after it is left in `rest`.
std::optional<double> parse_number(std::string_view text, std::string_view* rest) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc{} || !std::isfinite(number)) {
    return std::nullopt;
  }
  *rest = text.substr(static_cast<std::size_t>(end - text.data()));
  return number;
}

std::optional<double> parse_quantity(std::string_view text, std::string_view unit, std::span<const Unit> units) {
  std::string_view rest;
  const auto number = parse_number(text, &rest);
  if (!number || (!unit.empty() && !rest.empty())) {
    return std::nullopt;
  }
  const Unit* const found = find_unit(units, unit.empty() ? rest : unit);
  return found == nullptr ? std::nullopt : std::optional(*number * found->value);
}

std::optional<std::uint64_t> parse_count(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

// As OptionValue's own constructors would take it, but for texts that are none of the option's.
std::optional<OptionValue> parse_unchecked(const Option& option, std::string_view text, std::string_view unit) {
  switch (option.kind) {
    case OptionKind::kTime:
      if (const auto value = parse_quantity(text, unit, kTimes);
          value && *value >= 1 && *value <= static_cast<double>(kTimeMax.count())) {
        return nanoseconds(std::llround(*value));
      }
      return std::nullopt;
    case OptionKind::kSize:
      if (const auto value = parse_quantity(text, unit, kSizes); value && *value >= 0 && *value <= kSizeMax) {
        return static_cast<std::uint64_t>(std::llround(*value));
      }
      return std::nullopt;
    case OptionKind::kShare: {
      std::string_view rest;
      const auto value = parse_number(text, &rest);
      return value && rest.empty() ? std::optional<OptionValue>(*value) : std::nullopt;
    }
    case OptionKind::kCount:
    case OptionKind::kPort:
      return parse_count(text);
    case OptionKind::kSwitch:
      return parse_switch(text);
    case OptionKind::kText:
      return std::string(text);
  }
  return std::nullopt;
}

// Nanoseconds are six decimals of a millisecond.
std::string time_flag_text(nanoseconds time) {
  if (time % std::chrono::seconds{1} == nanoseconds{0}) {
    return fmt::format("{}s", time / std::chrono::seconds{1});
  }
  std::string text = fmt::format("{:.6f}", static_cast<double>(time.count()) / 1e6);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') {
    text.pop_back();
  }
  return text + "ms";
}

std::string share_text(double share) {
  std::array<char, 400> text{};  // The longest that a double takes without an exponent.
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), share, std::chars_format::fixed);
  return error == std::errc{} ? std::string(text.data(), end) : fmt::format("{}", share);
}

}  // namespace

std::optional<OptionValue> parse_value(const Option& option, std::string_view text, std::string_view unit) {
  std::optional<OptionValue> value = parse_unchecked(option, text, unit);
  return value && accepts(option, *value) ? value : std::nullopt;
}

bool accepts(const Option& option, const OptionValue& value) {
  switch (option.kind) {
    case OptionKind::kTime: {
      const auto time = std::get<nanoseconds>(value);
      return time > nanoseconds{0} && time <= kTimeMax;
    }
    case OptionKind::kSize:
      return static_cast<double>(std::get<std::uint64_t>(value)) <= kSizeMax;
    case OptionKind::kCount:
      return std::get<std::uint64_t>(value) >= option.least && std::get<std::uint64_t>(value) <= option.most;
    case OptionKind::kShare:
      return std::get<double>(value) >= 0 && std::get<double>(value) <= 1;
    case OptionKind::kSwitch:
      return true;
    case OptionKind::kPort:
      return std::get<std::uint64_t>(value) <= std::numeric_limits<std::uint16_t>::max();
    case OptionKind::kText:
      return !std::get<std::string>(value).empty();
  }
  return false;
}

std::string expected_text(const Option& option, std::string_view unit) {
  if (!option.expected.empty()) {
    return std::string(option.expected);
  }
  switch (option.kind) {
    case OptionKind::kTime:
      if (const Unit* const counted = find_unit(kTimes, unit); counted != nullptr) {
        return fmt::format("a number of {} above 0, such as 60 or 0.5", counted->noun);
      }
      return "a time above 0, such as 40ms, 90s, 5m or 24h";
    case OptionKind::kSize:
      if (const Unit* const counted = find_unit(kSizes, unit); counted != nullptr) {
        return fmt::format("a number of {}, 0 or more", counted->noun);
      }
      return "a size of 0 or more, such as 512KiB, 20MiB or 1GiB";
    case OptionKind::kCount:
      return fmt::format("a whole number from {} to {}", option.least, option.most);
    case OptionKind::kShare:
      return "a number from 0 to 1";
    case OptionKind::kSwitch:
      return "1 or 0";
    case OptionKind::kPort:
      return "a port from 1 to 65535, or 0 for a free one";
    case OptionKind::kText:
      return "a text that is not empty";
  }
  return {};
}

std::string value_text(const Option& option, const std::optional<OptionValue>& value) {
  if (!value) {
    return std::string(option.no_value);
  }
  switch (option.kind) {
    case OptionKind::kTime:
      return format_duration(std::get<nanoseconds>(*value));
    case OptionKind::kSize:
      return format_bytes(static_cast<std::int64_t>(std::get<std::uint64_t>(*value)));
    case OptionKind::kSwitch:
      return std::get<bool>(*value) ? "on" : "off";
    case OptionKind::kCount:
    case OptionKind::kShare:
    case OptionKind::kPort:
    case OptionKind::kText:
      return flag_text(option, *value);
  }
  return {};
}

std::string flag_text(const Option& option, const OptionValue& value) {
  switch (option.kind) {
    case OptionKind::kTime:
      return time_flag_text(std::get<nanoseconds>(value));
    case OptionKind::kSize:
      return fmt::format("{}B", std::get<std::uint64_t>(value));
    case OptionKind::kCount:
    case OptionKind::kPort:
      return std::to_string(std::get<std::uint64_t>(value));
    case OptionKind::kShare:
      return share_text(std::get<double>(value));
    case OptionKind::kSwitch:
      return std::get<bool>(value) ? "1" : "0";
    case OptionKind::kText:
      return std::get<std::string>(value);
  }
  return {};
}

}  // namespace soak::detail
