// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_GROWTH_GROWTH_H_
#define SOAK_GROWTH_GROWTH_H_

// Decides whether a series still grows at its end, and since when. It is a pure function of the points, so a running
// run, a report, a CSV file and a resumed run all get the same answer. It looks once, at all that was seen: an earlier
// look is never an answer, because a cache that fills does grow at that moment.
//
// lib/growth/method.h has the method, and the reason for every constant in it. docs/verdict.md sums it up;
// bench/detector-results.md has the figures, which bench/detector_study prints.

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace soak::probe {

// How a series stands at its end.
enum class GrowthState {
  kAtRest,  // Nothing shows that it grows.
  kLikely,  // The interval of its growth lies above zero, but not certainly; or growth was seen only in the last tenth.
  kCertain,  // It grows, at an error rate of at most 1% over all series of a run.
};

const char* to_string(GrowthState state);  // "at rest", "likely", "certain"

struct Observation {
  double x = 0;  // Seconds, or operations; ascending.
  double value = 0;
};

// The points of one life of a process. A restart begins another one: the levels of segments have nothing to do with
// each other, but a leak has the same rate in all of them.
using Segment = std::span<const Observation>;

struct GrowthOptions {
  double slow_scale = 0;   // In units of x. Growth that slows down on a scale of up to this may be a warm-up.
  double noise_floor = 0;  // Values closer than this count as equal.
  // Until a warm-up of slow_scale is over, three times that, a smaller rise than this is at most likely; and not even
  // that while the warm-up could explain it.
  double small_rise = 0;
  double certain_from = 0;       // In units of x: what was seen for less is at most likely.
  std::size_t noisy_series = 1;  // Of the run that this series belongs to: the error rate is that of the run.
  double confidence = 0.99;      // Of the interval, and of what is excluded.
  std::size_t least_points = 24;
};

// No leak of a higher rate that began at `onset` or earlier is hidden in the series.
struct ExcludedRate {
  double onset = 0;  // x
  double rate = 0;   // Per unit of x; infinity if nothing is excluded.
};

struct Growth {
  GrowthState state = GrowthState::kAtRest;
  double slope = 0;  // At the end of the series, per unit of x.
  double low = 0;    // Its interval at `confidence`.
  double high = 0;   //
  // x at which the growth began that still goes on, with the earliest and the latest x that the data leave possible.
  // Meaningful unless the series is at rest.
  double since = 0;
  double since_earliest = 0;
  double since_latest = 0;
  // Of a series at rest: x since which it has been, and what it had grown by until then. Empty if it never grew.
  struct Rest {
    double since = 0;
    double grown = 0;
  };
  std::optional<Rest> rest;
  std::vector<ExcludedRate> excluded;  // By onset, ascending, from the first x on. The rates do not fall.
  double warm_up = 0;  // How long after the first point the approach to a level is within 5%. 0: no warm-up was seen.
};

// Returns nullopt if there are fewer points than `least_points`, or all are at one x. Values must be finite, and x must
// ascend from segment to segment too.
std::optional<Growth> find_growth(std::span<const Segment> segments, const GrowthOptions& options);

// The same for a series of one segment.
std::optional<Growth> find_growth(Segment points, const GrowthOptions& options);

}  // namespace soak::probe

#endif  // SOAK_GROWTH_GROWTH_H_
