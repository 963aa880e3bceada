// SPDX-License-Identifier: Apache-2.0
#include "soak/growth/trends.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/growth/counts.h"
#include "lib/text/format.h"
#include "lib/text/singular.h"
#include "soak/growth/growth.h"

namespace soak::probe {
namespace {

// An approach to a level may take this long, whichever is longer, and still be a warm-up.
constexpr double kWarmUpSeconds = 600;
constexpr double kWarmUpCycles = 600;
constexpr double kFloorBytes = 64;   // Heap in use counts chunks of 16 bytes.
constexpr double kFloorCount = 0.3;  // As if the count were cut off from something smooth.
// Of heap: an arena's top, a table's first doubling. Until a warm-up is over, a smaller rise is no leak.
constexpr double kSmallRiseBytes = 256 * 1024;
constexpr double kUnexplainedMin = 0.02;  // Of a value, a step: below it all explanations are perfect.
constexpr double kBetter = 3;  // Natural logarithm of the likelihood ratio of two operations that are told apart.
constexpr std::size_t kAttributedPointsMin = 8;

// A kind of operation, and how many had been done at each point of a track.
struct Counted {
  std::string name;
  std::vector<double> counts;

  double done() const { return counts.back() - counts.front(); }
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
    if (one.done() > 0) {
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

std::string names_of(const std::vector<std::size_t>& chosen, const std::vector<Counted>& operations) {
  std::string names;
  for (const std::size_t i : chosen) {
    names += (names.empty() ? "" : " or ") + operations[i].name;
  }
  return names;
}

// The point at which so many operations had been done.
const Point& point_at(const std::vector<Point>& points, const std::vector<double>& counts, double count) {
  const auto found = std::lower_bound(counts.begin(), counts.end(), count);
  return points[static_cast<std::size_t>(std::min(found, std::prev(counts.end())) - counts.begin())];
}

// The observations of every life of the process.
std::vector<std::vector<Observation>> observations_of(const std::vector<Point>& points,
                                                      const std::vector<double>& counts,
                                                      const std::vector<std::chrono::nanoseconds>& restarts) {
  std::vector<std::vector<Observation>> segments(1);
  auto restart = restarts.begin();
  double last = counts.front() - 1;
  for (std::size_t i = 0; i < points.size(); ++i) {
    bool restarted = false;
    for (; restart != restarts.end() && *restart <= points[i].at; ++restart) {
      restarted = true;
    }
    if (restarted && !segments.back().empty()) {
      segments.emplace_back();
    }
    // Points at which nothing had been done since the one before say nothing about what an operation leaves.
    if (counts[i] > last) {
      segments.back().push_back({counts[i], static_cast<double>(points[i].value)});
      last = counts[i];
    }
  }
  return segments;
}

// Fills in what the points say against `counts`.
void judge_points(const Track& track, const std::vector<Point>& points, const std::vector<double>& counts,
                  const GrowthOptions& options, Trend& trend) {
  const std::vector<std::vector<Observation>> observations = observations_of(points, counts, track.restarts);
  const std::vector<Segment> segments(observations.begin(), observations.end());
  const std::optional<Growth> growth = find_growth(segments, options);
  if (!growth) {
    std::size_t judged = 0;
    for (const Segment& segment : segments) {
      judged += segment.size();
    }
    trend.not_judged = fmt::format("{} of {} points", judged, options.least_points);
    return;
  }
  const double first = counts.front();
  const double span = counts.back() - first;
  const double lasted = text::seconds(points.back().at - points.front().at);
  const auto at = [&](double count) -> const Point& { return point_at(points, counts, count); };
  trend.state = growth->state;
  trend.leak = growth->state == GrowthState::kCertain;
  trend.growth = growth->slope;
  trend.low = growth->low;
  trend.high = growth->high;
  trend.confidence = options.confidence;
  trend.per_day = lasted > 0 ? growth->slope * span / lasted * 86400 : 0;
  trend.end = points.back().at;
  trend.excluded = growth->excluded.front().rate;
  for (std::size_t i = 1; i < growth->excluded.size(); ++i) {
    trend.excluded_later.push_back({at(growth->excluded[i].onset).at, growth->excluded[i].rate});
  }
  if (growth->warm_up > 0) {
    trend.warm_up = at(first + std::min(growth->warm_up, span)).at;
  }
  if (growth->state != GrowthState::kAtRest) {
    trend.since = at(growth->since).at;
    trend.since_earliest = at(growth->since_earliest).at;
    trend.since_latest = at(growth->since_latest).at;
    trend.since_cycle = at(growth->since).cycle;
  }
  if (growth->rest) {
    trend.rest = Trend::Rest{at(growth->rest->since).at, growth->rest->grown};
  }
}

Trend start_of(const Track& track) {
  Trend trend;
  trend.series = track.name;
  trend.unit = track.unit;
  return trend;
}

}  // namespace

std::size_t noisy_series(const Measurements& measured) {
  const auto varies = [](const Series& series) {
    return !series.empty() &&
           (series.peak()->value != series.first()->value || series.last()->value != series.first()->value);
  };
  const auto noisy = std::count_if(measured.tracks.begin(), measured.tracks.end(), [&](const Track& track) {
    return track.part_of.empty() && (varies(track.timeline) || varies(track.at_rest));
  });
  return std::max<std::size_t>(static_cast<std::size_t>(noisy), 1);
}

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
  const double lasted = text::seconds(points.back().at - points.front().at);
  const auto judge_against = [&](const Counted& operation) {
    const double cycles = operations[0].done();
    options.slow_scale = kWarmUpCycles * (cycles > 0 ? operation.done() / cycles : 1);
    if (lasted > 0) {
      options.slow_scale = std::max(options.slow_scale, kWarmUpSeconds * operation.done() / lasted);
    }
    judge_points(track, points, operation.counts, options, trend);
  };
  judge_against(operations[0]);
  if (operations.size() == 1 || !trend.not_judged.empty() || trend.state == GrowthState::kAtRest) {
    return trend;
  }
  // It seems to grow. Against what it really grows with, that is seen with the least noise.
  const std::vector<std::size_t> to = charged(points, operations);
  if (to.front() != 0) {
    const Trend by_cycle = std::exchange(trend, start_of(track));
    judge_against(operations[to.front()]);
    if (!trend.not_judged.empty() || trend.state < by_cycle.state) {
      trend = by_cycle;
      return trend;
    }
  }
  trend.per = names_of(to, operations);
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
  options.slow_scale = kWarmUpSeconds;
  options.small_rise = track.unit == Unit::kBytes ? kSmallRiseBytes : 0;
  options.certain_from = track.unit == Unit::kBytes ? kWarmUpSeconds : 0;
  options.noisy_series = noisy_series;
  judge_points(track, points, times, options, trend);
  return trend;
}

namespace {

double rise_with(const Track& track, const Counted& operation, const std::vector<Point>& points) {
  const Floor floor = floor_of(track);
  if (floor.rises.size() > 2 && floor.points.size() == points.size()) {
    const std::size_t first = floor.rises.front();
    const std::size_t last = floor.rises.back();
    const double done = operation.counts[last] - operation.counts[first];
    if (done > 0) {
      return static_cast<double>(floor.points[last].value - floor.points[first].value) / done;
    }
  }
  return static_cast<double>(points.back().value - points.front().value) / operation.done();
}

}  // namespace

std::optional<Attribution> attribution_of(const Track& track, const Measurements& measured, const std::string& cycle) {
  std::vector<Point> points = track.at_rest.points();
  if (points.size() < kAttributedPointsMin) {
    points = track.timeline.points();
  }
  if (points.size() < 2) {
    return std::nullopt;
  }
  const std::vector<Counted> operations = operations_at(points, measured, cycle);
  const std::vector<std::size_t> to = charged(points, operations);
  const Counted& operation = operations[to.front()];
  if (operation.done() <= 0) {
    return std::nullopt;
  }
  return Attribution{names_of(to, operations), operation.done(), points.back().at - points.front().at,
                     rise_with(track, operation, points)};
}

void attribute(const Track& track, const Measurements& measured, const std::string& cycle, Trend& trend) {
  if (!trend.per.empty() || trend.state == GrowthState::kAtRest || !trend.not_judged.empty()) {
    return;
  }
  const std::optional<Attribution> to = attribution_of(track, measured, cycle);
  if (to && to->operation != "second") {  // Which the trend gives already.
    trend.operation = to->operation;
    trend.per_operation = trend.growth * text::seconds(to->lasted) / to->done;
  }
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
  const auto amount = [&](double rate) { return amount_text(rate, trend.unit).substr(1); };
  std::string text =
      fmt::format("more than {} per {}", amount(trend.excluded), trend.per.empty() ? "second" : trend.per);
  // Of the curve, two places: leaks that began half-way, and the latest for which anything is excluded.
  std::vector<Trend::Exclusion> shown;
  const std::chrono::nanoseconds half = trend.end / 2;
  for (const Trend::Exclusion& later : trend.excluded_later) {
    if (std::isfinite(later.rate) && later.onset >= half) {
      if (shown.size() == 2) {
        shown.pop_back();
      }
      shown.push_back(later);
    }
  }
  if (!shown.empty()) {
    text += " since the start";
    for (const Trend::Exclusion& later : shown) {
      text += fmt::format(", {} in the last {}", amount(later.rate), text::format_duration(trend.end - later.onset));
    }
  }
  return text + fmt::format(" is excluded at {:.0f}%", trend.confidence * 100);
}

std::string rest_text(const Trend& trend) {
  if (!trend.rest) {
    return trend.growth > 0 ? "no certain growth" : "no growth";
  }
  const std::string grown = amount_text(trend.rest->grown, trend.unit).substr(1);
  // What slows down to the end, such as a logarithm, has not come to rest.
  return trend.rest->since > trend.end / 10 * 9
             ? fmt::format("grew by {}, ever more slowly", grown)
             : fmt::format("grew by {} until {}, then rested", grown, text::format_clock(trend.rest->since));
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
