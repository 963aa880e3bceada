// SPDX-License-Identifier: Apache-2.0
#include "lib/run/stops.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

namespace soak {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using testing::IsEmpty;
using testing::SizeIs;

constexpr nanoseconds kPeriod = 100ms;

// A thread that slept from `from` on, and woke at `to`; meanwhile its process used this much of the processor.
void sleep(Stops& stops, nanoseconds from, nanoseconds to, nanoseconds cpu = 0ns, nanoseconds suspended = 0ns) {
  stops.sleeps({from, 5s, 60s}, kPeriod);
  stops.wakes({to, 5s + cpu, 60s + suspended});
}

TEST(StopsTest, AThreadThatWakesInTimeSeesNone) {
  Stops stops;

  sleep(stops, 8s, 8s + kPeriod);

  EXPECT_THAT(stops.all(), IsEmpty());
  EXPECT_EQ(to_string(stops.all()), "");
}

TEST(StopsTest, AThreadThatWakesTenSecondsLateSawOne) {
  Stops stops;

  sleep(stops, 8s, 18100ms);

  ASSERT_THAT(stops.all(), SizeIs(1));
  EXPECT_EQ(stops.all()[0].from, 8s);
  EXPECT_EQ(stops.all()[0].to, 18100ms);
  EXPECT_EQ(to_string(stops.all()), "this process did not run for 10.1 s from 00:00:08");
}

TEST(StopsTest, ABusyMachineIsNone) {
  Stops stops;

  sleep(stops, 8s, 9s + kPeriod);

  EXPECT_THAT(stops.all(), IsEmpty());
}

TEST(StopsTest, AProcessThatUsedTheProcessorMeanwhileDidRun) {
  Stops stops;

  sleep(stops, 8s, 18s, 1001ms);

  EXPECT_THAT(stops.all(), IsEmpty());
}

TEST(StopsTest, TheClockStandsStillOnASuspendedMachine) {
  Stops stops;

  sleep(stops, 8s, 8s + kPeriod, 0ns, 600s);

  EXPECT_EQ(to_string(stops.all()), "this process did not run for 600.0 s from 00:00:08");
}

// What a thread does between two sleeps may block: on a disk, on a lock.
TEST(StopsTest, OnlySleepCounts) {
  Stops stops;

  sleep(stops, 8s, 8s + kPeriod);
  sleep(stops, 20s, 20s + kPeriod);
  stops.wakes({40s, 5s, 60s});

  EXPECT_THAT(stops.all(), IsEmpty());
}

TEST(StopsTest, TwoThatWakeFromOneSleepSeeOneStop) {
  Stops stops;

  sleep(stops, 8s, 18s);
  stops.wakes({18s, 5s, 60s});

  EXPECT_THAT(stops.all(), SizeIs(1));
}

TEST(StopsTest, NamesAFewAndCountsTheRest) {
  Stops stops;
  for (int i = 0; i < 7; ++i) {
    sleep(stops, 10s * i, 10s * i + 3s);
  }

  EXPECT_EQ(to_string(stops.all()),
            "this process did not run for 3.0 s from 00:00:00, for 3.0 s from 00:00:10, for 3.0 s from 00:00:20, for "
            "3.0 s from 00:00:30, for 3.0 s from 00:00:40, and 2 more times");
}

TEST(StopsTest, BeyondItsRoomTheLastOneGoesOn) {
  Stops stops;
  for (int i = 0; i < 100; ++i) {
    sleep(stops, 10s * i, 10s * i + 3s);
  }

  ASSERT_THAT(stops.all(), SizeIs(64));
  EXPECT_EQ(stops.all().back().from, 630s);
  EXPECT_EQ(stops.all().back().to, 993s);
}

}  // namespace
}  // namespace soak
