// SPDX-License-Identifier: Apache-2.0
// Soaks that were asked for and that something outside them kept from running: GoogleTest reports success. Tried from
// outside, with soak's main, with a main that adds the Environment (twice), and with GoogleTest's main, which adds
// none.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "conftest/scratch_folder.h"
#include "conftest/subprocess.h"

namespace soak::conftest {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const std::vector<const char*> kPrograms = {SAMPLE_SOAKS, SAMPLE_SOAKS_OWN_MAIN, SAMPLE_SOAKS_STOCK_MAIN};
const char kSkips[] = "SAMPLE_OUTSIDER=environment skips";
const char kTwoSoaks[] = "--gtest_filter=Unit.*:Soak/Loop.Passes:Soak/Fixture.*";

ProgramResult run_sample(std::vector<std::string> arguments, std::vector<std::string> environment = {},
                         const char* program = SAMPLE_SOAKS) {
  arguments.insert(arguments.begin(), {program, "--soak_duration=50ms"});
  environment.push_back("SOAK_REPORT_DIR=" + scratch_folder().path());
  return run_program(std::move(arguments), std::move(environment));
}

int count(const std::string& text, const std::string& words) {
  int found = 0;
  for (auto at = text.find(words); at != std::string::npos; at = text.find(words, at + 1)) {
    ++found;
  }
  return found;
}

TEST(EnvironmentTest, SoaksThatAreDueMustNotBeSkippedByAnotherEnvironment) {
  for (const char* program : kPrograms) {
    const ProgramResult skipped = run_sample({"--gtest_runsoak", kTwoSoaks}, {kSkips}, program);
    const ProgramResult at_peace = run_sample({"--gtest_runsoak", kTwoSoaks}, {}, program);

    EXPECT_EQ(skipped.exit_status, 1) << skipped.output;
    EXPECT_THAT(skipped.output,
                AllOf(HasSubstr("there is no database here"),
                      HasSubstr("2 soak tests were due in real mode (--gtest_runsoak), and 0 started"),
                      HasSubstr("GTEST_SKIP() or a failure in the SetUp() of another testing::Environment")));
    EXPECT_EQ(count(skipped.output, " due in "), 1) << "two environments, or the one that was added, said it";
    EXPECT_EQ(at_peace.exit_status, 0) << at_peace.output;
    EXPECT_THAT(at_peace.output, Not(HasSubstr(" due in ")));
  }
}

TEST(EnvironmentTest, AVariableAsksAsAFlagDoes) {
  const ProgramResult real = run_sample({kTwoSoaks}, {kSkips, "GTEST_RUNSOAK=1"});
  const ProgramResult smoke = run_sample({"--gtest_filter=Soak/Fixture.*"}, {kSkips, "SOAK_SMOKE=1"});

  EXPECT_EQ(real.exit_status, 1);
  EXPECT_THAT(real.output, HasSubstr("2 soak tests were due in real mode (GTEST_RUNSOAK), and 0 started"));
  EXPECT_EQ(smoke.exit_status, 1);
  EXPECT_THAT(smoke.output, HasSubstr("1 soak test was due in smoke mode (SOAK_SMOKE), and 0 started"));
}

TEST(EnvironmentTest, AModeThatIsNoSwitchIsAskedForToo) {
  const ProgramResult result = run_sample({kTwoSoaks}, {kSkips, "GTEST_RUNSOAK=perhaps"});

  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.output, HasSubstr("2 soak tests were due in an invalid mode: GTEST_RUNSOAK is 'perhaps'"));
}

TEST(EnvironmentTest, AnEnvironmentThatFailsIsNamedAsWhatToLookAt) {
  const ProgramResult result = run_sample({"--gtest_runsoak", kTwoSoaks}, {"SAMPLE_OUTSIDER=environment fails"});

  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.output, AllOf(HasSubstr("the database did not start"), HasSubstr("and 0 started")));
}

// CTest shows a test as Skipped that prints this, whatever its exit status.
TEST(EnvironmentTest, ForCTestOnlySoaksThatWereSkippedAndNothingThatFailedAreASkip) {
  const char kForCTest[] = "SOAK_CTEST=1";
  const auto line = HasSubstr("\nsoak: nothing ran, nothing failed\n");
  for (const char* program : kPrograms) {
    EXPECT_THAT(run_sample({"--gtest_filter=Soak/Loop.Passes"}, {kForCTest}, program).output, line);
    EXPECT_THAT(run_sample({"--gtest_filter=Soak/Loop.Passes"}, {}, program).output, Not(line));
    EXPECT_THAT(run_sample({"--gtest_filter=Soak/Unwilling.IsSkipped", "--gtest_runsoak"}, {kForCTest}, program).output,
                line);
    for (const char* outsider : {"SAMPLE_OUTSIDER=environment fails", kSkips, "SAMPLE_OUTSIDER=listener skips"}) {
      const ProgramResult result = run_sample({"--gtest_runsoak", kTwoSoaks}, {kForCTest, outsider}, program);
      EXPECT_EQ(result.exit_status, 1) << outsider;
      EXPECT_THAT(result.output, Not(line)) << outsider;
    }
    const ProgramResult not_asked =
        run_sample({"--gtest_filter=Soak/Loop.Passes"}, {kForCTest, "SAMPLE_OUTSIDER=environment fails"}, program);
    EXPECT_EQ(not_asked.exit_status, 1);
    EXPECT_THAT(not_asked.output, Not(line));
    EXPECT_THAT(run_sample({"--gtest_filter=Unit.AlwaysRuns:Soak/Loop.Passes"}, {kForCTest}, program).output, Not(line))
        << "one test ran";
  }
}

TEST(EnvironmentTest, AListenerThatSkipsEverySoakIsNoSuccess) {
  for (const char* program : kPrograms) {
    const ProgramResult result =
        run_sample({"--gtest_runsoak", kTwoSoaks}, {"SAMPLE_OUTSIDER=listener skips"}, program);

    EXPECT_EQ(result.exit_status, 1) << result.output;
    EXPECT_THAT(result.output, AllOf(HasSubstr("2 soak tests were due"), HasSubstr("test event listeners"),
                                     Not(HasSubstr("Fixture constructed"))));
  }
}

TEST(EnvironmentTest, WithoutAModeNothingIsDue) {
  const ProgramResult result = run_sample({kTwoSoaks}, {kSkips}, SAMPLE_SOAKS_OWN_MAIN);

  EXPECT_EQ(result.exit_status, 0);
  EXPECT_THAT(result.output, HasSubstr("mode=none due=0 started=0"));
}

TEST(EnvironmentTest, UnitTestsAreNotDue) {
  // CTest starts a process for each test, and one variable is for all of them.
  for (const char* unit : {"Unit.AlwaysRuns", "Soak/Param.IsAUnitTest/0"}) {
    const ProgramResult run =
        run_sample({std::string("--gtest_filter=") + unit}, {"GTEST_RUNSOAK=1"}, SAMPLE_SOAKS_OWN_MAIN);
    const ProgramResult skipped = run_sample({std::string("--gtest_filter=") + unit}, {"GTEST_RUNSOAK=1", kSkips});

    EXPECT_EQ(run.exit_status, 0) << run.output;
    EXPECT_THAT(run.output, HasSubstr("mode=real due=0 started=0"));
    EXPECT_EQ(skipped.exit_status, 0) << skipped.output;
  }
}

TEST(EnvironmentTest, ASoakThatSkipsItselfHasStarted) {
  const std::vector<std::pair<const char*, const char*>> cases = {
      {"--gtest_runsoak", "Env.NeedsTwoVariables"},     // SOAK_REQUIRE_ENV
      {"--gtest_runsoak", "Skip.BeforeTheFirstCycle"},  // its body
      {"--gtest_runsoak", "Unwilling.IsSkipped"},       // its fixture's SetUp()
      {"--gtest_runsoak", "UnwillingSuite.HasNoRun"},   // its fixture's SetUpTestSuite()
      {"--soak_virtual", "Loop.Passes"},                // a Run in its body that has no virtual clock
      {"--soak_virtual", "Unwilling.IsSkipped"},        // a Run in its fixture that has none
      {"--soak_smoke", "Service.TwoSessions"}};         // a service, which is used in real mode only
  for (const auto& [flag, name] : cases) {
    const ProgramResult result =
        run_sample({flag, std::string("--gtest_filter=Soak/") + name}, {}, SAMPLE_SOAKS_OWN_MAIN);

    EXPECT_EQ(result.exit_status, 0) << result.output;
    EXPECT_THAT(result.output, HasSubstr(" due=1 started=1 ")) << name;
  }
}

TEST(EnvironmentTest, ABadVariableIsAllThatFailsASoak) {
  const ProgramResult result = run_sample({kTwoSoaks}, {"GTEST_RUNSOAK=1", "SOAK_RSS_BUDGET_KB=abc"});

  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.output, AllOf(HasSubstr("SOAK_RSS_BUDGET_KB is 'abc'"), Not(HasSubstr(" due in "))));
}

TEST(EnvironmentTest, AShardWithoutSoaksIsNoFailure) {
  // Three tests in three shards; the soak is in one of them.
  int started = 0;
  int failed = 0;
  for (const char* index : {"0", "1", "2"}) {
    const std::vector<std::string> shard = {"GTEST_TOTAL_SHARDS=3", std::string("GTEST_SHARD_INDEX=") + index};
    const std::vector<std::string> arguments = {"--gtest_runsoak", "--gtest_filter=Unit.*:Soak/Loop.Passes"};
    const ProgramResult run = run_sample(arguments, shard, SAMPLE_SOAKS_OWN_MAIN);
    std::vector<std::string> shard_and_skip = shard;
    shard_and_skip.emplace_back(kSkips);

    EXPECT_EQ(run.exit_status, 0) << run.output;
    started += count(run.output, " due=1 started=1 ");
    failed += run_sample(arguments, shard_and_skip).exit_status;
  }

  EXPECT_EQ(started, 1);
  EXPECT_EQ(failed, 1);
}

TEST(EnvironmentTest, EachRepetitionIsCountedByItself) {
  for (const char* recreate :
       {"--gtest_recreate_environments_when_repeating=1", "--gtest_recreate_environments_when_repeating=0"}) {
    const ProgramResult run =
        run_sample({"--gtest_runsoak", kTwoSoaks, "--gtest_repeat=2", recreate}, {}, SAMPLE_SOAKS_OWN_MAIN);
    const ProgramResult skipped = run_sample({"--gtest_runsoak", kTwoSoaks, "--gtest_repeat=2", recreate}, {kSkips});

    EXPECT_EQ(run.exit_status, 0) << run.output;
    EXPECT_THAT(run.output, HasSubstr(" due=2 started=2 "));
    EXPECT_EQ(skipped.exit_status, 1);
    EXPECT_EQ(count(skipped.output, " due in "), std::string(recreate).back() == '1' ? 2 : 1) << skipped.output;
  }
}

TEST(EnvironmentTest, SoaksAfterTheFirstFailureAreNotDueWithFailFast) {
  const ProgramResult result =
      run_sample({"--gtest_runsoak", kTwoSoaks, "--gtest_fail_fast"}, {"SAMPLE_OUTSIDER=unit test fails"});

  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.output, AllOf(HasSubstr("1 FAILED TEST"), Not(HasSubstr(" due in "))));
}

TEST(EnvironmentTest, ListingAndHelpAreNoRun) {
  for (const char* flag : {"--gtest_list_tests", "--help"}) {
    const ProgramResult result = run_sample({"--gtest_runsoak", kTwoSoaks, flag}, {kSkips});

    EXPECT_EQ(result.exit_status, 0) << result.output;
    EXPECT_THAT(result.output, Not(HasSubstr(" due in ")));
  }
}

TEST(EnvironmentTest, ADisabledSoakIsDueWhereDisabledTestsRun) {
  const std::string filter = "--gtest_filter=Unit.*:Soak/DISABLED_Loop.*";

  const ProgramResult left_out = run_sample({filter}, {"GTEST_RUNSOAK=1", kSkips});
  const ProgramResult due = run_sample({filter, "--gtest_also_run_disabled_tests"}, {"GTEST_RUNSOAK=1", kSkips});

  EXPECT_EQ(left_out.exit_status, 0) << left_out.output;
  EXPECT_EQ(due.exit_status, 1) << due.output;
}

TEST(EnvironmentTest, HasTheModeAndTheOptionsOfTheProcess) {
  const ProgramResult result =
      run_sample({"--soak_smoke", "--gtest_filter=Soak/Loop.Passes"}, {}, SAMPLE_SOAKS_OWN_MAIN);

  EXPECT_THAT(result.output, HasSubstr("mode=smoke due=1 started=1 duration=2000ms"));
  EXPECT_THAT(run_sample({"--gtest_runsoak", "--gtest_filter=Soak/Loop.Passes"}, {}, SAMPLE_SOAKS_OWN_MAIN).output,
              HasSubstr("mode=real due=1 started=1 duration=50ms"));
}

}  // namespace
}  // namespace soak::conftest
