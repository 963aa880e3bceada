// SPDX-License-Identifier: Apache-2.0
#include "soak/probe/series.h"

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
