// SPDX-License-Identifier: Apache-2.0
// What is a leak, and what only looks like one for a while. bench/detector_study counts how often each is right.

#include "soak/growth/growth.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <optional>
#include <random>
#include <span>
#include <vector>

namespace soak::probe {
namespace {

constexpr double kKb = 1024;

GrowthOptions by_time() { return {.slow_scale = 600, .noise_floor = 64, .certain_from = 600}; }

bool certain(const std::optional<Growth>& growth) { return growth && growth->state == GrowthState::kCertain; }

// A sample a second: a shape, with noise of a standard deviation of 200 KB that remembers `memory` of itself.
std::vector<Observation> series(std::size_t seconds, const std::function<double(double)>& shape, double memory = 0,
                                std::uint64_t seed = 1) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  std::vector<Observation> points;
  double noise = normal(random);
  for (std::size_t i = 0; i < seconds; ++i) {
    const auto x = static_cast<double>(i);
    points.push_back({x, shape(x) + 200 * kKb * noise});
    noise = memory * noise + std::sqrt(1 - memory * memory) * normal(random);
  }
  return points;
}

double warm_up(double x) { return 20 * 1024 * kKb * -std::expm1(-x / 300); }
double ratchet(double x) { return 20 * 1024 * kKb * std::log1p(x / 300); }
double sawtooth(double x) { return 4 * 1024 * kKb * std::fmod(x, 300) / 300; }

TEST(GrowthTest, ASteadyLeakIsCertainAndItsRateIsInTheInterval) {
  const auto growth = find_growth(series(3600, [](double x) { return 10 * kKb * x; }), by_time());

  ASSERT_TRUE(growth);
  ASSERT_TRUE(certain(growth));
  EXPECT_LT(growth->low, 10 * kKb);
  EXPECT_GT(growth->high, 10 * kKb);
  EXPECT_NEAR(growth->slope, 10 * kKb, kKb);
}

TEST(GrowthTest, ALeakIsSeenBehindAWarmUpASawtoothAndNoiseThatRemembers) {
  for (const auto& shape : {warm_up, sawtooth}) {
    const auto growth = find_growth(series(3600, [&](double x) { return shape(x) + 20 * kKb * x; }), by_time());
    ASSERT_TRUE(growth);
    EXPECT_TRUE(certain(growth));
  }
  const auto growth = find_growth(series(
                                      3600, [](double x) { return 20 * kKb * x; }, 0.99),
                                  by_time());
  ASSERT_TRUE(growth);
  EXPECT_TRUE(certain(growth));
}

TEST(GrowthTest, NoiseWarmUpARatchetASawtoothAndAStepAreNoLeak) {
  const std::vector<std::function<double(double)>> shapes = {
      [](double) { return 0.0; }, warm_up, ratchet, sawtooth, [](double x) { return x < 1500 ? 0.0 : 8 * 1024 * kKb; },
  };
  for (const auto& shape : shapes) {
    for (const double memory : {0.0, 0.9}) {
      const auto growth = find_growth(series(3600, shape, memory), by_time());
      ASSERT_TRUE(growth);
      EXPECT_FALSE(certain(growth)) << "shape " << &shape - shapes.data() << ", memory " << memory;
    }
  }
}

// The highest that noise has been so far: a staircase that a line beside a step and an approach fits better than any
// form without a line, but a line of any slope.
TEST(GrowthTest, AHighWaterMarkIsNoLeak) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    std::vector<Observation> points = series(
        3600, [](double) { return 0.0; }, 0, seed);
    double most = 0;
    for (const Observation& level : series(
             3600, [](double) { return 0.0; }, 0.95, 1000 + seed)) {
      most = std::max(most, 15 * level.value);
      points[static_cast<std::size_t>(level.x)].value += most;
    }
    const auto growth = find_growth(points, by_time());
    ASSERT_TRUE(growth);
    EXPECT_FALSE(certain(growth)) << "seed " << seed;
  }
}

TEST(GrowthTest, AWarmUpIsSaid) {
  const auto growth = find_growth(series(3600, warm_up), by_time());

  ASSERT_TRUE(growth);
  EXPECT_NEAR(growth->warm_up, 900, 90);
}

TEST(GrowthTest, InALongRunTheFirstTenthIsWarmUp) {
  const auto filling = [](double x) { return 20 * 1024 * kKb * x / (x + 240); };
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const auto clean = find_growth(series(40'000, filling, 0, seed), by_time());
    ASSERT_TRUE(clean);
    EXPECT_FALSE(certain(clean)) << "seed " << seed;
    EXPECT_GE(clean->warm_up, 4'000);
  }

  const auto leak = find_growth(series(40'000, [&](double x) { return filling(x) + kKb * x; }), by_time());
  ASSERT_TRUE(leak);
  EXPECT_TRUE(certain(leak));
}

TEST(GrowthTest, ALeakThatBeginsLaterIsDatedFromThere) {
  const auto growth =
      find_growth(series(7200, [](double x) { return x < 2400 ? 0 : 40 * kKb * (x - 2400); }), by_time());

  ASSERT_TRUE(growth);
  ASSERT_TRUE(certain(growth));
  EXPECT_NEAR(growth->since, 2400, 300);
}

TEST(GrowthTest, TooFewPointsOrTooShortATimeIsNoAnswer) {
  EXPECT_FALSE(find_growth(Segment(), by_time()));
  EXPECT_FALSE(find_growth(series(23, [](double) { return 0.0; }), {.slow_scale = 600, .noise_floor = 64}));
  EXPECT_FALSE(find_growth(Segment(std::vector<Observation>(100, {1, 2})), by_time()));
}

TEST(GrowthTest, AConstantExcludesWhatWouldHaveShown) {
  std::vector<Observation> points;
  for (int i = 0; i < 1000; ++i) {
    points.push_back({static_cast<double>(i), 5e9});
  }

  const auto growth = find_growth(points, by_time());

  ASSERT_TRUE(growth);
  EXPECT_FALSE(certain(growth));
  EXPECT_EQ(growth->slope, 0);
  EXPECT_NEAR(growth->high, 3 * 64 / 999.0, 1e-9);
}

TEST(GrowthTest, MemoryThatFallsIsNoLeak) {
  const auto growth = find_growth(series(3600, [](double x) { return -10 * kKb * x; }), by_time());

  ASSERT_TRUE(growth);
  EXPECT_FALSE(certain(growth));
  EXPECT_LT(growth->high, 0);
}

TEST(GrowthTest, TheSameInOtherUnitsIsTheSame) {
  const auto points = series(3600, [](double x) { return warm_up(x) + 10 * kKb * x; });
  std::vector<Observation> scaled;
  for (const Observation& point : points) {
    scaled.push_back({point.x * 1e6, point.value * 1e3 + 1e12});
  }

  const auto growth = find_growth(points, by_time());
  const auto again = find_growth(scaled, {.slow_scale = 600e6, .noise_floor = 64e3, .certain_from = 600e6});

  ASSERT_TRUE(growth && again);
  EXPECT_EQ(certain(growth), certain(again));
  EXPECT_NEAR(growth->slope, again->slope * 1e3, std::abs(growth->slope) * 1e-3);
  EXPECT_NEAR(growth->high, again->high * 1e3, std::abs(growth->high) * 1e-3);
}

TEST(GrowthTest, ASmallRiseIsNotCertainBeforeTheSlowScaleHasPassed) {
  std::vector<Observation> points;
  for (int i = 0; i < 100; ++i) {
    points.push_back({static_cast<double>(i), i * 1000.0});
  }

  EXPECT_TRUE(certain(find_growth(points, {.slow_scale = 600, .noise_floor = 64, .small_rise = 50'000})));
  EXPECT_FALSE(certain(find_growth(points, {.slow_scale = 600, .noise_floor = 64, .small_rise = 200'000})));
  EXPECT_TRUE(certain(find_growth(points, {.slow_scale = 60, .noise_floor = 64, .small_rise = 200'000})));
}

TEST(GrowthTest, ASlowCountIsSeenWithinTenThousandOperations) {
  std::vector<Observation> points;
  for (int i = 0; i <= 10'000; i += 10) {
    points.push_back({static_cast<double>(i), static_cast<double>(i / 1000)});
  }

  const auto growth = find_growth(points, {.slow_scale = 600, .noise_floor = 0.3});

  ASSERT_TRUE(certain(growth));
  EXPECT_NEAR(growth->slope, 0.001, 0.0002);
}

TEST(GrowthTest, FewSlowingStepsAreNoLeak) {
  std::vector<Observation> points;
  for (int i = 1; i <= 2'000; ++i) {
    points.push_back({static_cast<double>(i), std::floor(2 * std::log2(i))});
  }

  const auto growth = find_growth(points, {.slow_scale = 600, .noise_floor = 0.3});

  ASSERT_TRUE(growth);
  EXPECT_FALSE(certain(growth));
}

}  // namespace
}  // namespace soak::probe
