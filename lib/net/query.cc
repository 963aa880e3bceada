// SPDX-License-Identifier: Apache-2.0
#include "lib/net/query.h"

#include <algorithm>

#include "lib/text/percent.h"

namespace soak::net {

std::string query_value(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    const std::size_t equals = std::min(pair.find('='), pair.size());
    if (text::form_decode(pair.substr(0, equals)) == name) {
      return equals == pair.size() ? std::string() : text::form_decode(pair.substr(equals + 1));
    }
    query.remove_prefix(std::min(end + 1, query.size()));
  }
  return {};
}

}  // namespace soak::net
