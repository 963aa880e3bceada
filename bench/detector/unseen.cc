// SPDX-License-Identifier: Apache-2.0
// What the verdict says of shapes that the method was not made with. Whoever changes the method for one of them writes
// another list.
//
//   detector_unseen [SEEDS]   20 by default
//
// Prints the tables of bench/detector-unseen.md.

#include "unseen.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "all_cores.h"
#include "generators.h"
#include "soak/growth/growth.h"

namespace soak::bench {
namespace {

using probe::GrowthState;
using probe::Observation;

GrowthState judge(const Unseen& shape, std::size_t seed) {
  Random random(0xbeef + seed);
  const auto points = static_cast<std::size_t>(shape.hours * kHour / shape.every_s);
  const std::vector<double> values = shape.make(random, points, shape.every_s);
  const double deviation = uniform(random, 50e3, 300e3);
  const std::vector<double> own = noise(random, points, deviation, std::exp(-shape.every_s / 20));
  std::vector<Observation> series(points);
  for (std::size_t i = 0; i < points; ++i) {
    series[i] = {static_cast<double>(i) * shape.every_s, std::floor((100 * kMb + values[i] + own[i]) / 4096) * 4096};
  }
  return probe::find_growth(probe::Segment(series), {.slow_scale = 600, .noise_floor = 64, .certain_from = 600})->state;
}

void print(const std::vector<Unseen>& shapes, std::size_t seeds) {
  std::printf("\n| shape | truth | at rest | likely | certain |\n| --- | --- | --- | --- | --- |\n");
  for (const Unseen& shape : shapes) {
    const auto states = of_all(seeds, [&](std::size_t seed) { return judge(shape, seed); });
    const auto count = [&](GrowthState state) { return std::count(states.begin(), states.end(), state); };
    std::printf("| %s | %s | %td | %td | %td |\n", shape.name, shape.leaks ? "leak" : "clean",
                count(GrowthState::kAtRest), count(GrowthState::kLikely), count(GrowthState::kCertain));
    std::fflush(stdout);
  }
}

}  // namespace
}  // namespace soak::bench

int main(int argc, char** argv) {
  using namespace soak::bench;
  const long long seeds = argc > 1 ? std::atoll(argv[1]) : 20;
  if (argc > 2 || seeds < 1) {
    std::fprintf(stderr, "usage: detector_unseen [SEEDS]\n");
    return 2;
  }
  std::printf("%lld seeds each\n", seeds);
  print(second_unseen(), static_cast<std::size_t>(seeds));
  print(first_unseen(), static_cast<std::size_t>(seeds));
  return 0;
}
