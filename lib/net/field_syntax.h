// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_NET_FIELD_SYNTAX_H_
#define SOAK_LIB_NET_FIELD_SYNTAX_H_

// The syntax of HTTP fields.

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "lib/text/ascii.h"

namespace soak::net {

// The elements of a comma-separated field value, trimmed, without the empty ones.
inline std::vector<std::string> split_list(std::string_view list) {
  std::vector<std::string> elements;
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    const std::string_view element = text::trim(list.substr(0, comma));
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
    return text::is_letter_or_digit(c) || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

}  // namespace soak::net

#endif  // SOAK_LIB_NET_FIELD_SYNTAX_H_
