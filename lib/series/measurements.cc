// SPDX-License-Identifier: Apache-2.0
#include "soak/series/measurements.h"

namespace soak::probe {

void Track::restart(std::chrono::nanoseconds at) {
  timeline.begin_segment(at);
  at_rest.begin_segment(at);
  restarts.push_back(at);
}

const Track* Measurements::find(std::string_view name) const {
  for (const Track& track : tracks) {
    if (track.name == name) {
      return &track;
    }
  }
  return nullptr;
}

}  // namespace soak::probe
