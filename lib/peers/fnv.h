// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_FNV_H_
#define SOAK_LIB_PEERS_FNV_H_

#include <cstdint>
#include <string_view>

namespace soak::peers {

// FNV-1a, the same everywhere, so that a ledger can be compared between runs; std::hash promises no such thing.
constexpr std::uint64_t fnv1a(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char character : text) {
    hash ^= static_cast<unsigned char>(character);
    hash *= 0x100000001b3U;
  }
  return hash;
}

}  // namespace soak::peers

#endif  // SOAK_LIB_PEERS_FNV_H_
