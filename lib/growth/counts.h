// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_GROWTH_COUNTS_H_
#define SOAK_LIB_GROWTH_COUNTS_H_

// What of a count stayed. Counts are whole numbers without noise: a step is seen for certain, but one step is no leak.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "soak/series/measurements.h"

namespace soak::probe {

// At every point, the lowest that a count was from there to the end. What goes up and comes down again has not risen by
// this, and what falls never counts.
struct Floor {
  const Track* track = nullptr;
  std::vector<Point> points;       // Their values are the floor's.
  std::vector<std::size_t> rises;  // The points at which the floor is higher than before.
  std::int64_t fell = 0;           // The most that the count itself ever fell from its highest.
  std::chrono::nanoseconds run{};  // How long the run was seen, of which a process that was replaced lived a part.

  std::int64_t rise() const { return points.back().value - points.front().value; }
};

// Of the values at the quiescent points; without two of them, of those over time. Empty without any. Of a process that
// was replaced, only those of the longest life: a fresh process opens again what it works with, which is no rise.
Floor floor_of(const Track& track);

// The same; of the values over time, only those after the first cycle: a program that starts opens what it works with.
Floor floor_after_start_of(const Track& track);

// For a count that must be back at its baseline: the values as they were, except that the last one is the level at the
// end, the lowest value of the last tenth. Without rises.
Floor exact_floor_of(const Track& track);

// Whether the floor goes on rising: three times or more, over at least a third of the run, by more than the count ever
// fell, and not ever more rarely. Of a process that was replaced, only if it lived at least half of the run.
bool goes_on_rising(const Floor& floor);

}  // namespace soak::probe

#endif  // SOAK_LIB_GROWTH_COUNTS_H_
