// SPDX-License-Identifier: Apache-2.0
#include "lib/growth/blocks.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "lib/growth/method.h"

namespace soak::probe::fitting {

double median_of(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return values.size() % 2 == 1 ? *middle : (*middle + *std::max_element(values.begin(), middle)) / 2;
}

namespace {

// The smallest difference between two values, if the series is rounded to it; else 0.
double rounded_to(std::span<const Segment> segments) {
  double step = kInfinity;
  double equal = 0;
  double differences = 0;
  for (const Segment& points : segments) {
    for (std::size_t i = 1; i < points.size(); ++i) {
      const double difference = std::abs(points[i].value - points[i - 1].value);
      step = difference > 0 ? std::min(step, difference) : step;
      equal += difference > 0 ? 0 : 1;
      ++differences;
    }
  }
  return std::isfinite(step) && equal >= kEqualMin * differences ? step : 0;
}

}  // namespace

std::vector<double> offsets_of(const std::vector<Block>& blocks) {
  std::vector<double> offsets;
  for (const Block& block : blocks) {
    const auto segment = static_cast<double>(block.segment);
    if (block.segment != blocks.front().segment && (offsets.empty() || offsets.back() != segment)) {
      offsets.push_back(segment);
    }
  }
  return offsets;
}

Series series_of(std::span<const Segment> segments, double noise_floor) {
  Series series;
  series.from = segments.front().front().x;
  series.span = segments.back().back().x - series.from;
  const std::size_t count = std::accumulate(segments.begin(), segments.end(), std::size_t{0},
                                            [](std::size_t sum, const Segment& points) { return sum + points.size(); });
  const bool one_each = count < kPointsPerBlockMin * kBlocks;
  const auto index_of = [&](const Observation& point) {
    return std::min(static_cast<std::size_t>((point.x - series.from) / series.span * kBlocks), kBlocks - 1);
  };
  std::vector<double> values;
  std::vector<double> sizes;
  for (std::size_t s = 0; s < segments.size(); ++s) {
    const Segment& points = segments[s];
    for (std::size_t i = 0; i < points.size();) {
      const std::size_t index = index_of(points[i]);
      double x = 0;
      values.clear();
      do {
        x += points[i].x - series.from;
        values.push_back(points[i++].value);
      } while (!one_each && i < points.size() && index_of(points[i]) == index);
      x /= static_cast<double>(values.size());
      sizes.push_back(static_cast<double>(values.size()));
      series.blocks.push_back(
          {x / series.span, (x + series.from - points.front().x) / series.span, s, median_of(values), values.size()});
    }
  }
  const double usual = median_of(sizes);
  std::erase_if(series.blocks,
                [&](const Block& block) { return static_cast<double>(block.points) < kFullBlock * usual; });
  series.offsets = offsets_of(series.blocks);
  series.noise_floor = std::max(noise_floor / std::sqrt(usual), kRounding * rounded_to(segments));
  return series;
}

}  // namespace soak::probe::fitting
