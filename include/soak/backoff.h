// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_BACKOFF_H_
#define SOAK_BACKOFF_H_

// Delays between retries: exponential, with jitter and a maximum.
//
// The n-th delay is drawn uniformly between a tenth of its ceiling and the ceiling, which is initial x 2^(n-1), but at
// most `max`. Full jitter spreads clients that failed together as far apart as possible; the floor of a tenth keeps any
// of them from coming back at once.

#include <algorithm>
#include <chrono>
#include <random>

namespace soak {

struct BackoffOptions {
  std::chrono::nanoseconds initial = std::chrono::milliseconds{500};
  std::chrono::nanoseconds max = std::chrono::seconds{30};
};

class Backoff {
 public:
  explicit Backoff(BackoffOptions options = {}) : options_(options), ceiling_(options.initial) {}

  // Returns the next delay. Pass the loop's random(), so that a seed reproduces it.
  std::chrono::nanoseconds next(std::mt19937_64& random) {
    const std::chrono::nanoseconds ceiling = std::min(ceiling_, options_.max);
    ceiling_ = std::min(ceiling * 2, options_.max);
    std::uniform_int_distribution<std::chrono::nanoseconds::rep> delay(ceiling.count() / 10, ceiling.count());
    return std::chrono::nanoseconds(delay(random));
  }

  // Call it after a stable success: the delays start over.
  void reset() { ceiling_ = options_.initial; }

 private:
  BackoffOptions options_;
  std::chrono::nanoseconds ceiling_;
};

}  // namespace soak

#endif  // SOAK_BACKOFF_H_
