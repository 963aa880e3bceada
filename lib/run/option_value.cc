// SPDX-License-Identifier: Apache-2.0
#include "lib/run/option_value.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include "lib/text/format.h"
#include "lib/text/number.h"
#include "soak/detail/command_line.h"
#include "soak/growth/leak_max.h"

namespace soak::detail {
namespace {

using std::chrono::nanoseconds;

constexpr nanoseconds kTimeMax = std::chrono::hours{24 * 366};
constexpr double kSizeMax = 9e18;  // Within what a signed number of bytes holds.

// What a number in this unit counts.
struct Unit {
  std::string_view name;
  std::string_view noun;
};
constexpr std::array<Unit, 6> kTimes = {
    {{"ms", "milliseconds"}, {"s", "seconds"}, {"m", "minutes"}, {"min", "minutes"}, {"h", "hours"}, {"d", "days"}}};
constexpr std::array<Unit, 4> kSizes = {{{"B", "bytes"},
                                         {"KiB", "KB of 1,024 bytes"},
                                         {"MiB", "MB of 1,048,576 bytes"},
                                         {"GiB", "GB of 1,073,741,824 bytes"}}};

const Unit* find_unit(std::span<const Unit> units, std::string_view name) {
  const auto found = std::find_if(units.begin(), units.end(), [name](const Unit& unit) { return unit.name == name; });
  return found == units.end() ? nullptr : &*found;
}

// As OptionValue's own constructors would take it, but for texts that are none of the option's.
std::optional<OptionValue> parse_unchecked(const Option& option, std::string_view text, std::string_view unit) {
  switch (option.kind) {
    case OptionKind::kTime:
      if (const auto value = text::parse_duration(std::string(text).append(unit));
          value && *value > nanoseconds{0} && *value <= kTimeMax) {
        return *value;
      }
      return std::nullopt;
    case OptionKind::kSize:
      return text::parse_size(std::string(text).append(unit));
    case OptionKind::kShare:
      return text::parse_decimal(text);
    case OptionKind::kCount:
    case OptionKind::kPort:
      return text::parse_number<std::uint64_t>(text);
    case OptionKind::kSwitch:
      return parse_switch(text);
    case OptionKind::kLeakMax:
    case OptionKind::kText:
      return std::string(text);
  }
  return std::nullopt;
}

std::string time_flag_text(nanoseconds time) {
  using namespace std::chrono_literals;
  if (time >= 2h && time % 1h == 0ns) {
    return fmt::format("{}h", time / 1h);
  }
  if (time >= 2min && time % 1min == 0ns) {
    return fmt::format("{}m", time / 1min);
  }
  if (time % 1s == 0s) {
    return fmt::format("{}s", time / 1s);
  }
  // Nanoseconds are six decimals of a millisecond.
  std::string text = fmt::format("{:.6f}", static_cast<double>(time.count()) / 1e6);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') {
    text.pop_back();
  }
  return text + "ms";
}

std::string size_flag_text(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 4> kUnits = {"B", "KiB", "MiB", "GiB"};
  std::size_t unit = 0;
  while (unit + 1 < kUnits.size() && bytes != 0 && bytes % 1024 == 0) {
    bytes /= 1024;
    ++unit;
  }
  return fmt::format("{}{}", bytes, kUnits[unit]);
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
      return std::get<std::uint64_t>(value) >= option.least &&
             static_cast<double>(std::get<std::uint64_t>(value)) <= kSizeMax;
    case OptionKind::kCount:
      return std::get<std::uint64_t>(value) >= option.least && std::get<std::uint64_t>(value) <= option.most;
    case OptionKind::kShare:
      return std::get<double>(value) >= 0 && std::get<double>(value) <= 1;
    case OptionKind::kSwitch:
      return true;
    case OptionKind::kPort:
      return std::get<std::uint64_t>(value) <= std::numeric_limits<std::uint16_t>::max();
    case OptionKind::kLeakMax:
      return probe::parse_leak_max(std::get<std::string>(value)).has_value();
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
      return fmt::format("a size {}, such as 512KiB, 20MiB or 1GiB", option.least == 0 ? "of 0 or more" : "above 0");
    case OptionKind::kCount:
      return fmt::format("a whole number from {} to {}", option.least, option.most);
    case OptionKind::kShare:
      return "a number from 0 to 1";
    case OptionKind::kSwitch:
      return "1 or 0";
    case OptionKind::kPort:
      return "a port from 1 to 65535, or 0 for a free one";
    case OptionKind::kLeakMax:
      return probe::kLeakMaxForm;
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
      return text::format_duration(std::get<nanoseconds>(*value));
    case OptionKind::kSize:
      return text::format_bytes(static_cast<std::int64_t>(std::get<std::uint64_t>(*value)));
    case OptionKind::kSwitch:
      return std::get<bool>(*value) ? "on" : "off";
    case OptionKind::kCount:
    case OptionKind::kShare:
    case OptionKind::kLeakMax:
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
      return size_flag_text(std::get<std::uint64_t>(value));
    case OptionKind::kCount:
    case OptionKind::kPort:
      return std::to_string(std::get<std::uint64_t>(value));
    case OptionKind::kShare:
      return share_text(std::get<double>(value));
    case OptionKind::kSwitch:
      return std::get<bool>(value) ? "1" : "0";
    case OptionKind::kLeakMax:
    case OptionKind::kText:
      return std::get<std::string>(value);
  }
  return {};
}

}  // namespace soak::detail
