// SPDX-License-Identifier: Apache-2.0
#include "soak/report/compare.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <limits>
#include <string>

namespace soak::report {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

probe::Trend a_trend(double growth, double half, const std::string& per = "reconnect") {
  probe::Trend trend;
  trend.series = "heap";
  trend.unit = probe::Unit::kBytes;
  trend.per = per;
  trend.growth = growth;
  trend.low = growth - half;
  trend.high = growth + half;
  trend.excluded = half;
  return trend;
}

probe::Track a_track(const std::string& name, probe::Unit unit, std::int64_t first, std::int64_t last, int noise = 0) {
  probe::Track track;
  track.name = name;
  track.unit = unit;
  for (int i = 0; i <= 30; ++i) {
    const probe::Point point{i * 1min, static_cast<std::uint64_t>(i),
                             first + (last - first) * i / 30 + (i % 3) * noise};
    track.timeline.add(point);
    track.at_rest.add(point);
  }
  return track;
}

Record a_run() {
  Record record;
  record.name = "Soak/Voice.OpenAi";
  record.title = "VOICE SOAK / openai";
  record.cycle_noun = "reconnect";
  record.mode = "real";
  record.elapsed = 3600s;
  record.cycles = 40;
  return record;
}

Record with(probe::Trend trend) {
  Record record = a_run();
  record.verdict.trends.push_back(std::move(trend));
  return record;
}

Record with(probe::Track track) {
  Record record = a_run();
  record.measured.tracks.push_back(std::move(track));
  return record;
}

const Comparison::Row& row(const Comparison& comparison, const std::string& subject) {
  for (const Comparison::Row& candidate : comparison.rows) {
    if (candidate.subject == subject) {
      return candidate;
    }
  }
  static const Comparison::Row none{"none", Change::kUnknown, {}};
  ADD_FAILURE() << "no row '" << subject << "' in\n" << comparison_text(comparison);
  return none;
}

TEST(CompareTest, GrowthThatIsCertainlyMoreIsWorse) {
  const Comparison comparison = compare(with(a_trend(0, 100)), with(a_trend(10240, 300)));

  EXPECT_EQ(row(comparison, "heap per reconnect").change, Change::kWorse);
  EXPECT_EQ(comparison.overall(), Change::kWorse);
  EXPECT_EQ(row(comparison, "heap per reconnect").text, "+0 B -> +10.0 KiB: +10.0 KiB, 99% CI +9.7 KiB to +10.3 KiB");
}

TEST(CompareTest, GrowthThatIsCertainlyLessIsBetter) {
  const Comparison comparison = compare(with(a_trend(10240, 300)), with(a_trend(0, 100)));

  EXPECT_EQ(row(comparison, "heap per reconnect").change, Change::kBetter);
  EXPECT_EQ(comparison.overall(), Change::kBetter);
}

// 50 more, each known to within 100: the difference is known to within 141.
TEST(CompareTest, ADifferenceThatMayBeNoneIsTheSame) {
  const Comparison comparison = compare(with(a_trend(0, 100)), with(a_trend(50, 100)));

  EXPECT_EQ(row(comparison, "heap per reconnect").change, Change::kSame);
  EXPECT_THAT(row(comparison, "heap per reconnect").text, HasSubstr("+50 B, 99% CI -91.4 B to +191 B"));
  EXPECT_EQ(comparison.overall(), Change::kSame);
}

TEST(CompareTest, TheSameDifferenceKnownBetterIsWorse) {
  const Comparison comparison = compare(with(a_trend(0, 10)), with(a_trend(50, 10)));

  EXPECT_EQ(comparison.overall(), Change::kWorse);
}

TEST(CompareTest, GrowthThatWasNotJudgedIsUnknownAndNeverTheSame) {
  probe::Trend short_run = a_trend(0, 0);
  short_run.not_judged = "3 quiescent points, 8 are needed";
  probe::Trend endless = a_trend(0, 1);
  endless.high = std::numeric_limits<double>::infinity();

  const Comparison not_judged = compare(with(a_trend(0, 1)), with(short_run));
  const Comparison no_limit = compare(with(endless), with(a_trend(0, 1)));

  EXPECT_EQ(row(not_judged, "heap per reconnect").change, Change::kUnknown);
  EXPECT_THAT(row(not_judged, "heap per reconnect").text, HasSubstr("new run: not judged: 3 quiescent points"));
  EXPECT_EQ(not_judged.rows.size() > 1 ? not_judged.overall() : Change::kUnknown, Change::kSame)
      << "what else there was is the same: " << comparison_text(not_judged);
  EXPECT_EQ(row(no_limit, "heap per reconnect").change, Change::kUnknown);
}

TEST(CompareTest, NothingThatIsKnownIsNeitherBetterNorWorse) {
  Record bare = a_run();
  bare.cycles = 0;

  EXPECT_EQ(compare(bare, bare).overall(), Change::kUnknown);
}

TEST(CompareTest, GrowthPerAnotherOperationIsSaidAndNotCompared) {
  const Comparison comparison = compare(with(a_trend(0, 1, "reconnect")), with(a_trend(500, 1, "frame")));

  EXPECT_EQ(row(comparison, "heap per frame").change, Change::kOnlyNew);
  EXPECT_EQ(row(comparison, "heap per reconnect").change, Change::kOnlyOld);
  EXPECT_NE(comparison.overall(), Change::kWorse);
}

TEST(CompareTest, ALevelThatRunsDifferByAnywayIsTheSame) {
  const auto rss = [](std::int64_t level) { return with(a_track("rss", probe::Unit::kBytes, level, level, 1000)); };

  EXPECT_EQ(row(compare(rss(10'000'000), rss(10'300'000)), "rss at the end").change, Change::kSame);
  EXPECT_EQ(row(compare(rss(10'000'000), rss(12'000'000)), "rss at the end").change, Change::kWorse);
  EXPECT_EQ(row(compare(rss(12'000'000), rss(10'000'000)), "rss at the end").change, Change::kBetter);
}

TEST(CompareTest, ALevelThatSwingsWidelyIsLessSure) {
  const Record calm = with(a_track("rss", probe::Unit::kBytes, 10'000'000, 10'000'000));
  const Record swings = with(a_track("rss", probe::Unit::kBytes, 10'000'000, 10'000'000, 2'000'000));

  EXPECT_EQ(row(compare(calm, swings), "rss at the end").change, Change::kSame);
}

TEST(CompareTest, ACountThatIsLeftBehindIsExact) {
  const Record clean = with(a_track("fds", probe::Unit::kCount, 14, 14));
  const Record leaks = with(a_track("fds", probe::Unit::kCount, 14, 44));

  EXPECT_EQ(row(compare(clean, leaks), "fds left behind").change, Change::kWorse);
  EXPECT_EQ(row(compare(clean, leaks), "fds left behind").text, "+0 -> +30");
  EXPECT_EQ(row(compare(leaks, clean), "fds left behind").change, Change::kBetter);
  EXPECT_EQ(row(compare(clean, clean), "fds left behind").change, Change::kSame);
}

TEST(CompareTest, ASeriesInOneRunOnlyIsSaid) {
  const Record has = with(a_track("sessions", probe::Unit::kCount, 1, 1));

  EXPECT_EQ(row(compare(a_run(), has), "sessions").change, Change::kOnlyNew);
  EXPECT_EQ(row(compare(has, a_run()), "sessions").change, Change::kOnlyOld);
}

TEST(CompareTest, ASeriesThatCouldNotBeReadIsUnknown) {
  probe::Track blind = a_track("heap", probe::Unit::kBytes, 1, 1);
  blind.unavailable = "not available: another allocator";

  const Comparison comparison = compare(with(a_track("heap", probe::Unit::kBytes, 1, 1)), with(blind));

  EXPECT_EQ(row(comparison, "heap").change, Change::kUnknown);
  EXPECT_EQ(row(comparison, "heap").text, "new run: not available: another allocator");
}

TEST(CompareTest, CyclesThatFailAreCompared) {
  Record before = a_run();
  before.cycles = 1000;
  Record after = a_run();
  after.cycles = 900;
  after.failed_cycles = 100;

  EXPECT_EQ(row(compare(before, after), "failed reconnects").change, Change::kWorse);
  EXPECT_EQ(row(compare(after, before), "failed reconnects").change, Change::kBetter);
  after.cycles = 999;
  after.failed_cycles = 1;
  EXPECT_EQ(row(compare(before, after), "failed reconnects").change, Change::kSame);
}

TEST(CompareTest, EventsThatWereMissedAreWorse) {
  Record before = a_run();
  before.traffic = {{"frames", {30000, 30000, 30000}, {30000, 30000, 30000}, {}}};
  Record after = a_run();
  after.traffic = {{"frames", {30000, 30000, 30000}, {30000, 29000, 30000}, {}}};

  EXPECT_EQ(row(compare(before, after), "frames of those due").change, Change::kWorse);
  EXPECT_EQ(row(compare(after, before), "frames of those due").change, Change::kBetter);
}

TEST(CompareTest, ARateIsHigherOrLowerAndDecidesNothing) {
  Record before = a_run();
  before.counters = {{"retries", 1000}};
  Record after = a_run();
  after.counters = {{"retries", 5000}, {"errors", 3}};

  const Comparison comparison = compare(before, after);

  EXPECT_EQ(row(comparison, "retries per second").change, Change::kHigher);
  EXPECT_EQ(row(compare(after, before), "retries per second").change, Change::kLower);
  EXPECT_EQ(row(comparison, "errors per second").change, Change::kOnlyNew);
  EXPECT_NE(comparison.overall(), Change::kWorse);
  after.counters[0].value = 1020;
  EXPECT_EQ(row(compare(before, after), "retries per second").change, Change::kSame);
}

TEST(CompareTest, AFindingThatIsNewIsWorse) {
  Record failed = a_run();
  failed.verdict.findings.push_back({"sockets", "sockets rose 12 -> 224 in 6h00m, allowed +0", {}});

  EXPECT_EQ(row(compare(a_run(), failed), "verdict on sockets").change, Change::kWorse);
  EXPECT_EQ(row(compare(failed, a_run()), "verdict on sockets").change, Change::kBetter);
  EXPECT_EQ(compare(failed, failed).overall(), Change::kSame);
}

TEST(CompareTest, OtherTestsModesAndClocksAreRefused) {
  Record other = a_run();
  other.name = "Soak/Voice.Gemini";
  Record smoke = a_run();
  smoke.mode = "smoke";
  Record virtual_run = a_run();
  virtual_run.virtual_clock = true;

  for (const Record* record : {&other, &smoke, &virtual_run}) {
    EXPECT_THROW(compare(a_run(), *record), NotComparable);
  }
  try {
    compare(a_run(), other);
  } catch (const NotComparable& error) {
    EXPECT_STREQ(
        error.what(),
        "the test is Soak/Voice.OpenAi in the old run and Soak/Voice.Gemini in the new one; both must be the same");
  }
}

TEST(CompareTest, OptionsThatDifferAreNoted) {
  Record before = a_run();
  before.settings = {{"duration", "1h00m", "flag"}, {"seed", "7", "default"}};
  Record after = a_run();
  after.settings = {{"duration", "2h00m", "flag"}, {"seed", "8", "default"}};

  EXPECT_THAT(compare(before, after).notes, ElementsAre("duration: 1h00m -> 2h00m"));
}

TEST(CompareTest, TheWorstIsSaidFirst) {
  Record before = with(a_trend(0, 10));
  before.counters = {{"frames", 10}};
  Record after = with(a_trend(5000, 10));
  after.counters = {{"frames", 10}};
  after.measured.tracks.push_back(a_track("sessions", probe::Unit::kCount, 1, 1));

  EXPECT_THAT(comparison_text(compare(before, after)),
              AllOf(StartsWith("  worse     heap per reconnect "), HasSubstr("\n  only new  sessions ")));
}

}  // namespace
}  // namespace soak::report
