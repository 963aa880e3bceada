// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_GROWTH_TRENDS_H_
#define SOAK_GROWTH_TRENDS_H_

// Finds how a track grows, using growth.h. judge() calls these for each track; call them directly for your own tracks.

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

#include "soak/growth/trend.h"
#include "soak/series/measurements.h"

namespace soak::probe {

// How many of the tracks vary at all. The more there are, the more each of them has to show: the error rate is that of
// a run. At least 1.
std::size_t noisy_series(const Measurements& measured);

// The trend of the track's values at the quiescent points, per operation of the run: per cycle, named `cycle`, unless
// another operation explains the growth better. Operations that explain it equally well are named together.
Trend residue_of(const Track& track, const Measurements& measured, const std::string& cycle,
                 std::size_t noisy_series = 1);

// The trend of the track's values over time, per second.
Trend slope_of(const Track& track, std::size_t noisy_series = 1);

// The operation of the run that explains the growth of a track best, and how often it was done; those that explain it
// as well are named with it, and the number is of the first. Empty if nothing was done.
struct Attribution {
  std::string operation;
  double done = 0;
  std::chrono::nanoseconds lasted{};  // The time in which it was.
  // How much the track rose with each of them. Of one that rose in several steps it is counted from step to step,
  // because the time before the first and after the last tells nothing.
  double each = 0;
};
std::optional<Attribution> attribution_of(const Track& track, const Measurements& measured, const std::string& cycle);

// Sets the operation of a trend over time that grows.
void attribute(const Track& track, const Measurements& measured, const std::string& cycle, Trend& trend);

}  // namespace soak::probe

#endif  // SOAK_GROWTH_TRENDS_H_
