// SPDX-License-Identifier: Apache-2.0
#include "lib/drive/schedule.h"

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

TEST(ScheduleTest, ARunOfManySessionsIsQuietTwentyTimesButNoMoreOftenThanEverySecondReconnect) {
  EXPECT_EQ(quiesce_every(24h, 90s), 72min);
  EXPECT_EQ(quiesce_every(60min, 90s), 3min);
  EXPECT_EQ(quiesce_every(10min, 90s), 3min);
  EXPECT_EQ(quiesce_every(2min, 90s), 1min);
}

TEST(ScheduleTest, SessionsBeginAndEndOneAfterTheOther) {
  std::mt19937_64 random(7);

  const std::vector<SessionPlan> plans = plan_sessions(100, 1000s, 1400s, 90s, random);

  ASSERT_EQ(plans.size(), 100u);
  for (std::size_t i = 0; i < plans.size(); ++i) {
    const auto slot = static_cast<nanoseconds::rep>(i) * 400ms;
    EXPECT_GE(plans[i].begins, 1000s + slot);
    EXPECT_LT(plans[i].begins, 1000s + slot + 400ms);
    EXPECT_EQ(plans[i].ends.back(), plans[i].begins + 360s);
    EXPECT_TRUE(std::is_sorted(plans[i].ends.begin(), plans[i].ends.end()));
  }
}

// Of 1,000 sessions that reconnect every 90 s, 11 do so in a second of each, on average.
TEST(ScheduleTest, ReconnectsComeInNoWaves) {
  std::mt19937_64 random(7);
  std::vector<int> in_second(720);
  int reconnects = 0;

  for (const SessionPlan& plan : plan_sessions(1000, 0s, 720s, 90s, random)) {
    for (std::size_t k = 0; k + 1 < plan.ends.size(); ++k) {
      ++in_second[static_cast<std::size_t>(plan.ends[k] / 1s)];
      ++reconnects;
    }
  }

  EXPECT_NEAR(reconnects, 6200, 200);  // Each lives 648 s, 90 of them before its first.
  EXPECT_LE(*std::max_element(in_second.begin(), in_second.end()), 35);
}

TEST(ScheduleTest, TimeForLessThanAReconnectIsOneCycle) {
  std::mt19937_64 random(7);

  for (const SessionPlan& plan : plan_sessions(10, 0s, 30s, 90s, random)) {
    EXPECT_THAT(plan.ends, ElementsAre(plan.begins + 27s));
  }
}

TEST(ScheduleTest, TheSameSeedPlansTheSameSessions) {
  std::mt19937_64 one(7);
  std::mt19937_64 other(7);

  const auto plans = plan_sessions(20, 0s, 300s, 10s, one);
  const auto again = plan_sessions(20, 0s, 300s, 10s, other);

  for (std::size_t i = 0; i < plans.size(); ++i) {
    EXPECT_EQ(plans[i].begins, again[i].begins);
    EXPECT_EQ(plans[i].ends, again[i].ends);
  }
}

}  // namespace
}  // namespace soak
