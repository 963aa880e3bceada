// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_DRIVE_SCHEDULE_H_
#define SOAK_LIB_DRIVE_SCHEDULE_H_

#include <chrono>
#include <cstdint>
#include <vector>

namespace soak {

// When each cycle of a run ends, since its start; the last one ends with the run. With twenty cycles or more
// their lengths vary in pairs, interval x (1+u) then interval x (1-u), u from 0 to 0.3 by the seed.
std::vector<std::chrono::nanoseconds> cycle_ends(std::chrono::nanoseconds duration, std::chrono::nanoseconds interval,
                                                 std::uint64_t seed);

// Those of a run's `ends` that lie in the part of it from `from` to `to`, where a cycle ends too. What would be less
// than half an interval at either end belongs to the cycle beside it.
std::vector<std::chrono::nanoseconds> ends_in_part(const std::vector<std::chrono::nanoseconds>& ends,
                                                   std::chrono::nanoseconds interval, std::chrono::nanoseconds from,
                                                   std::chrono::nanoseconds to);

}  // namespace soak

#endif  // SOAK_LIB_DRIVE_SCHEDULE_H_
