// SPDX-License-Identifier: Apache-2.0
// What is a leak, and what only looks like one for a while. bench/detector_study counts how often each is right.

#include "soak/growth/growth.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
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

TEST(GrowthTest, ASmallRiseIsNotCertainBeforeAWarmUpIsOver) {
  std::vector<Observation> points;
  for (int i = 0; i < 100; ++i) {
    points.push_back({static_cast<double>(i), i * 1000.0});
  }

  EXPECT_TRUE(certain(find_growth(points, {.slow_scale = 600, .noise_floor = 64, .small_rise = 50'000})));
  EXPECT_FALSE(certain(find_growth(points, {.slow_scale = 600, .noise_floor = 64, .small_rise = 200'000})));
  EXPECT_TRUE(certain(find_growth(points, {.slow_scale = 30, .noise_floor = 64, .small_rise = 200'000})));
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

// A shape as `dt` samples it, with noise of a standard deviation of 100 KB that keeps 0.95 of itself a second.
std::vector<Observation> sampled(double seconds, double dt, const std::function<double(double)>& shape,
                                 std::uint64_t seed = 1) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  const double memory = std::pow(0.95, dt);
  std::vector<Observation> points;
  double noise = normal(random);
  for (double x = 0; x < seconds; x += dt) {
    points.push_back({x, std::floor(80e6 + shape(x) + 100e3 * noise)});
    noise = memory * noise + std::sqrt(1 - memory * memory) * normal(random);
  }
  return points;
}

constexpr double kHour = 3600;
constexpr double kDay = 24 * kHour;

TEST(GrowthTest, ALeakFromTheMiddleOfTheRunIsCertainAndDated) {
  const auto growth =
      find_growth(sampled(2 * kHour, 1, [](double x) { return std::max(0.0, x - kHour) * 50e3; }), by_time());

  ASSERT_TRUE(certain(growth));
  EXPECT_NEAR(growth->since, kHour, 120);
  EXPECT_LE(growth->since_earliest, growth->since);
  EXPECT_GE(growth->since_latest, growth->since);
  EXPECT_NEAR(growth->slope, 50e3, 5e3);
}

TEST(GrowthTest, ALeakInTheLastTwoHoursOfADayIsCertain) {
  const auto growth =
      find_growth(sampled(kDay, 15, [](double x) { return std::max(0.0, x - 22 * kHour) * 50e3; }), by_time());

  ASSERT_TRUE(certain(growth));
  EXPECT_NEAR(growth->since, 22 * kHour, 1800);
  EXPECT_LE(growth->since_earliest, growth->since);
}

TEST(GrowthTest, WhatRampsForHalfOfTheRunIsAtRest) {
  const auto growth =
      find_growth(sampled(3 * kHour, 1, [](double x) { return 30e6 * std::min(1.0, x / 5400); }), by_time());

  ASSERT_TRUE(growth);
  EXPECT_EQ(growth->state, GrowthState::kAtRest);
  ASSERT_TRUE(growth->rest);
  EXPECT_NEAR(growth->rest->since, 5400, 600);
  EXPECT_NEAR(growth->rest->grown, 30e6, 1e6);
}

TEST(GrowthTest, ACacheThatFillsEvenlyIsAtRest) {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    const auto growth = find_growth(sampled(
                                        3 * kHour, 1, [](double x) { return std::min(x, 1200.0) * 20e3; }, seed),
                                    by_time());
    ASSERT_TRUE(growth);
    EXPECT_EQ(growth->state, GrowthState::kAtRest) << "seed " << seed;
  }
}

TEST(GrowthTest, AWholeCycleOfLoadIsAtRest) {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    const auto growth =
        find_growth(sampled(
                        3 * kHour, 1, [](double x) { return 40e6 * std::sin(x / 10800 * 6.28319 - 1.5708); }, seed),
                    by_time());
    ASSERT_TRUE(growth);
    EXPECT_EQ(growth->state, GrowthState::kAtRest) << "seed " << seed;
  }
}

TEST(GrowthTest, ASawtoothOfAlmostABlocksLengthIsAtRest) {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    const auto growth =
        find_growth(sampled(
                        5 * kDay, 15, [](double x) { return 10e6 * std::fmod(x, 119.97) / 119.97; }, seed),
                    by_time());
    ASSERT_TRUE(growth);
    EXPECT_NE(growth->state, GrowthState::kCertain) << "seed " << seed;
  }
}

TEST(GrowthTest, ALeakUnderACollectorOrUnderCyclesOfLoadIsNeverPassedOver) {
  const auto collector =
      find_growth(sampled(3 * kHour, 1, [](double x) { return 20e3 * x + 50e3 * std::fmod(x, 400); }), by_time());
  const auto cycles = find_growth(
      sampled(3 * kHour, 1, [](double x) { return 5e3 * x + 40e6 * std::sin(x / 3600 * 6.28319); }), by_time());

  ASSERT_TRUE(collector && cycles);
  EXPECT_NE(collector->state, GrowthState::kAtRest);
  EXPECT_NE(cycles->state, GrowthState::kAtRest);
}

TEST(GrowthTest, TheSameTruthHasOneVerdictHoweverOftenItIsSampled) {
  const auto shapes = std::to_array<std::function<double(double)>>({
      [](double) { return 0.0; },
      [](double x) { return 20e6 * -std::expm1(-x / 1500); },
      [](double x) { return 20e3 * std::max(0.0, x - 2 * kHour); },
  });
  for (const auto& shape : shapes) {
    const auto state = [&](double dt) { return find_growth(sampled(6 * kHour, dt, shape), by_time())->state; };
    const GrowthState once_a_second = state(1);
    for (const double dt : {10.0, 60.0, 300.0}) {
      EXPECT_EQ(state(dt), once_a_second) << "shape " << &shape - shapes.data() << ", every " << dt << " s";
    }
  }
}

TEST(GrowthTest, WhatIsExcludedRisesWithTheOnset) {
  const auto growth = find_growth(sampled(6 * kHour, 10, [](double) { return 0.0; }), by_time());

  ASSERT_TRUE(growth);
  ASSERT_GT(growth->excluded.size(), 3u);
  EXPECT_EQ(growth->excluded.front().onset, 0);
  EXPECT_GT(growth->excluded.back().onset, 5 * kHour);
  for (std::size_t i = 1; i < growth->excluded.size(); ++i) {
    EXPECT_GT(growth->excluded[i].onset, growth->excluded[i - 1].onset);
    EXPECT_GE(growth->excluded[i].rate, growth->excluded[i - 1].rate);
  }
}

TEST(GrowthTest, ALeakIsSeenBesideAFewTeethHoweverMuchOfTheLastOneWasSeen) {
  for (const std::size_t seconds : {1260u, 1500u, 1920u, 2220u}) {
    const auto growth = find_growth(series(seconds, [](double x) { return sawtooth(x) + 10 * kKb * x; }), by_time());
    EXPECT_TRUE(certain(growth)) << seconds;
    const auto clean = find_growth(series(seconds, sawtooth), by_time());
    ASSERT_TRUE(clean);
    EXPECT_EQ(clean->state, GrowthState::kAtRest) << seconds;
  }
}

TEST(GrowthTest, ALeakIsSeenBesideADip) {
  const auto dip = [](double x) { return x > 1500 && x < 2100 ? -60 * 1024 * kKb : 0.0; };

  EXPECT_TRUE(certain(find_growth(series(3600, [&](double x) { return dip(x) + 20 * kKb * x; }), by_time())));
  EXPECT_FALSE(certain(find_growth(series(3600, dip), by_time())));
}

TEST(GrowthTest, WhatGrowsEverMoreSlowlyIsNotSaidToHaveRested) {
  const auto growth =
      find_growth(series(3600, [](double x) { return 10 * 1024 * kKb * std::log1p(x / 100); }), by_time());

  ASSERT_TRUE(growth);
  EXPECT_FALSE(certain(growth));
  ASSERT_TRUE(growth->rest);
  EXPECT_GT(growth->rest->since, 3500);
}

TEST(GrowthTest, WhatFallsIsNotSaidToHaveGrown) {
  for (const double per_second : {-0.5, -5.0, -50.0}) {
    const auto growth = find_growth(series(800, [&](double x) { return (500'000 + per_second * x) * kKb; }), by_time());

    ASSERT_TRUE(growth);
    EXPECT_EQ(growth->state, GrowthState::kAtRest);
    EXPECT_FALSE(growth->rest) << per_second;
  }
}

TEST(GrowthTest, AWarmUpThatNoFormFitsWellDoesNotExcludeEveryLeak) {
  std::vector<Observation> points;
  for (int i = 0; i < 233; ++i) {
    points.push_back({static_cast<double>(i), 400 * kKb + std::floor(6000 * std::sqrt(std::min(i, 120)))});
  }

  const auto growth = find_growth(points, {.slow_scale = 600, .noise_floor = 64});

  ASSERT_TRUE(growth);
  EXPECT_EQ(growth->state, GrowthState::kAtRest);
  EXPECT_GT(growth->excluded.front().rate, 1);
}

// Each life of the process begins at its own level and warms up.
std::vector<std::vector<Observation>> lives(double leak) {
  std::vector<std::vector<Observation>> segments;
  for (int life = 0; life < 3; ++life) {
    segments.push_back(sampled(
        kHour, 1, [&](double x) { return leak * x + 10e6 * life * (2 - life) + 8e6 * -std::expm1(-x / 120); },
        static_cast<std::uint64_t>(life) + 1));
    for (Observation& point : segments.back()) {
      point.x += life * (kHour + 60);
    }
  }
  return segments;
}

TEST(GrowthTest, ALeakThatEveryLifeOfAProcessBeginsAgainIsCertain) {
  const auto leaking = lives(10e3);
  const auto clean = lives(0);

  const auto leak = find_growth(std::vector<Segment>(leaking.begin(), leaking.end()), by_time());
  const auto none = find_growth(std::vector<Segment>(clean.begin(), clean.end()), by_time());

  ASSERT_TRUE(certain(leak));
  EXPECT_NEAR(leak->slope, 10e3, 2e3);
  ASSERT_TRUE(none);
  EXPECT_EQ(none->state, GrowthState::kAtRest);
}

TEST(GrowthTest, AGapIsNoStep) {
  std::vector<Observation> points = sampled(3 * kHour, 1, [](double x) { return 20e3 * x; });
  std::erase_if(points, [](const Observation& point) { return point.x > 3000 && point.x < 6000; });

  const auto growth = find_growth(points, by_time());

  ASSERT_TRUE(certain(growth));
  EXPECT_NEAR(growth->slope, 20e3, 2e3);
}

// Objects of 64 KB, lost at times that chance decides: the rate at which they were lost is more uncertain than the
// noise of the values makes it look.
TEST(GrowthTest, TheIntervalHoldsTheRateOfALeakThatIsLostPieceByPiece) {
  constexpr double kObject = 64e3;
  constexpr double kSeconds = 3 * kHour;
  constexpr double kOnset = kSeconds / 2;
  int judged = 0;
  int missed = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    std::mt19937_64 random(1000 + seed);
    std::exponential_distribution<double> wait(1 / 40.0);
    std::vector<double> lost_at;
    for (double at = kOnset + wait(random); at < kSeconds - 10; at += wait(random)) {
      lost_at.push_back(at);
    }
    const auto lost = [&](double x) {
      return kObject * static_cast<double>(std::upper_bound(lost_at.begin(), lost_at.end(), x) - lost_at.begin());
    };

    const auto growth = find_growth(sampled(kSeconds, 10, lost, seed), by_time());

    ASSERT_TRUE(growth);
    if (growth->state != GrowthState::kAtRest) {
      const double rate = lost(kSeconds) / (kSeconds - 10 - kOnset);
      ++judged;
      missed += rate < growth->low || rate > growth->high ? 1 : 0;
    }
  }
  EXPECT_GE(judged, 50);
  EXPECT_LE(missed, 6);
}

// Sixty cycles, of 600 that a warm-up may take: a line is as good an explanation as an approach that has hardly begun.
TEST(GrowthTest, GrowthThatOnlyAnUnfinishedWarmUpExplainsIsLikely) {
  constexpr GrowthOptions kByCycle = {.slow_scale = 600, .noise_floor = 64, .small_rise = 256 * kKb};
  const auto cycles = [](const std::function<double(double)>& shape, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    std::normal_distribution<double> noise(0, 10 * kKb);
    std::vector<Observation> points;
    for (int i = 0; i < 60; ++i) {
      points.push_back({static_cast<double>(i), shape(i) + noise(random)});
    }
    return points;
  };
  int seen = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const auto growing = find_growth(cycles([](double x) { return 10 * kKb * x; }, seed), kByCycle);
    const auto small = find_growth(cycles([](double x) { return 2 * kKb * x; }, seed), kByCycle);
    const auto over = find_growth(cycles([](double x) { return -600 * kKb * std::expm1(-x / 8); }, seed), kByCycle);

    ASSERT_TRUE(growing && small && over);
    if (growing->state != GrowthState::kAtRest) {
      ++seen;
      EXPECT_GT(growing->slope, 0) << "seed " << seed;
      EXPECT_GT(growing->high, 9 * kKb) << "seed " << seed;
    }
    EXPECT_FALSE(certain(small)) << "seed " << seed;
    EXPECT_EQ(over->state, GrowthState::kAtRest) << "seed " << seed;
  }
  EXPECT_GE(seen, 19);
}

// A program in Go that keeps 17 KB of each request, watched for a minute: its collector takes memory in waves, and of a
// warm-up that may last ten minutes a minute is a line.
TEST(GrowthTest, AMinuteOfALeakIsNotTakenForTheBeginningOfAWarmUp) {
  constexpr int kWave = 24;
  for (int phase = 0; phase < kWave; ++phase) {
    std::vector<Observation> points;
    double kept = 4000 * kKb;
    for (int i = 0; i < 54; ++i) {
      points.push_back({50.0 * (i + 1), kept});
      const int at = (i + phase) % kWave;
      kept += 50 * kKb * (at < 12 ? 16.8 : at < 22 ? 18.2 : 12);
    }

    const auto growth = find_growth(points, {.slow_scale = 30'000, .noise_floor = 4 * kKb, .noisy_series = 3});

    ASSERT_TRUE(growth);
    EXPECT_NE(growth->state, GrowthState::kAtRest) << phase;
    EXPECT_NEAR(growth->slope, 17 * kKb, 2 * kKb) << phase;
    EXPECT_GT(growth->excluded.front().rate, 17 * kKb) << phase;
  }
}

TEST(GrowthTest, MoreNoisySeriesHaveToShowMore) {
  GrowthOptions options = by_time();
  const auto points = sampled(3 * kHour, 1, [](double x) { return 50e3 * x; });
  options.noisy_series = 8;
  EXPECT_TRUE(certain(find_growth(points, options)));
  options.noisy_series = 1'000'000'000;
  const auto weak = sampled(kHour, 1, [](double x) { return 1.2e3 * x; });
  EXPECT_FALSE(certain(find_growth(weak, options)));
}

}  // namespace
}  // namespace soak::probe
