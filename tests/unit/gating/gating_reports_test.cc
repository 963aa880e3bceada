// SPDX-License-Identifier: Apache-2.0
// What a soak test program leaves behind: verdicts, GoogleTest's XML and JSON, soak's own report, also when it is
// interrupted.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "conftest/scratch_folder.h"
#include "conftest/subprocess.h"

namespace soak::conftest {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

class GatingReportsTest : public testing::Test {
 protected:
  std::string file(const std::string& name) const { return folder_ / name; }

  // The names of the files in such a folder, in order.
  std::vector<std::string> files(const std::string& folder) const {
    std::vector<std::string> names;
    std::error_code missing;
    for (const auto& entry : std::filesystem::directory_iterator(file(folder), missing)) {
      names.push_back(entry.path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  std::vector<std::string> arguments(const std::string& filter) const {
    return {SAMPLE_SOAKS, "--gtest_runsoak", "--gtest_filter=Soak/" + filter, "--soak_report_dir=" + file("report")};
  }

  ProgramResult run(const std::string& filter, const std::string& more = "--soak_duration=50ms") const {
    std::vector<std::string> all = arguments(filter);
    all.push_back(more);
    return run_program(all);
  }

  const ScratchFolder folder_;
};

TEST_F(GatingReportsTest, XmlAndJsonSayThatATestWasSkippedAndWhy) {
  const ProgramResult xml = run_program({SAMPLE_SOAKS, "--gtest_output=xml:" + file("out.xml")});
  const ProgramResult json = run_program({SAMPLE_SOAKS, "--gtest_output=json:" + file("out.json")});

  EXPECT_EQ(xml.exit_status, 0);
  EXPECT_EQ(json.exit_status, 0);
  EXPECT_THAT(read_file(file("out.xml")),
              AllOf(HasSubstr("name=\"Passes\""), HasSubstr("result=\"skipped\""), HasSubstr("--gtest_runsoak")));
  EXPECT_THAT(read_file(file("out.json")), AllOf(HasSubstr("\"name\": \"Passes\""), HasSubstr("SKIPPED")));
}

TEST_F(GatingReportsTest, ABrokenBudgetIsAFailureWithEvidenceAndTheCommandThatShowsItAgain) {
  const ProgramResult result = run("Loop.LeavesHeapBehind", "--soak_duration=500ms");

  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.output, HasSubstr("[SOAK / Loop.LeavesHeapBehind] FAIL: "));
  // 64 KiB, and what the vector that keeps them grows by.
  EXPECT_THAT(result.output, ContainsRegex("Soak/Loop.LeavesHeapBehind: heap grew 6[0-9].[0-9] KiB per cycle, allowed "
                                           "16.0 KiB"));
  EXPECT_THAT(
      result.output,
      HasSubstr("--gtest_runsoak --gtest_filter=Soak/Loop.LeavesHeapBehind --soak_duration=500ms --soak_seed="));
  EXPECT_THAT(result.output, Not(HasSubstr("PASS:")));
}

TEST_F(GatingReportsTest, TheReportHoldsEverySeries) {
  const ProgramResult result = run("Loop.Passes");

  ASSERT_EQ(result.exit_status, 0) << result.output;
  const std::string report = read_file(file("report") + "/Soak-Loop.Passes.json");
  EXPECT_THAT(report, AllOf(HasSubstr("\"schema\": \"soak.report\""), HasSubstr("\"passed\": true"),
                            HasSubstr("\"clock\": \"real\"")));
  for (const char* series : {"rss", "heap", "fds", "sockets", "threads"}) {
    EXPECT_THAT(report, HasSubstr(std::string("\"name\": \"") + series + "\""));
  }
}

// So that a CI system can show a finding where the test is.
TEST_F(GatingReportsTest, TheReportNamesTheFileAndTheLineOfTheTest) {
  const std::string source = read_file(SAMPLE_SOAKS_SOURCE);
  const std::string before = source.substr(0, source.find("SOAK_TEST(Loop, Passes) {"));
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;

  const ProgramResult result = run("Loop.Passes");

  ASSERT_EQ(result.exit_status, 0) << result.output;
  EXPECT_THAT(read_file(file("report") + "/Soak-Loop.Passes.json"),
              ContainsRegex("\"file\": \"[^\"]*gating/sample_soaks.cc\",\n *\"line\": " + std::to_string(line) + ","));
}

TEST_F(GatingReportsTest, AReportThatCannotBeWrittenFailsTheTestAtOnce) {
  std::ofstream(file("occupied")) << "a file where a directory is needed";
  for (const std::string& folder : {std::string("/proc/nowhere"), file("occupied")}) {
    const ProgramResult result =
        run_program({SAMPLE_SOAKS, "--gtest_runsoak", "--soak_duration=60s", "--gtest_filter=Soak/Loop.SaysThatItRuns",
                     "--soak_report_dir=" + folder});

    EXPECT_EQ(result.exit_status, 1);
    EXPECT_THAT(result.output,
                AllOf(HasSubstr("the report cannot be written: " + folder),
                      HasSubstr("[  FAILED  ] Soak/Loop.SaysThatItRuns"), Not(HasSubstr("in the loop"))));
  }
}

TEST_F(GatingReportsTest, ASecondRunOfTheSameNameIsToldWhoWritesTheReport) {
  std::vector<std::string> all = arguments("Loop.SaysThatItRuns");
  all.push_back("--soak_duration=60s");
  Program first(all);
  ASSERT_TRUE(first.read_until("in the loop")) << first.output();

  const ProgramResult second = run("Loop.SaysThatItRuns");
  const ProgramResult another = run("Loop.Passes");

  EXPECT_EQ(second.exit_status, 1);
  EXPECT_THAT(second.output, HasSubstr("the report " + file("report") +
                                       "/Soak-Loop.SaysThatItRuns.json is being written by "
                                       "another run, process " +
                                       std::to_string(first.pid()) + ": wait for it to end"));
  EXPECT_EQ(another.exit_status, 0) << another.output;
  first.signal(SIGKILL);
  first.wait();
  EXPECT_EQ(run("Loop.SaysThatItRuns").exit_status, 0);  // What the dead one left holds nothing.
}

TEST_F(GatingReportsTest, XmlAndJsonHoldTheNumbersOfTheRun) {
  for (const char* kind : {"xml", "json"}) {
    std::vector<std::string> all = arguments("Loop.Passes");
    all.push_back("--soak_duration=50ms");
    all.push_back(std::string("--gtest_output=") + kind + ":" + file(std::string("out.") + kind));
    EXPECT_EQ(run_program(all).exit_status, 0);
  }

  const std::string page = file("report") + "/Soak-Loop.Passes.html";
  const std::string xml = read_file(file("out.xml"));
  for (const char* property : {"verdict\" value=\"PASS\"", "mode\" value=\"real\"", "elapsed_s\" value=\"0.0",
                               "cycles\" value=\"", "count_puts\" value=\"", "seed\" value=\""}) {
    EXPECT_THAT(xml, HasSubstr(std::string("name=\"soak_") + property));
  }
  EXPECT_THAT(xml, HasSubstr("name=\"soak_report\" value=\"" + page + "\""));
  EXPECT_THAT(read_file(file("out.json")), HasSubstr("\"soak_verdict\": \"PASS\""));
}

TEST_F(GatingReportsTest, AProcessThatIsKilledLeavesItsJournal) {
  std::vector<std::string> all = arguments("Loop.SaysThatItRuns");
  all.push_back("--soak_duration=60s");
  Program program(all);
  ASSERT_TRUE(program.read_until("in the loop")) << program.output();

  program.signal(SIGKILL);
  program.wait();

  EXPECT_EQ(files("report"),
            (std::vector<std::string>{"Soak-Loop.SaysThatItRuns.journal", "Soak-Loop.SaysThatItRuns.lock"}));
  EXPECT_THAT(read_file(file("report") + "/Soak-Loop.SaysThatItRuns.journal"),
              AllOf(HasSubstr("{\"schema\":\"soak.journal\",\"version\":1,\"name\":\"Soak/Loop.SaysThatItRuns\""),
                    HasSubstr("\n{\"type\":\"sample\",\"at_s\":0.")));
}

TEST_F(GatingReportsTest, ARunThatEndsLeavesThePageAndTheJsonAlone) {
  run("Loop.Passes");

  EXPECT_EQ(files("report"), (std::vector<std::string>{"Soak-Loop.Passes.html", "Soak-Loop.Passes.json"}));
}

TEST_F(GatingReportsTest, AVerdictNobodyReadFailsTheTest) {
  const ProgramResult result = run("Loop.ForgetsItsVerdict");

  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.output, HasSubstr("the verdict of this soak::Run was never read"));
}

TEST_F(GatingReportsTest, AnAssertBeforeTheVerdictFailsTheTest) {
  const ProgramResult result = run("Loop.BodyHasAnAssert");

  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.output, AllOf(HasSubstr("before the loop"), HasSubstr("never read")));
}

TEST_F(GatingReportsTest, AnExceptionBeforeTheVerdictIsWhatTheTestFailsWith) {
  for (const char* name : {"Loop.Throws", "FixtureRun.Throws"}) {
    const ProgramResult result = run(name);

    EXPECT_EQ(result.exit_status, 1) << result.output;
    EXPECT_THAT(result.output,
                AllOf(HasSubstr("thrown in the loop"), HasSubstr(std::string("[  FAILED  ] Soak/") + name),
                      Not(HasSubstr("never read"))));
  }
}

TEST_F(GatingReportsTest, WhatWasMeasuredBeforeAnExceptionIsInTheJournal) {
  run("Loop.Throws");

  EXPECT_THAT(files("report"), testing::Contains("Soak-Loop.Throws.journal"));
}

TEST_F(GatingReportsTest, WhatAPeerSaidIsNotTakenForGoogleTestsWord) {
  for (const char* name : {"Hostile.IsInAFinding", "Hostile.IsThrown", "Hostile.IsThrownByCodeThatIsNotOurs"}) {
    const ProgramResult result = run(name);

    EXPECT_EQ(result.exit_status, 1);
    EXPECT_THAT(result.output, AllOf(HasSubstr("a\\n[SKIPPED] b\\x1b[2J"), HasSubstr("[  FAILED  ] Soak/Hostile"),
                                     Not(HasSubstr("[  SKIPPED ]")), Not(HasSubstr("\x1b"))));
  }
  EXPECT_THAT(read_file(file("report") + "/Soak-Hostile.IsInAFinding.json"),
              HasSubstr("a\\n[  SKIPPED ] b\\u001B[2J"));  // The text itself, as JSON escapes it.
}

TEST_F(GatingReportsTest, ATestThatSkipsItselfBeforeTheFirstCycleIsSkipped) {
  for (const char* name : {"Skip.BeforeTheFirstCycle", "Unwilling.IsSkipped"}) {
    const ProgramResult result = run(name);

    EXPECT_EQ(result.exit_status, 0) << result.output;
    EXPECT_THAT(result.output, HasSubstr(std::string("[  SKIPPED ] Soak/") + name));
    EXPECT_THAT(result.output, Not(HasSubstr("verdict")));
  }
  EXPECT_THAT(files("report"), testing::IsEmpty());
}

TEST_F(GatingReportsTest, ATestThatSkipsItselfInACycleFails) {
  const ProgramResult result = run("Skip.InACycle");

  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.output, AllOf(HasSubstr("[  FAILED  ] Soak/Skip.InACycle"), HasSubstr("never read")));
}

TEST_F(GatingReportsTest, ARunWithoutACycleFails) {
  const ProgramResult result = run("Loop.HasNoCycle");

  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.output, HasSubstr("Soak/Loop.HasNoCycle: 0 cycles finished"));
}

TEST_F(GatingReportsTest, AnInterruptWritesTheReportAndFails) {
  for (const auto& [number, name] : {std::pair{SIGINT, "SIGINT"}, std::pair{SIGTERM, "SIGTERM"}}) {
    std::vector<std::string> all = arguments("Loop.SaysThatItRuns");
    all.push_back("--soak_duration=60s");
    Program program(all);
    ASSERT_TRUE(program.read_until("in the loop")) << program.output();

    program.signal(number);
    const ProgramResult result = program.wait();

    EXPECT_EQ(result.exit_status, 1) << result.output;
    EXPECT_THAT(result.output, HasSubstr(std::string("interrupted by ") + name + " after "));
    EXPECT_THAT(read_file(file("report") + "/Soak-Loop.SaysThatItRuns.json"), HasSubstr("\"interrupted\": true"));
  }
}

}  // namespace
}  // namespace soak::conftest
