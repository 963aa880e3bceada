// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_GROWTH_BOUND_H_
#define SOAK_LIB_GROWTH_BOUND_H_

// What a trend says of the bound that a user asked for, and of a memory limit.

#include <cstdint>
#include <optional>
#include <string>

#include "soak/growth/trend.h"
#include "soak/series/measurements.h"

namespace soak::probe {

// How often each operation happened, per second.
class OperationRates {
 public:
  OperationRates(const Measurements& measured, std::string cycle);

  // Of an operation in the singular, or of the first one of "reconnect or frame"; of the second for an empty name.
  // Empty for an operation that is not counted.
  std::optional<double> per_second(const std::string& operation) const;

 private:
  const Measurements& measured_;
  std::string cycle_;
};

// The bound, judged. Empty if it is per an operation that is not counted.
std::optional<Bound> judge_bound(const LeakMax& asked, const Trend& trend, const OperationRates& rates);

// When `limit` is reached from `level` at the growth of the trend. Empty if it does not grow.
std::optional<Trend::Forecast> forecast(const Trend& trend, std::int64_t level, std::int64_t limit,
                                        const OperationRates& rates);

}  // namespace soak::probe

#endif  // SOAK_LIB_GROWTH_BOUND_H_
