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

}  // namespace soak
