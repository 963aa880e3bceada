// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_TEXT_ASCII_H_
#define SOAK_LIB_TEXT_ASCII_H_

// Case, classes of characters and white space in ASCII, whatever the locale says. Bytes above 127 are none of them.

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace soak::text {

constexpr bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr char to_lower(char c) { return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c; }
constexpr bool is_letter(char c) { return to_lower(c) >= 'a' && to_lower(c) <= 'z'; }
constexpr bool is_letter_or_digit(char c) { return is_letter(c) || is_digit(c); }

// 0 to 15; -1 where `c` is not a hexadecimal digit of either case.
constexpr int hex_value(char c) {
  if (is_digit(c)) {
    return c - '0';
  }
  const char lower = to_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

inline std::string to_lower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) { return to_lower(c); });
  return lower;
}

inline bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return to_lower(x) == to_lower(y); });
}

inline constexpr std::string_view kBlanks = " \t";
inline constexpr std::string_view kWhiteSpace = " \t\r\n";

// The text without what of `space` stands at its ends.
constexpr std::string_view trim(std::string_view text, std::string_view space = kBlanks) {
  const std::size_t first = text.find_first_not_of(space);
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(space) - first + 1);
}

}  // namespace soak::text

#endif  // SOAK_LIB_TEXT_ASCII_H_
