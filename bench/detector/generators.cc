// SPDX-License-Identifier: Apache-2.0
#include "generators.h"

#include <cmath>

namespace soak::bench {
namespace {

// White noise with a shape on it, in KB of a process with 200 KB of noise.
template <typename Shape>
auto shaped(Shape shape) {
  return [shape](Random& random, std::size_t seconds, double amount) {
    std::vector<double> values = noise(random, seconds, amount, 0);
    const double phase = std::uniform_real_distribution<double>(0, 1)(random);
    for (std::size_t i = 0; i < seconds; ++i) {
      values[i] += amount / kNoise * shape(static_cast<double>(i), phase, static_cast<double>(seconds));
    }
    return values;
  };
}

auto with_memory(double memory) {
  return
      [memory](Random& random, std::size_t seconds, double amount) { return noise(random, seconds, amount, memory); };
}

}  // namespace

std::vector<double> noise(Random& random, std::size_t seconds, double deviation, double memory) {
  std::normal_distribution<double> normal;
  std::vector<double> values(seconds);
  double now = normal(random);
  for (double& value : values) {
    value = deviation * now;
    now = memory * now + std::sqrt(1 - memory * memory) * normal(random);
  }
  return values;
}

std::vector<Null> known_nulls() {
  return {
      {"independent noise", with_memory(0)},
      {"AR(1) 0.9", with_memory(0.9)},
      {"AR(1) 0.99", with_memory(0.99)},
      {"sawtooth of 4 MB, 300 s",
       shaped([](double t, double phase, double) { return 4096 * std::fmod(t / 300 + phase, 1); })},
      {"warm-up of 20 MB, tau 300 s", shaped([](double t, double, double) { return 20480 * -std::expm1(-t / 300); })},
      {"ratchet of 20 MB log(1 + t/300 s)",
       shaped([](double t, double, double) { return 20480 * std::log1p(t / 300); }), true},
      {"one step of 8 MB",
       shaped([](double t, double phase, double seconds) { return t < phase * seconds ? 0.0 : 8192.0; })},
  };
}

}  // namespace soak::bench
