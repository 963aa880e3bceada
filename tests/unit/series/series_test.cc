// SPDX-License-Identifier: Apache-2.0
#include "soak/series/series.h"

#include <gtest/gtest.h>

#include <chrono>
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

  EXPECT_LE(points.size(), 9u);  // What is kept, and the newest.
  EXPECT_GE(points.size(), 4u);
  const std::int64_t step = points[1].value - points[0].value;
  for (std::size_t i = 1; i + 1 < points.size(); ++i) {
    EXPECT_EQ(points[i].value - points[i - 1].value, step);
  }
}

TEST(SeriesTest, FirstLastAndPeakAreExact) {
  Series series(4);
  for (int i = 0; i < 101; ++i) {
    series.add({i * 1s, 0, i == 77 ? 5000 : i});
  }

  EXPECT_EQ(series.first()->value, 0);
  EXPECT_EQ(series.last()->value, 100);
  EXPECT_EQ(series.points().back().value, 100);
  EXPECT_EQ(series.peak()->value, 5000);
  EXPECT_EQ(series.peak()->at, 77s);
  EXPECT_EQ(series.added(), 101u);
}

TEST(SeriesTest, OneThatWasWrittenDownGoesOnAsIfItHadNotBeen) {
  for (const int count : {0, 1, 2, 8, 9, 17, 100, 4096, 4097, 4098, 10000, 20001}) {
    Series series = filled(Series::kDefaultCapacity, count);

    Series again = Series::of(series.points(), series.added(), series.peak());

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

  for (const std::uint64_t added : {std::uint64_t{0}, std::uint64_t{3}, std::uint64_t{8}, ~std::uint64_t{0}}) {
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
  Series series = filled(8, 20);
  Series later(8);
  for (int i = 20; i < 40; ++i) {
    later.add({i * 1s, static_cast<std::uint64_t>(i), i});
  }

  series.append(later, 0s, 0);
  const std::vector<Point> points = series.points();

  EXPECT_LE(points.size(), 9u);
  EXPECT_EQ(points.back().at, 39s);
  for (std::size_t i = 1; i + 1 < points.size(); ++i) {
    EXPECT_EQ(points[i].at - points[i - 1].at, points[1].at - points[0].at);
  }
  EXPECT_EQ(series.points().size(), Series::of(points, series.added()).points().size());
  for (int i = 40; i < 100; ++i) {
    series.add({i * 1s, static_cast<std::uint64_t>(i), i});
  }
  EXPECT_LE(series.points().size(), 9u);
  EXPECT_EQ(series.last()->at, 99s);
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
  EXPECT_EQ(copy.points().back().value, 99);
  EXPECT_EQ(copy.points().front().value, 0);
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
