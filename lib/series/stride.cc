// SPDX-License-Identifier: Apache-2.0
#include "lib/series/stride.h"

#include <algorithm>
#include <cmath>

namespace soak::probe {
namespace {

constexpr std::size_t kShares = Stride::kShares;

// Distributes weighted values, which come in ascending order, over shares of equal weight.
class Shares {
 public:
  // The weights that follow add up to kShares times `room`.
  Shares(std::array<float, kShares>& means, std::uint64_t room) noexcept : means_(means), room_(room), left_(room) {}

  void take(double value, std::uint64_t weight) noexcept {
    while (weight >= left_ && share_ < kShares) {
      means_[share_++] = static_cast<float>((sum_ + value * static_cast<double>(left_)) / static_cast<double>(room_));
      weight -= left_;
      left_ = room_;
      sum_ = 0;
    }
    sum_ += value * static_cast<double>(weight);
    left_ -= weight;
  }

 private:
  std::array<float, kShares>& means_;
  std::size_t share_ = 0;
  double sum_ = 0;
  std::uint64_t room_;
  std::uint64_t left_;
};

// Also where the difference is more than an integer holds.
double difference(std::int64_t value, std::int64_t from) noexcept {
  return static_cast<double>(value) - static_cast<double>(from);
}

std::int64_t between(std::int64_t from, std::int64_t to, double share) noexcept {
  return from + std::llround(static_cast<double>(to - from) * share);
}

}  // namespace

Point Stride::point() const noexcept {
  const double middle = (static_cast<double>(shares[kShares / 2 - 1]) + static_cast<double>(shares[kShares / 2])) / 2;
  // Unsigned, since the sum may be too large on the way.
  const std::uint64_t median = static_cast<std::uint64_t>(low) + static_cast<std::uint64_t>(middle + 0.5);
  return {at, cycle, std::min(static_cast<std::int64_t>(median), high), low, high};
}

void Stride::shift(std::int64_t by) noexcept {
  low += by;
  high += by;
}

Stride stride_of(std::span<const Point> values) noexcept {
  std::array<std::int64_t, kShares> sorted{};
  double at = 0;
  double cycle = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    sorted[i] = values[i].value;
    at += static_cast<double>((values[i].at - values[0].at).count());
    cycle += static_cast<double>(static_cast<std::int64_t>(values[i].cycle - values[0].cycle));
  }
  const std::span<std::int64_t> all = std::span(sorted).first(values.size());
  std::sort(all.begin(), all.end());
  const double count = static_cast<double>(values.size());
  Stride stride;
  stride.at = values[0].at + std::chrono::nanoseconds(std::llround(at / count));
  stride.cycle = values[0].cycle + static_cast<std::uint64_t>(std::llround(cycle / count));
  stride.low = all.front();
  stride.high = all.back();
  stride.count = static_cast<std::uint32_t>(values.size());
  Shares shares(stride.shares, values.size());
  for (const std::int64_t value : all) {
    shares.take(difference(value, stride.low), kShares);
  }
  return stride;
}

Stride stride_of(const Point& summary, std::uint32_t count) noexcept {
  Stride stride;
  stride.at = summary.at;
  stride.cycle = summary.cycle;
  stride.low = summary.low;
  stride.high = summary.high;
  stride.count = count;
  const double middle = difference(summary.value, summary.low);
  const double top = difference(summary.high, summary.low);
  constexpr std::size_t kHalf = kShares / 2;
  for (std::size_t i = 0; i < kHalf; ++i) {
    // The two in the middle are the median itself, so that a point comes back as it was.
    const double along = static_cast<double>(i) / static_cast<double>(kHalf - 1);
    stride.shares[i] = static_cast<float>(middle * along);
    stride.shares[kHalf + i] = static_cast<float>(middle + (top - middle) * along);
  }
  return stride;
}

Stride merged(const Stride& earlier, const Stride& later) noexcept {
  const std::uint64_t count = std::uint64_t{earlier.count} + later.count;
  const double share = static_cast<double>(later.count) / static_cast<double>(count);
  Stride stride;
  stride.at = std::chrono::nanoseconds(between(earlier.at.count(), later.at.count(), share));
  stride.cycle = static_cast<std::uint64_t>(
      between(static_cast<std::int64_t>(earlier.cycle), static_cast<std::int64_t>(later.cycle), share));
  stride.low = std::min(earlier.low, later.low);
  stride.high = std::max(earlier.high, later.high);
  stride.count = static_cast<std::uint32_t>(count);
  stride.begins_segment = earlier.begins_segment;
  const double above = difference(earlier.low, stride.low);
  const double later_above = difference(later.low, stride.low);
  Shares shares(stride.shares, count);
  for (std::size_t i = 0, j = 0; i + j < 2 * kShares;) {
    const double value = i < kShares ? above + static_cast<double>(earlier.shares[i]) : 0;
    const double later_value = j < kShares ? later_above + static_cast<double>(later.shares[j]) : 0;
    if (j == kShares || (i < kShares && value <= later_value)) {
      shares.take(value, earlier.count);
      ++i;
    } else {
      shares.take(later_value, later.count);
      ++j;
    }
  }
  return stride;
}

}  // namespace soak::probe
