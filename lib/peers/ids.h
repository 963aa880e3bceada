// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_IDS_H_
#define SOAK_LIB_PEERS_IDS_H_

#include <cstdint>
#include <random>
#include <string>
#include <string_view>

namespace soak::peers {

// Ids, and all else that is left to chance.
class Ids {
 public:
  explicit Ids(std::uint64_t seed) : random_(seed) {}

  std::string next(std::string_view prefix);  // "event_" and 21 letters and digits.
  std::string obfuscation();                  // 1 to 16 of them.
  std::uint64_t below(std::uint64_t count);   // From 0; 0 for a count of 0.

 private:
  std::mt19937_64 random_;
};

}  // namespace soak::peers

#endif  // SOAK_LIB_PEERS_IDS_H_
