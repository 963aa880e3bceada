// SPDX-License-Identifier: Apache-2.0
// Written after the detector, and never used to change it: a detector that is tuned to these needs new ones.

#include <algorithm>
#include <cmath>

#include "generators.h"

namespace soak::bench {
namespace {

// A buffer that fills evenly for five minutes, and is full.
std::vector<double> ring_buffer(Random& random, std::size_t seconds, double amount) {
  return on(noise(random, seconds, amount, 0), amount, [](double t) { return 12288 * std::min(t / 300, 1.0); });
}

std::vector<double> two_sawteeth(Random& random, std::size_t seconds, double amount) {
  const double first = uniform(random, 0, 1);
  const double second = uniform(random, 0, 1);
  return on(noise(random, seconds, amount, 0.5), amount,
            [=](double t) { return 2048 * std::fmod(t / 40 + first, 1) + 3072 * std::fmod(t / 220 + second, 1); });
}

// Noise with a period of its own, about 100 s.
std::vector<double> swinging(Random& random, std::size_t seconds, double amount) {
  std::normal_distribution<double> normal;
  std::vector<double> values(seconds);
  double now = 0;
  double before = 0;
  for (double& value : values) {
    const double next = 2 * 0.98 * std::cos(6.2832 / 100) * now - 0.98 * 0.98 * before + normal(random);
    before = now;
    now = next;
    value = amount / 20 * now;
  }
  return values;
}

// Calm and storm in turn, each for minutes.
std::vector<double> storms(Random& random, std::size_t seconds, double amount) {
  std::vector<double> values = noise(random, seconds, amount, 0.7);
  const std::vector<double> mood = noise(random, seconds, 1, 0.995);
  for (std::size_t i = 0; i < seconds; ++i) values[i] *= std::exp(mood[i]);
  return values;
}

// Three pools are made as they are first needed.
std::vector<double> stairs(Random& random, std::size_t seconds, double amount) {
  return on(noise(random, seconds, amount, 0), amount,
            [](double t) { return 6144.0 * ((t >= 30 ? 1 : 0) + (t >= 90 ? 1 : 0) + (t >= 240 ? 1 : 0)); });
}

std::vector<double> stretched_warm_up(Random& random, std::size_t seconds, double amount) {
  return on(noise(random, seconds, amount, 0.9), amount,
            [](double t) { return 12288 * -std::expm1(-std::pow(t / 200, 0.7)); });
}

// The load changes every five minutes or so, and what is held with it.
std::vector<double> levels(Random& random, std::size_t seconds, double amount) {
  std::vector<double> values = noise(random, seconds, amount, 0);
  std::exponential_distribution<double> stays(1.0 / 300);
  double level = uniform(random, 0, 4096);
  double until = stays(random);
  for (std::size_t i = 0; i < seconds; ++i) {
    if (static_cast<double>(i) >= until) {
      level = uniform(random, 0, 4096);
      until += stays(random);
    }
    values[i] += amount / kNoise * level;
  }
  return values;
}

std::vector<double> ratchet_and_sawtooth(Random& random, std::size_t seconds, double amount) {
  const double phase = uniform(random, 0, 1);
  return on(noise(random, seconds, amount, 0), amount,
            [=](double t) { return 6144 * std::log1p(t / 60) + 2048 * std::fmod(t / 120 + phase, 1); });
}

}  // namespace

std::vector<Null> held_out_nulls() {
  return {
      {"12 MB that fill evenly in 300 s", ring_buffer},
      {"sawteeth of 2 MB, 40 s, and 3 MB, 220 s", two_sawteeth},
      {"noise that swings, 100 s", swinging},
      {"noise in storms", storms},
      {"stairs of 6 MB at 30, 90 and 240 s", stairs},
      {"warm-up of 12 MB, stretched, AR(1) 0.9", stretched_warm_up},
      {"another level every 5 min", levels},
      {"ratchet of 6 MB log(1 + t/60 s), sawtooth of 2 MB", ratchet_and_sawtooth},
  };
}

}  // namespace soak::bench
