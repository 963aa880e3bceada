// SPDX-License-Identifier: Apache-2.0
#include "schedule.h"

#include <algorithm>
#include <random>

namespace soak {
namespace {

using std::chrono::nanoseconds;

constexpr std::uint64_t kVariedFrom = 20;
constexpr double kVariation = 0.3;

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
      end += nanoseconds(static_cast<nanoseconds::rep>(draw(random) * static_cast<double>(interval.count())));
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

}  // namespace soak
