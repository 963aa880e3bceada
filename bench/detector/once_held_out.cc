// SPDX-License-Identifier: Apache-2.0
// Held out until the detector was changed for two of them, the warm-ups and the wave.

#include <cmath>

#include "generators.h"

namespace soak::bench {
namespace {

constexpr double kNoise = 200;  // KB: the noise that the sizes below belong to.

double uniform(Random& random, double from, double to) {
  return std::uniform_real_distribution<double>(from, to)(random);
}

// Adds `shape(t)`, in KB of a process with 200 KB of noise.
template <typename Shape>
std::vector<double> on(std::vector<double> values, double amount, Shape shape) {
  for (std::size_t i = 0; i < values.size(); ++i) values[i] += amount / kNoise * shape(static_cast<double>(i));
  return values;
}

std::vector<double> heavy_tails(Random& random, std::size_t seconds, double amount) {
  std::student_t_distribution<double> student(3);
  std::vector<double> values(seconds);
  for (double& value : values) value = amount / std::sqrt(3.0) * student(random);
  return values;
}

std::vector<double> two_memories(Random& random, std::size_t seconds, double amount) {
  std::vector<double> values = noise(random, seconds, amount / 2, 0.97);
  const std::vector<double> slow = noise(random, seconds, amount, 0.995);
  for (std::size_t i = 0; i < seconds; ++i) values[i] += slow[i];
  return values;
}

std::vector<double> uneven_sawtooth(Random& random, std::size_t seconds, double amount) {
  std::vector<double> values = noise(random, seconds, amount, 0);
  double period = uniform(random, 60, 240);
  double began = -uniform(random, 0, period);
  for (std::size_t i = 0; i < seconds; ++i) {
    const auto t = static_cast<double>(i);
    if (t >= began + period) {
      began = t;
      period = uniform(random, 60, 240);
    }
    values[i] += amount / kNoise * 3072 * (t - began) / period;
  }
  return values;
}

std::vector<double> two_warm_ups(Random& random, std::size_t seconds, double amount) {
  return on(noise(random, seconds, amount, 0), amount,
            [](double t) { return 10240 * (-std::expm1(-t / 60) - std::expm1(-t / 500)); });
}

std::vector<double> other_ratchet(Random& random, std::size_t seconds, double amount) {
  return on(noise(random, seconds, amount, 0.9), amount, [](double t) { return 12288 * std::log1p(t / 120); });
}

std::vector<double> two_steps(Random& random, std::size_t seconds, double amount) {
  const auto most = static_cast<double>(seconds);
  const double first = uniform(random, 0, most);
  const double second = uniform(random, 0, most);
  return on(noise(random, seconds, amount, 0), amount,
            [=](double t) { return (t < first ? 0.0 : 4096.0) + (t < second ? 0.0 : 6144.0); });
}

std::vector<double> bursts(Random& random, std::size_t seconds, double amount) {
  std::vector<double> values = noise(random, seconds, amount, 0.5);
  for (double at = uniform(random, 0, 600); at < static_cast<double>(seconds); at += uniform(random, 60, 1140)) {
    for (double t = at; t < at + 20 && t < static_cast<double>(seconds); ++t) {
      values[static_cast<std::size_t>(t)] += amount / kNoise * 30720;
    }
  }
  return values;
}

std::vector<double> slow_wave(Random& random, std::size_t seconds, double amount) {
  const double phase = uniform(random, 0, 6.28);
  return on(noise(random, seconds, amount, 0), amount,
            [=](double t) { return 1024 * std::sin(phase + 6.2832 * t / 1800); });
}

}  // namespace

std::vector<Null> once_held_out_nulls() {
  return {
      {"heavy tails (Student's t, 3)", heavy_tails},
      {"AR(1) 0.97 and 0.995 together", two_memories},
      {"sawtooth of 3 MB, 60 to 240 s", uneven_sawtooth},
      {"warm-ups of 10 MB, tau 60 s and 500 s", two_warm_ups},
      {"ratchet of 12 MB log(1 + t/120 s), AR(1) 0.9", other_ratchet},
      {"steps of 4 MB and 6 MB", two_steps},
      {"bursts of 30 MB for 20 s", bursts},
      {"a wave of 1 MB, 30 min", slow_wave},
  };
}

}  // namespace soak::bench
