// SPDX-License-Identifier: Apache-2.0
// Written after the detector, and never used to change it: a detector that is tuned to these needs new ones.

#include <algorithm>
#include <cmath>

#include "generators.h"

namespace soak::bench {
namespace {

// Something is used for the first time, at any time in the first half, and warms up.
std::vector<double> late_feature(Random& random, std::size_t seconds, double amount) {
  const double at = uniform(random, 0, static_cast<double>(seconds) / 2);
  return on(noise(random, seconds, amount, 0.5), amount,
            [=](double t) { return t < at ? 0.0 : 8192 * -std::expm1((at - t) / 60); });
}

std::vector<double> slow_sawtooth(Random& random, std::size_t seconds, double amount) {
  const double phase = uniform(random, 0, 1);
  return on(noise(random, seconds, amount, 0.5), amount,
            [=](double t) { return 2048 * std::fmod(t / 500 + phase, 1); });
}

// 3 MB at once every few minutes, given back more and more slowly.
std::vector<double> relaxing(Random& random, std::size_t seconds, double amount) {
  std::vector<double> values = noise(random, seconds, amount, 0);
  double level = 0;
  double next = uniform(random, 0, 300);
  for (std::size_t i = 0; i < seconds; ++i) {
    level *= std::exp(-1.0 / 80);
    if (static_cast<double>(i) >= next) {
      level += 3072;
      next += uniform(random, 150, 450);
    }
    values[i] += amount / kNoise * level;
  }
  return values;
}

std::vector<double> quick_wave(Random& random, std::size_t seconds, double amount) {
  const double phase = uniform(random, 0, 6.28);
  return on(noise(random, seconds, amount, 0.9), amount,
            [=](double t) { return 1024 * std::sin(phase + 6.2832 * t / 700); });
}

// A hash table that doubles five times while its keys become known.
std::vector<double> doubling_table(Random& random, std::size_t seconds, double amount) {
  const double first = uniform(random, 10, 30);
  return on(noise(random, seconds, amount, 0), amount, [=](double t) {
    double size = 0;
    for (int i = 0; i < 5; ++i) {
      size += t >= first * std::pow(2, i) ? 256 * std::pow(2, i) : 0;
    }
    return size;
  });
}

// A pool has a buffer of 256 KB for as many requests as there ever were at a time; 20 on average, each for ten seconds.
std::vector<double> pool_of_buffers(Random& random, std::size_t seconds, double amount) {
  std::poisson_distribution<int> arrivals(2);
  std::binomial_distribution<int> ends(20, 0.1);
  std::vector<double> values = noise(random, seconds, amount, 0);
  int now = 20;
  int most = 0;
  for (double& value : values) {
    ends.param(std::binomial_distribution<int>::param_type(now, 0.1));
    now += arrivals(random) - ends(random);
    most = std::max(most, now);
    value += amount / kNoise * 256 * most;
  }
  return values;
}

std::vector<double> noisy_warm_up(Random& random, std::size_t seconds, double amount) {
  return on(noise(random, seconds, 2 * amount, 0.97), amount, [](double t) { return 10240 * -std::expm1(-t / 120); });
}

// Fragments of all sizes are used up by and by, until they suffice.
std::vector<double> ratchet_that_ends(Random& random, std::size_t seconds, double amount) {
  return on(noise(random, seconds, amount, 0.5), amount,
            [](double t) { return 6144 * std::log1p(std::min(t, 900.0) / 100); });
}

}  // namespace

std::vector<Null> held_out_nulls() {
  return {
      {"8 MB, tau 60 s, at any time in the first half", late_feature},
      {"sawtooth of 2 MB, 500 s", slow_sawtooth},
      {"3 MB every few minutes, given back", relaxing},
      {"a wave of 1 MB, 700 s, AR(1) 0.9", quick_wave},
      {"a table that doubles to 8 MB", doubling_table},
      {"a buffer for each of 20 requests", pool_of_buffers},
      {"warm-up of 10 MB, tau 120 s, AR(1) 0.97", noisy_warm_up},
      {"6 MB log(1 + t/100 s), until 900 s", ratchet_that_ends},
  };
}

}  // namespace soak::bench
