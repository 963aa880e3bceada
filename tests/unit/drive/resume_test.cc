// SPDX-License-Identifier: Apache-2.0
// A soak that is run as several processes, from outside.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "conftest/scratch_folder.h"
#include "conftest/subprocess.h"
#include "soak/report/read_json.h"

namespace soak::conftest {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class ResumeTest : public testing::Test {
 protected:
  std::string file(const std::string& name) const { return folder_ / name; }

  ProgramResult run(const std::string& test, const std::vector<std::string>& more) const {
    std::vector<std::string> arguments = {SAMPLE_DAY, "--soak_virtual", "--gtest_filter=Soak/" + test,
                                          "--soak_report_dir=" + file("report")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments);
  }

  ProgramResult run_part(const std::string& test, const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments = {"--soak_checkpoint=" + file("day.json"), "--soak_part_duration=8h"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(test, arguments);
  }

  report::Record report_of(const std::string& test) const {
    return report::read_json_file(file("report/Soak-" + test + "-virtual.json"));
  }

  const ScratchFolder folder_;
};

TEST_F(ResumeTest, ThreePartsOfACleanDayPassAsOneDoes) {
  const ProgramResult one = run("Day.IsClean", {"--soak_seed=7"});
  const report::Record whole = report_of("Day.IsClean");
  const ProgramResult first = run_part("Day.IsClean", {"--soak_seed=7"});
  const ProgramResult second = run_part("Day.IsClean");
  const ProgramResult third = run_part("Day.IsClean");
  const report::Record joined = report_of("Day.IsClean");

  ASSERT_EQ(one.exit_status, 0) << one.output;
  EXPECT_EQ(first.exit_status, 0) << first.output;
  EXPECT_EQ(second.exit_status, 0) << second.output;
  EXPECT_EQ(third.exit_status, 0) << third.output;
  EXPECT_THAT(first.output,
              AllOf(HasSubstr("[SOAK / Day.IsClean] PART 1 of 3: elapsed=28800.0s"), Not(HasSubstr("PASS:")),
                    HasSubstr("8h00m of 24h00m done, in "), HasSubstr("begins at 0 s with cycle 0\n")));
  EXPECT_THAT(second.output, AllOf(HasSubstr("PART 2 of 3: elapsed=57600.0s"), Not(HasSubstr("PASS:")),
                                   HasSubstr("begins at 28800 s with cycle 69\n")));
  EXPECT_THAT(third.output, AllOf(HasSubstr("[SOAK / Day.IsClean] PASS: elapsed=86400.0s"),
                                  HasSubstr("begins at 57600 s with cycle 138\n"), HasSubstr("is finished")));
  // 1,440 minutes in cycles of 7: 206. A part may end in the middle of one.
  EXPECT_EQ(whole.cycles, 206u);
  EXPECT_NEAR(static_cast<double>(joined.cycles), 206.0, 2.0);
  EXPECT_EQ(joined.seed, 7u);
  EXPECT_EQ(joined.verdict.findings.size(), whole.verdict.findings.size());
  EXPECT_EQ(joined.parts.size(), 3u);
  EXPECT_EQ(joined.elapsed, whole.elapsed);
  EXPECT_EQ(joined.traffic.at(0).due[0], joined.traffic.at(0).met[0]);
  EXPECT_NEAR(static_cast<double>(joined.traffic.at(0).due[1]), static_cast<double>(whole.traffic.at(0).due[1]), 5);
  EXPECT_NEAR(static_cast<double>(joined.measured.quiescent_points),
              static_cast<double>(whole.measured.quiescent_points), 2.0);
}

TEST_F(ResumeTest, ThreePartsOfADayWithALeakFailAsOneDoes) {
  const ProgramResult one = run("Day.LeaksInTheEvening", {"--soak_seed=7"});
  const report::Record whole = report_of("Day.LeaksInTheEvening");
  const ProgramResult first = run_part("Day.LeaksInTheEvening", {"--soak_seed=7"});
  const ProgramResult second = run_part("Day.LeaksInTheEvening");
  const ProgramResult third = run_part("Day.LeaksInTheEvening");
  const report::Record joined = report_of("Day.LeaksInTheEvening");

  EXPECT_EQ(one.exit_status, 1) << one.output;
  EXPECT_EQ(first.exit_status, 0) << first.output;
  EXPECT_EQ(second.exit_status, 0) << second.output;
  EXPECT_EQ(third.exit_status, 1) << third.output;
  EXPECT_THAT(third.output, HasSubstr("[SOAK / Day.LeaksInTheEvening] FAIL: "));
  ASSERT_EQ(whole.verdict.findings.size(), 1u);
  ASSERT_EQ(joined.verdict.findings.size(), 1u);
  EXPECT_EQ(joined.verdict.findings[0].subject, whole.verdict.findings[0].subject);
}

TEST_F(ResumeTest, WhatIsWrongInAPartEndsTheSoak) {
  const ProgramResult first = run_part("Day.LeaksInTheMorning");
  const ProgramResult second = run_part("Day.LeaksInTheMorning");

  EXPECT_EQ(first.exit_status, 1);
  EXPECT_THAT(first.output, AllOf(HasSubstr("[SOAK / Day.LeaksInTheMorning] FAIL: "), HasSubstr("kept rose")));
  EXPECT_EQ(second.exit_status, 1);
  EXPECT_THAT(second.output, AllOf(HasSubstr("is finished: FAIL after"), HasSubstr("delete it to start over")));
}

TEST_F(ResumeTest, AFinishedSoakIsNotRunAgain) {
  for (int i = 0; i < 2; ++i) {
    ASSERT_EQ(run_part("Day.IsClean", {"--soak_part_duration=12h"}).exit_status, 0);
  }

  const ProgramResult again = run_part("Day.IsClean", {"--soak_part_duration=12h"});

  EXPECT_EQ(again.exit_status, 1);
  EXPECT_THAT(again.output, HasSubstr("is finished: PASS after 24h00m in 2 parts; delete it to start over"));
}

TEST_F(ResumeTest, WhereReportsGoMayDiffer) {
  const ProgramResult first = run_part("Day.IsClean", {"--soak_seed=7"});
  const ProgramResult second = run_part("Day.IsClean", {"--soak_report_dir=" + file("elsewhere")});

  EXPECT_EQ(first.exit_status, 0) << first.output;
  EXPECT_EQ(second.exit_status, 0) << second.output;
  EXPECT_THAT(second.output, HasSubstr("report in " + file("elsewhere")));
}

TEST_F(ResumeTest, AnotherSeedIsRefusedAndNothingIsLost) {
  ASSERT_EQ(run_part("Day.IsClean", {"--soak_seed=7"}).exit_status, 0);
  const std::string before = read_file(file("day.json"));

  const ProgramResult refused = run_part("Day.IsClean", {"--soak_seed=8"});

  EXPECT_EQ(refused.exit_status, 1);
  EXPECT_THAT(refused.output, HasSubstr("was made with seed 7, but here it is 8"));
  EXPECT_EQ(read_file(file("day.json")), before);
}

TEST_F(ResumeTest, SeveralSoaksShareADirectory) {
  const ProgramResult result =
      run("Day.IsClean:Soak/Day.LeaksInTheEvening", {"--soak_checkpoint=" + file("all/"), "--soak_part_duration=8h"});

  EXPECT_EQ(result.exit_status, 0) << result.output;
  EXPECT_TRUE(std::filesystem::exists(file("all/Soak-Day.IsClean-virtual.checkpoint.json")));
  EXPECT_TRUE(std::filesystem::exists(file("all/Soak-Day.LeaksInTheEvening-virtual.checkpoint.json")));
}

TEST_F(ResumeTest, ATestWithTwoRunsIsRefused) {
  const ProgramResult result = run_part("Day.HasTwoRuns");

  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.output, HasSubstr("a test that runs with a checkpoint has one soak::Run"));
}

TEST_F(ResumeTest, ACheckpointThatCannotBeWrittenIsSaidBeforeTheSoakRuns) {
  const ProgramResult result = run("Day.IsClean", {"--soak_checkpoint=/proc/nowhere/day.json"});

  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.output, AllOf(HasSubstr("the checkpoint cannot be written: /proc/nowhere/day.json"),
                                   Not(HasSubstr("begins at"))));
}

TEST_F(ResumeTest, TheTimeoutOfCTestIsComparedWithAPart) {
  const std::vector<std::string> day = {SAMPLE_DAY, "--gtest_runsoak", "--gtest_filter=Soak/Loop.SaysThatItRuns",
                                        "--soak_duration=24h", "--soak_checkpoint=" + file("day.json")};

  const ProgramResult result = run_program(day, {"SOAK_TEST_TIMEOUT_SEC=3600"});

  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.output, AllOf(HasSubstr("a part of 5h30m does not fit the test's TIMEOUT of 1h00m"),
                                   HasSubstr("--soak_part_duration")));
}

TEST_F(ResumeTest, PartsOnTheRealClockGoOnToo) {
  const std::vector<std::string> part = {SAMPLE_DAY,
                                         "--gtest_runsoak",
                                         "--gtest_filter=Soak/Loop.SaysThatItRuns",
                                         "--soak_report_dir=" + file("report"),
                                         "--soak_checkpoint=" + file("day.json"),
                                         "--soak_early_stop=0",
                                         "--soak_duration=300ms",
                                         "--soak_part_duration=100ms"};

  const ProgramResult first = run_program(part);
  const ProgramResult second = run_program(part);
  const ProgramResult third = run_program(part);

  EXPECT_THAT(first.output, HasSubstr("[SOAK / Loop.SaysThatItRuns] PART 1 of 3: "));
  EXPECT_THAT(second.output, HasSubstr("[SOAK / Loop.SaysThatItRuns] PART 2 of 3: "));
  EXPECT_THAT(third.output, HasSubstr("[SOAK / Loop.SaysThatItRuns] PASS: elapsed=0.3s "));
  EXPECT_EQ(third.exit_status, 0);
}

// On the real clock: the time until the signal counts, and the next process goes on from there.
TEST_F(ResumeTest, AnInterruptedPartCountsAndTheSoakGoesOn) {
  std::vector<std::string> loop = {SAMPLE_DAY,
                                   "--gtest_runsoak",
                                   "--gtest_filter=Soak/Loop.SaysThatItRuns",
                                   "--soak_report_dir=" + file("report"),
                                   "--soak_checkpoint=" + file("day.json"),
                                   "--soak_early_stop=0"};
  Program first(loop);
  ASSERT_TRUE(first.read_until("in the loop")) << first.output();
  first.signal(SIGTERM);
  const ProgramResult interrupted = first.wait();
  const report::Record saved = report::read_json_file(file("day.json"));
  Program second(loop);
  ASSERT_TRUE(second.read_until("in the loop")) << second.output();
  second.signal(SIGINT);
  const ProgramResult again = second.wait();
  const report::Record at_last = report::read_json_file(file("day.json"));

  EXPECT_EQ(interrupted.exit_status, 1);
  EXPECT_THAT(interrupted.output,
              AllOf(HasSubstr("interrupted by SIGTERM"), HasSubstr("run the same command again to continue")));
  EXPECT_GE(saved.cycles, 10u);
  EXPECT_EQ(saved.parts_left, 1u);
  EXPECT_GT(saved.elapsed, 0s);
  EXPECT_EQ(again.exit_status, 1);
  ASSERT_EQ(at_last.parts.size(), 2u);
  EXPECT_EQ(at_last.parts[1].from, saved.parts[0].to);
  EXPECT_EQ(at_last.cycles, saved.cycles + at_last.parts[1].cycles);
  EXPECT_EQ(at_last.counters.at(0).value, at_last.cycles);
}

}  // namespace
}  // namespace soak::conftest
