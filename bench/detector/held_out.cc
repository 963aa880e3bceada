// SPDX-License-Identifier: Apache-2.0
// Written after the detector, and never used to change it: a detector that is tuned to these needs new ones.

#include <algorithm>
#include <array>
#include <cmath>

#include "generators.h"

namespace soak::bench {
namespace {

// Comes to rest as a power of the time, not as an exponential.
std::vector<double> power_approach(Random& random, std::size_t seconds, double amount) {
  return on(noise(random, seconds, amount, 0.5), amount,
            [](double t) { return 16384 * (1 - std::pow(1 + t / 100, -1.5)); });
}

// Few users at first, then all of them, then no more.
std::vector<double> logistic_warm_up(Random& random, std::size_t seconds, double amount) {
  return on(noise(random, seconds, amount, 0), amount, [](double t) { return 12288 / (1 + std::exp((180 - t) / 40)); });
}

// A cache of 512 entries of 24 KB that are asked for ten times a second, as often as Zipf's law has it.
std::vector<double> zipf_cache(Random& random, std::size_t seconds, double amount) {
  constexpr std::size_t kEntries = 512;
  std::vector<double> weights;
  for (std::size_t i = 1; i <= kEntries; ++i) weights.push_back(1.0 / static_cast<double>(i));
  std::discrete_distribution<std::size_t> asked(weights.begin(), weights.end());
  std::vector<bool> held(kEntries);
  double size = 0;
  std::vector<double> values = noise(random, seconds, amount, 0);
  for (double& value : values) {
    for (int i = 0; i < 10; ++i) {
      const std::size_t entry = asked(random);
      if (!held[entry]) size += 24;
      held[entry] = true;
    }
    value += amount / kNoise * size;
  }
  return values;
}

// Every ten minutes a job takes 10 MB for a minute.
std::vector<double> timed_job(Random& random, std::size_t seconds, double amount) {
  const double phase = uniform(random, 0, 600);
  return on(noise(random, seconds, amount, 0.5), amount,
            [=](double t) { return std::fmod(t + phase, 600) < 60 ? 10240.0 : 0.0; });
}

// A random walk between nothing and 4 MB.
std::vector<double> bounded_walk(Random& random, std::size_t seconds, double amount) {
  std::normal_distribution<double> normal;
  std::vector<double> values = noise(random, seconds, amount, 0);
  double level = uniform(random, 0, 4096);
  for (double& value : values) {
    level += 100 * normal(random);
    if (level < 0) level = -level;
    if (level > 4096) level = 8192 - level;
    value += amount / kNoise * level;
  }
  return values;
}

std::vector<double> triangle(Random& random, std::size_t seconds, double amount) {
  const double phase = uniform(random, 0, 1);
  return on(noise(random, seconds, amount, 0.9), amount,
            [=](double t) { return 2048 * std::abs(2 * std::fmod(t / 400 + phase, 1) - 1); });
}

// Six threads begin at some time of the first five minutes, and each has an arena that fills within a minute.
std::vector<double> arenas(Random& random, std::size_t seconds, double amount) {
  std::array<double, 6> begin{};
  for (double& at : begin) at = uniform(random, 0, 300);
  return on(noise(random, seconds, amount, 0), amount, [=](double t) {
    double size = 0;
    for (const double at : begin) size += 2048 * std::clamp((t - at) / 60, 0.0, 1.0);
    return size;
  });
}

// What the start took is given back over minutes, and half of it is taken again.
std::vector<double> given_back(Random& random, std::size_t seconds, double amount) {
  return on(noise(random, seconds, amount, 0.5), amount,
            [](double t) { return 8192 * std::exp(-t / 120) + 4096 * -std::expm1(-t / 400); });
}

}  // namespace

std::vector<Null> held_out_nulls() {
  return {
      {"approach to 16 MB, (1 + t/100 s)^-1.5", power_approach},
      {"12 MB, S-shaped, at 180 s", logistic_warm_up},
      {"cache of 512 entries asked for by Zipf's law", zipf_cache},
      {"10 MB for a minute every ten", timed_job},
      {"random walk between 0 and 4 MB", bounded_walk},
      {"triangles of 2 MB, 400 s", triangle},
      {"six arenas of 2 MB in five minutes", arenas},
      {"8 MB given back, 4 MB taken again", given_back},
  };
}

}  // namespace soak::bench
