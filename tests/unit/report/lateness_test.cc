// SPDX-License-Identifier: Apache-2.0
#include "soak/report/lateness.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace soak::report {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

TEST(LatenessTest, IsNothingBeforeTheFirstEvent) {
  const Lateness late;

  EXPECT_EQ(late.count(), 0u);
  EXPECT_EQ(late.percentile(0.99), 0ns);
  EXPECT_EQ(late.max(), 0ns);
}

TEST(LatenessTest, AnyPercentileIsAtMostAThirtySecondTooHighAndNeverTooLow) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 20'000; ++i) {
    const nanoseconds exact(random() % (std::uint64_t{1} << (10 + random() % 32)));
    Lateness late;
    late.add(exact);
    late.add(exact * 2);

    const nanoseconds read = late.percentile(0.5);

    EXPECT_GE(read, exact);
    EXPECT_LE(read, exact + exact / 32 + 1us);
  }
}

TEST(LatenessTest, PercentilesAreThoseOfTheRankedEvents) {
  Lateness late;
  for (int i = 1; i <= 1000; ++i) {
    late.add(i * 1ms);
  }

  EXPECT_NEAR(static_cast<double>(late.percentile(0.5).count()), 500e6, 500e6 / 32);
  EXPECT_NEAR(static_cast<double>(late.percentile(0.99).count()), 990e6, 990e6 / 32);
  EXPECT_EQ(late.percentile(1), 1000ms);
  EXPECT_EQ(late.max(), 1000ms);
}

TEST(LatenessTest, AnEarlyEventIsLateByNothing) {
  Lateness late;
  late.add(-5s);

  EXPECT_EQ(late.count(), 1u);
  EXPECT_EQ(late.max(), 0ns);
}

TEST(LatenessTest, WhatIsLaterThanTheLastBucketIsStillCountedAndItsMaximumExact) {
  Lateness late;
  late.add(2h);
  late.add(3h);

  EXPECT_EQ(late.count(), 2u);
  EXPECT_EQ(late.max(), 3h);
  EXPECT_EQ(late.percentile(0.5), 3h);
}

TEST(LatenessTest, ItsBucketsMakeItAgain) {
  Lateness late;
  for (const nanoseconds each : std::vector<nanoseconds>{0ns, 1ns, 63us, 64us, 65us, 40ms, 40'001us, 2h}) {
    late.add(each, 3);
  }

  Lateness again;
  late.for_each_bucket([&again](nanoseconds from, std::uint64_t count) { again.add(from, count); });
  again.raise_max(late.max());

  for (const double share : {0.1, 0.5, 0.8, 0.99, 1.0}) {
    EXPECT_EQ(again.percentile(share), late.percentile(share)) << share;
  }
  EXPECT_EQ(again.count(), 24u);
}

}  // namespace
}  // namespace soak::report
