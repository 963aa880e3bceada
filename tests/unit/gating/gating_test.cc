// SPDX-License-Identifier: Apache-2.0
// What a soak test program promises on its command line, tried from outside: exit status and output. The traps are
// those of GoogleTest, where a flag that it does not know is its help text, exit status 0 and no test run.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
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

// Runs the sample with a duration that no test waits for.
ProgramResult run_sample(std::vector<std::string> arguments, std::vector<std::string> environment = {},
                         const char* program = SAMPLE_SOAKS) {
  arguments.insert(arguments.begin(), program);
  environment.push_back("SOAK_REPORT_DIR=" + scratch_folder().path());
  return run_program(std::move(arguments), std::move(environment));
}

const char kShort[] = "--soak_duration=50ms";
const char kPasses[] = "--gtest_filter=Soak/Loop.Passes";

TEST(GatingTest, SkipsWithTheWordsThatWouldRunIt) {
  const ProgramResult result = run_sample({});

  EXPECT_EQ(result.exit_status, 0);
  EXPECT_THAT(result.output, HasSubstr("[       OK ] Unit.AlwaysRuns"));
  EXPECT_THAT(result.output, HasSubstr("[  SKIPPED ] Soak/Loop.Passes"));
  EXPECT_THAT(result.output, HasSubstr("--gtest_runsoak (or GTEST_RUNSOAK=1)"));
  EXPECT_THAT(result.output, Not(HasSubstr("Fixture constructed")));
}

TEST(GatingTest, RunsForItsDurationWithTheFlag) {
  const ProgramResult result = run_sample({"--gtest_runsoak", kShort, kPasses});

  EXPECT_EQ(result.exit_status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("[SOAK / Loop.Passes] PASS: elapsed=0.1s cycles="));
  EXPECT_THAT(result.output, HasSubstr("[       OK ] Soak/Loop.Passes"));
}

TEST(GatingTest, RunsWithTheVariable) {
  const ProgramResult result = run_sample({kShort, kPasses}, {"GTEST_RUNSOAK=1"});

  EXPECT_EQ(result.exit_status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("PASS: elapsed="));
}

TEST(GatingTest, TheFlagTakesBackTheVariable) {
  const ProgramResult result = run_sample({"--gtest_runsoak=0", kPasses}, {"GTEST_RUNSOAK=1"});

  EXPECT_EQ(result.exit_status, 0);
  EXPECT_THAT(result.output, HasSubstr("[  SKIPPED ] Soak/Loop.Passes"));
}

TEST(GatingTest, ABoundThatCouldNotBeShownIsAFailureThatSaysSo) {
  const ProgramResult result = run_sample({"--gtest_runsoak", kShort, "--gtest_filter=Soak/Bound.CannotBeShown"});

  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.output, AllOf(HasSubstr("[SOAK / Bound.CannotBeShown] INCONCLUSIVE: elapsed="),
                                   HasSubstr("Failed\nINCONCLUSIVE Soak/Bound.CannotBeShown: ")));
  EXPECT_THAT(result.output, Not(HasSubstr("FAIL: ")));
}

TEST(GatingTest, ABadBoundIsExitStatusTwoAndNamesWhatIsExpected) {
  for (const char* bound : {"10MiB", "10/day", "MiB/day", "-1B/day", "10MiB/", "10 MiB/day"}) {
    const ProgramResult result = run_sample({"--gtest_runsoak", std::string("--soak_leak_max=") + bound, kPasses});

    EXPECT_EQ(result.exit_status, 2) << bound;
    EXPECT_THAT(result.output, HasSubstr("such as 10MiB/day or 64B/reconnect")) << bound;
  }
}

TEST(GatingTest, AProcessThatWasStoppedIsNotAccusedOfWhatWasDueMeanwhile) {
  const ProgramResult result = run_sample({"--gtest_runsoak", "--soak_duration=5s", "--gtest_filter=Soak/Frames.Pause"},
                                          {"SAMPLE_OUTSIDER=stops the process"});

  EXPECT_EQ(result.exit_status, 0) << result.output;
  EXPECT_THAT(result.output,
              AllOf(HasSubstr("note: this process did not run for 1."), HasSubstr(" s from 00:00:00"),
                    HasSubstr("inconclusive: frames: "), HasSubstr(" due while this process did not run")));
}

TEST(GatingTest, AProcessWhoseOwnThreadPausedIsAccused) {
  const ProgramResult result =
      run_sample({"--gtest_runsoak", "--soak_duration=5s", "--gtest_filter=Soak/Frames.Pause"});

  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.output, HasSubstr("due while a session was open, allowed +-1%"));
  EXPECT_THAT(result.output, Not(HasSubstr("did not run")));
}

TEST(GatingTest, SmokeTakesTwoSecondsWhateverTheDuration) {
  const ProgramResult result = run_sample({"--soak_smoke", "--soak_duration=5h", kPasses});

  EXPECT_EQ(result.exit_status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("PASS: elapsed=2.0s"));
  EXPECT_THAT(result.output, HasSubstr("mode=smoke"));
}

TEST(GatingTest, VirtualSkipsABodyWithoutAnAsyncRun) {
  const ProgramResult result = run_sample({"--soak_virtual", kPasses});

  EXPECT_EQ(result.exit_status, 0);
  EXPECT_THAT(result.output, HasSubstr("only a soak::AsyncRun runs with --soak_virtual"));
  EXPECT_THAT(result.output, HasSubstr("[  SKIPPED ] Soak/Loop.Passes"));
}

TEST(GatingTest, TakesDashesAndOneDash) {
  for (const char* flag : {"--gtest-runsoak", "-gtest_runsoak", "/gtest_runsoak", "--gtest_runsoak=true"}) {
    const ProgramResult result = run_sample({flag, "--soak-duration=50ms", kPasses});

    EXPECT_THAT(result.output, HasSubstr("[       OK ] Soak/Loop.Passes")) << flag;
  }
}

TEST(GatingTest, AnUnknownOrMisspeltFlagIsExitStatusTwo) {
  for (const char* flag : {"--soak_durration=1s", "--gtest_runsoaks", "--gtest_run_soak", "--soak", "--soak_"}) {
    const ProgramResult result = run_sample({flag});

    if (std::string(flag) == "--soak") {  // Not ours: GoogleTest leaves it for the program.
      EXPECT_EQ(result.exit_status, 0) << flag;
      continue;
    }
    EXPECT_EQ(result.exit_status, 2) << flag;
    EXPECT_THAT(result.output, AllOf(HasSubstr("is not an option of this program, which has --gtest_runsoak"),
                                     HasSubstr("--soak_duration")))
        << flag;
    EXPECT_THAT(result.output, Not(HasSubstr("AlwaysRuns"))) << flag;
  }
}

TEST(GatingTest, ABadFlagValueIsExitStatusTwoAndNamesWhatIsExpected) {
  const std::vector<std::pair<const char*, const char*>> cases = {
      {"--soak_duration=abc", "--soak_duration is 'abc': expected a time above 0, such as 40ms, 90s, 5m or 24h"},
      {"--soak_duration=90", "--soak_duration is '90'"},
      {"--soak_duration=-1s", "--soak_duration is '-1s'"},
      {"--soak_duration=0s", "--soak_duration is '0s'"},
      {"--soak_duration=", "--soak_duration is ''"},
      {"--soak_duration", "--soak_duration needs a value"},
      {"--soak_rss_growth_max=20MB", "expected a size of 0 or more, such as 512KiB, 20MiB or 1GiB"},
      {"--soak_sessions=0", "expected a whole number from 1 to 100000"},
      {"--soak_seed=-1", "expected a whole number from 0"},
      {"--gtest_runsoak=maybe", "--gtest_runsoak is 'maybe'"},
      {"--soak_part_duration=6", "--soak_part_duration is '6'"},
      {"--soak_service_time_max=0s", "--soak_service_time_max is '0s'"},
      {"--soak_checkpoint=", "expected a file, or a directory for several soaks"}};
  for (const auto& [flag, words] : cases) {
    const ProgramResult result = run_sample({flag});

    EXPECT_EQ(result.exit_status, 2) << flag;
    EXPECT_THAT(result.output, HasSubstr(words)) << flag;
  }
}

TEST(GatingTest, TwoModesAskedForInTheSameWayAreExitStatusTwo) {
  const ProgramResult flags = run_sample({"--gtest_runsoak", "--soak_virtual"});
  const ProgramResult variables = run_sample({}, {"GTEST_RUNSOAK=1", "SOAK_SMOKE=1"});
  const ProgramResult listing = run_sample({"--gtest_list_tests"}, {"GTEST_RUNSOAK=1", "SOAK_SMOKE=1"});
  const ProgramResult overruled = run_sample({"--soak_virtual", kPasses}, {"GTEST_RUNSOAK=1", "SOAK_SMOKE=1"});

  EXPECT_EQ(flags.exit_status, 2);
  EXPECT_THAT(flags.output, HasSubstr("--gtest_runsoak and --soak_virtual ask for two modes"));
  EXPECT_EQ(variables.exit_status, 2);
  EXPECT_THAT(variables.output, HasSubstr("GTEST_RUNSOAK and SOAK_SMOKE ask for two modes"));
  EXPECT_EQ(listing.exit_status, 0);
  EXPECT_EQ(overruled.exit_status, 0) << overruled.output;
}

TEST(GatingTest, ABadVariableFailsEachSoakThatWouldRunAndNothingElse) {
  const std::vector<std::string> bad = {"SOAK_DURATION_MIN=abc", "SOAK_RSS_BUDGET_KB=-1"};
  std::vector<std::string> bad_and_run = bad;
  bad_and_run.push_back("GTEST_RUNSOAK=1");

  const ProgramResult run = run_sample({kPasses}, bad_and_run);
  EXPECT_EQ(run.exit_status, 1);
  EXPECT_THAT(run.output,
              HasSubstr("SOAK_DURATION_MIN is 'abc': expected a number of minutes above 0, such as 60 or 0.5"));
  EXPECT_THAT(run.output, HasSubstr("SOAK_RSS_BUDGET_KB is '-1': expected a number of KB of 1,024 bytes, 0 or more"));

  EXPECT_EQ(run_sample({"--gtest_filter=Unit.*"}, bad_and_run).exit_status, 0);
  EXPECT_EQ(run_sample({"--gtest_list_tests"}, bad_and_run).exit_status, 0);
  EXPECT_EQ(run_sample({}, bad).exit_status, 0);
}

TEST(GatingTest, AModeVariableThatIsNoSwitchFailsTheSoaks) {
  const ProgramResult result = run_sample({kPasses}, {"GTEST_RUNSOAK=perhaps"});

  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.output, HasSubstr("GTEST_RUNSOAK is 'perhaps': expected 1 or 0"));
}

TEST(GatingTest, AFlagBeatsAVariableBeatsCodeBeatsTheDefault) {
  const char filter[] = "--gtest_filter=Soak/Options.AreSaid";

  EXPECT_THAT(run_sample({"--gtest_runsoak", filter}).output, HasSubstr("duration=70ms rss=20480KiB"));
  EXPECT_THAT(run_sample({"--gtest_runsoak", filter}, {"SOAK_DURATION_MIN=0.001", "SOAK_RSS_BUDGET_KB=1024"}).output,
              HasSubstr("duration=60ms rss=1024KiB"));
  EXPECT_THAT(run_sample({"--gtest_runsoak", filter, "--soak_duration=55ms", "--soak_seed=7"},
                         {"SOAK_DURATION_MIN=0.001", "SOAK_SEED=8"})
                  .output,
              HasSubstr("duration=55ms rss=20480KiB seed=7"));
  EXPECT_THAT(run_sample({"--gtest_runsoak", filter}, {"SOAK_DURATION=60ms", "SOAK_RSS_GROWTH_MAX=1MiB"}).output,
              HasSubstr("duration=60ms rss=1024KiB"));
}

TEST(GatingTest, TwoNamesOfAVariableThatDisagreeFailTheSoakAndAreBothNamed) {
  const ProgramResult disagree =
      run_sample({kPasses}, {"GTEST_RUNSOAK=1", "SOAK_DURATION=50ms", "SOAK_DURATION_MIN=1"});
  const ProgramResult by_flag =
      run_sample({kPasses, kShort}, {"GTEST_RUNSOAK=1", "SOAK_DURATION=90s", "FERAL_SOAK_DURATION_MIN=1"});

  EXPECT_EQ(disagree.exit_status, 1);
  EXPECT_THAT(disagree.output, HasSubstr("SOAK_DURATION is '50ms' and SOAK_DURATION_MIN is '1': "));
  EXPECT_EQ(by_flag.exit_status, 0) << by_flag.output;
}

// Of what this program is made of, nothing reads them.
TEST(GatingTest, OptionsOfModulesThatAreNotLinkedAreUnknown) {
  for (const char* flag : {"--soak_audio_interval=40ms", "--soak_message_interval=30s", "--soak_metrics_port=0"}) {
    const ProgramResult result = run_sample({flag});

    EXPECT_EQ(result.exit_status, 2) << flag;
    EXPECT_THAT(result.output, AllOf(HasSubstr("is not an option of this program"), HasSubstr("--soak_duration")));
  }
  EXPECT_THAT(run_sample({"--help"}).output, Not(HasSubstr("audio_interval")));
}

TEST(GatingTest, AValueOutOfRangeInCodeFailsTheTest) {
  const ProgramResult result = run_sample({"--gtest_runsoak", "--gtest_filter=Soak/Options.OutOfRangeInCode"});

  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.output, HasSubstr("RunOptions::duration is"));
}

TEST(GatingTest, TheStockMainWorksToo) {
  const ProgramResult skipped = run_sample({}, {}, SAMPLE_SOAKS_STOCK_MAIN);
  const ProgramResult run = run_sample({"--gtest_runsoak", kShort, kPasses}, {}, SAMPLE_SOAKS_STOCK_MAIN);
  const ProgramResult misspelt = run_sample({"--gtest_runsoaks"}, {}, SAMPLE_SOAKS_STOCK_MAIN);

  EXPECT_EQ(skipped.exit_status, 0);
  EXPECT_THAT(skipped.output, HasSubstr("[  SKIPPED ] Soak/Loop.Passes"));
  EXPECT_EQ(run.exit_status, 0);
  EXPECT_THAT(run.output, AllOf(HasSubstr("gtest_main"), HasSubstr("[       OK ] Soak/Loop.Passes")));
  EXPECT_EQ(misspelt.exit_status, 2);
}

TEST(GatingTest, ASoakFlagInAFlagFileIsExitStatusTwo) {
  const std::string path = scratch_folder() / "soak_flagfile";
  std::ofstream(path) << kPasses << "\n--gtest_runsoak\n";

  for (const char* program : {SAMPLE_SOAKS, SAMPLE_SOAKS_STOCK_MAIN}) {
    const ProgramResult result = run_sample({"--gtest_flagfile=" + path}, {}, program);

    EXPECT_EQ(result.exit_status, 2);
    EXPECT_THAT(result.output, HasSubstr("soak_flagfile line 2: --gtest_runsoak is not read from a flag file"));
  }
}

TEST(GatingTest, HelpListsTheFlagsAfterGoogleTests) {
  for (const char* program : {SAMPLE_SOAKS, SAMPLE_SOAKS_STOCK_MAIN}) {
    const ProgramResult result = run_sample({"--help"}, {}, program);

    EXPECT_EQ(result.exit_status, 0);
    EXPECT_LT(result.output.find("--gtest_filter"), result.output.find("--gtest_runsoak  (GTEST_RUNSOAK=1)"));
    EXPECT_THAT(result.output, HasSubstr("--soak_duration=  (SOAK_DURATION or SOAK_DURATION_MIN; default 60m)"));
  }
}

TEST(GatingTest, ADeathTestSeesTheModeOfItsParent) {
  for (const char* program : {SAMPLE_SOAKS, SAMPLE_SOAKS_STOCK_MAIN}) {
    for (const char* flag : {"--gtest_runsoak", "--soak_smoke"}) {
      // The other mode's variable must not come back in the child.
      const ProgramResult result = run_sample({flag, "--gtest_filter=Soak/Death.*"}, {"SOAK_VIRTUAL=1"}, program);

      EXPECT_EQ(result.exit_status, 0) << result.output;
      EXPECT_THAT(result.output, HasSubstr("[       OK ] Soak/Death.SeesTheSameMode"));
    }
  }
}

TEST(GatingTest, ListingIsTheSameInEachMode) {
  const std::string plain = run_sample({"--gtest_list_tests"}).output;

  EXPECT_THAT(plain, AllOf(HasSubstr("Unit.\n  AlwaysRuns\n"), HasSubstr("Soak/Loop.\n  Passes\n"),
                           HasSubstr("Soak/Fixture.\n  IsSetUp\n")));
  for (const char* flag : {"--gtest_runsoak", "--soak_virtual", "--soak_smoke"}) {
    EXPECT_EQ(run_sample({"--gtest_list_tests", flag}).output, plain) << flag;
  }
}

TEST(GatingTest, AFilterThatLeavesNoSoakFailsWhenOneWasAskedForByFlag) {
  const ProgramResult none = run_sample({"--gtest_runsoak", "--gtest_filter=Unit.*"});
  const ProgramResult nothing = run_sample({"--soak_smoke", "--gtest_filter=Nothing.*"});
  const ProgramResult unit_only = run_sample({"--gtest_runsoak"}, {}, SAMPLE_UNIT_ONLY);
  const ProgramResult by_variable = run_sample({"--gtest_filter=Unit.*"}, {"GTEST_RUNSOAK=1"});

  EXPECT_EQ(none.exit_status, 1);
  EXPECT_THAT(none.output,
              AllOf(HasSubstr("the filter 'Unit.*' leaves none of its soak tests"), HasSubstr("Soak/Loop.Passes")));
  EXPECT_EQ(nothing.exit_status, 1);
  EXPECT_EQ(unit_only.exit_status, 1);
  EXPECT_THAT(unit_only.output, HasSubstr("this program has no soak test"));
  EXPECT_EQ(by_variable.exit_status, 0);  // One variable for a whole CI job, unit tests included.
}

TEST(GatingTest, ShardsTogetherRunEverySoakOnce) {
  int runs = 0;
  for (const char* index : {"0", "1", "2"}) {
    const ProgramResult result =
        run_sample({"--gtest_runsoak", kShort, "--gtest_filter=Soak/Loop.Passes:Soak/Fixture.*"},
                   {"GTEST_TOTAL_SHARDS=3", std::string("GTEST_SHARD_INDEX=") + index});

    EXPECT_EQ(result.exit_status, 0) << result.output;
    for (const char* ok : {"[       OK ] Soak/Loop.Passes", "[       OK ] Soak/Fixture.IsSetUp"}) {
      runs += result.output.find(ok) != std::string::npos ? 1 : 0;
    }
  }

  EXPECT_EQ(runs, 2);
}

TEST(GatingTest, RepeatRunsItAgain) {
  const ProgramResult result = run_sample({"--gtest_runsoak", kShort, kPasses, "--gtest_repeat=3"});

  EXPECT_EQ(result.exit_status, 0) << result.output;
  std::size_t passes = 0;
  for (auto at = result.output.find("PASS: "); at != std::string::npos; at = result.output.find("PASS: ", at + 1)) {
    ++passes;
  }
  EXPECT_EQ(passes, 3u);
}

TEST(GatingTest, ADisabledSoakIsCountedAndNotRun) {
  const ProgramResult result = run_sample({"--gtest_runsoak", kShort, std::string(kPasses) + ":Soak/DISABLED_Loop.*"});

  EXPECT_EQ(result.exit_status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("YOU HAVE 1 DISABLED TEST"));
}

TEST(GatingTest, FixturesAreSetUp) {
  const ProgramResult result = run_sample({"--gtest_runsoak", kShort, "--gtest_filter=Soak/Fixture.*"});

  EXPECT_EQ(result.exit_status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("Fixture constructed"));
}

TEST(GatingTest, RequiredVariablesThatAreMissingSkipTheTestByName) {
  const char filter[] = "--gtest_filter=Soak/Env.*";

  const ProgramResult one = run_sample({"--gtest_runsoak", filter}, {"SOAK_TELEGRAM_TOKEN=s3cret"});
  const ProgramResult both =
      run_sample({"--gtest_runsoak", filter}, {"SOAK_TELEGRAM_TOKEN=s3cret", "SOAK_TELEGRAM_CHAT_ID=12"});
  const ProgramResult not_enabled = run_sample({filter}, {"SOAK_TELEGRAM_TOKEN=s3cret", "SOAK_TELEGRAM_CHAT_ID=12"});

  EXPECT_THAT(one.output, HasSubstr("needs the environment variable SOAK_TELEGRAM_CHAT_ID, not set here"));
  EXPECT_THAT(one.output, HasSubstr("[  SKIPPED ] Soak/Env.NeedsTwoVariables"));
  EXPECT_THAT(one.output, Not(HasSubstr("s3cret")));
  EXPECT_THAT(both.output, HasSubstr("chat 12"));
  EXPECT_THAT(not_enabled.output, Not(HasSubstr("chat 12")));  // Variables alone never start a soak.
}

TEST(GatingTest, AServiceIsUsedInRealTimeOnly) {
  const char filter[] = "--gtest_filter=Soak/Service.TwoSessions";

  for (const char* mode : {"--soak_smoke", "--soak_virtual"}) {
    const ProgramResult result = run_sample({mode, filter});

    EXPECT_EQ(result.exit_status, 0) << result.output;
    EXPECT_THAT(result.output, HasSubstr("[  SKIPPED ] Soak/Service.TwoSessions")) << mode;
    EXPECT_THAT(result.output, Not(HasSubstr("used the service"))) << mode;
  }
  EXPECT_THAT(run_sample({"--soak_smoke", filter}).output, HasSubstr("a service is used only in real time"));
}

TEST(GatingTest, AServiceIsNotUsedForLongerThanIsAllowed) {
  const char filter[] = "--gtest_filter=Soak/Service.TwoSessions";
  const auto real = [&filter](const char* duration, std::vector<std::string> environment = {}) {
    return run_sample({"--gtest_runsoak", filter, duration}, std::move(environment));
  };

  const ProgramResult too_long = real("--soak_duration=301s");  // Twice that is 10m02s.
  const ProgramResult too_long_here = real("--soak_duration=50ms", {"SOAK_SERVICE_BUDGET_MIN=0.0016"});  // 96 ms.
  const ProgramResult allowed = real("--soak_duration=50ms", {"SOAK_SERVICE_BUDGET_MIN=0.0017"});        // 102 ms.
  const ProgramResult longest = real("--soak_duration=8784h");

  EXPECT_EQ(too_long.exit_status, 1);
  EXPECT_THAT(too_long.output, AllOf(HasSubstr("2 sessions of 5m01s would together exceed 10m00s"),
                                     HasSubstr("--soak_service_time_max=<time> or SOAK_SERVICE_TIME_MAX"),
                                     Not(HasSubstr("used the service")), Not(HasSubstr("verdict"))));
  EXPECT_EQ(too_long_here.exit_status, 1) << too_long_here.output;
  EXPECT_EQ(longest.exit_status, 1) << longest.output;
  EXPECT_EQ(allowed.exit_status, 0) << allowed.output;
  EXPECT_THAT(allowed.output, HasSubstr("used the service"));
}

TEST(GatingTest, ADurationThatDoesNotFitCTestsTimeoutFailsAtOnce) {
  const ProgramResult result =
      run_sample({"--gtest_runsoak", "--soak_duration=24h", kPasses}, {"SOAK_TEST_TIMEOUT_SEC=4260"});

  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.output, HasSubstr("a duration of 24h00m does not fit the test's TIMEOUT of 1h11m"));
}

const char kParam[] = "--gtest_filter=Soak/Fault/Param.*";

TEST(GatingTest, ParameterisedTestsStandBelowSoakWithTheNamesOfTheirParameters) {
  const std::string list = run_sample({"--gtest_list_tests", "--gtest_filter=Soak/*"}).output;

  EXPECT_THAT(list, HasSubstr("Soak/Fault/Param.\n  Runs/0  # GetParam() = \"reset\"\n"
                              "  Runs/1  # GetParam() = \"stall\"\n"));
  EXPECT_THAT(list, HasSubstr("Soak/Grid.\n  HasItsParameters/N3_off  # GetParam() = (3, false)\n"));
  EXPECT_THAT(list, Not(HasSubstr("Stock/Param")));
  EXPECT_THAT(list, Not(HasSubstr("Registration")));
}

TEST(GatingTest, AParameterisedTestIsSkippedWithoutItsFixture) {
  const ProgramResult result = run_sample({"--gtest_filter=*/Param.*"});

  EXPECT_EQ(result.exit_status, 0);
  EXPECT_THAT(result.output, HasSubstr("--gtest_runsoak (or GTEST_RUNSOAK=1)"));
  EXPECT_THAT(result.output, HasSubstr("[  SKIPPED ] Soak/Fault/Param.Runs/1"));
  EXPECT_THAT(result.output, Not(HasSubstr("Param constructed for reset")));
  // The stock macro reached the TEST_P of the same fixture, and nothing else.
  EXPECT_THAT(result.output,
              HasSubstr("Param constructed for unit\nParam is set up\n[       OK ] Stock/Param.IsAUnitTest/0"));
  EXPECT_THAT(result.output, Not(HasSubstr("Soak/Fault/Param.IsAUnitTest")));
}

TEST(GatingTest, AParameterisedTestRunsWithItsParameter) {
  const ProgramResult result = run_sample({"--gtest_runsoak", kShort, "--gtest_filter=Soak/Fault/Param.Runs/1"});

  EXPECT_EQ(result.exit_status, 0) << result.output;
  EXPECT_THAT(result.output, AllOf(HasSubstr("Param constructed for stall\nParam is set up"),
                                   HasSubstr("[SOAK / Fault/Param.Runs/1] PASS: "), HasSubstr(" stalls=")));
  EXPECT_THAT(result.output, Not(HasSubstr("reset")));
  EXPECT_THAT(read_file(scratch_folder() / "Soak-Fault-Param.Runs-1.json"),
              HasSubstr("--gtest_filter=Soak/Fault/Param.Runs/1"));
}

TEST(GatingTest, AParameterisedTestTakesCombinationsAndNamesOfItsOwn) {
  const ProgramResult result = run_sample({"--gtest_runsoak", "--gtest_filter=Soak/Grid.HasItsParameters/N4_on"});

  EXPECT_EQ(result.exit_status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("grid 4 1\n[       OK ] Soak/Grid.HasItsParameters/N4_on"));
}

TEST(GatingTest, AParameterisedDeathTestSeesModeAndParameter) {
  for (const char* program : {SAMPLE_SOAKS, SAMPLE_SOAKS_STOCK_MAIN}) {
    const ProgramResult result = run_sample({"--soak_smoke", "--gtest_filter=Soak/*InADeathTest/*"}, {}, program);

    EXPECT_EQ(result.exit_status, 0) << result.output;
    for (const char* name : {"0", "1"}) {
      EXPECT_THAT(result.output,
                  HasSubstr(std::string("[       OK ] Soak/Fault/Param.SeesTheSameModeInADeathTest/") + name));
    }
  }
}

TEST(GatingTest, ShardsTogetherRunEveryParameterOnce) {
  int runs = 0;
  for (const char* index : {"0", "1", "2"}) {
    const ProgramResult result = run_sample({"--gtest_runsoak", "--gtest_filter=Soak/Grid.*"},
                                            {"GTEST_TOTAL_SHARDS=3", std::string("GTEST_SHARD_INDEX=") + index});

    EXPECT_EQ(result.exit_status, 0) << result.output;
    for (const char* grid : {"grid 3 0", "grid 3 1", "grid 4 0", "grid 4 1"}) {
      runs += result.output.find(grid) != std::string::npos ? 1 : 0;
    }
  }

  EXPECT_EQ(runs, 4);
}

TEST(GatingTest, AnXmlReportSaysTheParameter) {
  const std::string path = scratch_folder() / "soak_param.xml";

  run_sample({kParam, "--gtest_output=xml:" + path});

  EXPECT_THAT(read_file(path), AllOf(HasSubstr("<testsuite name=\"Soak/Fault/Param\" tests=\"4\""),
                                     HasSubstr("value_param=\"&quot;stall&quot;\""), HasSubstr("result=\"skipped\"")));
}

TEST(GatingTest, ADisabledInstantiationIsCountedAndNotRun) {
  const ProgramResult result = run_sample({"--gtest_runsoak", "--gtest_filter=Soak/*Grid.*"});

  EXPECT_EQ(result.exit_status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("YOU HAVE 1 DISABLED TEST"));
  EXPECT_THAT(result.output, Not(HasSubstr("grid 9 1")));
}

TEST(GatingTest, TestsWithoutParametersFailBelowSoakInEveryMode) {
  for (const char* flag : {"--gtest_runsoak=0", "--gtest_runsoak", "--soak_virtual", "--soak_smoke"}) {
    const ProgramResult result =
        run_sample({flag, "--gtest_filter=Soak/*<Forgotten>:Soak/*<Empty>"}, {}, SAMPLE_UNINSTANTIATED);

    EXPECT_EQ(result.exit_status, 1) << flag;
    for (const char* suite : {"Forgotten", "Empty"}) {
      EXPECT_THAT(result.output,
                  AllOf(HasSubstr(std::string("[  FAILED  ] Soak/GoogleTestVerification."
                                              "UninstantiatedParameterizedTestSuite<") +
                                  suite + ">"),
                        HasSubstr(std::string("SOAK_INSTANTIATE_TEST_SUITE_P(prefix, ") + suite + ", values)")))
          << flag;
    }
  }
}

TEST(GatingTest, TestsThatMayGoWithoutParametersDoNotFail) {
  EXPECT_THAT(run_sample({"--gtest_list_tests"}).output, Not(HasSubstr("GoogleTestVerification")));
}

TEST(GatingTest, ParametersWithoutTestsFail) {
  const ProgramResult result = run_sample({"--gtest_filter=Soak/*<NoTests>"}, {}, SAMPLE_UNINSTANTIATED);

  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.output,
              HasSubstr("SOAK_INSTANTIATE_TEST_SUITE_P gives parameters to NoTests, which has no SOAK_TEST_P"));
}

// The filter leaves one soak that passes: what fails the program is said at its start.
TEST(GatingTest, TheStockMacroOnASoakTestPIsAnErrorThatNamesTheRightOne) {
  const ProgramResult result =
      run_sample({"--gtest_runsoak", "--gtest_filter=Soak/Ours/BothMacros.*"}, {}, SAMPLE_UNINSTANTIATED);

  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.output, HasSubstr("[       OK ] Soak/Ours/BothMacros.Runs/0"));
  for (const char* suite : {"StockMacro", "BothMacros"}) {
    EXPECT_THAT(result.output, HasSubstr(std::string("the tests of ") + suite +
                                         " are SOAK_TEST_P: give them their parameters with "
                                         "SOAK_INSTANTIATE_TEST_SUITE_P(prefix, " +
                                         suite + ", values), not with INSTANTIATE_TEST_SUITE_P"));
  }
  EXPECT_THAT(result.output, Not(HasSubstr("the tests of Forgotten are")));
}

TEST(GatingTest, AParameterNameThatNoFilterCouldTellApartEndsTheProgram) {
  const std::vector<std::pair<std::string, const char*>> cases = {
      {"a-b", "names a parameter 'a-b': use letters, digits and _"},
      {"", "names a parameter '': use letters, digits and _"},
      {"same", "names a parameter 'same': another parameter has this name"}};
  for (const auto& [name, text] : cases) {
    const ProgramResult result = run_sample({}, {"SAMPLE_PARAM_NAME=" + name}, SAMPLE_BAD_NAMES);

    EXPECT_EQ(result.exit_status, -SIGABRT) << name;
    EXPECT_THAT(result.output, AllOf(HasSubstr("sample_bad_names.cc:"), HasSubstr(text)));
  }
}

}  // namespace
}  // namespace soak::conftest
