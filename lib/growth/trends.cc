// SPDX-License-Identifier: Apache-2.0
#include "soak/growth/trends.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/text/format.h"
#include "lib/text/singular.h"
#include "soak/growth/growth.h"

namespace soak::probe {
namespace {

constexpr double kSlowSeconds = 600;  // Warm-up and ratchets with scales up to this are never taken for a leak.
constexpr double kSlowCycles = 600;
constexpr double kFloorBytes = 64;   // Heap in use counts chunks of 16 bytes.
constexpr double kFloorCount = 0.3;  // As if the count were cut off from something smooth.
constexpr double kSmallRiseBytes = 256 * 1024;
constexpr double kUnexplainedMin = 0.02;  // Of a value, a step: below it all explanations are perfect.
constexpr double kBetter = 3;  // Natural logarithm of the likelihood ratio of two operations that are told apart.

// A kind of operation, and how many had been done at each point of a track.
struct Counted {
  std::string name;
  std::vector<double> counts;
};

// The count at a time, between the points of the operation along a straight line.
double count_at(const std::vector<Point>& points, std::chrono::nanoseconds at) {
  const auto after =
      std::lower_bound(points.begin(), points.end(), at,
                       [](const Point& point, std::chrono::nanoseconds time) { return point.at < time; });
  if (after == points.end()) {
    return static_cast<double>(points.back().value);
  }
  if (after->at == at || after == points.begin()) {
    return static_cast<double>(after->value);
  }
  const Point& before = *std::prev(after);
  const double share = text::seconds(at - before.at) / text::seconds(after->at - before.at);
  return static_cast<double>(before.value) + share * static_cast<double>(after->value - before.value);
}

std::vector<Counted> operations_at(const std::vector<Point>& points, const Measurements& measured,
                                   const std::string& cycle) {
  std::vector<Counted> all = {{cycle, {}}};
  for (const Point& point : points) {
    all[0].counts.push_back(static_cast<double>(point.cycle));
  }
  for (const Operation& operation : measured.operations) {
    const std::vector<Point> counted = operation.at_rest.points();
    if (counted.empty()) {
      continue;
    }
    Counted one{text::singular(operation.name), {}};
    for (const Point& point : points) {
      one.counts.push_back(count_at(counted, point.at));
    }
    if (one.counts.back() > one.counts.front()) {
      all.push_back(std::move(one));
    }
  }
  return all;
}

// How badly what was added between two points is explained by so much for each operation: a sum of squares.
double unexplained(const std::vector<Point>& points, const std::vector<double>& counts) {
  double xx = 0;
  double xy = 0;
  double yy = 0;
  for (std::size_t i = 1; i < points.size(); ++i) {
    const double x = counts[i] - counts[i - 1];
    const double y = static_cast<double>(points[i].value - points[i - 1].value);
    xx += x * x;
    xy += x * y;
    yy += y * y;
  }
  return xx > 0 ? yy - xy * xy / xx : yy;
}

// The operations that what grew is to be charged to: the best first, then those as good.
std::vector<std::size_t> charged(const std::vector<Point>& points, const std::vector<Counted>& operations) {
  std::vector<double> left;
  const double steps = static_cast<double>(points.size() - 1);
  for (const Counted& operation : operations) {
    left.push_back(std::max(unexplained(points, operation.counts), steps * kUnexplainedMin * kUnexplainedMin));
  }
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < left.size(); ++i) {
    order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return left[a] < left[b]; });
  const double best = left[order.front()];
  std::erase_if(order, [&](std::size_t i) { return steps / 2 * std::log(left[i] / best) > kBetter; });
  // Of several that are as good, the cycle is what people think in.
  std::stable_sort(order.begin(), order.end(), [](std::size_t a, std::size_t b) { return a == 0 && b != 0; });
  return order;
}

// The time and the cycle at which so many operations had been done.
std::size_t index_at(const std::vector<double>& counts, double count) {
  const auto found = std::lower_bound(counts.begin(), counts.end(), count);
  return static_cast<std::size_t>(std::min(found, std::prev(counts.end())) - counts.begin());
}

// Fills in what the points say against `counts`.
void judge_points(const std::vector<Point>& points, const std::vector<double>& counts, GrowthOptions options,
                  Trend& trend) {
  std::vector<Observation> observations;
  for (std::size_t i = 0; i < points.size(); ++i) {
    // Points at which nothing had been done since the one before say nothing about what an operation leaves.
    if (observations.empty() || counts[i] > observations.back().x) {
      observations.push_back({counts[i], static_cast<double>(points[i].value)});
    }
  }
  const std::optional<Growth> growth = find_growth(Segment(observations), options);
  if (!growth) {
    trend.not_judged = observations.size() < options.least_points
                           ? fmt::format("{} of {} points", observations.size(), options.least_points)
                           : "all points are at one time";
    return;
  }
  const double span = observations.back().x - observations.front().x;
  const double lasted = text::seconds(points.back().at - points.front().at);
  trend.growth = growth->slope;
  trend.low = growth->low;
  trend.high = growth->high;
  trend.excluded = std::max(growth->high, 0.0);
  trend.confidence = options.confidence;
  trend.end = points.back().at;
  trend.per_day = lasted > 0 ? growth->slope * span / lasted * 86400 : 0;
  trend.state = growth->state;
  trend.leak = growth->state == GrowthState::kCertain;
  const auto at = [&](double count) { return points[index_at(counts, count)]; };
  if (growth->warm_up > 0) {
    trend.warm_up = at(counts.front() + std::min(growth->warm_up, span)).at;
  }
  if (trend.leak) {
    trend.since = at(growth->since).at;
    trend.since_cycle = at(growth->since).cycle;
  }
}

Trend start_of(const Track& track) {
  Trend trend;
  trend.series = track.name;
  trend.unit = track.unit;
  return trend;
}

}  // namespace

Trend residue_of(const Track& track, const Measurements& measured, const std::string& cycle, std::size_t noisy_series) {
  Trend trend = start_of(track);
  trend.per = cycle;
  const std::vector<Point> points = track.at_rest.points();
  GrowthOptions options;
  options.noise_floor = track.unit == Unit::kBytes ? kFloorBytes : kFloorCount;
  options.small_rise = track.unit == Unit::kBytes ? kSmallRiseBytes : 0;
  options.noisy_series = noisy_series;
  if (points.size() < options.least_points) {
    trend.not_judged = fmt::format("{} of {} quiescent points", points.size(), options.least_points);
    return trend;
  }
  const std::vector<Counted> operations = operations_at(points, measured, cycle);
  const auto judge_against = [&](const Counted& operation) {
    const double done = operation.counts.back() - operation.counts.front();
    const double cycles = operations[0].counts.back() - operations[0].counts.front();
    options.slow_scale = kSlowCycles * (cycles > 0 ? done / cycles : 1);
    judge_points(points, operation.counts, options, trend);
  };
  judge_against(operations[0]);
  if (operations.size() == 1 || !trend.not_judged.empty() || trend.low <= 0) {
    return trend;
  }
  // It seems to grow. Against what it really grows with, that is seen with the least noise.
  const std::vector<std::size_t> to = charged(points, operations);
  if (to.front() != 0) {
    const Trend by_cycle = std::exchange(trend, start_of(track));
    judge_against(operations[to.front()]);
    if (by_cycle.leak && !trend.leak) {
      trend = by_cycle;
      return trend;
    }
  }
  trend.per.clear();
  for (const std::size_t i : to) {
    trend.per += (trend.per.empty() ? "" : " or ") + operations[i].name;
  }
  return trend;
}

Trend slope_of(const Track& track, std::size_t noisy_series) {
  Trend trend = start_of(track);
  const std::vector<Point> points = track.timeline.points();
  if (points.empty()) {
    trend.not_judged = "no samples";
    return trend;
  }
  std::vector<double> times;
  for (const Point& point : points) {
    times.push_back(text::seconds(point.at));
  }
  GrowthOptions options;
  options.noise_floor = track.unit == Unit::kBytes ? kFloorBytes : kFloorCount;
  options.slow_scale = kSlowSeconds;
  options.certain_from = track.unit == Unit::kBytes ? kSlowSeconds : 0;
  options.noisy_series = noisy_series;
  judge_points(points, times, options, trend);
  return trend;
}

const char* to_string(Bound::State state) {
  switch (state) {
    case Bound::State::kMet:
      return "met";
    case Bound::State::kExceeded:
      return "exceeded";
    case Bound::State::kNotShown:
      return "not shown";
  }
  return "";
}

std::size_t noisy_series(const Measurements& measured) {
  const auto varies = [](const Track& track) {
    const auto first = track.timeline.first();
    return track.part_of.empty() && first &&
           (track.timeline.peak()->value != first->value || track.timeline.last()->value != first->value);
  };
  return std::max<std::size_t>(
      static_cast<std::size_t>(std::count_if(measured.tracks.begin(), measured.tracks.end(), varies)), 1);
}

std::string amount_text(double amount, Unit unit) {
  if (!std::isfinite(amount)) {
    return "any";
  }
  const double value = amount + 0.0;  // Minus zero is zero.
  if (unit == Unit::kBytes && std::abs(value) >= 100) {
    return (value > 0 ? "+" : "") + text::format_bytes(std::llround(value));
  }
  return fmt::format("{:+.3g}{}", value, unit == Unit::kBytes ? " B" : "");
}

std::string growth_text(const Trend& trend) {
  const std::string per = trend.per.empty() ? "second" : trend.per;
  return fmt::format("{} per {}, {:.0f}% CI {} to {}", amount_text(trend.growth, trend.unit), per,
                     trend.confidence * 100, amount_text(trend.low, trend.unit), amount_text(trend.high, trend.unit));
}

std::string excluded_text(const Trend& trend) {
  std::string text = fmt::format("more than {} per {}", amount_text(trend.excluded, trend.unit).substr(1),
                                 trend.per.empty() ? "second" : trend.per);
  if (!trend.excluded_later.empty()) {
    text += " since the start";
    for (const Trend::Exclusion& later : trend.excluded_later) {
      text += fmt::format(", {} in the last {}", amount_text(later.rate, trend.unit).substr(1),
                          text::format_duration(trend.end - later.onset));
    }
  }
  return text + fmt::format(" is excluded at {:.0f}%", trend.confidence * 100);
}

std::string since_text(const Trend& trend) {
  constexpr std::chrono::minutes kKnown{1};
  if (trend.since_latest - trend.since_earliest <= kKnown) {
    return text::format_clock(trend.since);
  }
  return fmt::format("{}, between {} and {}", text::format_clock(trend.since), text::format_clock(trend.since_earliest),
                     text::format_clock(trend.since_latest));
}

std::string forecast_text(const Trend::Forecast& forecast) {
  return fmt::format("in {}, {} to {}", text::format_duration(forecast.expected),
                     text::format_duration(forecast.earliest),
                     forecast.latest ? text::format_duration(*forecast.latest) : "never");
}

}  // namespace soak::probe
