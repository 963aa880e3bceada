// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_GROWTH_TRENDS_H_
#define SOAK_GROWTH_TRENDS_H_

// Finds how a track grows, using growth.h. judge() calls these for each track; call them directly for your own tracks.

#include <cstddef>
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

}  // namespace soak::probe

#endif  // SOAK_GROWTH_TRENDS_H_
