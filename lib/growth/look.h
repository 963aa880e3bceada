// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_GROWTH_LOOK_H_
#define SOAK_LIB_GROWTH_LOOK_H_

// What one look at a series, or at its last part, sees.

#include <span>
#include <vector>

#include "lib/growth/blocks.h"
#include "lib/growth/method.h"
#include "soak/growth/growth.h"

namespace soak::probe::fitting {

// What one look sees. Slopes are per span; onsets and times are shares of it.
struct Look {
  Series series;
  double slope = 0;
  double low = 0;
  double high = 0;
  bool above_zero = false;       // The interval that the whole series leaves lies above zero.
  bool warming_up = false;       // It grows, and a warm-up that goes on explains it as well as a leak.
  bool sure = false;             // The interval at kSure lies above zero, and the onset is early enough.
  double evidence = -kInfinity;  // How much more likely growth is than rest.
  double onset = 0;
  double onset_earliest = 0;
  double onset_latest = 0;
  double rested = 0;  // When the part at rest came to rest, if it rose.
  double grown = 0;   // By how much; 0 if that is not certain.
  std::vector<ExcludedRate> excluded;
};

Look look_at(std::span<const Segment> segments, const GrowthOptions& options);

}  // namespace soak::probe::fitting

#endif  // SOAK_LIB_GROWTH_LOOK_H_
