// SPDX-License-Identifier: Apache-2.0
#include "lib/probe/pace.h"

#include <gtest/gtest.h>

#include <chrono>

namespace soak::probe {
namespace {

using namespace std::chrono_literals;

int readings_within(Pace& pace, std::chrono::nanoseconds duration, std::chrono::nanoseconds cost) {
  int readings = 0;
  for (std::chrono::nanoseconds at = 0s; at < duration; at += 1s) {
    if (pace.allows(at)) {
      pace.spend(cost);
      ++readings;
    }
  }
  return readings;
}

TEST(PaceTest, AReadingWithinItsShareIsNeverHeldBack) {
  Pace pace;
  pace.limit(0.001, 1ms);

  EXPECT_EQ(readings_within(pace, 100s, 1ms), 100);
}

TEST(PaceTest, OneThatCostsTenTimesItsShareComesEveryTenthTime) {
  Pace pace;
  pace.limit(0.001, 0ms);

  EXPECT_EQ(readings_within(pace, 1000s, 10ms), 99);
}

TEST(PaceTest, WhatIsAtHandIsSpentBeforeItIsEarned) {
  Pace pace;
  pace.limit(0.001, 40ms);

  EXPECT_EQ(readings_within(pace, 4s, 10ms), 4);
  EXPECT_EQ(readings_within(pace, 4s, 10ms), 0);  // And once only.
}

TEST(PaceTest, WithoutALimitEveryReadingIsTaken) {
  Pace pace;

  EXPECT_EQ(readings_within(pace, 100s, 1h), 100);
}

}  // namespace
}  // namespace soak::probe
