// SPDX-License-Identifier: Apache-2.0
// The verdict on made-up series: each finding for the right reason, and none without one.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "soak/growth/verdict.h"

namespace soak::probe {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
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
  EXPECT_THAT(verdict.remarks, Contains(HasSubstr("no growth of heap: more than 6.62 B per cycle since the start")));
}

TEST(JudgeTest, ACountThatRisesIsNamedWithSinceWhenAndHowFast) {
  const Verdict verdict =
      MadeUp().with("threads", [](auto cycle) { return cycle < 4 ? 2 : 2 + linear(cycle - 3, 1); }).judged();

  ASSERT_THAT(subjects(verdict), ElementsAre("threads"));
  EXPECT_EQ(verdict.findings[0].text, "threads rose 2 -> 29 in 29.0s, and goes on rising");
  EXPECT_THAT(verdict.findings[0].evidence, Contains(Field(&Evidence::text, "00:00:04, cycle 4")));
  EXPECT_THAT(verdict.findings[0].evidence,
              Contains(AllOf(Field(&Evidence::label, "per cycle"), Field(&Evidence::text, "+1"))));
}

TEST(JudgeTest, OneStepOfACountIsARemarkThatSaysWhen) {
  const Verdict verdict =
      MadeUp().with("threads", [](auto cycle) { return cycle < 12 ? 2 : 3; }).judged({.cycle = "reconnect"});

  EXPECT_TRUE(verdict.passed());
  EXPECT_THAT(verdict.remarks, Contains("threads rose 2 -> 3 once, at 00:00:12, reconnect 12, and no further"));
}

TEST(JudgeTest, ARemarkAboutSocketsSaysWhoHoldsThem) {
  const Verdict verdict = MadeUp()
                              .with("sockets", [](auto cycle) { return cycle < 12 ? 4 : 5; })
                              .judged({.socket_holders = {"1 socket to 127.0.0.1:9 in ESTABLISHED"}});

  EXPECT_THAT(verdict.remarks, Contains(HasSubstr("and no further; 1 socket to 127.0.0.1:9 in ESTABLISHED")));
}

TEST(JudgeTest, APoolThatGrowsToItsSizeIsARemark) {
  const Verdict verdict = MadeUp(60)
                              .with("threads",
                                    [](auto cycle) {
                                      return cycle < 2 ? 2 : cycle < 6 ? 3 : cycle < 25 ? 4 : 5;
                                    })
                              .judged();

  EXPECT_TRUE(verdict.passed());
  EXPECT_THAT(verdict.remarks, Contains(HasSubstr("threads rose 2 -> 5 in 3 steps, the last one, at 00:00:25")));
}

TEST(JudgeTest, ThreeRisesOverAThirdOfTheRunAreAFinding) {
  const Verdict verdict =
      MadeUp()
          .with("fds",
                [](auto cycle) { return 20 + (cycle > 15 ? 1 : 0) + (cycle > 20 ? 1 : 0) + (cycle > 27 ? 1 : 0); })
          .judged();

  ASSERT_THAT(subjects(verdict), ElementsAre("fds"));
  EXPECT_EQ(verdict.findings[0].text, "fds rose 20 -> 23 in 29.0s, and goes on rising");
  EXPECT_THAT(verdict.findings[0].evidence, Contains(Field(&Evidence::text, HasSubstr(", one per 6 cycles"))));
}

// What a probe saw that had no time left for looks once the machine was busy.
TEST(JudgeTest, ACountThatWasSeldomSeenLaterStillGoesOnRising) {
  const auto judged = [](std::int64_t at_the_end) {
    Measurements measured;
    measured.tracks.emplace_back();
    measured.tracks.back().name = "sockets";
    for (std::int64_t i = 0; i <= 10; ++i) {
      measured.tracks.back().timeline.add({i * 200ms, static_cast<std::uint64_t>(i), 2 + i});
    }
    measured.tracks.back().timeline.add({10s, 50, at_the_end});
    return judge_growth(measured, {});
  };

  EXPECT_THAT(subjects(judged(50)), ElementsAre("sockets"));
  EXPECT_TRUE(judged(14).passed());  // A pool that is nearly full.
}

TEST(JudgeTest, ACountThatGoesUpAndDownIsJudgedByItsLevel) {
  const auto between_13_and_16 = [](auto cycle) { return 13 + static_cast<std::int64_t>(cycle * 7 % 4); };
  const auto and_rises = [=](auto cycle) { return between_13_and_16(cycle) + static_cast<std::int64_t>(cycle / 4); };

  EXPECT_TRUE(MadeUp(301).with("fds", between_13_and_16).judged().passed());
  EXPECT_THAT(MadeUp(301).with("fds", between_13_and_16).judged().remarks, Not(Contains(HasSubstr("fds"))));
  EXPECT_TRUE(MadeUp(302).with("fds", between_13_and_16).judged().passed());
  EXPECT_TRUE(MadeUp(303).with("fds", between_13_and_16).judged().passed());
  EXPECT_TRUE(MadeUp(304).with("fds", between_13_and_16).judged().passed());
  EXPECT_THAT(subjects(MadeUp(303).with("fds", and_rises).judged()), ElementsAre("fds"));
}

TEST(JudgeTest, WithoutCyclesARemarkHasNone) {
  Measurements measured;
  measured.tracks.emplace_back();
  measured.tracks.back().name = "fds";
  for (std::int64_t i = 0; i < 100; ++i) {
    measured.tracks.back().timeline.add({i * 1s, 0, i < 40 ? 7 : 8});
  }

  EXPECT_THAT(judge_growth(measured, {}).remarks, Contains("fds rose 7 -> 8 once, at 00:00:40, and no further"));
}

TEST(JudgeTest, WithExactCountsOneStepIsAFinding) {
  Measurements measured = MadeUp().with("threads", [](auto cycle) { return cycle < 12 ? 2 : 3; }).measurements();
  Budgets exact = kDefaults;
  exact.counts_exact = true;

  const Verdict verdict = judge(measured, exact);

  ASSERT_THAT(subjects(verdict), ElementsAre("threads"));
  EXPECT_EQ(verdict.findings[0].text, "threads rose 2 -> 3 in 29.0s, allowed +0");
  EXPECT_TRUE(
      judge(MadeUp().with("threads", [](auto cycle) { return cycle == 12 ? 3 : 2; }).measurements(), exact).passed());
}

TEST(JudgeTest, WithoutABaselineExactCountsAreNotComparedWithTheStartOfTheRun) {
  Budgets exact = kDefaults;
  exact.counts_exact = true;
  const auto judged = [&exact](std::int64_t per_second) {
    Measurements measured;
    measured.tracks.emplace_back();
    measured.tracks.back().name = "fds";
    for (std::int64_t second = 0; second <= 60; ++second) {
      measured.tracks.back().timeline.add({second * 1s, 0, (second == 0 ? 15 : 17) + second * per_second});
    }
    measured.tracks.back().at_rest.add({30s, 1, 17 + 30 * per_second});
    return judge_growth(measured, exact);
  };

  EXPECT_TRUE(judged(0).passed());
  EXPECT_THAT(subjects(judged(1)), ElementsAre("fds"));
}

// A plain loop without quiescent points that opens a descriptor every 500 passes: 12 in six seconds.
TEST(JudgeTest, WithoutQuiescentPointsACountThatGoesOnRisingIsAFinding) {
  const auto fds_of = [](std::int64_t every) {
    Measurements measured;
    measured.tracks.emplace_back();
    measured.tracks.back().name = "fds";
    for (std::int64_t i = 0; i <= 60; ++i) {
      measured.tracks.back().timeline.add({i * 100ms, static_cast<std::uint64_t>(i) * 100, 9 + i * 100 / every});
    }
    return judge_growth(measured, {}, {.cycle = "open"});
  };

  const Verdict leak = fds_of(500);
  ASSERT_THAT(subjects(leak), ElementsAre("fds"));
  EXPECT_EQ(leak.findings[0].text, "fds rose 9 -> 21 in 6.0s, and goes on rising");
  EXPECT_THAT(leak.findings[0].evidence, Contains(Field(&Evidence::text, HasSubstr(", one per 500 opens"))));
  EXPECT_TRUE(fds_of(5'000).passed());
}

TEST(JudgeTest, DescriptorsThatRiseInTheSecondHalfAreAFinding) {
  const auto judged = [](bool leaks) {
    Measurements measured;
    measured.tracks.emplace_back();
    measured.tracks.back().name = "fds";
    for (std::int64_t minute = 0; minute <= 120; ++minute) {
      measured.tracks.back().timeline.add({minute * 60s, 0, 20 + (leaks ? std::max<std::int64_t>(minute - 60, 0) : 0)});
    }
    return judge_growth(measured, {});
  };

  EXPECT_THAT(subjects(judged(true)), ElementsAre("fds"));
  EXPECT_TRUE(judged(false).passed());
}

// 300 entries of 10 KiB, one more in each cycle: the cache is full at the end of cycle 300.
TEST(JudgeTest, ACacheThatHasFilledIsARemark) {
  const auto cache = [](std::int64_t entries) {
    return MadeUp(900)
        .with("heap",
              [=](auto cycle) { return 10 * kMb + std::min<std::int64_t>(linear(cycle, 1), entries) * 10 * kKb; })
        .judged();
  };

  EXPECT_TRUE(cache(300).passed());
  EXPECT_THAT(cache(300).remarks, Contains(HasSubstr("heap grew by 2.9 MiB until 00:0")));
  EXPECT_THAT(subjects(cache(10'000)), ElementsAre("heap"));
}

TEST(JudgeTest, AHeapThatLeaksFromHalfTimeOnIsAFinding) {
  const Verdict verdict =
      MadeUp(720)
          .with("heap", [](auto cycle) { return 10 * kMb + (cycle > 360 ? linear(cycle - 360, 10 * kKb) : 0); })
          .judged({.cycle = "reconnect"});

  ASSERT_THAT(subjects(verdict), ElementsAre("heap"));
  EXPECT_THAT(verdict.findings[0].text, HasSubstr("heap grew +10.0 KiB per reconnect"));
  EXPECT_THAT(verdict.findings[0].evidence, Contains(Field(&Evidence::text, HasSubstr("00:06:"))));
}

Verdict heap_with(std::int64_t per_cycle, const char* leak_max) {
  Budgets budgets = kDefaults;
  budgets.leak_max = parse_leak_max(leak_max);
  return judge(MadeUp(60).with("heap", [=](auto cycle) { return 10 * kMb + linear(cycle, per_cycle); }).measurements(),
               budgets, {.cycle = "reconnect"});
}

TEST(JudgeTest, GrowthBelowTheBoundThatWasAskedForIsARemark) {
  const Verdict verdict = heap_with(10 * kKb, "11KiB/reconnects");

  EXPECT_TRUE(verdict.passed());
  EXPECT_THAT(verdict.remarks, Contains(HasSubstr("heap grew +10.0 KiB per reconnect, 99% CI +9.9 KiB to +10.1 KiB, "
                                                  "allowed 11.0 KiB per reconnect")));
}

TEST(JudgeTest, GrowthAboveTheBoundThatWasAskedForIsAFinding) {
  EXPECT_THAT(subjects(heap_with(10 * kKb, "9KiB/reconnect")), ElementsAre("heap"));
  EXPECT_THAT(subjects(heap_with(10 * kKb, "800MiB/day")), ElementsAre("heap"));
  EXPECT_TRUE(heap_with(10 * kKb, "900MiB/day").passed());
}

TEST(JudgeTest, ABoundThatIsNeitherShownNorExcludedIsInconclusiveAndSaysHowLongToRun) {
  const Verdict verdict = heap_with(0, "1B/reconnect");

  EXPECT_TRUE(verdict.passed());
  EXPECT_TRUE(verdict.is_inconclusive());
  ASSERT_FALSE(verdict.inconclusive.empty());
  const auto heap = std::find_if(verdict.inconclusive.begin(), verdict.inconclusive.end(),
                                 [](const Finding& open) { return open.subject == "heap"; });
  ASSERT_NE(heap, verdict.inconclusive.end());
  EXPECT_THAT(heap->text, HasSubstr("heap: 1 B per reconnect is neither shown nor excluded"));
  EXPECT_THAT(heap->evidence,
              ElementsAre(AllOf(Field(&Evidence::label, "run needed"), Field(&Evidence::text, HasSubstr("about ")))));
}

TEST(JudgeTest, ABoundThatIsMetSaysNothing) {
  const Verdict verdict = heap_with(0, "1MiB/reconnect");

  EXPECT_TRUE(verdict.passed());
  EXPECT_FALSE(verdict.is_inconclusive());
}

TEST(JudgeTest, ABoundPerAnOperationThatIsNotCountedIsInconclusive) {
  const Verdict verdict = heap_with(0, "64B/upload");

  EXPECT_TRUE(verdict.is_inconclusive());
  EXPECT_THAT(verdict.inconclusive[0].text, HasSubstr("64 B per upload is neither shown nor excluded: no series"));
}

TEST(JudgeTest, AMemoryLimitIsReachedInSoLong) {
  Budgets budgets = kDefaults;
  budgets.memory_limit_bytes = 200 * kMb;
  const auto judged = [&](std::int64_t leak) {
    return judge(MadeUp(3600).with("rss", [=](auto second) { return 10 * kMb + linear(second, leak); }).measurements(),
                 budgets);
  };

  const Verdict leak = judged(8 * kKb);
  ASSERT_THAT(subjects(leak), ElementsAre("rss"));
  EXPECT_THAT(leak.findings[0].evidence,
              Contains(AllOf(Field(&Evidence::label, "limit"), Field(&Evidence::text, HasSubstr("reached in 5h")))));
  EXPECT_TRUE(judged(0).passed());
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
  EXPECT_THAT(verdict.remarks, Contains("inconclusive: heap residue not judged: 2 quiescent points, 3 are needed"));
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
              Contains("inconclusive: heap not judged: not available: the allocator is jemalloc"));
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
  EXPECT_THAT(verdict.findings[0].text, HasSubstr("heap grew +10.0 KiB per cycle, 99% CI +9.9 KiB to +10.1 KiB"));
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

// Ends of passes are no quiescent points: what is opened and closed between reading the gauge and asking the kernel is
// no ghost.
TEST(JudgeTest, GhostsOfALoopMustBeThereInAllOfItsLastThird) {
  const auto judged = [](std::int64_t least) {
    Measurements measured = MadeUp()
                                .with("tasks", [least](auto cycle) { return cycle % 4 == 0 ? 22 + least : 30; })
                                .with("sockets", [](auto) { return 22; })
                                .measurements();
    measured.candidates = true;
    for (Track& track : measured.tracks) {
      track.stands_for = track.name == "tasks" ? "sockets" : "";
    }
    return judge(measured, kDefaults);
  };

  EXPECT_TRUE(judged(0).passed());
  ASSERT_THAT(subjects(judged(3)), ElementsAre("tasks"));
  EXPECT_EQ(judged(3).findings[0].text, "tasks shows 25, but the kernel holds 22 sockets: 3 ghosts");
}

// Half a minute says nothing certain about memory over time, but it does about memory per request.
TEST(JudgeTest, MemoryIsJudgedPerCycleWhereThatIsAsked) {
  MadeUp leak(60);
  leak.with("rss", [](auto cycle) { return 10 * kMb + linear(cycle, 200 * kKb); });

  const Verdict over_time = leak.judged();
  const Verdict per_cycle = leak.judged({.cycle = "request", .per_cycle = true});

  EXPECT_EQ(over_time.find("rss"), nullptr);
  ASSERT_NE(per_cycle.find("rss"), nullptr);
  EXPECT_THAT(per_cycle.find("rss")->text, HasSubstr("rss grew +200.0 KiB per request, 99% CI"));
}

TEST(JudgeTest, TheMemoryOfAGroupOfProcessesStandsForItsRss) {
  Measurements measured = MadeUp().with("rss", [](auto cycle) { return linear(cycle, 4 * kMb); }).measurements();
  measured.tracks[0].name = "memory";
  measured.tracks[1].name = "rss";  // Of which it is a part, and which is not judged.
  measured.tracks[1].part_of = "memory";

  const Verdict verdict = judge(measured, kDefaults);

  EXPECT_EQ(rss_growth(measured)->series, "memory");
  EXPECT_THAT(subjects(verdict), Contains("memory"));
  EXPECT_THAT(verdict.find("memory")->text, HasSubstr("memory grew 116.0 MiB, allowed 50.0 MiB"));
}

// A Python program that leaks, from its start on: taken with the start, its growth seems to have come to rest.
TEST(JudgeTest, OverTimeTheMemoryOfAGroupIsJudgedFromItsFirstCycleOn) {
  struct Seen {
    std::int64_t ms;
    std::uint64_t cycle;
    std::int64_t kb;
  };
  const std::vector<Seen> all = {
      {0, 0, 2136},       {7, 0, 2500},       {111, 0, 7936},     {207, 0, 10676},    {307, 0, 10688},
      {409, 0, 10700},    {507, 0, 10704},    {611, 0, 10712},    {707, 0, 10716},    {807, 0, 10728},
      {907, 0, 10732},    {1010, 0, 10740},   {1107, 0, 10748},   {1207, 0, 10756},   {1307, 0, 10768},
      {1407, 0, 10788},   {1507, 0, 10800},   {1608, 0, 10816},   {1708, 0, 10836},   {1811, 0, 10860},
      {1908, 0, 10880},   {2007, 0, 10900},   {2108, 0, 10916},   {2207, 0, 10936},   {2307, 0, 10952},
      {2407, 0, 10972},   {2507, 0, 10988},   {2607, 0, 11004},   {2707, 0, 11024},   {2808, 0, 11040},
      {2907, 0, 11060},   {3011, 0, 11076},   {3025, 1, 11076},   {3107, 1, 11092},   {3207, 1, 11112},
      {3307, 1, 11128},   {3407, 1, 11144},   {3508, 1, 11164},   {3607, 1, 11192},   {3707, 1, 11212},
      {3807, 1, 11228},   {3907, 1, 11236},   {4007, 1, 11256},   {4029, 2, 11264},   {4107, 2, 11276},
      {4311, 2, 11312},   {5033, 3, 11440},   {6089, 4, 11628},   {6607, 4, 11720},   {7100, 5, 11800},
      {7515, 5, 11880},   {8113, 6, 11980},   {8507, 6, 12048},   {9115, 7, 12160},   {9507, 7, 12228},
      {10019, 8, 12316},  {10707, 8, 12448},  {11035, 9, 12500},  {11507, 9, 12584},  {12038, 10, 12684},
      {12607, 10, 12784}, {13041, 11, 12864}, {13611, 11, 12980}, {14047, 12, 13056}, {14610, 12, 13156},
      {15050, 13, 13232}, {15811, 13, 13364}, {16055, 14, 13404}, {16808, 14, 13536}, {17061, 15, 13572},
      {17607, 15, 13668}, {18068, 16, 13748}, {18707, 16, 13860}, {19072, 17, 13928}, {19909, 17, 14068},
      {20078, 17, 14104}};
  Measurements measured;
  Track track;
  track.name = "memory";
  track.unit = Unit::kBytes;
  for (const Seen& seen : all) {
    track.timeline.add({seen.ms * 1ms, seen.cycle, seen.kb * kKb});
  }
  measured.tracks.push_back(track);
  track.name = "rss";
  track.part_of = "memory";
  measured.tracks.push_back(track);

  const Verdict verdict = judge(measured, kDefaults, {.cycle = "second"});

  ASSERT_THAT(verdict.trends, SizeIs(1));
  EXPECT_EQ(verdict.trends[0].state, GrowthState::kLikely);  // In less than ten minutes.
  EXPECT_NEAR(verdict.trends[0].growth, 173 * kKb, 20 * kKb);
}

TEST(JudgeTest, WhatAProgramOpensWhileItStartsIsNoLeak) {
  const auto judged = [](std::uint64_t cycle) {
    Measurements measured;
    for (const char* const name : {"fds", "rss"}) {
      measured.tracks.emplace_back();
      measured.tracks.back().name = name;
    }
    measured.tracks[1].part_of = "memory";
    for (std::int64_t i = 0; i < 8; ++i) {
      measured.tracks[0].timeline.add({i * 1s, i < 7 ? 0 : cycle, 5 + 3 * i});
    }
    measured.tracks[0].timeline.add({8s, cycle, 26});
    return judge_growth(measured, {});
  };

  EXPECT_TRUE(judged(1).passed());
  EXPECT_THAT(judged(0).findings, IsEmpty());  // It has not begun to work.
}

TEST(JudgeTest, AGaugeThatIsCalledMemoryDoesNotStandForRss) {
  Measurements measured = MadeUp().with("tasks", [](auto) { return 5; }).measurements();
  measured.tracks.back().name = "memory";

  EXPECT_EQ(rss_growth(measured)->series, "rss");
}

// The process is replaced every `life` cycles. Each one begins with 20 descriptors, and opens some of its own.
Measurements replaced_every(std::uint64_t life,
                            std::function<std::int64_t(std::uint64_t number, std::uint64_t age)> opened,
                            std::uint64_t cycles = 120) {
  Measurements measured = MadeUp(cycles)
                              .with("fds", [&](std::uint64_t cycle) { return 20 + opened(cycle / life, cycle % life); })
                              .measurements();
  const auto fds = std::find_if(measured.tracks.begin(), measured.tracks.end(),
                                [](const Track& track) { return track.name == "fds"; });
  for (std::uint64_t cycle = life; cycle <= cycles; cycle += life) {
    fds->restarts.push_back(static_cast<std::int64_t>(cycle) * 1s);
  }
  return measured;
}

TEST(JudgeTest, WhatEachOfManyProcessesOpensWhenItIsFirstNeededDoesNotRise) {
  // It is seen first when it has opened one more than the process before it.
  const Measurements measured = replaced_every(12, [](auto number, auto) { return std::int64_t(number); });

  const Verdict verdict = judge(measured, kDefaults);

  EXPECT_THAT(verdict.findings, Not(Contains(Field(&Finding::text, HasSubstr("goes on rising")))));
}

TEST(JudgeTest, ACountThatRisesInALifeOfLessThanHalfTheRunIsTheStartOfAProcess) {
  const auto opened = [](auto number, auto age) {
    return number == 1 ? std::int64_t(age >= 1) + std::int64_t(age >= 4) + std::int64_t(age >= 8) : 0;
  };
  const Measurements measured = replaced_every(9, opened, 20);

  const Verdict verdict = judge(measured, kDefaults);

  EXPECT_THAT(verdict.findings, Not(Contains(Field(&Finding::text, HasSubstr("goes on rising")))));
}

TEST(JudgeTest, ACountThatRisesAllTheLongLifeOfAReplacedProcessGoesOnRising) {
  const Measurements measured =
      replaced_every(80, [](auto number, auto age) { return number == 0 ? std::int64_t(age / 5) : 0; });

  const Verdict verdict = judge(measured, kDefaults);

  EXPECT_THAT(verdict.findings,
              Contains(Field(&Finding::text, AllOf(HasSubstr("fds rose 20 -> 3"), HasSubstr("goes on rising")))));
}

TEST(JudgeTest, AProcessThatTookThePlaceOfAnotherIsNoted) {
  Measurements measured = MadeUp().measurements();
  for (int i = 0; i < 5; ++i) {
    measured.restarts.push_back({(10 + i) * 1s, "process 1 (a) was replaced by process 2 (a)"});
  }

  const Verdict verdict = judge(measured, kDefaults);

  EXPECT_TRUE(verdict.passed());
  EXPECT_THAT(verdict.remarks, Contains("process 1 (a) was replaced by process 2 (a) at 00:00:10"));
  EXPECT_THAT(verdict.remarks, Contains("process 1 (a) was replaced by process 2 (a) at 00:00:12; 2 more"));
}

}  // namespace
}  // namespace soak::probe
