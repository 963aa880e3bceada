// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_ASCII_H_
#define SOAK_LIB_PEERS_ASCII_H_

// Case and white space, whatever the locale says.

#include <cstddef>
#include <string>
#include <string_view>

namespace soak::peers {

inline std::string lower(std::string_view text) {
  std::string out(text);
  for (char& character : out) {
    if (character >= 'A' && character <= 'Z') {
      character = static_cast<char>(character + ('a' - 'A'));
    }
  }
  return out;
}

inline std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t from = text.find_first_not_of(kSpace);
  if (from == std::string_view::npos) {
    return {};
  }
  return text.substr(from, text.find_last_not_of(kSpace) - from + 1);
}

}  // namespace soak::peers

#endif  // SOAK_LIB_PEERS_ASCII_H_
