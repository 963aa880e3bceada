// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_BENCH_DETECTOR_GENERATORS_H_
#define SOAK_BENCH_DETECTOR_GENERATORS_H_

// Series without any leak, a value a second, of the kinds that real ones are.

#include <cstddef>
#include <functional>
#include <random>
#include <string>
#include <vector>

namespace soak::bench {

using Random = std::mt19937_64;

// Shapes keep their size against the noise: an `amount` of 200 KB is the RSS of a process with 200 KB of noise, a
// smaller one is heap in use. In KB.
struct Null {
  std::string name;
  std::function<std::vector<double>(Random& random, std::size_t seconds, double amount)> make;
  bool outgrows_leaks = false;  // Its own slope is that of a leak: how soon one is seen in it has no bar.
};

constexpr double kNoise = 200;  // KB: the noise that the sizes of shapes belong to.

inline double uniform(Random& random, double from, double to) {
  return std::uniform_real_distribution<double>(from, to)(random);
}

// Adds `shape(t)`, in KB of a process with 200 KB of noise.
template <typename Shape>
std::vector<double> on(std::vector<double> values, double amount, Shape shape) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] += amount / kNoise * shape(static_cast<double>(i));
  }
  return values;
}

// Noise of a standard deviation, that keeps `memory` of itself from second to second.
std::vector<double> noise(Random& random, std::size_t seconds, double deviation, double memory);

// Those that the detector was made with.
std::vector<Null> known_nulls();

// Those that were held out until a change of the detector was made with them.
std::vector<Null> once_held_out_nulls();

// Those that it was not made with, and is not to be changed for.
std::vector<Null> held_out_nulls();

}  // namespace soak::bench

#endif  // SOAK_BENCH_DETECTOR_GENERATORS_H_
