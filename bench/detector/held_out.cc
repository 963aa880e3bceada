// SPDX-License-Identifier: Apache-2.0
// Written after the detector, and never used to change it: a detector that is tuned to these needs new ones.

#include <algorithm>
#include <cmath>

#include "generators.h"

namespace soak::bench {
namespace {

constexpr double kNoise = 200;  // KB: the noise that the sizes below belong to.

double uniform(Random& random, double from, double to) {
  return std::uniform_real_distribution<double>(from, to)(random);
}

// Noise whose spectrum falls as 1/f, as the sum of what forgets in seconds, in minutes and in a quarter of an hour.
std::vector<double> pink(Random& random, std::size_t seconds, double amount) {
  std::vector<double> values(seconds);
  for (const double time : {1.0, 10.0, 100.0, 900.0}) {
    const std::vector<double> part = noise(random, seconds, amount / 2, std::exp(-1 / time));
    for (std::size_t i = 0; i < seconds; ++i) values[i] += part[i];
  }
  return values;
}

// An allocator that maps and returns 1 MB at a time.
std::vector<double> in_chunks(Random& random, std::size_t seconds, double amount) {
  std::vector<double> values = noise(random, seconds, 3 * amount, 0.9);
  const double chunk = amount / kNoise * 1024;
  for (double& value : values) value = chunk * std::ceil(value / chunk);
  return values;
}

// The load doubles half-way, and the noise with it.
std::vector<double> louder(Random& random, std::size_t seconds, double amount) {
  std::vector<double> values = noise(random, seconds, amount, 0.5);
  for (std::size_t i = seconds / 2; i < seconds; ++i) values[i] *= 3;
  return values;
}

// Nothing for two minutes, then an approach.
std::vector<double> late_warm_up(Random& random, std::size_t seconds, double amount) {
  std::vector<double> values = noise(random, seconds, amount, 0.5);
  for (std::size_t i = 120; i < seconds; ++i) {
    values[i] += amount / kNoise * 15360 * -std::expm1((120 - static_cast<double>(i)) / 200);
  }
  return values;
}

// A cache whose misses grow rarer with what it holds: t / (t + T).
std::vector<double> filling_cache(Random& random, std::size_t seconds, double amount) {
  std::vector<double> values = noise(random, seconds, amount, 0);
  for (std::size_t i = 0; i < seconds; ++i) {
    const auto t = static_cast<double>(i);
    values[i] += amount / kNoise * 20480 * t / (t + 240);
  }
  return values;
}

// The highest that 3 MB of noise has been so far.
std::vector<double> high_water(Random& random, std::size_t seconds, double amount) {
  std::vector<double> values = noise(random, seconds, amount / kNoise * 3072, 0.95);
  const std::vector<double> own = noise(random, seconds, amount, 0);
  double most = values[0];
  for (std::size_t i = 0; i < seconds; ++i) {
    most = std::max(most, values[i]);
    values[i] = most + own[i];
  }
  return values;
}

// A garbage collector: each collection leaves a little more or less behind than the one before.
std::vector<double> collector(Random& random, std::size_t seconds, double amount) {
  std::vector<double> values = noise(random, seconds, amount, 0);
  double height = 0;
  double left = 0;
  for (std::size_t i = 0; i < seconds; ++i) {
    height += amount / kNoise * uniform(random, 0, 80);
    if (height > amount / kNoise * 6144) {
      height = 0;
      left = amount / kNoise * uniform(random, 0, 1024);
    }
    values[i] += height + left;
  }
  return values;
}

// Work comes and goes: 5 MB held for minutes, then not.
std::vector<double> on_and_off(Random& random, std::size_t seconds, double amount) {
  std::vector<double> values = noise(random, seconds, amount, 0);
  std::exponential_distribution<double> stays(1.0 / 120);
  bool on = false;
  double until = stays(random);
  for (std::size_t i = 0; i < seconds; ++i) {
    if (static_cast<double>(i) >= until) {
      on = !on;
      until += stays(random);
    }
    values[i] += on ? amount / kNoise * 5120 : 0;
  }
  return values;
}

// A cache is dropped at some time, and comes back within minutes.
std::vector<double> dropped_cache(Random& random, std::size_t seconds, double amount) {
  std::vector<double> values = noise(random, seconds, amount, 0.5);
  const double at = uniform(random, 0, static_cast<double>(seconds));
  for (std::size_t i = 0; i < seconds; ++i) {
    const auto t = static_cast<double>(i);
    if (t >= at) values[i] -= amount / kNoise * 8192 * std::exp((at - t) / 180);
  }
  return values;
}

}  // namespace

std::vector<Null> held_out_nulls() {
  return {
      {"1/f noise", pink},
      {"chunks of 1 MB, AR(1) 0.9", in_chunks},
      {"noise that triples half-way", louder},
      {"warm-up of 15 MB after 120 s, tau 200 s", late_warm_up},
      {"cache of 20 MB, t/(t + 240 s)", filling_cache},
      {"high water of 3 MB, AR(1) 0.95", high_water},
      {"collector with 6 MB between collections", collector},
      {"5 MB held for minutes, then not", on_and_off},
      {"8 MB dropped, and back in minutes", dropped_cache},
  };
}

}  // namespace soak::bench
