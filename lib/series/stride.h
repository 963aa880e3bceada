// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_SERIES_STRIDE_H_
#define SOAK_LIB_SERIES_STRIDE_H_

// A run of consecutive values, summed up as one point with its median, its lowest and its highest value.
//
// The values in order of size are cut into eight shares of equal weight, of which the means are kept (a t-digest with
// equal shares; Dunning and Ertl 2019). Two summaries merge into that of all their values, so the median does not
// depend on when a series was thinned. It is exact up to eight values. Beyond that it is about the mean of the middle
// quarter, which outliers do not move. A sawtooth of about a stride's length, of which single rows would climb over
// days, becomes a level line, to within 6% of its height.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

#include "soak/series/series.h"

namespace soak::probe {

struct Stride {
  static constexpr std::size_t kShares = 8;

  std::chrono::nanoseconds at{};  // The mean of the times, and of the cycles.
  std::uint64_t cycle = 0;
  std::int64_t low = 0;
  std::int64_t high = 0;
  std::array<float, kShares> shares{};  // In ascending order, above `low`.
  std::uint32_t count = 0;              // How many values it stands for.
  bool begins_segment = false;

  Point point() const noexcept;
  void shift(std::int64_t by) noexcept;  // Adds `by` to every value.
};

// Of one to kShares values in order of time.
Stride stride_of(std::span<const Point> values) noexcept;

// As far as a point tells: the values lie evenly between the lowest, the median and the highest.
Stride stride_of(const Point& summary, std::uint32_t count) noexcept;

// `later` follows on `earlier`.
Stride merged(const Stride& earlier, const Stride& later) noexcept;

}  // namespace soak::probe

#endif  // SOAK_LIB_SERIES_STRIDE_H_
