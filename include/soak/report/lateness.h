// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_REPORT_LATENESS_H_
#define SOAK_REPORT_LATENESS_H_

// How late events were, as a histogram of fixed memory (7 KiB): its buckets are a microsecond wide up to 64 us and then
// grow, 32 of them each time the lateness doubles, so that what is read from it is at most 1/32 (3.1%) too high. Adding
// allocates nothing. A value, for one thread.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace soak::report {

class Lateness {
 public:
  // `late` is how long after its due time each of `count` events happened; an early one was late by nothing. All that
  // were later than 71 minutes share the last bucket.
  void add(std::chrono::nanoseconds late, std::uint64_t count = 1);

  std::uint64_t count() const { return count_; }
  std::chrono::nanoseconds max() const { return max_; }  // Exact.
  // The lateness that a share of the events (0.99 for p99) did not exceed: the upper end of its bucket, at most max().
  // 0 where there was no event.
  std::chrono::nanoseconds percentile(double share) const;

  // Calls visit(lower end of the bucket, events in it) for each bucket that has any, in order. What these and max()
  // give, when it is added again, is the same histogram.
  template <typename Visit>
  void for_each_bucket(Visit visit) const {
    for (std::size_t i = 0; i < buckets_.size(); ++i) {
      if (buckets_[i] > 0) {
        visit(lower_end(i), buckets_[i]);
      }
    }
  }
  void raise_max(std::chrono::nanoseconds late);

 private:
  static constexpr unsigned kBits = 5;  // Of an octave's buckets: 32.
  static constexpr std::uint64_t kMost = (std::uint64_t{1} << 32) - 1;
  static constexpr std::size_t kBuckets = (32 - kBits + 1) << kBits;

  static std::chrono::microseconds lower_end(std::size_t bucket);

  std::array<std::uint64_t, kBuckets> buckets_{};
  std::uint64_t count_ = 0;
  std::chrono::nanoseconds max_{};
};

}  // namespace soak::report

#endif  // SOAK_REPORT_LATENESS_H_
