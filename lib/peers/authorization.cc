// SPDX-License-Identifier: Apache-2.0
#include "lib/peers/authorization.h"

#include <algorithm>
#include <cstddef>

namespace soak::peers {

std::string_view credentials(std::string_view authorization, std::string_view scheme) {
  const auto same_letter = [](char expected, char got) {
    return static_cast<unsigned char>(expected) == (static_cast<unsigned char>(got) | 0x20U);
  };
  if (authorization.size() <= scheme.size() || authorization[scheme.size()] != ' ' ||
      !std::equal(scheme.begin(), scheme.end(), authorization.begin(), same_letter)) {
    return {};
  }
  const std::size_t start = authorization.find_first_not_of(' ', scheme.size());
  return start == std::string_view::npos ? std::string_view() : authorization.substr(start);
}

}  // namespace soak::peers
