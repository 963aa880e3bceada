// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_GROWTH_TRENDS_H_
#define SOAK_GROWTH_TRENDS_H_

// How a track grows, by the method of growth.h: what judge() asks of each track, for who has other tracks or other
// questions.

#include <string>

#include "soak/growth/trend.h"
#include "soak/series/measurements.h"

namespace soak::probe {

// What the track holds at the quiescent points, against the operations of the run: against cycles, called `cycle`,
// unless another operation explains what grew better. Operations that explain it as well are named together.
Trend residue_of(const Track& track, const Measurements& measured, const std::string& cycle, bool latest_look = false);

// What the track shows over time, per second.
Trend slope_of(const Track& track, bool latest_look = false);

}  // namespace soak::probe

#endif  // SOAK_GROWTH_TRENDS_H_
