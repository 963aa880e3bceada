// SPDX-License-Identifier: Apache-2.0
// The verdict on made-up series: each finding for the right reason, and none without one.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "soak/growth/verdict.h"

namespace soak::probe {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

constexpr std::int64_t kKb = 1024;
constexpr std::int64_t kMb = 1024 * kKb;
constexpr Budgets kDefaults{50 * kMb, 16 * kKb};

// A run of `cycles` cycles of a second, in which a series follows the function given for it, and stands still at 100
// (or 10 MiB) without one.
class MadeUp {
 public:
  explicit MadeUp(std::uint64_t cycles = 30) : cycles_(cycles) {}

  MadeUp& with(const std::string& name, std::function<std::int64_t(std::uint64_t)> value) {
    values_.emplace_back(name, std::move(value));
    return *this;
  }

  Measurements measurements() const {
    Measurements measured;
    for (const char* name : {"rss", "heap", "fds", "sockets", "threads", "tasks"}) {
      const bool bytes = name == std::string("rss") || name == std::string("heap");
      Track track;
      track.name = name;
      track.unit = bytes ? Unit::kBytes : Unit::kCount;
      std::function<std::int64_t(std::uint64_t)> value = [bytes](std::uint64_t) { return bytes ? 10 * kMb : 100; };
      for (const auto& [other, function] : values_) {
        value = other == name ? function : value;
      }
      for (std::uint64_t cycle = 1; cycle <= cycles_; ++cycle) {
        const Point point{static_cast<std::int64_t>(cycle) * 1s, cycle, value(cycle)};
        track.timeline.add(point);
        track.at_rest.add(point);
      }
      measured.tracks.push_back(track);
    }
    measured.quiescent_points = cycles_;
    return measured;
  }

  Verdict judged(const JudgeWords& words = {}) const { return judge(measurements(), kDefaults, words); }

 private:
  std::uint64_t cycles_;
  std::vector<std::pair<std::string, std::function<std::int64_t(std::uint64_t)>>> values_;
};

std::int64_t linear(std::uint64_t cycle, std::int64_t per_cycle) {
  return static_cast<std::int64_t>(cycle) * per_cycle;
}

std::vector<std::string> subjects(const Verdict& verdict) {
  std::vector<std::string> names;
  for (const Finding& finding : verdict.findings) {
    names.push_back(finding.subject);
  }
  return names;
}

TEST(JudgeTest, WhatStandsStillPasses) {
  const Verdict verdict = MadeUp().judged();

  EXPECT_TRUE(verdict.passed());
  EXPECT_THAT(verdict.remarks, ElementsAre(HasSubstr("no growth of heap: more than 6.62 B per cycle is excluded")));
}

TEST(JudgeTest, ACountThatRisesIsNamedWithSinceWhenAndHowFast) {
  const Verdict verdict =
      MadeUp().with("threads", [](auto cycle) { return cycle < 4 ? 2 : 2 + linear(cycle - 3, 1); }).judged();

  ASSERT_THAT(subjects(verdict), ElementsAre("threads"));
  EXPECT_EQ(verdict.findings[0].text, "threads rose 2 -> 29 in 29.0s, allowed +0");
  EXPECT_THAT(verdict.findings[0].evidence, Contains(Field(&Evidence::text, "00:00:04, cycle 4")));
  EXPECT_THAT(verdict.findings[0].evidence, Contains(Field(&Evidence::text, HasSubstr(" per cycle, 99% CI"))));
}

TEST(JudgeTest, ACountThatComesBackPasses) {
  EXPECT_TRUE(MadeUp().with("sockets", [](auto cycle) { return cycle == 15 ? 500 : 4; }).judged().passed());
}

TEST(JudgeTest, ACountThatFallsPasses) {
  EXPECT_TRUE(MadeUp().with("fds", [](auto cycle) { return 100 - linear(cycle, 1); }).judged().passed());
}

TEST(JudgeTest, ASocketIsNotReportedAgainAsADescriptorATaskAndMemory) {
  const Verdict verdict = MadeUp()
                              .with("sockets", [](auto cycle) { return linear(cycle, 2); })
                              .with("fds", [](auto cycle) { return 20 + linear(cycle, 2); })
                              .with("tasks", [](auto cycle) { return 5 + linear(cycle, 3); })
                              .with("heap", [](auto cycle) { return 10 * kMb + linear(cycle, 200 * kKb); })
                              .with("rss", [](auto cycle) { return 20 * kMb + linear(cycle, 4 * kMb); })
                              .judged();

  ASSERT_THAT(subjects(verdict), ElementsAre("sockets"));
  EXPECT_THAT(verdict.findings[0].evidence, Contains(Field(&Evidence::text, HasSubstr("fds rose"))));
  EXPECT_THAT(verdict.findings[0].evidence, Contains(Field(&Evidence::text, HasSubstr("tasks rose"))));
  EXPECT_THAT(verdict.findings[0].evidence, Contains(Field(&Evidence::text, HasSubstr("heap grew"))));
  EXPECT_THAT(verdict.findings[0].evidence, Contains(Field(&Evidence::text, HasSubstr("rss grew"))));
}

TEST(JudgeTest, TwoCountsThatRiseAtDifferentTimesAreTwoFindings) {
  const Verdict verdict = MadeUp()
                              .with("sockets", [](auto cycle) { return linear(cycle / 5, 1); })
                              .with("fds", [](auto cycle) { return 20 + linear(cycle, 1); })
                              .judged();

  EXPECT_THAT(subjects(verdict), ElementsAre("sockets", "fds"));
}

TEST(JudgeTest, ADescriptorDoesNotExplainHeap) {
  const Verdict verdict = MadeUp()
                              .with("fds", [](auto cycle) { return linear(cycle, 1); })
                              .with("heap", [](auto cycle) { return 10 * kMb + linear(cycle, 64 * kKb); })
                              .judged();

  EXPECT_THAT(subjects(verdict), ElementsAre("fds", "heap"));
}

TEST(JudgeTest, SaysWhoHoldsTheSockets) {
  const Verdict verdict = MadeUp()
                              .with("sockets", [](auto cycle) { return linear(cycle, 1); })
                              .judged({.socket_holders = {"29 sockets to 127.0.0.1:40121 in CLOSE_WAIT"}});

  EXPECT_THAT(verdict.findings[0].evidence,
              Contains(Field(&Evidence::text, "29 sockets to 127.0.0.1:40121 in CLOSE_WAIT")));
}

TEST(JudgeTest, HeapPerCycleIsTheDifferenceOfTheThirdsMedians) {
  const auto leak = [](std::int64_t per_cycle) {
    return MadeUp()
        .with("heap", [=](auto cycle) { return 10 * kMb + linear(cycle, per_cycle); })
        .judged({.budgets_only = true});
  };

  EXPECT_TRUE(leak(16 * kKb).passed());
  ASSERT_THAT(subjects(leak(17 * kKb)), ElementsAre("heap"));
  EXPECT_THAT(leak(17 * kKb).findings[0].text, HasSubstr("heap grew 17.0 KiB per cycle, allowed 16.0 KiB"));
  EXPECT_THAT(leak(17 * kKb).findings[0].text, HasSubstr("over 20 cycles"));
}

TEST(JudgeTest, HeapPerCycleIsTheSameWhereQuiescentPointsAreUneven) {
  Measurements measured = MadeUp().measurements();
  for (Track& track : measured.tracks) {
    if (track.name == "heap") {
      track.at_rest = Series();
      for (const std::uint64_t cycle : {1u, 9u, 10u, 11u, 12u, 13u, 30u, 31u, 39u}) {
        track.at_rest.add({static_cast<std::int64_t>(cycle) * 1s, cycle, 10 * kMb + linear(cycle, 64 * kKb)});
      }
    }
  }

  const Verdict verdict = judge(measured, kDefaults);

  ASSERT_THAT(subjects(verdict), ElementsAre("heap"));
  EXPECT_THAT(verdict.findings[0].text, HasSubstr("heap grew 64.0 KiB per cycle"));
}

TEST(JudgeTest, OneSpikeOfHeapIsNoLeak) {
  EXPECT_TRUE(MadeUp().with("heap", [](auto cycle) { return cycle == 28 ? 500 * kMb : 10 * kMb; }).judged().passed());
}

TEST(JudgeTest, FewQuiescentPointsAreSaidNotCalledClean) {
  const Verdict verdict = MadeUp(2).with("heap", [](auto cycle) { return linear(cycle, kMb); }).judged();

  EXPECT_TRUE(verdict.passed());
  EXPECT_THAT(verdict.remarks, ElementsAre("inconclusive: heap residue not judged: 2 quiescent points, 3 are needed"));
}

TEST(JudgeTest, RssIsItsEndLessItsBaseline) {
  const auto grown = [](std::int64_t bytes) {
    return MadeUp().with("rss", [=](auto cycle) { return cycle == 30 ? 10 * kMb + bytes : 10 * kMb; }).judged();
  };

  EXPECT_TRUE(grown(50 * kMb).passed());
  ASSERT_THAT(subjects(grown(51 * kMb)), ElementsAre("rss"));
  EXPECT_EQ(grown(51 * kMb).findings[0].text, "rss grew 51.0 MiB, allowed 50.0 MiB: 10.0 MiB -> 61.0 MiB");
}

TEST(JudgeTest, AHighPeakIsARemark) {
  const Verdict verdict = MadeUp().with("rss", [](auto cycle) { return cycle == 15 ? 200 * kMb : 10 * kMb; }).judged();

  EXPECT_TRUE(verdict.passed());
  EXPECT_THAT(verdict.remarks, Contains(HasSubstr("rss peaked at 200.0 MiB")));
}

TEST(JudgeTest, RssUnderASanitizerIsNotJudged) {
  const Verdict verdict = MadeUp()
                              .with("rss", [](auto cycle) { return linear(cycle, 100 * kMb); })
                              .judged({.rss_not_judged = "a sanitizer keeps freed memory"});

  EXPECT_TRUE(verdict.passed());
  EXPECT_THAT(verdict.remarks, Contains("inconclusive: rss not judged: a sanitizer keeps freed memory"));
}

TEST(JudgeTest, HeapThatCannotBeReadIsSaid) {
  Measurements measured = MadeUp().measurements();
  for (Track& track : measured.tracks) {
    if (track.name == "heap") {
      track.unavailable = "not available: the allocator is jemalloc";
    }
  }

  EXPECT_THAT(judge(measured, kDefaults).remarks,
              ElementsAre("inconclusive: heap not judged: not available: the allocator is jemalloc"));
}

TEST(JudgeTest, ARunOfOneCycleIsJudgedFromItsStart) {
  Measurements measured;
  measured.tracks.emplace_back();
  Track& rss = measured.tracks.back();
  rss.name = "rss";
  rss.unit = Unit::kBytes;
  rss.timeline.add({0s, 0, 10 * kMb});
  rss.timeline.add({9s, 0, 60 * kMb});
  rss.timeline.add({10s, 1, 61 * kMb});

  EXPECT_THAT(subjects(judge(measured, kDefaults)), ElementsAre("rss"));
  EXPECT_THAT(judge(measured, kDefaults).findings[0].text, HasSubstr("rss grew 51.0 MiB"));
}

TEST(JudgeTest, WithoutSamplesThereIsNoPass) {
  Measurements measured;
  measured.tracks.emplace_back();
  measured.tracks.back().name = "rss";
  measured.tracks.back().unit = Unit::kBytes;

  EXPECT_THAT(subjects(judge(measured, kDefaults)), ElementsAre("rss"));
}

TEST(JudgeTest, ALastPointThatDidNotSettleIsAFinding) {
  Measurements measured = MadeUp().measurements();
  measured.unsettled_points = 1;
  measured.last_unsettled = true;
  measured.unsettled_by = "tasks";

  const Verdict verdict = judge(measured, kDefaults);

  ASSERT_THAT(subjects(verdict), ElementsAre("settling"));
  EXPECT_THAT(verdict.findings[0].text, HasSubstr("tasks was still changing"));
}

TEST(JudgeTest, APointInTheMiddleThatDidNotSettleIsARemark) {
  Measurements measured = MadeUp().measurements();
  measured.unsettled_points = 2;
  measured.unsettled_by = "fds";

  const Verdict verdict = judge(measured, kDefaults);

  EXPECT_TRUE(verdict.passed());
  EXPECT_THAT(verdict.remarks, Contains("did not settle at 2 of 30 quiescent points: fds was still changing"));
}

TEST(JudgeTest, SpeaksOfTheCycleByItsName) {
  const Verdict verdict =
      MadeUp(20).with("tasks", [](auto cycle) { return linear(cycle, 1); }).judged({.cycle = "reconnect"});

  EXPECT_THAT(verdict.findings[0].evidence, Contains(Field(&Evidence::label, "per reconnect")));
}

TEST(JudgeTest, AHeapLeakBelowTheBudgetIsAFindingOnceItIsCertain) {
  const Verdict verdict =
      MadeUp(60).with("heap", [](auto cycle) { return 10 * kMb + linear(cycle, 10 * kKb); }).judged();

  ASSERT_THAT(subjects(verdict), ElementsAre("heap"));
  EXPECT_THAT(verdict.findings[0].text, HasSubstr("heap grew +10.0 KiB per cycle, 99% CI +10.0 KiB to +10.0 KiB"));
  EXPECT_THAT(verdict.findings[0].evidence, Contains(Field(&Evidence::label, "since")));
  EXPECT_THAT(verdict.findings[0].evidence, Contains(Field(&Evidence::text, "843.7 MiB")));
  EXPECT_THAT(verdict.findings[0].evidence, Not(Contains(Field(&Evidence::text, HasSubstr("99% CI")))))
      << "the headline has the growth: no row repeats it";
}

TEST(JudgeTest, ASmokeRunIsJudgedByItsBudgetsAlone) {
  const Verdict verdict = MadeUp(60)
                              .with("heap", [](auto cycle) { return 10 * kMb + linear(cycle, 10 * kKb); })
                              .judged({.budgets_only = true});

  EXPECT_TRUE(verdict.passed());
  EXPECT_THAT(verdict.trends, IsEmpty());
}

TEST(JudgeTest, EverySeriesHasATrendTheCleanOnesToo) {
  const Verdict verdict = MadeUp(60).judged();

  EXPECT_THAT(verdict.trends, SizeIs(6));
  for (const Trend& trend : verdict.trends) {
    EXPECT_FALSE(trend.leak) << trend.series;
    EXPECT_EQ(trend.not_judged, "") << trend.series;
  }
}

TEST(JudgeTest, RssThatGrowsForAnHourIsAFindingBelowItsBudget) {
  const auto leak = [](auto second) { return 10 * kMb + linear(second, 8 * kKb); };

  const Verdict verdict = MadeUp(3600).with("rss", leak).judged();

  ASSERT_THAT(subjects(verdict), ElementsAre("rss"));
  EXPECT_THAT(verdict.findings[0].text, HasSubstr("rss grew +8.0 KiB per second, 99% CI"));
}

TEST(JudgeTest, RssIsNotJudgedByTheSecondsOfAVirtualClock) {
  const Verdict verdict = MadeUp(3600)
                              .with("rss", [](auto second) { return 10 * kMb + linear(second, 8 * kKb); })
                              .judged({.virtual_clock = true});

  EXPECT_TRUE(verdict.passed());
}

TEST(JudgeTest, AGaugeThatSaysMoreThanTheKernelHoldsIsAGhost) {
  Measurements measured = MadeUp()
                              .with("tasks", [](auto cycle) { return 22 + linear(cycle, 7) - 16; })
                              .with("sockets", [](auto) { return 22; })
                              .measurements();
  for (Track& track : measured.tracks) {
    if (track.name == "tasks") {
      track.stands_for = "sockets";
    }
  }

  const Verdict verdict = judge(measured, kDefaults);

  ASSERT_THAT(subjects(verdict), ElementsAre("tasks"));
  EXPECT_EQ(verdict.findings[0].text, "tasks shows 216, but the kernel holds 22 sockets: 194 ghosts");
  EXPECT_THAT(verdict.findings[0].evidence, Contains(Field(&Evidence::label, "rose")));
}

TEST(JudgeTest, AGaugeThatSaysWhatTheKernelHoldsIsNone) {
  Measurements measured =
      MadeUp().with("tasks", [](auto) { return 22; }).with("sockets", [](auto) { return 23; }).measurements();
  for (Track& track : measured.tracks) {
    if (track.name == "tasks") {
      track.stands_for = "sockets";
    }
  }

  EXPECT_TRUE(judge(measured, kDefaults).passed());
}

}  // namespace
}  // namespace soak::probe
