// SPDX-License-Identifier: Apache-2.0
#include "lib/run/early_stop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <vector>

namespace soak {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::Ge;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Le;
using testing::Optional;

constexpr std::int64_t kMiB = 1 << 20;
constexpr nanoseconds kAsked = 1h;

EarlyStop an_hour() { return EarlyStop({.may_end = true, .asked = kAsked, .memory_growth_max = 50 * kMiB}); }

enum class Is { kLeak, kNone };

probe::Trend trend(const char* series, probe::Unit unit, Is is) {
  probe::Trend trend;
  trend.series = series;
  trend.unit = unit;
  trend.per = "reconnect";
  trend.growth = 15 * 1024;
  trend.low = 14 * 1024;
  trend.high = 16 * 1024;
  trend.leak = is == Is::kLeak;
  return trend;
}

// RSS that was 20 MiB at the baseline and is `above` more at each time since.
using Level = std::function<std::int64_t(nanoseconds)>;

probe::Measurements rss(nanoseconds until, const Level& above) {
  probe::Measurements measured;
  probe::Track track;
  track.name = "rss";
  track.unit = probe::Unit::kBytes;
  track.at_rest.add({1s, 1, 20 * kMiB});
  for (nanoseconds at = 1s; at <= until; at += 1s) {
    track.timeline.add({at, 1, 20 * kMiB + above(at)});
  }
  measured.tracks.push_back(track);
  return measured;
}

// Looks once a second for an hour.
std::optional<nanoseconds> ended(EarlyStop& stop, const Level& above, const std::function<Is(nanoseconds)>& is) {
  for (nanoseconds at = 1s; at <= kAsked; at += 1s) {
    stop.look(at, [&] { return EarlyStop::Seen{{trend("rss", probe::Unit::kBytes, is(at))}, rss(at, above)}; });
  }
  return stop.ended();
}

Is always(nanoseconds) { return Is::kLeak; }

std::vector<nanoseconds> looks_within(EarlyStop& stop, nanoseconds duration) {
  std::vector<nanoseconds> looks;
  for (nanoseconds at = 0s; at < duration; at += 1s) {
    stop.look(at, [&] {
      looks.push_back(at);
      return EarlyStop::Seen{};
    });
  }
  return looks;
}

TEST(EarlyStopTest, LooksAgainAfterATenthMoreTime) {
  EarlyStop stop = an_hour();

  const std::vector<nanoseconds> looks = looks_within(stop, 20s);

  EXPECT_THAT(looks, ElementsAre(5s, 6s, 7s, 8s, 9s, 10s, 11s, 13s, 15s, 17s, 19s));
  EXPECT_FALSE(stop.ended());
}

TEST(EarlyStopTest, LooksAHundredTimesInADay) {
  EarlyStop stop = an_hour();

  const std::size_t looks = looks_within(stop, 24h).size();

  EXPECT_GT(looks, 90u);
  EXPECT_LT(looks, 110u);
}

TEST(EarlyStopTest, GrowthThatIsCertainAboveTwiceItsBudgetEndsTheRun) {
  EarlyStop stop = an_hour();

  const auto at = ended(
      stop, [](nanoseconds time) { return time / 1s * kMiB; }, always);

  // 100 MiB after 100 s; the level is that of the last ten seconds, and looks are ten seconds apart.
  EXPECT_THAT(at, Optional(AllOf(Ge(101s), Le(120s))));
}

TEST(EarlyStopTest, AboveItsBudgetItEndsTheRunAfterHalfOfTheTime) {
  EarlyStop stop = an_hour();

  const auto at = ended(
      stop, [](nanoseconds) { return 60 * kMiB; }, always);

  EXPECT_THAT(at, Optional(AllOf(Ge(kAsked / 2), Le(kAsked * 6 / 10))));
}

TEST(EarlyStopTest, WithinItsBudgetNoGrowthEndsTheRunHoweverCertain) {
  EarlyStop stop = an_hour();

  EXPECT_FALSE(ended(
      stop, [](nanoseconds) { return 49 * kMiB; }, always));
}

TEST(EarlyStopTest, NoLevelEndsARunThatDoesNotGrow) {
  EarlyStop stop = an_hour();

  EXPECT_FALSE(ended(
      stop, [](nanoseconds) { return 500 * kMiB; }, [](nanoseconds) { return Is::kNone; }));
}

// A cache that fills, and one that is emptied each ten minutes.
TEST(EarlyStopTest, TheTimeAboveTheBudgetIsInOnePiece) {
  EarlyStop stop = an_hour();

  EXPECT_FALSE(ended(
      stop, [](nanoseconds time) { return time % 10min < 6min ? 60 * kMiB : 0; }, always));
}

TEST(EarlyStopTest, APeakIsNoLevel) {
  EarlyStop stop = an_hour();

  EXPECT_FALSE(ended(
      stop, [](nanoseconds time) { return time % 10s == 0s ? 500 * kMiB : 0; }, always));
}

TEST(EarlyStopTest, ACountEndsTheRunOnceItsGrowthWasCertainForHalfOfTheTime) {
  EarlyStop stop = an_hour();

  for (nanoseconds at = 1s; at <= kAsked && !stop.ended(); at += 1s) {
    stop.look(at, [&] {
      const Is is = at < 10min || (at > 15min && at < 18min) ? Is::kNone : Is::kLeak;
      return EarlyStop::Seen{{trend("fds", probe::Unit::kCount, is)}, {}};
    });
  }

  EXPECT_THAT(stop.ended(), Optional(AllOf(Ge(18min + kAsked / 2), Le(kAsked))));
}

TEST(EarlyStopTest, SwitchedOffItOnlyLooks) {
  EarlyStop stop({.may_end = false, .asked = kAsked, .memory_growth_max = 50 * kMiB});
  int looks = 0;

  EXPECT_FALSE(ended(
      stop, [](nanoseconds) { return 500 * kMiB; },
      [&looks](nanoseconds) {
        ++looks;
        return Is::kLeak;
      }));
  EXPECT_GT(looks, 50);
}

TEST(EarlyStopTest, OnceEndedItLooksNoMore) {
  EarlyStop stop = an_hour();
  ended(
      stop, [](nanoseconds) { return 500 * kMiB; }, always);

  stop.look(2 * kAsked, []() -> EarlyStop::Seen {
    ADD_FAILURE() << "it has ended";
    return {};
  });
}

EarlyStop ended_for_rss() {
  EarlyStop stop = an_hour();
  stop.look(310s, [] {
    return EarlyStop::Seen{
        {trend("heap", probe::Unit::kBytes, Is::kNone), trend("rss", probe::Unit::kBytes, Is::kLeak)},
        rss(310s, [](nanoseconds) { return 120 * kMiB; })};
  });
  return stop;
}

TEST(EarlyStopTest, ExplainsItselfInTheFindingAboutTheLeak) {
  probe::Verdict verdict;
  verdict.findings = {{"frames", "frames are off", {}}, {"rss", "rss grew", {}}};

  ended_for_rss().explain(verdict);

  EXPECT_THAT(verdict.findings[0].evidence, IsEmpty());
  ASSERT_THAT(verdict.findings[1].evidence, ElementsAre(Field(&probe::Evidence::label, "ended")));
  EXPECT_EQ(
      verdict.findings[1].evidence[0].text,
      "early, at 00:05:10 of 01:00:00: its growth was certain, and it was 120.0 MiB above its baseline, more than "
      "twice the 50.0 MiB allowed; use --soak_early_stop=0 to run to the end");
}

TEST(EarlyStopTest, AVerdictThatFindsNothingFailsAllTheSame) {
  probe::Verdict verdict;

  ended_for_rss().explain(verdict);

  ASSERT_THAT(verdict.findings, ElementsAre(Field(&probe::Finding::subject, "rss")));
  EXPECT_THAT(verdict.findings[0].text, HasSubstr("rss grew +15.0 KiB per reconnect, 99% CI +14.0 KiB to +16.0 KiB"));
}

TEST(EarlyStopTest, ARunThatHasNotEndedEarlyIsNotExplained) {
  probe::Verdict verdict;

  an_hour().explain(verdict);

  EXPECT_TRUE(verdict.passed());
}

TEST(EarlyStopTest, WithoutAQuiescentPointTheBaselineIsTheFirstValueAfterACycle) {
  probe::Track track;
  track.name = "rss";
  track.unit = probe::Unit::kBytes;
  const probe::Track nothing;
  track.timeline.add({0s, 0, 3});
  track.timeline.add({1s, 1, 10});
  track.timeline.add({2s, 1, 12});

  EXPECT_EQ(level_above_baseline(track), 2);
  EXPECT_EQ(level_above_baseline(nothing), std::nullopt);
}

}  // namespace
}  // namespace soak
