// SPDX-License-Identifier: Apache-2.0
#include "lib/drive/schedule.h"

#include <algorithm>
#include <random>

namespace soak {
namespace {

using std::chrono::nanoseconds;

constexpr std::uint64_t kVariedFrom = 20;
constexpr double kVariation = 0.3;
constexpr int kQuiescentPoints = 20;  // Of a run of overlapping sessions.
constexpr int kRampShare = 10;        // A tenth of their time for all sessions to begin.
constexpr double kReconnectJitter = 0.1;

nanoseconds part_of(nanoseconds time, double share) {
  return nanoseconds(static_cast<nanoseconds::rep>(static_cast<double>(time.count()) * share));
}

}  // namespace

std::vector<nanoseconds> cycle_ends(nanoseconds duration, nanoseconds interval, std::uint64_t seed) {
  const auto count = static_cast<std::uint64_t>(
      std::max<nanoseconds::rep>((duration.count() + interval.count() - 1) / interval.count(), 1));
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> draw(0.0, kVariation);
  std::vector<nanoseconds> ends;
  ends.reserve(count);
  for (std::uint64_t k = 0; k < count; ++k) {
    nanoseconds end = interval * static_cast<nanoseconds::rep>(k + 1);
    const bool first_of_pair = k % 2 == 0;
    if (count >= kVariedFrom && first_of_pair) {
      end += part_of(interval, draw(random));
    }
    ends.push_back(std::min(end, duration));
  }
  ends.back() = duration;
  return ends;
}

std::vector<nanoseconds> ends_in_part(const std::vector<nanoseconds>& ends, nanoseconds interval, nanoseconds from,
                                      nanoseconds to) {
  std::vector<nanoseconds> part;
  const bool first = from == nanoseconds{0};
  const bool last = to == ends.back();
  for (const nanoseconds end : ends) {
    if (end >= (first ? nanoseconds{1} : from + interval / 2) && end <= (last ? to : to - interval / 2)) {
      part.push_back(end);
    }
  }
  if (part.empty() || part.back() < to) {
    part.push_back(to);
  }
  return part;
}

nanoseconds quiesce_every(nanoseconds duration, nanoseconds interval) {
  return std::min(std::max(duration / kQuiescentPoints, 2 * interval), duration / 2);
}

std::vector<SessionPlan> plan_sessions(std::uint32_t sessions, nanoseconds from, nanoseconds to, nanoseconds interval,
                                       std::mt19937_64& random) {
  const nanoseconds ramp = std::min((to - from) / kRampShare, interval);
  std::uniform_real_distribution<double> within(0.0, 1.0);
  std::vector<SessionPlan> plans(sessions);
  for (std::uint32_t i = 0; i < sessions; ++i) {
    SessionPlan& plan = plans[i];
    const nanoseconds offset = part_of(ramp, (i + within(random)) / sessions);
    plan.begins = from + offset;
    const nanoseconds last = to - ramp + offset;
    // What would leave less than half an interval is no reconnect of its own.
    nanoseconds end = plan.begins + part_of(interval, 0.5 + within(random));
    while (end + interval / 2 < last) {
      plan.ends.push_back(end);
      end += part_of(interval, 1 + kReconnectJitter * (2 * within(random) - 1));
    }
    plan.ends.push_back(last);
  }
  return plans;
}

}  // namespace soak
