// SPDX-License-Identifier: Apache-2.0
#include "lib/run/early_stop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <vector>

namespace soak {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;

probe::Trend heap_trend(bool leak) {
  probe::Trend trend;
  trend.series = "heap";
  trend.unit = probe::Unit::kBytes;
  trend.per = "reconnect";
  trend.growth = 15 * 1024;
  trend.low = 14 * 1024;
  trend.high = 16 * 1024;
  trend.leak = leak;
  return trend;
}

std::vector<nanoseconds> looks_within(EarlyStop& stop, nanoseconds duration) {
  std::vector<nanoseconds> looks;
  for (nanoseconds at = 0s; at < duration; at += 1s) {
    stop.look(at, [&] {
      looks.push_back(at);
      return std::vector{heap_trend(false)};
    });
  }
  return looks;
}

TEST(EarlyStopTest, LooksAgainAfterATenthMoreTime) {
  EarlyStop stop(true);

  const std::vector<nanoseconds> looks = looks_within(stop, 20s);

  EXPECT_THAT(looks, ElementsAre(5s, 6s, 7s, 8s, 9s, 10s, 11s, 13s, 15s, 17s, 19s));
  EXPECT_FALSE(stop.ended());
}

TEST(EarlyStopTest, LooksAHundredTimesInADay) {
  EarlyStop stop(true);

  const std::size_t looks = looks_within(stop, 24h).size();

  EXPECT_GT(looks, 90u);
  EXPECT_LT(looks, 110u);
}

TEST(EarlyStopTest, SwitchedOffItNeverLooks) {
  EarlyStop stop(false);

  EXPECT_THAT(looks_within(stop, 1h), IsEmpty());
}

TEST(EarlyStopTest, EndsAtTheFirstCertainLeakAndLooksNoMore) {
  EarlyStop stop(true);

  stop.look(60s, [] { return std::vector{heap_trend(false), heap_trend(true)}; });
  stop.look(90s, []() -> std::vector<probe::Trend> {
    ADD_FAILURE() << "it has ended";
    return {};
  });

  EXPECT_EQ(stop.ended(), 60s);
}

TEST(EarlyStopTest, ExplainsItselfInTheFindingAboutTheLeak) {
  EarlyStop stop(true);
  stop.look(310s, [] { return std::vector{heap_trend(true)}; });
  probe::Verdict verdict;
  verdict.findings = {{"frames", "frames are off", {}}, {"heap", "heap grew", {}}};

  stop.explain(1h, verdict);

  EXPECT_THAT(verdict.findings[0].evidence, IsEmpty());
  ASSERT_THAT(verdict.findings[1].evidence, ElementsAre(Field(&probe::Evidence::label, "ended")));
  EXPECT_THAT(verdict.findings[1].evidence[0].text, HasSubstr("early, at 00:05:10 of 01:00:00: the leak was certain"));
}

TEST(EarlyStopTest, AVerdictThatFindsNothingFailsAllTheSame) {
  EarlyStop stop(true);
  stop.look(310s, [] { return std::vector{heap_trend(true)}; });
  probe::Verdict verdict;

  stop.explain(1h, verdict);

  ASSERT_THAT(verdict.findings, ElementsAre(Field(&probe::Finding::subject, "heap")));
  EXPECT_EQ(verdict.findings[0].text, "heap grew +15.0 KiB per reconnect, 99% CI +14.0 KiB to +16.0 KiB");
}

TEST(EarlyStopTest, ARunThatHasNotEndedEarlyIsNotExplained) {
  EarlyStop stop(true);
  probe::Verdict verdict;

  stop.explain(1h, verdict);

  EXPECT_TRUE(verdict.passed());
}

}  // namespace
}  // namespace soak
