// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_DETAIL_CLOCK_H_
#define SOAK_DETAIL_CLOCK_H_

#include <chrono>
#include <limits>

namespace soak {

// The clock of an EventLoop: it starts at zero when the loop is built. It has no now(), because only the
// loop knows what time it is.
struct LoopClock {
  using rep = std::chrono::nanoseconds::rep;
  using period = std::chrono::nanoseconds::period;
  using duration = std::chrono::nanoseconds;
  using time_point = std::chrono::time_point<LoopClock>;
  static constexpr bool is_steady = true;
};

using Instant = LoopClock::time_point;

namespace detail {

// `from + delay`, clamped to the last Instant. A negative delay counts as zero.
constexpr Instant later(Instant from, std::chrono::nanoseconds delay) noexcept {
  if (delay <= std::chrono::nanoseconds::zero()) {
    return from;
  }
  return delay > Instant::max() - from ? Instant::max() : from + delay;
}

}  // namespace detail
}  // namespace soak

#endif  // SOAK_DETAIL_CLOCK_H_
