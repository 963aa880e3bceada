// SPDX-License-Identifier: Apache-2.0
#include "lib/run/traffic.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace soak {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::SizeIs;

probe::Verdict judged(std::array<std::uint64_t, 3> due, std::array<std::uint64_t, 3> met) {
  probe::Verdict verdict;
  judge_traffic({{"frames", due, met}}, verdict);
  return verdict;
}

TEST(TrafficTest, IsCountedInTheThirdInWhichItWasDue) {
  TrafficLedger ledger(30s);

  ledger.due("frames", 0s);
  ledger.due("frames", 9999ms);
  ledger.due("frames", 10001ms);
  ledger.due("frames", 29999ms);
  ledger.due("frames", 31s);
  ledger.met("frames", 10001ms, 10001ms);

  ASSERT_THAT(ledger.entries({}), SizeIs(1));
  EXPECT_EQ(ledger.entries({})[0].due, (std::array<std::uint64_t, 3>{2, 1, 2}));
  EXPECT_EQ(ledger.entries({})[0].met, (std::array<std::uint64_t, 3>{0, 1, 0}));
}

TEST(TrafficTest, LatenessIsFromWhenAnEventWasDueToWhenItWasMet) {
  TrafficLedger ledger(30s);
  for (int i = 0; i < 98; ++i) {
    ledger.met("frames", 5s, 5s + 1ms);
  }
  ledger.met("frames", 5s, 4s);  // Early is not late.
  ledger.met("frames", 5s, 5s + 80ms);

  probe::Verdict verdict;
  explain_lateness(ledger.entries({}), verdict);

  EXPECT_EQ(ledger.entries({})[0].late.max(), 80ms);
  EXPECT_THAT(verdict.remarks, testing::ElementsAre("frames were late by: p50 1.0 ms, p99 1.0 ms, max 80.0 ms"));
  EXPECT_TRUE(verdict.passed());
}

TEST(TrafficTest, OnePercentIsAllowed) {
  EXPECT_TRUE(judged({1000, 1000, 1000}, {990, 1000, 1000}).passed());
  EXPECT_FALSE(judged({1000, 1000, 1000}, {989, 1000, 1000}).passed());
}

TEST(TrafficTest, TwoEventsAreAllowedWhereOnePercentIsLess) {
  EXPECT_TRUE(judged({16, 17, 17}, {16, 17, 15}).passed());
  EXPECT_FALSE(judged({16, 17, 17}, {16, 17, 14}).passed());
}

TEST(TrafficTest, TooManyAreOffTheRateToo) { EXPECT_FALSE(judged({1000, 1000, 1000}, {1011, 1000, 1000}).passed()); }

TEST(TrafficTest, AStreamThatStopsHalfWayIsOneFindingThatSaysWhere) {
  const probe::Verdict verdict = judged({250, 250, 250}, {250, 125, 0});

  ASSERT_THAT(verdict.findings, SizeIs(1));
  EXPECT_EQ(verdict.findings[0].text, "frames: 375 of 750 due while a session was open, allowed +-1%");
  ASSERT_THAT(verdict.findings[0].evidence, SizeIs(2));
  EXPECT_EQ(verdict.findings[0].evidence[0].text, "125 of 250");
  EXPECT_EQ(verdict.findings[0].evidence[1].label, "last third");
}

// Frames each 40 ms for 30 s; those that are due in `from` to `to` never come.
TrafficLedger frames_with_a_gap(std::chrono::nanoseconds from, std::chrono::nanoseconds to) {
  TrafficLedger ledger(30s);
  for (std::chrono::nanoseconds at = 0s; at < 30s; at += 40ms) {
    ledger.due("frames", at);
    if (at < from || at >= to) {
      ledger.met("frames", at, at);
    }
  }
  return ledger;
}

TEST(TrafficTest, WhatWasDueWhileTheProcessDidNotRunIsInconclusive) {
  const TrafficLedger ledger = frames_with_a_gap(8050ms, 18s);
  probe::Verdict verdict;

  judge_traffic(ledger.entries({{8s, 18s, 10s}}), verdict);

  EXPECT_TRUE(verdict.passed()) << verdict.findings[0].text;
  ASSERT_THAT(verdict.inconclusive, SizeIs(1));
  // From the stop on, until two seconds after it.
  EXPECT_THAT(verdict.inconclusive[0].text,
              testing::MatchesRegex("frames: 5[0-9] of 30[0-9] due while this process did "
                                    "not run"));
}

TEST(TrafficTest, AStopExcusesNothingElse) {
  const TrafficLedger ledger = frames_with_a_gap(8050ms, 18s);
  probe::Verdict verdict;

  judge_traffic(ledger.entries({{20s, 25s, 5s}}), verdict);

  ASSERT_THAT(verdict.findings, SizeIs(1));
  EXPECT_THAT(verdict.inconclusive, SizeIs(0));
}

TEST(TrafficTest, PartsAddUp) {
  TrafficLedger ledger = frames_with_a_gap(8050ms, 18s);
  const std::vector<report::Traffic> first = ledger.entries({{8s, 18s, 10s}});
  TrafficLedger next(30s);
  next.go_on_from(first);
  next.due("frames", 29s);
  next.met("frames", 29s, 29s + 7ms);

  const report::Traffic both = next.entries({}).at(0);

  EXPECT_EQ(both.due[2], first[0].due[2] + 1);
  EXPECT_EQ(both.met[2], first[0].met[2] + 1);
  EXPECT_EQ(both.stopped_due, first[0].stopped_due);
  EXPECT_EQ(both.late.count(), first[0].late.count() + 1);
}

TEST(TrafficTest, ABurstThatMakesUpForAGapIsSeen) { EXPECT_FALSE(judged({250, 250, 250}, {300, 200, 250}).passed()); }

}  // namespace
}  // namespace soak
