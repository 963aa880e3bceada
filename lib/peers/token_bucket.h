// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_TOKEN_BUCKET_H_
#define SOAK_LIB_PEERS_TOKEN_BUCKET_H_

// The two ways in which the providers count requests.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>

#include "soak/detail/clock.h"

namespace soak::peers {

// Refills evenly. A rate of 0 is without a limit.
class TokenBucket {
 public:
  // Zero if there is one token, else how long it takes until there is.
  std::chrono::nanoseconds wait(double per_second, double burst, Instant now) const {
    if (per_second <= 0) {
      return std::chrono::nanoseconds::zero();
    }
    const double missing = 1 - tokens(per_second, burst, now);
    if (missing <= 1e-9) {
      return std::chrono::nanoseconds::zero();
    }
    return std::chrono::nanoseconds{static_cast<std::int64_t>(std::ceil(missing / per_second * 1e9))};
  }
  void take(double per_second, double burst, Instant now) {
    if (per_second <= 0) {
      return;
    }
    used_ = burst - tokens(per_second, burst, now) + 1;
    as_of_ = now;
  }

 private:
  double tokens(double per_second, double burst, Instant now) const {
    const double refilled = std::chrono::duration<double>(now - as_of_).count() * per_second;
    return burst - std::max(used_ - refilled, 0.0);
  }

  double used_ = 0;  // At `as_of_`.
  Instant as_of_{};
};

// So many in a window, which begins with the first of them.
class CountedWindow {
 public:
  // How many are left at `now`.
  int remaining(int limit, std::chrono::nanoseconds length, Instant now) const {
    return ended(length, now) ? limit : std::max(limit - used_, 0);
  }
  void take(std::chrono::nanoseconds length, Instant now) {
    if (ended(length, now)) {
      begin_ = now;
      used_ = 0;
    }
    ++used_;
  }
  // Until it has ended: the whole length where none has begun.
  std::chrono::nanoseconds rest(std::chrono::nanoseconds length, Instant now) const {
    return ended(length, now) ? length : begin_ + length - now;
  }

 private:
  bool ended(std::chrono::nanoseconds length, Instant now) const { return used_ == 0 || now >= begin_ + length; }

  Instant begin_{};
  int used_ = 0;
};

}  // namespace soak::peers

#endif  // SOAK_LIB_PEERS_TOKEN_BUCKET_H_
