// SPDX-License-Identifier: Apache-2.0
#include "lib/growth/bound.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include "lib/text/format.h"
#include "lib/text/singular.h"

namespace soak::probe {
namespace {

// Longer than anybody runs a soak: more cannot be promised.
constexpr double kLongestRun = 1000;  // Times as long.
constexpr double kSecondsMax = 100 * 365 * 86400.0;

std::optional<double> rate(double count, std::chrono::nanoseconds time) {
  return count > 0 && time.count() > 0 ? std::optional(count / text::seconds(time)) : std::nullopt;
}

std::chrono::nanoseconds at_most_a_century(double seconds) {
  return text::from_seconds(std::clamp(seconds, 0.0, kSecondsMax));
}

}  // namespace

OperationRates::OperationRates(const Measurements& measured, std::string cycle)
    : measured_(measured), cycle_(std::move(cycle)) {}

std::optional<double> OperationRates::per_second(const std::string& operation) const {
  const std::string one = operation.substr(0, operation.find(" or "));
  if (one.empty()) {
    return 1;
  }
  if (one == cycle_) {
    for (const Track& track : measured_.tracks) {
      for (const Series* series : {&track.at_rest, &track.timeline}) {
        if (series->added() >= 2) {
          const Point first = *series->first();
          const Point last = *series->last();
          return rate(static_cast<double>(last.cycle - first.cycle), last.at - first.at);
        }
      }
    }
    return std::nullopt;
  }
  for (const Operation& counted : measured_.operations) {
    if (text::singular(counted.name) == one && counted.at_rest.added() >= 2) {
      const Point first = *counted.at_rest.first();
      const Point last = *counted.at_rest.last();
      return rate(static_cast<double>(last.value - first.value), last.at - first.at);
    }
  }
  return std::nullopt;
}

std::optional<Bound> judge_bound(const LeakMax& asked, const Trend& trend, const OperationRates& rates) {
  Bound bound{asked, 0, Bound::State::kNotShown, {}};
  const std::optional<double> own = rates.per_second(trend.per);
  const std::optional<double> others = asked.per_time() ? 1 : rates.per_second(asked.per);
  if (!own || !others) {
    return std::nullopt;
  }
  bound.allowed = (asked.per_time() ? asked.bytes_per_second() : asked.bytes * *others) / *own;
  const bool certain = trend.state == GrowthState::kCertain;
  if (certain ? trend.high <= bound.allowed : std::max(trend.excluded, trend.high) <= bound.allowed) {
    bound.state = Bound::State::kMet;
  } else if (certain && trend.low > bound.allowed) {
    bound.state = Bound::State::kExceeded;
  } else {
    // The error of a slope falls with the power 3/2 of the time that it is seen for.
    const double error = certain ? (trend.high - trend.low) / 2 : std::max(trend.excluded, trend.high);
    const double distance = certain ? std::abs(trend.growth - bound.allowed) : bound.allowed;
    const double times = distance > 0 ? std::pow(std::max(error / distance, 1.0), 2.0 / 3) : kLongestRun;
    if (times < kLongestRun) {
      bound.run_needed = at_most_a_century(text::seconds(trend.end) * times);
    }
  }
  return bound;
}

std::optional<Trend::Forecast> forecast(const Trend& trend, std::int64_t level, std::int64_t limit,
                                        const OperationRates& rates) {
  const std::optional<double> own = rates.per_second(trend.per);
  if (trend.state == GrowthState::kAtRest || !own || trend.growth <= 0) {
    return std::nullopt;
  }
  const double left = std::max(static_cast<double>(limit - level), 0.0);
  const auto at = [&](double growth) { return at_most_a_century(left / (growth * *own)); };
  Trend::Forecast forecast{at(trend.growth), at(trend.high), {}};
  if (trend.low > 0) {
    forecast.latest = at(trend.low);
  }
  return forecast;
}

}  // namespace soak::probe
