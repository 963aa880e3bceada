// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_BACKOFF_H_
#define SOAK_BACKOFF_H_

// How long to wait before trying again: exponential, with jitter, bounded.
//
// The n-th delay is drawn evenly from initial x 2^(n-1), or `max` if that is less, and a tenth of it: full jitter,
// which spreads those that fail together the furthest, with a floor, so that none comes back at once.

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

  // The next delay. `random` is the loop's, so that a seed repeats it.
  std::chrono::nanoseconds next(std::mt19937_64& random) {
    const std::chrono::nanoseconds ceiling = std::min(ceiling_, options_.max);
    ceiling_ = std::min(ceiling * 2, options_.max);
    std::uniform_int_distribution<std::chrono::nanoseconds::rep> delay(ceiling.count() / 10, ceiling.count());
    return std::chrono::nanoseconds(delay(random));
  }

  // After a success that lasted: the next delay is the first one again.
  void reset() { ceiling_ = options_.initial; }

 private:
  BackoffOptions options_;
  std::chrono::nanoseconds ceiling_;
};

}  // namespace soak

#endif  // SOAK_BACKOFF_H_
