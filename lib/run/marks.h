// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_RUN_MARKS_H_
#define SOAK_LIB_RUN_MARKS_H_

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "soak/report/record.h"

namespace soak {

// The first marks of a run, in memory taken at once: marking allocates nothing, or a fault a minute would look like a
// leak. One thread.
class Marks {
 public:
  static constexpr std::size_t kMarksMax = 256;
  static constexpr std::size_t kKindSize = 16;   // Longer words and texts are cut, between two characters.
  static constexpr std::size_t kTextSize = 160;  // In bytes.

  Marks() { kept_.reserve(kMarksMax); }

  // True when it was kept.
  bool add(std::chrono::nanoseconds at, std::string_view kind, std::string_view text) noexcept;

  std::vector<report::Mark> all() const;
  std::uint64_t dropped() const noexcept { return dropped_; }

 private:
  template <std::size_t size>
  struct Text {
    std::array<char, size> bytes{};
    std::size_t used = 0;
  };
  struct Kept {
    std::chrono::nanoseconds at{};
    Text<kKindSize> kind;
    Text<kTextSize> text;
  };
  std::vector<Kept> kept_;
  std::uint64_t dropped_ = 0;
};

}  // namespace soak

#endif  // SOAK_LIB_RUN_MARKS_H_
