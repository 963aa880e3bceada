// SPDX-License-Identifier: Apache-2.0
#include "lib/peers/ids.h"

namespace soak::peers {

std::string Ids::next(std::string_view prefix) {
  constexpr std::string_view kDigits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  std::string id(prefix);
  for (const int digits : {10, 11}) {
    std::uint64_t bits = random_();
    for (int i = 0; i < digits; ++i, bits /= kDigits.size()) {
      id += kDigits[bits % kDigits.size()];
    }
  }
  return id;
}

std::uint64_t Ids::below(std::uint64_t count) { return count > 1 ? random_() % count : 0; }

std::string Ids::obfuscation() {
  std::string text = next({});
  text.resize(1 + random_() % 16);
  return text;
}

}  // namespace soak::peers
