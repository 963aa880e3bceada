// SPDX-License-Identifier: Apache-2.0
#include "lib/text/number.h"

#include <array>
#include <cmath>
#include <cstddef>
#include <span>

namespace soak::text {
namespace {

struct Unit {
  std::string_view name;
  double value;
};

constexpr std::array<Unit, 6> kNanoseconds = {
    {{"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"min", 60e9}, {"h", 3600e9}, {"d", 24 * 3600e9}}};
constexpr std::array<Unit, 4> kBytes = {{{"B", 1}, {"KiB", 1024}, {"MiB", 1048576}, {"GiB", 1073741824}}};

constexpr double kWholeMax = 9e18;  // What 63 bits hold.

std::optional<double> parse(std::string_view text, std::chars_format format) {
  double number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number, format);
  return error == std::errc{} && rest == end && std::isfinite(number) ? std::optional(number) : std::nullopt;
}

// In the smallest of the units.
std::optional<double> parse_quantity(std::string_view text, std::span<const Unit> units) {
  const std::size_t unit_at = text.find_last_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") + 1;
  const std::optional<double> number = parse_decimal(text.substr(0, unit_at));
  if (!number) {
    return std::nullopt;
  }
  for (const Unit& unit : units) {
    if (text.substr(unit_at) == unit.name) {
      return *number * unit.value;
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<double> parse_decimal(std::string_view text) { return parse(text, std::chars_format::fixed); }

std::optional<double> parse_float(std::string_view text) { return parse(text, std::chars_format::general); }

std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text) {
  const std::optional<double> nanoseconds = parse_quantity(text, kNanoseconds);
  if (!nanoseconds || std::abs(*nanoseconds) > kWholeMax) {
    return std::nullopt;
  }
  return std::chrono::nanoseconds(std::llround(*nanoseconds));
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  const std::optional<double> bytes = parse_quantity(text, kBytes);
  if (!bytes || *bytes < 0 || *bytes > kWholeMax) {
    return std::nullopt;
  }
  return static_cast<std::uint64_t>(std::llround(*bytes));
}

}  // namespace soak::text
