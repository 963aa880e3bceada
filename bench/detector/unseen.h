// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_BENCH_DETECTOR_UNSEEN_H_
#define SOAK_BENCH_DETECTOR_UNSEEN_H_

// Shapes that the method was not made with. Each list was written when the method was finished, and run once.

#include <cstddef>
#include <vector>

#include "generators.h"

namespace soak::bench {

constexpr double kMb = 1e6;
constexpr double kHour = 3600;

struct Unseen {
  const char* name;
  bool leaks;
  double hours;
  double every_s;
  // Bytes at every sample, without the noise.
  std::vector<double> (*make)(Random& random, std::size_t points, double every_s);
};

template <typename Step>
std::vector<double> stepped(std::size_t points, Step step) {
  std::vector<double> values(points);
  for (std::size_t i = 0; i < points; ++i) {
    values[i] = step(i);
  }
  return values;
}

// The first twenty.
std::vector<Unseen> first_unseen();

// Twelve more, written after the intervals and the warm-ups of short runs had changed.
std::vector<Unseen> second_unseen();

}  // namespace soak::bench

#endif  // SOAK_BENCH_DETECTOR_UNSEEN_H_
