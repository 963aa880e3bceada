// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_REPORT_LATENESS_H_
#define SOAK_REPORT_LATENESS_H_

// A histogram of how late events were, of fixed size (7 KiB). Buckets are a microsecond wide up to 64 us; above that
// there are 32 for each doubling. So a percentile is at most 1/32 (3.1%) too high. Adding allocates nothing. It is a
// value type for one thread.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace soak::report {

class Lateness {
 public:
  // Adds `count` events that happened `late` after they were due. An early event counts as 0. Everything above 71
  // minutes goes to the last bucket.
  void add(std::chrono::nanoseconds late, std::uint64_t count = 1);

  std::uint64_t count() const { return count_; }
  std::chrono::nanoseconds max() const { return max_; }  // Exact.
  // The lateness that this share of the events did not exceed (0.99 for p99): the upper end of its bucket, at most
  // max(). 0 if there was no event.
  std::chrono::nanoseconds percentile(double share) const;

  // Calls visit(lower end, number of events) for each non-empty bucket, in order. Adding these to an empty histogram,
  // and raising its max to max(), gives the same histogram.
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
  static constexpr unsigned kBits = 5;  // 32 buckets for each doubling.
  static constexpr std::uint64_t kLatenessUsMax = (std::uint64_t{1} << 32) - 1;
  static constexpr std::size_t kBuckets = (32 - kBits + 1) << kBits;

  static std::chrono::microseconds lower_end(std::size_t bucket);

  std::array<std::uint64_t, kBuckets> buckets_{};
  std::uint64_t count_ = 0;
  std::chrono::nanoseconds max_{};
};

}  // namespace soak::report

#endif  // SOAK_REPORT_LATENESS_H_
