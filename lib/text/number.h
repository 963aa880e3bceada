// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_TEXT_NUMBER_H_
#define SOAK_LIB_TEXT_NUMBER_H_

// Numbers, sizes and durations that are the whole of a text: without white space around them, without a plus sign, and
// whatever the locale says. What is anything else, or does not fit, is empty.

#include <charconv>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string_view>
#include <system_error>

namespace soak::text {

template <std::integral Number>
std::optional<Number> parse_number(std::string_view text, int base = 10) {
  Number number{};
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number, base);
  return error == std::errc{} && rest == end ? std::optional<Number>(number) : std::nullopt;
}

// A finite number in decimal notation: "30", "-0.5", ".5"; no exponent.
std::optional<double> parse_decimal(std::string_view text);

// The same with an exponent or without: "1e-3".
std::optional<double> parse_float(std::string_view text);

// A number with a unit right behind it, one of ms, s, m, min, h and d: "40ms", "1.5h". Rounded to nanoseconds; at most
// 292 years.
std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text);

// The same with B, KiB, MiB or GiB: "512KiB". Rounded to bytes; 0 or more, below 9e18.
std::optional<std::uint64_t> parse_size(std::string_view text);

}  // namespace soak::text

#endif  // SOAK_LIB_TEXT_NUMBER_H_
