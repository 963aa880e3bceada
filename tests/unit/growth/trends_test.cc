// SPDX-License-Identifier: Apache-2.0
// To which operation residue is charged.

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
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
  EXPECT_LT(trend.excluded, 3 * kKb);
  EXPECT_EQ(excluded_text(trend).substr(0, 10), "more than ");
}

// 250 requests a second, a row every ten seconds.
Trend memory_of_requests(const std::function<double(double)>& held) {
  std::mt19937_64 random(5);
  std::normal_distribution<double> noise(0, 60e3);
  Measurements measured;
  Track rss;
  rss.name = "rss";
  rss.unit = Unit::kBytes;
  for (int i = 0; i <= 360; ++i) {
    const double seconds = 10.0 * i;
    rss.at_rest.add({std::chrono::seconds(10 * i), static_cast<std::uint64_t>(2500 * i),
                     static_cast<std::int64_t>(60e6 + held(seconds) + noise(random))});
  }
  return residue_of(rss, measured, "request");
}

TEST(TrendsTest, AWarmUpOfMinutesIsOneHoweverManyOperationsItTakes) {
  const Trend clean = memory_of_requests([](double t) { return 20e6 * -std::expm1(-t / 300); });
  const Trend leak = memory_of_requests([](double t) { return 20e6 * -std::expm1(-t / 300) + 50e3 * t; });

  EXPECT_NE(clean.state, GrowthState::kCertain);
  EXPECT_TRUE(leak.leak);
  EXPECT_NEAR(leak.growth, 200, 20);
}

TEST(TrendsTest, AnotherProcessBeginsASegmentAndAFallAloneDoesNot) {
  const auto rss_of = [](bool restarts) {
    Track rss;
    rss.name = "rss";
    rss.unit = Unit::kBytes;
    for (int i = 0; i < 7200; ++i) {
      rss.timeline.add(
          {std::chrono::seconds(i), 0, 50'000'000 + std::int64_t{20'000} * (i % 1440) + i * 7919 % 13 * 4096});
    }
    if (restarts) {
      rss.restarts = {std::chrono::seconds(1440), std::chrono::seconds(2880), std::chrono::seconds(4320),
                      std::chrono::seconds(5760)};
    }
    return slope_of(rss);
  };

  EXPECT_TRUE(rss_of(true).leak);
  EXPECT_FALSE(rss_of(false).leak);
}

TEST(TrendsTest, WhatGrewAndRestedSaysUntilWhen) {
  Track rss;
  rss.name = "rss";
  rss.unit = Unit::kBytes;
  for (int i = 0; i < 10'800; ++i) {
    rss.timeline.add(
        {std::chrono::seconds(i), 0, 50'000'000 + std::int64_t{20'000} * std::min(i, 1200) + i * 7919 % 13 * 4096});
  }

  const Trend trend = slope_of(rss);

  ASSERT_TRUE(trend.rest);
  EXPECT_NEAR(trend.rest->grown, 24e6, 1e6);
  EXPECT_NEAR(std::chrono::duration<double>(trend.rest->since).count(), 1200, 200);
  EXPECT_EQ(rest_text(trend).substr(0, 8), "grew by ");
  EXPECT_EQ(rest_text(trend).substr(rest_text(trend).size() - 13), ", then rested");
}

TEST(TrendsTest, WhatIsExcludedIsSaidForLeaksThatBeganLater) {
  Trend trend;
  trend.unit = Unit::kBytes;
  trend.end = 24h;
  trend.excluded = 60;
  trend.excluded_later = {{6h, 80}, {12h, 210}, {18h, 500}, {22h, 1945.6}};

  EXPECT_EQ(
      excluded_text(trend),
      "more than 60 B per second since the start, 210 B in the last 12h00m, 1.9 KiB in the last 2h00m is excluded "
      "at 99%");
}

TEST(TrendsTest, WhatRssLeaksIsAttributedToTheOperationThatExplainsIt) {
  Track rss;
  rss.name = "rss";
  rss.unit = Unit::kBytes;
  Measurements measured;
  measured.operations.push_back({"queries", Series{}});
  std::int64_t queries = 0;
  std::int64_t bytes = 50'000'000;
  for (int i = 0; i < 3600; ++i) {
    const std::int64_t done = i * 7919 % 11;
    queries += done;
    bytes += 2048 * done;
    const Point point{std::chrono::seconds(i), static_cast<std::uint64_t>(i), bytes};
    rss.timeline.add(point);
    rss.at_rest.add(point);
    measured.operations[0].at_rest.add({point.at, point.cycle, queries});
  }

  Trend trend = slope_of(rss);
  attribute(rss, measured, "cycle", trend);

  EXPECT_TRUE(trend.leak);
  EXPECT_EQ(trend.operation, "query");
  EXPECT_NEAR(trend.per_operation, 2048, 100);
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
