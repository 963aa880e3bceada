// SPDX-License-Identifier: Apache-2.0
#include "soak/report/summary.h"

#include <gtest/gtest.h>

#include <chrono>

namespace soak::report {
namespace {

using namespace std::chrono_literals;

Record an_hour_of_voice() {
  Record record;
  record.name = "Soak/Voice.OpenAiRealtime";
  record.title = "VOICE SOAK / openai";
  record.cycle_noun = "reconnect";
  record.mode = "real";
  record.elapsed = 3600s;
  record.cycles = 40;
  record.counters = {{"frames", 90000}};
  record.rerun = "./voice_soak --gtest_runsoak --soak_seed=7";
  probe::Track rss;
  rss.name = "rss";
  for (const auto& [cycle, kb] : {std::pair{1, 9120}, std::pair{20, 9404}, std::pair{40, 9388}}) {
    const probe::Point point{cycle * 90s, static_cast<std::uint64_t>(cycle), kb * 1024};
    rss.timeline.add(point);
    rss.at_rest.add(point);
  }
  record.measured.tracks.push_back(rss);
  return record;
}

TEST(SummaryTest, KeepsTheFormThatPeopleGrepFor) {
  EXPECT_EQ(summary_line(an_hour_of_voice()),
            "[VOICE SOAK / openai] PASS: elapsed=3600.0s reconnects=40 frames=90000 rss_start=9120KB rss_peak=9404KB "
            "rss_end=9388KB growth=268KB");
}

TEST(SummaryTest, FiguresOfADriverComeFirstAndStandForTheCounters) {
  Record record = an_hour_of_voice();
  record.figures = {{"sent", "2880"}, {"success_rate", "0.9993"}};

  EXPECT_EQ(summary_line(record).find("[VOICE SOAK / openai] PASS: sent=2880 success_rate=0.9993 elapsed=3600.0s "
                                      "reconnects=40 rss_start=9120KB"),
            0u);
}

TEST(SummaryTest, ShowsAnswersAndForHowLongASessionWasOpen) {
  Record record = an_hour_of_voice();
  record.open_time = OpenTime{3600, 3419.9};
  record.answers = Answers{};
  record.answers->asked = 700;
  record.answers->received = 700;

  EXPECT_NE(summary_line(record).find("frames=90000 answers_asked=700 answers=700 open=0.9499 rss_start="),
            std::string::npos)
      << summary_line(record);

  record.answers->received = 600;
  record.answers->failed = 40;
  record.answers->lost = 30;
  record.answers->unanswered = 20;
  record.answers->cut_off = 10;  // No fault of anybody's.
  record.answers->errors = 5;
  record.answers->invalid_events = 4;
  EXPECT_NE(summary_line(record).find(" answers_asked=700 answers=600 answers_failed=40 answers_lost=30 unanswered=20 "
                                      "errors=5 invalid_events=4 open="),
            std::string::npos)
      << summary_line(record);
}

Record an_hour_that_shows_no_bound() {
  Record record = an_hour_of_voice();
  record.verdict.inconclusive = {{"heap", "heap: 64 B per reconnect could not be shown", {{"needs", "a run of 6h00m"}}},
                                 {"rss", "rss may have grown", {}}};
  record.verdict.remarks = {"no growth of fds"};
  return record;
}

TEST(SummaryTest, WhatIsInconclusiveIsOneLineBelowAPass) {
  const Record record = an_hour_that_shows_no_bound();

  EXPECT_EQ(outcome(record), "PASS");
  EXPECT_EQ(findings_text(record), "");
  EXPECT_EQ(
      remarks_text(record),
      "  inconclusive: heap: 64 B per reconnect could not be shown; rss may have grown\n  note: no growth of fds\n");
}

TEST(SummaryTest, WhereABoundWasAskedForItIsTheVerdict) {
  Record record = an_hour_that_shows_no_bound();
  record.bound_asked = true;

  EXPECT_EQ(outcome(record), "INCONCLUSIVE");
  EXPECT_EQ(summary_line(record).find("[VOICE SOAK / openai] INCONCLUSIVE: elapsed=3600.0s"), 0u);
  EXPECT_EQ(findings_text(record),
            "  heap: 64 B per reconnect could not be shown\n    needs       a run of 6h00m\n  rss may have grown\n");
  EXPECT_EQ(remarks_text(record), "  note: no growth of fds\n");
}

TEST(SummaryTest, AFindingIsAFailWhateverIsInconclusive) {
  Record record = an_hour_that_shows_no_bound();
  record.bound_asked = true;
  record.verdict.findings = {{"fds", "fds rose", {}}};

  EXPECT_EQ(outcome(record), "FAIL");
  EXPECT_EQ(findings_text(record), "  fds rose\n");
}

TEST(SummaryTest, APartOfASoakShowsNoBoundYet) {
  Record record = an_hour_that_shows_no_bound();
  record.bound_asked = true;
  record.parts.resize(1);
  record.parts_left = 3;

  EXPECT_EQ(outcome(record), "PART 1 of 4");
}

TEST(SummaryTest, ShowsNoTextFromOutsideAsItCame) {
  constexpr const char* kHostile = "a\n[  SKIPPED ] b\x1b[2J\xff";
  constexpr const char* kShown = "a\\n[SKIPPED] b\\x1b[2J\\xff";
  Record record = an_hour_of_voice();
  record.verdict.remarks = {kHostile};
  record.verdict.findings = {{"close", kHostile, {{"at", kHostile}}}};
  record.figures = {{"reason", kHostile}};
  record.rerun = kHostile;
  const std::string at = std::string("at          ") + kShown + "\n";

  EXPECT_EQ(remarks_text(record), std::string("  note: ") + kShown + "\n");
  EXPECT_EQ(findings_text(record), std::string("  ") + kShown + "\n    " + at);
  EXPECT_EQ(finding_text(record, record.verdict.findings.front()),
            std::string("Soak/Voice.OpenAiRealtime: ") + kShown + "\n  " + at + "  rerun       " + kShown);
  EXPECT_NE(summary_line(record).find(std::string(" reason=") + kShown + " elapsed="), std::string::npos);
}

TEST(SummaryTest, SaysThatTheClockWasVirtual) {
  Record record = an_hour_of_voice();
  record.mode = "virtual";
  record.virtual_clock = true;

  EXPECT_NE(summary_line(record).find(" clock=virtual"), std::string::npos);
}

TEST(SummaryTest, SaysThatALeakEndedTheRun) {
  Record record = an_hour_of_voice();
  record.ended_early = 310s;

  EXPECT_NE(summary_line(record).find(" ended_early=310.0s"), std::string::npos);
}

TEST(SummaryTest, AFindingMakesItFailAndFailedCyclesAreCounted) {
  Record record = an_hour_of_voice();
  record.failed_cycles = 2;
  record.verdict.findings.push_back({"sockets", "sockets rose 12 -> 224 in 1h00m, allowed +0", {}});

  EXPECT_EQ(summary_line(record).find("[VOICE SOAK / openai] FAIL: "), 0u);
  EXPECT_NE(summary_line(record).find(" failed_reconnects=2 "), std::string::npos);
}

TEST(SummaryTest, AFindingNamesTheTestTheEvidenceAndTheCommandThatShowsItAgain) {
  const Record record = an_hour_of_voice();
  const probe::Finding finding{
      "sockets", "sockets rose 12 -> 224 in 1h00m, allowed +0", {{"since", "00:41:10, reconnect 37"}}};

  EXPECT_EQ(finding_text(record, finding),
            "Soak/Voice.OpenAiRealtime: sockets rose 12 -> 224 in 1h00m, allowed +0\n"
            "  since       00:41:10, reconnect 37\n"
            "  rerun       ./voice_soak --gtest_runsoak --soak_seed=7");
}

TEST(SummaryTest, RemarksFollowAsNotes) {
  Record record = an_hour_of_voice();
  record.verdict.remarks.push_back("heap not judged: not measured");

  EXPECT_EQ(remarks_text(record), "  note: heap not judged: not measured\n");
  EXPECT_EQ(findings_text(record), "");
}

TEST(SummaryTest, APartOfASoakIsNoPass) {
  Record record;
  record.title = "SOAK / Day.IsClean";
  record.cycle_noun = "cycle";
  record.parts.resize(1);
  record.parts_left = 3;

  EXPECT_EQ(summary_line(record).find("[SOAK / Day.IsClean] PART 1 of 4: elapsed=0.0s cycles=0"), 0u);
  record.parts_left = 0;
  EXPECT_EQ(outcome(record), "PASS");
  record.parts_left = 3;
  record.verdict.findings.push_back({"interrupted", "interrupted by SIGTERM", {}});
  EXPECT_EQ(outcome(record), "FAIL");
}

}  // namespace
}  // namespace soak::report
