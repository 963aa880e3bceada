// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_DRIVE_SCHEDULE_H_
#define SOAK_LIB_DRIVE_SCHEDULE_H_

#include <chrono>
#include <cstdint>
#include <random>
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

// How often a run of overlapping sessions is to have none open: twenty times, but two intervals of reconnecting apart
// at the least, and twice in any run.
std::chrono::nanoseconds quiesce_every(std::chrono::nanoseconds duration, std::chrono::nanoseconds interval);

// When one of many sessions begins, and when each of its cycles ends.
struct SessionPlan {
  std::chrono::nanoseconds begins{};
  std::vector<std::chrono::nanoseconds> ends;  // One at the least.
};

// `sessions` sessions between `from` and `to`, which reconnect every `interval`. They begin one after the other within
// the first tenth, and end in the same order within the last: between the two all are open. When each of them
// reconnects is drawn from `random`, its first time evenly over an interval and then every interval +-10%, so that no
// wave comes about.
std::vector<SessionPlan> plan_sessions(std::uint32_t sessions, std::chrono::nanoseconds from,
                                       std::chrono::nanoseconds to, std::chrono::nanoseconds interval,
                                       std::mt19937_64& random);

}  // namespace soak

#endif  // SOAK_LIB_DRIVE_SCHEDULE_H_
