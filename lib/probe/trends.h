// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PROBE_TRENDS_H_
#define SOAK_LIB_PROBE_TRENDS_H_

#include <string>

#include "soak/probe/probe.h"
#include "soak/probe/trend.h"

namespace soak::probe {

// What the track holds at the quiescent points, against the operations of the run: against cycles, called `cycle`,
// unless another operation explains what grew better. Operations that explain it as well are named together.
Trend residue_of(const Track& track, const Measurements& measured, const std::string& cycle, bool latest_look);

// What the track shows over time, per second.
Trend slope_of(const Track& track, bool latest_look);

}  // namespace soak::probe

#endif  // SOAK_LIB_PROBE_TRENDS_H_
