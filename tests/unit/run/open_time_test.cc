// SPDX-License-Identifier: Apache-2.0
#include "lib/run/open_time.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

namespace soak {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

probe::Verdict judged(const OpenTime& time, std::chrono::nanoseconds now, double floor, std::uint64_t sessions = 1) {
  probe::Verdict verdict;
  judge_open_time(time.at(now), floor, sessions, verdict);
  return verdict;
}

TEST(OpenTimeTest, IsOfTheTimeInWhichSessionsAreWanted) {
  OpenTime time;
  time.want(2, 10s, 20s);
  time.open(5s, 15s);   // Half of it comes too early,
  time.open(12s, 30s);  // and some of this too late.
  time.want(1, 40s, 50s);
  time.open(41s, 50s);

  EXPECT_FALSE(time.at(60s).has_value());  // Nobody has said that he reports.
  time.report();

  EXPECT_DOUBLE_EQ(time.at(60s)->wanted_s, 2 * 10 + 10);
  EXPECT_DOUBLE_EQ(time.at(60s)->open_s, 5 + 8 + 9);
}

TEST(OpenTimeTest, APeriodEndsWithTheRunOrWithTheNextOne) {
  OpenTime time;
  time.report();
  time.want(1, 0s, 100s);
  time.want(1, 10s, 100s);

  EXPECT_DOUBLE_EQ(time.at(10s)->wanted_s, 10);
  EXPECT_DOUBLE_EQ(time.at(25s)->wanted_s, 25);
  EXPECT_DOUBLE_EQ(time.at(200s)->wanted_s, 100);
}

TEST(OpenTimeTest, GoesOnFromThePartBefore) {
  OpenTime time;
  time.go_on_from(report::OpenTime{100, 90});
  time.want(1, 100s, 200s);
  time.open(100s, 200s);

  EXPECT_DOUBLE_EQ(time.at(200s)->wanted_s, 200);
  EXPECT_DOUBLE_EQ(time.at(200s)->open_s, 190);
}

TEST(OpenTimeTest, LessThanTheFloorIsAFinding) {
  OpenTime time;
  time.report();
  time.want(1, 0s, 100s);
  time.open(6s, 100s);

  EXPECT_THAT(judged(time, 100s, 0.94).findings, IsEmpty());
  const probe::Verdict verdict = judged(time, 100s, 0.95);
  ASSERT_THAT(verdict.findings, SizeIs(1));
  EXPECT_EQ(verdict.findings[0].subject, "open");
  EXPECT_EQ(verdict.findings[0].text,
            "a session was open for 94.0% of the time in which the schedule wants one open, expected at least 95%");
  EXPECT_EQ(verdict.findings[0].evidence.at(0).text, "94.0s of 100.0s");
}

TEST(OpenTimeTest, ARunInWhichNoSessionEverOpensIsAFinding) {
  OpenTime time;
  time.report();
  time.want(3, 0s, 10s);

  const probe::Verdict verdict = judged(time, 10s, 0.95, 3);

  ASSERT_THAT(verdict.findings, SizeIs(1));
  EXPECT_THAT(verdict.findings[0].text, HasSubstr("sessions were open for 0.0% of the time in which the schedule "
                                                  "wants them open"));
  EXPECT_THAT(verdict.findings[0].evidence.at(0).text, HasSubstr("summed over 3 sessions"));
}

TEST(OpenTimeTest, WhereNobodyReportsNothingIsJudged) {
  OpenTime time;
  time.want(1, 0s, 10s);

  EXPECT_THAT(judged(time, 10s, 1).findings, IsEmpty());
}

}  // namespace
}  // namespace soak
