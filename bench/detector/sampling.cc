// SPDX-License-Identifier: Apache-2.0
// Measures whether the verdict on a series depends on how often it was sampled.
//
//   detector_sampling [SEEDS]   100 by default
//
// Twelve hours of each shape, a value a second with correlated noise of 100 KB, are judged as they are, and as if every
// 10th, 60th or 300th value had been taken. Leaks are of more than 200 times the noise. Prints the table of
// bench/detector-sampling.md; the exit status is 1 if a shape has more than one verdict in more than one seed of 100. A
// saw of two samples' length is not among them: what is taken of it is another saw, of hours.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "all_cores.h"
#include "generators.h"
#include "soak/growth/growth.h"

namespace soak::bench {
namespace {

using probe::GrowthState;
using probe::Observation;

constexpr double kHour = 3600;
constexpr std::size_t kSeconds = 12 * 3600;
constexpr double kNoiseBytes = 100e3;
constexpr double kMemory = 0.95;  // Of the noise, from second to second.
constexpr std::array<std::size_t, 4> kEvery = {1, 10, 60, 300};
// As a run judges its RSS.
constexpr probe::GrowthOptions kRss = {.slow_scale = 600, .noise_floor = 64, .certain_from = 600};

struct Shape {
  const char* name;
  bool leaks;
  double (*bytes)(double seconds);
};

double saw(double height, double seconds, double period) { return height * std::fmod(seconds, period) / period; }

constexpr std::array<Shape, 18> kShapes = {{
    {"nothing", false, [](double) { return 0.0; }},
    {"warm-up, tau 1,500 s", false, [](double t) { return 20e6 * -std::expm1(-t / 1500); }},
    {"warm-up, tau 60 s", false, [](double t) { return 20e6 * -std::expm1(-t / 60); }},
    {"even fill in 2 h", false, [](double t) { return 3e3 * std::min(t, 2 * kHour); }},
    {"load that ramps from 3 h to 9 h", false,
     [](double t) { return 1e3 * std::clamp(t - 3 * kHour, 0.0, 6 * kHour); }},
    {"steps at 1 h and 5 h", false, [](double t) { return t < kHour       ? 0
                                                          : t < 5 * kHour ? 8e6
                                                                          : 14e6; }},
    {"three cycles of load", false, [](double t) { return 20e6 * (1 - std::cos(t / (4 * kHour) * 6.2831853)); }},
    {"one cycle of load", false, [](double t) { return 20e6 * (1 - std::cos(t / (12 * kHour) * 6.2831853)); }},
    {"saw of 20 min", false, [](double t) { return saw(10e6, t, 1200); }},
    {"saw of 91.3 s", false, [](double t) { return saw(10e6, t, 91.3); }},
    {"saw of 301 s", false, [](double t) { return saw(10e6, t, 301); }},
    {"a cache, t / (t + 900 s)", false, [](double t) { return 30e6 * t / (t + 900); }},
    {"1 KB/s", true, [](double t) { return 1e3 * t; }},
    {"5 KB/s after a warm-up", true, [](double t) { return 20e6 * -std::expm1(-t / 1500) + 5e3 * t; }},
    {"5 KB/s from 6 h on", true, [](double t) { return 5e3 * std::max(0.0, t - 6 * kHour); }},
    {"20 KB/s in the last 3 h", true, [](double t) { return 20e3 * std::max(0.0, t - 9 * kHour); }},
    {"3 KB/s under a saw of 20 min", true, [](double t) { return 3e3 * t + saw(10e6, t, 1200); }},
    {"3 KB/s beside a step", true, [](double t) { return 3e3 * t + (t < 4 * kHour ? 0 : 8e6); }},
}};

std::array<GrowthState, kEvery.size()> verdicts(const Shape& shape, std::size_t seed) {
  Random random(seed);
  std::normal_distribution<double> normal;
  std::vector<Observation> all;
  double noise = normal(random);
  for (std::size_t i = 0; i < kSeconds; ++i) {
    const auto t = static_cast<double>(i);
    all.push_back({t, std::floor(80e6 + shape.bytes(t) + kNoiseBytes * noise)});
    noise = kMemory * noise + std::sqrt(1 - kMemory * kMemory) * normal(random);
  }
  std::array<GrowthState, kEvery.size()> states{};
  for (std::size_t e = 0; e < kEvery.size(); ++e) {
    std::vector<Observation> taken;
    for (std::size_t i = 0; i < all.size(); i += kEvery[e]) {
      taken.push_back(all[i]);
    }
    states[e] = probe::find_growth(probe::Segment(taken), kRss)->state;
  }
  return states;
}

}  // namespace
}  // namespace soak::bench

int main(int argc, char** argv) {
  using namespace soak::bench;
  const long long seeds = argc > 1 ? std::atoll(argv[1]) : 100;
  if (argc > 2 || seeds < 1) {
    std::fprintf(stderr, "usage: detector_sampling [SEEDS]\n");
    return 2;
  }
  std::printf("%lld seeds each\n\n| shape | truth | one verdict |", seeds);
  for (const std::size_t every : kEvery) {
    std::printf(" right, each %zu s |", every);
  }
  std::printf("\n| --- | --- | --- | --- | --- | --- | --- |\n");
  bool missed = false;
  for (const Shape& shape : kShapes) {
    const auto all = of_all(static_cast<std::size_t>(seeds), [&](std::size_t seed) { return verdicts(shape, seed); });
    long long same = 0;
    std::array<long long, kEvery.size()> right{};
    for (const auto& states : all) {
      same += std::all_of(states.begin(), states.end(), [&](GrowthState state) { return state == states[0]; }) ? 1 : 0;
      for (std::size_t e = 0; e < states.size(); ++e) {
        right[e] += states[e] == (shape.leaks ? GrowthState::kCertain : GrowthState::kAtRest) ? 1 : 0;
      }
    }
    std::printf("| %s | %s | %lld |", shape.name, shape.leaks ? "leak" : "clean", same);
    for (const long long one : right) {
      std::printf(" %lld |", one);
    }
    std::printf("\n");
    std::fflush(stdout);
    missed |= same * 100 < 99 * seeds;
  }
  std::printf("\n%s\n", missed ? "A shape has more than one verdict." : "Every shape has one verdict.");
  return missed ? 1 : 0;
}
