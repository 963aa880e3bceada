// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_NET_ASCII_H_
#define SOAK_LIB_NET_ASCII_H_

// What HTTP means by case and white space, whatever the locale says.

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace soak::net {

constexpr char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

inline bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return to_lower(x) == to_lower(y); });
}

inline std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// The elements of a comma-separated field value, trimmed, without the empty ones.
inline std::vector<std::string> split_list(std::string_view list) {
  std::vector<std::string> elements;
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    const std::string_view element = trim(list.substr(0, comma));
    if (!element.empty()) {
      elements.emplace_back(element);
    }
    list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
  }
  return elements;
}

// A value that may stand in a header: no line break that would start another one.
inline bool is_field_value(std::string_view value) {
  return value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

// RFC 9110: a token names a field or a subprotocol.
inline bool is_token(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

}  // namespace soak::net

#endif  // SOAK_LIB_NET_ASCII_H_
