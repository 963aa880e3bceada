// SPDX-License-Identifier: Apache-2.0
#include "lib/net/query.h"

#include <utility>

#include "lib/text/percent.h"

namespace soak::net {

namespace {

// What stands before and after the first `separator`; all of it and nothing where there is none.
std::pair<std::string_view, std::string_view> split(std::string_view text, char separator) {
  const std::size_t at = text.find(separator);
  return at == std::string_view::npos ? std::pair(text, std::string_view())
                                      : std::pair(text.substr(0, at), text.substr(at + 1));
}

}  // namespace

std::string query_value(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const auto [pair, rest] = split(query, '&');
    const auto [key, value] = split(pair, '=');
    if (text::form_decode(key) == name) {
      return text::form_decode(value);
    }
    query = rest;
  }
  return {};
}

}  // namespace soak::net
