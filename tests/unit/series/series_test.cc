// SPDX-License-Identifier: Apache-2.0
#include "soak/series/series.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <random>
#include <utility>
#include <vector>

namespace soak::probe {
namespace {

using namespace std::chrono_literals;

Series filled(std::size_t capacity, int count) {
  Series series(capacity);
  for (int i = 0; i < count; ++i) {
    series.add({i * 1s, static_cast<std::uint64_t>(i), i});
  }
  return series;
}

TEST(SeriesTest, KeepsEveryPointWhileThereIsRoom) {
  const std::vector<Point> points = filled(8, 8).points();

  ASSERT_EQ(points.size(), 8u);
  EXPECT_EQ(points[3].value, 3);
  EXPECT_EQ(points[3].at, 3s);
  EXPECT_EQ(points[3].cycle, 3u);
}

TEST(SeriesTest, HalvesItsResolutionInsteadOfGrowing) {
  const std::vector<Point> points = filled(8, 1000).points();

  EXPECT_LE(points.size(), 9u);  // What is kept, and the stride that is not complete.
  EXPECT_GE(points.size(), 4u);
  const std::int64_t step = points[1].value - points[0].value;
  for (std::size_t i = 1; i + 1 < points.size(); ++i) {
    EXPECT_EQ(points[i].value - points[i - 1].value, step);
  }
}

TEST(SeriesTest, AStrideKeepsItsMedianItsLowestAndItsHighestValue) {
  Series series(4);
  for (const int value : {5, 1, 9, 2, 4, 1000, 3, 4, 7, 7}) {
    series.add({static_cast<int>(series.added()) * 10s, series.added(), value});
  }

  const std::vector<Point> points = series.points();

  ASSERT_EQ(series.stride(), 4u);
  ASSERT_EQ(points.size(), 3u);
  EXPECT_EQ(points[0].value, 4) << "of 1, 2, 5 and 9, rounded";
  EXPECT_EQ(points[0].low, 1);
  EXPECT_EQ(points[0].high, 9);
  EXPECT_EQ(points[0].at, 15s) << "the middle of 0, 10, 20 and 30 s";
  EXPECT_EQ(points[0].cycle, 2u);
  EXPECT_EQ(points[1].value, 4) << "an outlier moves no median";
  EXPECT_EQ(points[1].high, 1000);
  EXPECT_EQ(points[2].value, 7) << "of the stride that is not complete";
  EXPECT_EQ(points[2].at, 85s);
}

// What is kept must follow from the values alone, not from when the series was full, or a series would seem to change
// where its resolution did.
TEST(SeriesTest, WhatAPointSaysDoesNotDependOnWhenTheSeriesWasFull) {
  std::mt19937 random(7);
  Series early(16);
  Series late(256);
  for (int i = 0; i < 256 * 64; ++i) {
    // Mostly low, now and then far higher: here a median and a mean are far apart.
    const Point point{i * 1s, 0, random() % 100 < 30 ? 100'000 : static_cast<int>(random() % 100)};
    early.add(point);
    late.add(point);
  }
  while (late.stride() < early.stride()) {
    const Series finer = std::exchange(late, Series(late.points().size() / 2));
    late.append(finer, 0s, 0);
  }

  const std::vector<Point> points = early.points();
  const std::vector<Point> others = late.points();
  ASSERT_EQ(points.size(), others.size());
  for (std::size_t i = 0; i < points.size(); ++i) {
    EXPECT_EQ(points[i].at, others[i].at);
    EXPECT_NEAR(static_cast<double>(points[i].value), static_cast<double>(others[i].value), 1) << i;
    EXPECT_LT(points[i].value, 10'000) << "the median is one of the many low values";
    EXPECT_EQ(points[i].high, 100'000);
  }
}

// The highest and the lowest of what a series says, but for the points at its ends.
std::pair<std::int64_t, std::int64_t> range_of(const Series& series) {
  const std::vector<Point> points = series.points();
  std::int64_t low = points[1].value;
  std::int64_t high = low;
  for (std::size_t i = 1; i + 1 < points.size(); ++i) {
    low = std::min(low, points[i].value);
    high = std::max(high, points[i].value);
  }
  return {low, high};
}

// A sawtooth whose period is nearly a stride: one row of each stride would climb it over the whole run.
TEST(SeriesTest, ASawtoothOfNearlyAStrideDoesNotAlias) {
  constexpr double kPeriod = 63.98;
  constexpr double kTooth = 10'000'000;
  Series series(1024);
  for (int i = 0; i < 65'536; ++i) {
    series.add({i * 1s, 0, static_cast<std::int64_t>(kTooth * std::fmod(i, kPeriod) / kPeriod)});
  }

  ASSERT_EQ(series.stride(), 64u);
  const auto [low, high] = range_of(series);
  EXPECT_LT(static_cast<double>(high - low), kTooth / 12) << "every 64th value climbs by a third of a tooth";
  EXPECT_NEAR(static_cast<double>(low + high) / 2, kTooth / 2, kTooth / 30);
}

// Sampled every 15 s for five days, 119.97 s are eight samples, a little less: every eighth one climbs for days.
TEST(SeriesTest, ASawtoothThatIsSampledRarelyHasNoSlope) {
  Series series;
  for (int i = 0; i < 5 * 24 * 240; ++i) {
    series.add({i * 15s, 0, static_cast<std::int64_t>(1e7 * std::fmod(i * 15.0, 119.97) / 119.97)});
  }

  const std::vector<Point> points = series.points();
  double first = 0;
  double second = 0;
  for (std::size_t i = 0; i < points.size(); ++i) {
    (i < points.size() / 2 ? first : second) +=
        static_cast<double>(points[i].value) * 2 / static_cast<double>(points.size());
  }
  EXPECT_NEAR(first, 5e6, 3e5);
  EXPECT_NEAR(second, first, 1e5) << "where the last row of each stride is kept, it is 1 MB and more";
}

// What grows with a counter grows with its medians: both are summed up in the same way.
TEST(SeriesTest, ACounterAndWhatGrowsWithItKeepInStep) {
  Series counter(64);
  Series held(64);
  std::mt19937 random(3);
  std::int64_t count = 0;
  for (int i = 0; i < 10'000; ++i) {
    count += random() % 50 == 0 ? 1000 : 1;
    counter.add({i * 1s, 0, count});
    held.add({i * 1s, 0, 500 + 16 * count});
  }

  const std::vector<Point> counts = counter.points();
  const std::vector<Point> points = held.points();
  ASSERT_EQ(counts.size(), points.size());
  for (std::size_t i = 0; i < points.size(); ++i) {
    EXPECT_NEAR(static_cast<double>(points[i].value), 500.0 + 16.0 * static_cast<double>(counts[i].value), 10) << i;
    EXPECT_TRUE(i == 0 || counts[i].value > counts[i - 1].value);
  }
}

TEST(SeriesTest, AStrideEndsAtAGapInTime) {
  Series series(16);
  for (int i = 0; i < 100; ++i) {
    series.add({(i < 53 ? i : i + 3600) * 1s, 0, i < 53 ? 10 : 20});
  }

  for (const Point& point : series.points()) {
    EXPECT_TRUE(point.at <= 52s || point.at >= 3653s) << point.at.count();
    EXPECT_EQ(point.low, point.high);
  }
  EXPECT_LE(series.points().size(), 17u);
}

TEST(SeriesTest, AStrideEndsWhereASegmentBegins) {
  Series series(16);
  for (int i = 0; i < 1000; ++i) {
    if (i == 533) {
      series.begin_segment(533s);
    }
    series.add({i * 1s, 0, i < 533 ? 1000 : 10});
  }

  for (const Point& point : series.points()) {
    EXPECT_EQ(point.low, point.high);
    EXPECT_EQ(point.value, point.at < 533s ? 1000 : 10);
  }
}

TEST(SeriesTest, SoManySegmentsThatTheyDoNotFitAreMerged) {
  Series series(16);
  for (int i = 0; i < 1000; ++i) {
    series.begin_segment(i * 1s);
    series.add({i * 1s, 0, i});
  }

  EXPECT_LE(series.points().size(), 17u);
  EXPECT_EQ(series.added(), 1000u);
  EXPECT_EQ(series.points().front().low, 0);
  EXPECT_EQ(series.points().back().high, 999);
}

TEST(SeriesTest, SoManySeriesAppendedThatTheyDoNotFitAreMerged) {
  Series all(16);
  for (int i = 0; i < 1000; ++i) {
    Series one(16);
    one.add({i * 1s, 0, i});
    all.append(one, i * 1s, 0);
  }

  EXPECT_LE(all.points().size(), 16u);
  EXPECT_EQ(all.added(), 1000u);
  EXPECT_EQ(all.points().front().low, 0);
  EXPECT_EQ(all.points().back().high, 999);
}

TEST(SeriesTest, WhatFollowsOnManySegmentsIsNotOnePoint) {
  Series series(16);
  for (int i = 0; i < 500; ++i) {
    series.begin_segment(i * 1s);
    series.add({i * 1s, 0, i});
  }
  for (int i = 500; i < 1500; ++i) {
    series.add({i * 1s, 0, i});
  }

  const std::vector<Point> points = series.points();
  EXPECT_LE(points.size(), 17u);
  EXPECT_GE(std::count_if(points.begin(), points.end(), [](const Point& point) { return point.at >= 500s; }), 3);
}

TEST(SeriesTest, ASegmentOfOneThatWasWrittenDownStaysApart) {
  Series series(16);
  for (int i = 0; i < 24; ++i) {
    if (i == 13) {
      series.begin_segment(13s);
    }
    series.add({i * 1s, 0, i < 13 ? 1000 : 10});
  }

  Series again = Series::of(series.points(), series.added());
  again.begin_segment(13s);
  Series all(16);
  all.append(again, 0s, 0);
  for (int i = 24; i < 200; ++i) {
    all.add({i * 1s, 0, 10});
  }

  ASSERT_LE(all.points().size(), 17u);
  for (const Point& point : all.points()) {
    EXPECT_EQ(point.low, point.high) << point.at.count();
  }
}

TEST(SeriesTest, ValuesThatAreFarApartDoNotOverflow) {
  Series series(4);
  for (int i = 0; i < 100; ++i) {
    series.add({i * 1s, 0, i % 2 == 0 ? -8'000'000'000'000'000'000 : 8'000'000'000'000'000'000});
  }

  EXPECT_EQ(series.points()[0].low, -8'000'000'000'000'000'000);
  EXPECT_EQ(series.points()[0].high, 8'000'000'000'000'000'000);
}

TEST(SeriesTest, FirstLastAndPeakAreExact) {
  Series series(4);
  for (int i = 0; i < 101; ++i) {
    series.add({i * 1s, 0, i == 77 ? 5000 : i});
  }

  EXPECT_EQ(series.first()->value, 0);
  EXPECT_EQ(series.first()->at, 0s);
  EXPECT_EQ(series.last()->value, 100);
  EXPECT_EQ(series.last()->at, 100s);
  EXPECT_EQ(series.peak()->value, 5000);
  EXPECT_EQ(series.peak()->at, 77s);
  EXPECT_EQ(series.added(), 101u);
}

TEST(SeriesTest, OneThatWasWrittenDownGoesOnAsIfItHadNotBeen) {
  for (const int count : {0, 1, 2, 8, 9, 17, 100, 4096, 4097, 4098, 10000, 20001}) {
    Series series = filled(Series::kDefaultCapacity, count);

    Series again = Series::of(series.points(), series.added(), {series.first(), series.last(), series.peak()});

    for (int i = count; i < count + 5000; ++i) {
      const Point point{i * 1s, 0, i == count + 7 ? 99999 : i};
      series.add(point);
      again.add(point);
      if (i % 100 == 0) {
        EXPECT_EQ(again.added(), series.added());
        EXPECT_EQ(again.points().size(), series.points().size()) << count << " and then " << i - count;
      }
    }
    EXPECT_EQ(again.peak()->value, series.peak()->value);
    EXPECT_EQ(again.first()->value, series.first()->value);
  }
}

TEST(SeriesTest, PointsThatNoSeriesWouldHaveKeptAreAllThereIs) {
  const std::vector<Point> points = filled(8, 7).points();

  for (const std::uint64_t added : {std::uint64_t{0}, std::uint64_t{3}, ~std::uint64_t{0}}) {
    const Series series = Series::of(points, added);

    EXPECT_EQ(series.points().size(), 7u);
    EXPECT_EQ(series.added(), 7u);
    EXPECT_EQ(series.peak()->value, 6);
  }
}

TEST(SeriesTest, AnotherOneIsAppendedFromATimeOnAndShifted) {
  Series series = filled(8, 3);
  Series later(8);
  for (int i = 10; i < 14; ++i) {
    later.add({i * 1s, static_cast<std::uint64_t>(i), i == 10 ? 1000 : i});
  }

  series.append(later, 11s, 100);

  EXPECT_EQ(series.points().size(), 6u);
  EXPECT_EQ(series.added(), 6u);
  EXPECT_EQ(series.points()[3].value, 111);
  EXPECT_EQ(series.last()->value, 113);
  EXPECT_EQ(series.peak()->value, 113) << "that of the part which was left out does not count";
}

TEST(SeriesTest, AppendingKeepsToTheCapacityAndWeighsNoStretchMore) {
  Series series = filled(8, 32);
  Series later(8);
  for (int i = 32; i < 64; ++i) {
    later.add({i * 1s, static_cast<std::uint64_t>(i), i});
  }

  series.append(later, 0s, 0);
  const std::vector<Point> points = series.points();

  EXPECT_EQ(points.size(), 8u);
  EXPECT_EQ(series.added(), 64u);
  EXPECT_EQ(series.last()->at, 63s);
  for (std::size_t i = 1; i < points.size(); ++i) {
    EXPECT_EQ(points[i].at - points[i - 1].at, 8s);
    EXPECT_EQ(points[i].value - points[i - 1].value, 8);
  }
  EXPECT_EQ(series.points().size(), Series::of(points, series.added()).points().size());
  for (int i = 64; i < 100; ++i) {
    series.add({i * 1s, static_cast<std::uint64_t>(i), i});
  }
  EXPECT_LE(series.points().size(), 9u);
  EXPECT_EQ(series.last()->at, 99s);
}

TEST(SeriesTest, WhatIsAppendedIsASegmentOfItsOwn) {
  Series series(8);
  Series later(8);
  for (int i = 0; i < 7; ++i) {
    series.add({i * 1s, 0, 1000});
    later.add({(i + 7) * 1s, 0, 10});
  }

  series.append(later, 0s, 0);

  for (const Point& point : series.points()) {
    EXPECT_EQ(point.low, point.high) << "no point is of both";
  }
  EXPECT_EQ(series.added(), 14u);
}

TEST(SeriesTest, AppendingToAnEmptyOneOrNothingAtAll) {
  Series series(8);
  series.append(Series(8), 0s, 5);
  EXPECT_TRUE(series.empty());

  series.append(filled(8, 3), 0s, 5);

  EXPECT_EQ(series.points().size(), 3u);
  EXPECT_EQ(series.peak()->value, 7);
  series.append(filled(8, 3), 1h, 5);
  EXPECT_EQ(series.points().size(), 3u);
}

TEST(SeriesTest, TimeNeverGoesBack) {
  Series series(8);
  series.add({5s, 1, 10});
  series.add({4s, 1, 11});
  series.add({6s, 1, 12});

  EXPECT_EQ(series.points()[1].at, 5s);
  EXPECT_EQ(series.points()[1].value, 11);
  EXPECT_EQ(series.last()->at, 6s);
}

TEST(SeriesTest, PeakMayBeNegative) {
  Series series;
  series.add({0s, 0, -5});
  series.add({1s, 0, -7});

  EXPECT_EQ(series.peak()->value, -5);
}

TEST(SeriesTest, ACopyIsOnItsOwn) {
  Series series = filled(8, 100);
  const Series copy = series;

  series.add({100s, 100, 1000});

  EXPECT_EQ(copy.last()->value, 99);
  EXPECT_EQ(copy.added(), 100u);
  EXPECT_EQ(copy.points().back().high, 99);
  EXPECT_EQ(copy.points().front().low, 0);
}

TEST(SeriesTest, AssigningTakesThePlaceOfWhatWasThere) {
  Series series = filled(8, 100);
  series = filled(4, 3);
  EXPECT_EQ(series.points().size(), 3u);

  const Series other = filled(16, 10);
  series = other;
  EXPECT_EQ(series.points().size(), 10u);
  Series& same = series;
  series = same;
  EXPECT_EQ(series.points().size(), 10u);
}

TEST(SeriesTest, ZeroedHasThePointsWithoutTheirValues) {
  Series series(8);
  for (int i = 0; i < 100; ++i) {
    series.add({i * 1s, 1, 5 + i});
  }

  Series zeros = series.zeroed();
  zeros.add({100s, 1, 3});
  series.add({100s, 1, 3});

  const std::vector<Point> points = series.points();
  const std::vector<Point> zero_points = zeros.points();
  ASSERT_EQ(zero_points.size(), points.size());
  for (std::size_t i = 0; i + 1 < points.size(); ++i) {
    EXPECT_EQ(zero_points[i].at, points[i].at);
    EXPECT_EQ(zero_points[i].value, 0);
  }
  EXPECT_EQ(zeros.added(), 101u);
  EXPECT_EQ(zeros.peak()->value, 3);
}

// Pages that are not there yet would be a growth of RSS while measuring.
TEST(SeriesTest, OnceTouchedAllItsMemoryIsThere) {
  const auto resident_kib = [] {
    std::ifstream statm("/proc/self/statm");
    std::int64_t pages = 0;
    statm >> pages >> pages;
    return pages * ::sysconf(_SC_PAGESIZE) / 1024;
  };
  std::vector<Series> many(20);
  const std::int64_t untouched = resident_kib();
  std::for_each(many.begin(), many.end(), [](Series& series) { series.touch(); });
  const std::int64_t touched = resident_kib();

  for (Series& series : many) {
    for (int i = 0; i < 5000; ++i) {
      series.add({i * 1s, 0, i});
    }
  }

  EXPECT_GT(touched - untouched, 20 * 200);
  EXPECT_LT(resident_kib() - touched, 200);
  EXPECT_EQ(many[7].points().front().low, 0);
}

TEST(SeriesTest, AClearedOneIsAsNew) {
  Series series = filled(8, 100);

  series.clear();

  EXPECT_TRUE(series.empty());
  EXPECT_FALSE(series.peak());
  EXPECT_TRUE(series.points().empty());
  series.add({5s, 1, -3});
  EXPECT_EQ(series.stride(), 1u);
  EXPECT_EQ(series.first()->value, -3);
  EXPECT_EQ(series.peak()->value, -3);
  EXPECT_EQ(series.points().size(), 1u);
}

TEST(SeriesTest, AnEmptyOneHasNoPoints) {
  const Series series;

  EXPECT_TRUE(series.empty());
  EXPECT_FALSE(series.first());
  EXPECT_FALSE(series.last());
  EXPECT_FALSE(series.peak());
  EXPECT_TRUE(series.points().empty());
}

}  // namespace
}  // namespace soak::probe
