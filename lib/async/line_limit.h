// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_ASYNC_LINE_LIMIT_H_
#define SOAK_LIB_ASYNC_LINE_LIMIT_H_

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <utility>

namespace soak::detail {

// How many lines the log's default sink writes: twenty at once, then ten a second.
class LineLimit {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit LineLimit(Time now) : refilled_(now) {}

  // Whether one more line may be written. If not, it counts as left out.
  bool take(Time now) {
    const std::chrono::duration<double> passed = now - std::exchange(refilled_, now);
    tokens_ = std::min(kBurst, tokens_ + passed.count() * kRefill);
    if (tokens_ < 1) {
      ++left_out_;
      return false;
    }
    tokens_ -= 1;
    return true;
  }

  // Since the last call.
  std::size_t take_left_out() { return std::exchange(left_out_, 0); }

 private:
  static constexpr double kBurst = 20;
  static constexpr double kRefill = 10;

  double tokens_ = kBurst;
  Time refilled_;
  std::size_t left_out_ = 0;
};

}  // namespace soak::detail

#endif  // SOAK_LIB_ASYNC_LINE_LIMIT_H_
