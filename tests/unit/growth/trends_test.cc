// SPDX-License-Identifier: Apache-2.0
// To which operation residue is charged.

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <random>
#include <string>

#include "soak/growth/trends.h"
#include "soak/growth/verdict.h"

namespace soak::probe {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kKb = 1024;

// Sixty reconnects, each with 25 frames a second of its time, which varies by up to 30% unless told not to.
class Reconnects {
 public:
  explicit Reconnects(double vary = 0.3) {
    std::mt19937_64 random(7);
    std::uniform_real_distribution<double> share(-vary, vary);
    double at = 0;
    double longer = 0;
    std::int64_t frames = 0;
    heap_.name = "heap";
    heap_.unit = Unit::kBytes;
    frames_.name = "frames";
    for (std::uint64_t cycle = 1; cycle <= 60; ++cycle) {
      longer = cycle % 2 == 1 ? share(random) : -longer;
      const auto sent = static_cast<std::int64_t>(25 * (1 + longer));
      at += 1 + longer;
      frames += sent;
      cycles_.push_back({std::chrono::nanoseconds(static_cast<std::int64_t>(at * 1e9)), cycle, frames});
      frames_.at_rest.add(cycles_.back());
    }
  }

  // `held(cycle, frames)` is what the heap holds then.
  Trend heap_that_holds(const std::function<std::int64_t(std::int64_t, std::int64_t)>& held) {
    Measurements measured;
    for (const Point& point : cycles_) {
      const std::int64_t value = held(static_cast<std::int64_t>(point.cycle), point.value);
      heap_.at_rest.add({point.at, point.cycle, value});
      heap_.timeline.add({point.at, point.cycle, value});
    }
    measured.tracks = {heap_};
    measured.operations = {frames_};
    measured.quiescent_points = cycles_.size();
    return judge(measured, {50 << 20, 1 << 30}, {.cycle = "reconnect"}).trends.at(0);
  }

 private:
  std::vector<Point> cycles_;
  Track heap_;
  Operation frames_;
};

TEST(TrendsTest, ResidueOfAReconnectIsChargedToTheReconnect) {
  const Trend trend = Reconnects().heap_that_holds([](auto cycle, auto) { return 10 * kKb * cycle; });

  EXPECT_TRUE(trend.leak);
  EXPECT_EQ(trend.per, "reconnect");
  EXPECT_NEAR(trend.growth, 10.0 * kKb, 10);
}

TEST(TrendsTest, ResidueOfAFrameIsChargedToTheFrame) {
  const Trend trend = Reconnects().heap_that_holds([](auto, auto frames) { return kKb * frames; });

  EXPECT_TRUE(trend.leak);
  EXPECT_EQ(trend.per, "frame");
  EXPECT_NEAR(trend.growth, 1.0 * kKb, 10);
}

TEST(TrendsTest, OperationsThatCannotBeToldApartAreNamedTogether) {
  const Trend trend = Reconnects(0).heap_that_holds([](auto, auto frames) { return kKb * frames; });

  EXPECT_TRUE(trend.leak);
  EXPECT_EQ(trend.per, "reconnect or frame");
  EXPECT_NEAR(trend.growth, 25.0 * kKb, 100);
}

TEST(TrendsTest, WhatADayWouldBringFollowsFromThePaceOfTheRun) {
  const Trend trend = Reconnects().heap_that_holds([](auto cycle, auto) { return 10 * kKb * cycle; });

  EXPECT_NEAR(trend.per_day, 86400.0 * 10 * kKb, 86400.0 * 10 * kKb * 0.02);
}

TEST(TrendsTest, ACleanSeriesSaysWhatItExcludes) {
  std::mt19937_64 random(3);
  std::uniform_int_distribution<std::int64_t> noise(-kKb, kKb);

  const Trend trend = Reconnects().heap_that_holds([&](auto, auto) { return 1000 * kKb + noise(random); });

  EXPECT_FALSE(trend.leak);
  EXPECT_GT(trend.excluded, 0);
  EXPECT_LT(trend.excluded, 2 * kKb);
  EXPECT_EQ(excluded_text(trend).substr(0, 10), "more than ");
}

TEST(TrendsTest, ATrendReadsAsGrowthPerOperationWithItsInterval) {
  Trend trend;
  trend.unit = Unit::kBytes;
  trend.per = "reconnect";
  trend.growth = 15 * 1024 * kKb;
  trend.low = 14.7 * 1024 * kKb;
  trend.high = 15.2 * 1024 * kKb;
  EXPECT_EQ(growth_text(trend), "+15.0 MiB per reconnect, 99% CI +14.7 MiB to +15.2 MiB");

  trend.per = "";
  trend.unit = Unit::kCount;
  trend.growth = 0.001;
  trend.low = -0.0005;
  trend.high = 0.0021;
  EXPECT_EQ(growth_text(trend), "+0.001 per second, 99% CI -0.0005 to +0.0021");
}

}  // namespace
}  // namespace soak::probe
