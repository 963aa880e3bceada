// SPDX-License-Identifier: Apache-2.0
#include "lib/run/creep.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <random>

namespace soak {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr nanoseconds kLasted = 4h;

// A reconnect each minute for four hours. What it costs is `cost`, with a noise of two percent; its frames are late by
// `late`.
using OverTime = std::function<nanoseconds(nanoseconds)>;

probe::Verdict judged(const OverTime& cost, const OverTime& late, double core = 0.1) {
  std::mt19937_64 random(7);
  std::normal_distribution<double> noise(1, 0.02);
  Creep creep;
  nanoseconds cpu{};
  std::uint64_t cycle = 0;
  for (nanoseconds at = 0s; at < kLasted; at += 1min) {
    creep.see_driver(at, nanoseconds(static_cast<std::int64_t>(core * static_cast<double>(at.count()))));
    creep.rest(
        at, cycle++, cpu,
        {{"frames", nanoseconds(static_cast<std::int64_t>(noise(random) * static_cast<double>(late(at).count())))}});
    cpu += nanoseconds(static_cast<std::int64_t>(noise(random) * static_cast<double>(cost(at).count())));
  }
  probe::Verdict verdict;
  creep.judge("reconnect", kLasted, verdict);
  return verdict;
}

nanoseconds steady(nanoseconds) { return 10ms; }
nanoseconds rising(nanoseconds at) { return 10ms + at / 4'500'000; }  // By 0.8 ms an hour.

TEST(CreepTest, CyclesThatCostMoreEachHourAreAFinding) {
  const probe::Verdict verdict = judged(rising, steady);

  ASSERT_THAT(verdict.findings, ElementsAre(Field(&probe::Finding::subject, "processor time")));
  EXPECT_THAT(verdict.findings[0].text,
              AllOf(HasSubstr("reconnects cost 0."), HasSubstr(" ms of processor more each hour, 99% CI")));
}

TEST(CreepTest, FramesThatComeLaterEachHourAreAFinding) {
  const probe::Verdict verdict = judged(steady, [](nanoseconds at) { return 10ms + at / 2'000'000; });

  ASSERT_THAT(verdict.findings, ElementsAre(Field(&probe::Finding::subject, "frames lateness")));
  EXPECT_THAT(verdict.findings[0].text, AllOf(HasSubstr("frames come 1."), HasSubstr(" ms later each hour")));
}

TEST(CreepTest, WhatStaysAsItIsIsNone) {
  const probe::Verdict verdict = judged(steady, steady);

  EXPECT_THAT(verdict.findings, IsEmpty());
  EXPECT_THAT(verdict.inconclusive, IsEmpty());
  EXPECT_THAT(verdict.remarks, IsEmpty());
}

TEST(CreepTest, AMachineThatIsSlowerFromSomeTimeOnIsNone) {
  EXPECT_THAT(judged([](nanoseconds at) { return at < 2h ? 10ms : 14ms; }, steady).findings, IsEmpty());
}

TEST(CreepTest, LessThanATenthIsAMoodOfTheMachine) {
  EXPECT_THAT(judged([](nanoseconds at) { return 100ms + at / 4'500'000; }, steady).findings, IsEmpty());
}

TEST(CreepTest, ADriverWhoseCoreIsFullVoidsTheVerdictAndSaysSo) {
  const probe::Verdict verdict = judged(rising, steady, 0.95);

  EXPECT_THAT(verdict.findings, IsEmpty());
  EXPECT_THAT(verdict.remarks,
              ElementsAre("inconclusive: processor time not judged: the driver used more than 90% of its "
                          "core for 3h59m of 4h00m"));
}

}  // namespace
}  // namespace soak
