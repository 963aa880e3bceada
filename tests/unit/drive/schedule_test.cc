// SPDX-License-Identifier: Apache-2.0
#include "schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace soak {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using testing::ElementsAre;

TEST(ScheduleTest, CyclesEndAtMultiplesOfTheInterval) {
  EXPECT_THAT(cycle_ends(30s, 10s, 1), ElementsAre(10s, 20s, 30s));
}

TEST(ScheduleTest, TheLastCycleEndsWithTheRun) {
  EXPECT_THAT(cycle_ends(35s, 10s, 1), ElementsAre(10s, 20s, 30s, 35s));
  EXPECT_THAT(cycle_ends(5s, 90s, 1), ElementsAre(5s));
}

TEST(ScheduleTest, TwentyCyclesOrMoreVaryInPairsAndKeepTheirRate) {
  const auto ends = cycle_ends(60min, 90s, 7);

  ASSERT_EQ(ends.size(), 40u);
  bool varied = false;
  for (std::size_t k = 0; k + 1 < ends.size(); k += 2) {
    const nanoseconds begin = k == 0 ? 0s : ends[k - 1];
    const nanoseconds first = ends[k] - begin;
    const nanoseconds second = ends[k + 1] - ends[k];
    EXPECT_EQ(first + second, 180s);
    EXPECT_GE(first, 90s);
    EXPECT_LE(first, 117s);
    varied |= first > 95s;
  }
  EXPECT_TRUE(varied);
  EXPECT_EQ(ends.back(), 60min);
}

TEST(ScheduleTest, FollowsFromTheSeed) {
  EXPECT_EQ(cycle_ends(60min, 90s, 7), cycle_ends(60min, 90s, 7));
  EXPECT_NE(cycle_ends(60min, 90s, 7), cycle_ends(60min, 90s, 8));
}

TEST(ScheduleTest, NeverGoesBackwards) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const auto ends = cycle_ends(25s + std::chrono::milliseconds(seed * 37), 1s, seed);

    EXPECT_TRUE(std::is_sorted(ends.begin(), ends.end())) << seed;
  }
}

TEST(ScheduleTest, APartHasTheCyclesThatEndInIt) {
  const std::vector<nanoseconds> ends = cycle_ends(60min, 10min, 1);

  EXPECT_EQ(ends_in_part(ends, 10min, 0min, 60min), ends);
  EXPECT_EQ(ends_in_part(ends, 10min, 0min, 20min), (std::vector<nanoseconds>{10min, 20min}));
  EXPECT_EQ(ends_in_part(ends, 10min, 20min, 60min), (std::vector<nanoseconds>{30min, 40min, 50min, 60min}));
}

TEST(ScheduleTest, APartEndsOnTimeInTheMiddleOfACycleToo) {
  const std::vector<nanoseconds> ends = cycle_ends(60min, 10min, 1);

  EXPECT_EQ(ends_in_part(ends, 10min, 0min, 26min), (std::vector<nanoseconds>{10min, 20min, 26min}));
  EXPECT_EQ(ends_in_part(ends, 10min, 26min, 60min), (std::vector<nanoseconds>{40min, 50min, 60min}));
  EXPECT_EQ(ends_in_part(ends, 10min, 0min, 24min), (std::vector<nanoseconds>{10min, 24min}));
  EXPECT_EQ(ends_in_part(ends, 10min, 24min, 60min), (std::vector<nanoseconds>{30min, 40min, 50min, 60min}));
  EXPECT_EQ(ends_in_part(ends, 10min, 59min, 60min), (std::vector<nanoseconds>{60min}));
}

}  // namespace
}  // namespace soak
