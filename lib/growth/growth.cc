// SPDX-License-Identifier: Apache-2.0
#include "soak/growth/growth.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "lib/growth/blocks.h"
#include "lib/growth/look.h"
#include "lib/growth/method.h"

namespace soak::probe {
namespace {

using namespace fitting;  // The method.

// The later part of a series.
std::vector<Segment> part_after(std::span<const Segment> segments, double x) {
  std::vector<Segment> part;
  for (const Segment& points : segments) {
    const auto from = std::lower_bound(points.begin(), points.end(), x,
                                       [](const Observation& point, double at) { return point.x < at; });
    if (from != points.end()) {
      part.push_back(points.subspan(static_cast<std::size_t>(from - points.begin())));
    }
  }
  return part;
}

std::size_t points_in(std::span<const Segment> segments) {
  std::size_t count = 0;
  for (const Segment& points : segments) {
    count += points.size();
  }
  return count;
}

// Whether the end of the last part stands above all that was before it.
bool stands_above(const Look& before, const Look& last) {
  double low = kInfinity;
  double high = -kInfinity;
  for (const Block& block : before.series.blocks) {
    if (before.series.from + block.u * before.series.span < last.series.from) {
      low = std::min(low, block.value);
      high = std::max(high, block.value);
    }
  }
  std::vector<double> end;
  for (const Block& block : last.series.blocks) {
    if (block.u > 1 - kLastLevel) {
      end.push_back(block.value);
    }
  }
  const double above = median_of(end) - high;
  return above > kAbove * last.slope * (1 - last.onset) && above > kAbove * (high - low);
}

GrowthState state_of(const Look& look, const GrowthOptions& options) {
  const double enough = kCertain + std::log(static_cast<double>(std::max<std::size_t>(options.noisy_series, 1)));
  const double span = look.series.span;
  const bool may_be_certain =
      span >= options.certain_from && (span >= options.slow_scale / kScaleMax || look.slope >= options.small_rise);
  if (look.sure && look.evidence > enough && may_be_certain) {
    return GrowthState::kCertain;
  }
  // The last blocks alone are easily fitted by chance: what is seen only there has to be as likely as what is certain.
  const bool shown = look.onset <= kOnsetMax + 0.01 || look.evidence > enough;
  const bool large_enough = !look.warming_up || look.slope >= options.small_rise;
  return look.above_zero && shown && large_enough ? GrowthState::kLikely : GrowthState::kAtRest;
}

// Of more segments than can be judged, the longest.
std::vector<Segment> judged_segments(std::span<const Segment> segments) {
  std::vector<Segment> judged(segments.begin(), segments.end());
  std::erase_if(judged, [](const Segment& points) { return points.size() < kSegmentPointsMin; });
  while (judged.size() > kSegmentsMax) {
    judged.erase(std::min_element(judged.begin(), judged.end(), [](const Segment& a, const Segment& b) {
      return a.back().x - a.front().x < b.back().x - b.front().x;
    }));
  }
  return judged;
}

// A series of which no block differs from another: had it grown, it would have shown.
Growth constant(double from, double span, double noise_floor) {
  Growth growth;
  for (const double onset : {0.0, 0.5, 0.75, 0.9}) {
    growth.excluded.push_back({from + onset * span, 3 * noise_floor / (span * (1 - onset))});
  }
  growth.high = growth.excluded.front().rate;
  return growth;
}

}  // namespace

const char* to_string(GrowthState state) {
  switch (state) {
    case GrowthState::kAtRest:
      return "at rest";
    case GrowthState::kLikely:
      return "likely";
    case GrowthState::kCertain:
      return "certain";
  }
  return "";
}

std::optional<Growth> find_growth(std::span<const Segment> segments, const GrowthOptions& options) {
  const std::vector<Segment> judged = judged_segments(segments);
  if (points_in(judged) < std::max(options.least_points, kPointsMin)) {
    return std::nullopt;
  }
  const double from = judged.front().front().x;
  const double span = judged.back().back().x - from;
  if (span <= 0) {
    return std::nullopt;
  }
  const Series series = series_of(judged, options.noise_floor);
  const bool varies = std::any_of(series.blocks.begin(), series.blocks.end(),
                                  [&](const Block& block) { return block.value != series.blocks.front().value; });
  if (!varies || series.blocks.size() < kBlocksMin) {
    return constant(from, span, std::max(options.noise_floor, series.noise_floor));
  }

  const Look whole = look_at(judged, options);
  GrowthState state = state_of(whole, options);
  Look last = whole;
  std::vector<ExcludedRate> excluded = whole.excluded;
  for (ExcludedRate& one : excluded) {
    one = {from + one.onset * span, one.rate / span};
  }
  Look before = whole;
  while (before.series.span >= kLongRun * options.slow_scale && options.slow_scale > 0) {
    const std::vector<Segment> part = judged_segments(part_after(judged, from + span - kSuffix * before.series.span));
    if (points_in(part) < kSuffixPointsMin) {
      break;
    }
    Look look = look_at(part, options);
    for (const ExcludedRate& one : look.excluded) {
      const double onset = look.series.from + one.onset * look.series.span;
      if (onset > excluded.back().onset) {
        excluded.push_back({onset, std::max(one.rate / look.series.span, excluded.back().rate)});
      }
    }
    const GrowthState seen = state_of(look, options);
    if (seen > state && stands_above(whole, look)) {
      state = seen;
      last = look;
    }
    before = std::move(look);
  }

  Growth growth;
  growth.state = state;
  const double unit = last.series.span;
  growth.slope = last.slope / unit;
  growth.low = last.low / unit;
  growth.high = last.high / unit;
  if (state != GrowthState::kAtRest) {
    growth.since = last.series.from + last.onset * unit;
    growth.since_earliest = last.series.from + last.onset_earliest * unit;
    growth.since_latest = last.series.from + last.onset_latest * unit;
  } else if (whole.grown > 0 && whole.slope <= 0) {  // If a growing form fits best, it is not said to have rested.
    growth.rest = Growth::Rest{from + whole.rested * span, whole.grown};
  }
  // What began to grow before a warm-up would be over is told from none.
  const bool has_warmed_up = state == GrowthState::kAtRest || growth.since >= from + whole.rested * span;
  growth.warm_up = whole.grown > 0 && has_warmed_up ? whole.rested * span : 0;
  growth.excluded = std::move(excluded);
  return growth;
}

std::optional<Growth> find_growth(Segment points, const GrowthOptions& options) {
  const std::array<Segment, 1> one = {points};
  return find_growth(one, options);
}

}  // namespace soak::probe
