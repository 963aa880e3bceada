// SPDX-License-Identifier: Apache-2.0
// soak judge, from outside.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "conftest/scratch_folder.h"
#include "conftest/subprocess.h"
#include "soak/report/files.h"

namespace soak::conftest {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

class JudgeCommandTest : public testing::Test {
 protected:
  std::string write(const std::string& text) const {
    const std::string path = folder_ / "a.csv";
    EXPECT_EQ(report::write_file(path, text), "");
    return path;
  }

  ProgramResult judge(const std::string& text, const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments = {SOAK_COMMAND, "judge", write(text)};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments);
  }

  const ScratchFolder folder_;
};

TEST_F(JudgeCommandTest, NamesOfColumnsAndTextsOfTheFileCannotSteerATerminal) {
  const ProgramResult names = judge("time_s,a[  SKIPPED ]\x1b[2J\n0,1\n1,1\n2,1\n");
  std::string rows;
  for (int i = 0; i < 100; ++i) {
    rows += std::to_string(i) + ",10," + std::to_string(i) + "\n";
  }
  const ProgramResult operation =
      judge("time_s,fds,a[  SKIPPED ]\x1b[2Js\n" + rows, {"--ops", "a[  SKIPPED ]\x1b[2Js"});
  const ProgramResult value = judge("time_s,rss_bytes\n0,[  FAILED  ]\x1b[2J\n");

  EXPECT_THAT(names.output, AllOf(HasSubstr("a[SKIPPED]\\x1b[2J: "), Not(HasSubstr("\x1b"))));
  EXPECT_THAT(operation.output, AllOf(HasSubstr("per a[SKIPPED]\\x1b[2J"), Not(HasSubstr("\x1b"))));
  EXPECT_THAT(value.output, HasSubstr("rss is '[FAILED]\\x1b[2J': expected a number\n"));
}

// `soak watch` has a series of that name too, whose first samples are not judged.
TEST_F(JudgeCommandTest, AColumnMayHaveTheNameOfASeriesOfOurs) {
  for (const std::string name : {"memory", "rss", "heap", "swap", "memory.cache", "tasks"}) {
    std::string leak = "time_s," + name + "_bytes\n";
    for (int i = 0; i < 700; ++i) {
      leak += fmt::format("{},{}\n", i, i * 1'000'000);
    }

    EXPECT_THAT(judge(leak).output, ContainsRegex(name + ": LEAK: \\+976.6 KiB per second"));
  }
}

TEST_F(JudgeCommandTest, AFileThatCannotBeUsedIsExitStatusTwoAndNamesTheLine) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", ".csv: is empty: expected a header such as time_s,rss_bytes,fds"},
      {"0,1\n1,2\n", "line 1: the first column of the header is '0': expected time_s"},
      {"rss_bytes,time_s\n1,0\n", "line 1: the first column of the header is 'rss_bytes'"},
      {"time_s\n0\n", "line 1: no column to judge apart from the time"},
      {"time_s,rss_bytes\n", "line 1: no rows below the header"},
      {"time_s,rss_bytes\n0,1\n1\n", "line 3: 1 field, but the header has 2"},
      {"time_s,rss_bytes\n0,1,2\n", "line 2: 3 fields, but the header has 2"},
      {"time_s,rss_bytes\n0,many\n", "line 2: rss is 'many': expected a number"},
      {"time_s,rss_bytes\n0,1x\n", "line 2: rss is '1x': expected a number"},
      {"time_s,rss_bytes\n0,inf\n", "line 2: rss is 'inf': expected a number"},
      {"time_s,rss_bytes\n,1\n", "line 2: time_s is '': expected a number"},
      {"time_s,rss_bytes\n0, 1\n", "line 2: rss has a space in ' 1': remove the spaces beside the commas"},
      {"time_s, rss_bytes\n0,1\n", "line 1: the header has a space in ' rss_bytes': remove the spaces"},
      {"time_s;rss_bytes\n0;1\n", "line 1: the fields are separated by ';': expected commas"},
      {"time_s\trss_bytes\n0\t1\n", "line 1: the fields are separated by tabs: expected commas"},
      {"time_s,rss_bytes\n0,1e30\n", "line 2: rss is '1e30': expected less than 9e+18"},
      {"time_s,rss_bytes\n1e10,1\n", "line 2: time_s is '1e10': expected at most 9000000000 seconds"},
      {"time_s,rss_bytes\n5,1\n4.5,1\n", "line 3: time_s goes back from 5 to 4.5"},
      {"time_s,rss_bytes,rss_bytes\n0,1,1\n", "line 1: the column 'rss_bytes' appears twice"},
      {"time_s,rss_bytes,rss\n0,1,1\n", "line 1: the column 'rss' appears twice"},
      {"time_s,,rss\n0,1,1\n", "line 1: column 2 has no name"},
      {"time_s,rss_bytes\n0,1\n\n2,1\n", "line 3 is empty and line 4 is not"},
      {"time_s,\"rss_bytes\n0,1\n", "line 1: a quote that is not closed on the same line"},
      {"time_s,rss_bytes\n0,\"1\"2\n", "line 2: text after a closing quote"}};
  for (const auto& [text, words] : cases) {
    const ProgramResult result = judge(text);

    EXPECT_EQ(result.exit_status, 2) << text << "\n" << result.output;
    EXPECT_THAT(result.output, AllOf(HasSubstr("soak judge: "), HasSubstr(words))) << text;
  }
}

TEST_F(JudgeCommandTest, ALineWithoutAnEndIsRefusedInBoundedMemory) {
  const ProgramResult result = judge("time_s,rss_bytes\n" + std::string(2'000'000, '1'));

  EXPECT_EQ(result.exit_status, 2);
  EXPECT_THAT(result.output, HasSubstr("line 2: is longer than 1000000 bytes"));
}

TEST_F(JudgeCommandTest, TheOperationsAreColumnsOfCounts) {
  const std::string text = "time_s,rss_bytes,requests\n0,1,5\n1,1,-4\n";

  EXPECT_THAT(judge(text, {"--ops", "frames"}).output,
              HasSubstr("line 1: --ops frames: no such column; the columns are rss_bytes, requests"));
  EXPECT_THAT(judge(text, {"--ops", "rss"}).output, HasSubstr("--ops rss: no such column"));
  EXPECT_THAT(judge(text, {"--ops", "requests"}).output,
              HasSubstr("line 3: requests is -4; it counts operations: expected 0 or more"));
  EXPECT_EQ(judge(text, {"--ops", "requests"}).exit_status, 2);
}

TEST_F(JudgeCommandTest, AnOptionThatCannotBeIsExitStatusTwoAndSaysWhatIsExpected) {
  const std::string text = "time_s,rss_bytes,requests\n0,1,5\n1,1,6\n";
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"--leak-max", "10MB/day"},
       "soak judge: --leak-max: '10MB/day': expected a size per s, h, day or operation, such as 10MiB/day or "
       "64B/reconnect"},
      {{"--leak-max", "64B/request"},
       "--leak-max 64B/request: no --ops column counts 'request'; name the column with --ops"},
      {{"--ops", "requests", "--leak-max", "64B/uploads"}, "no --ops column counts 'upload'; they count requests"},
      {{"--memory-limit", "512"}, "--memory-limit: '512': expected a size with a unit, such as 512MiB"},
      {{"--memory-limit", "0B"}, "--memory-limit: '0B': expected a size"}};
  for (const auto& [options, words] : cases) {
    const ProgramResult result = judge(text, options);

    EXPECT_EQ(result.exit_status, 2) << result.output;
    EXPECT_THAT(result.output, HasSubstr(words));
  }
}

TEST_F(JudgeCommandTest, AFileThatIsNotThereIsNamed) {
  const ProgramResult result = run_program({SOAK_COMMAND, "judge", "/nowhere/rss.csv"});

  EXPECT_EQ(result.exit_status, 2);
  EXPECT_THAT(result.output, HasSubstr("soak judge: /nowhere/rss.csv: No such file or directory"));
}

TEST_F(JudgeCommandTest, HelpSaysWhatAFileLooksLike) {
  const ProgramResult result = run_program({SOAK_COMMAND, "judge", "--help"});

  EXPECT_EQ(result.exit_status, 0);
  EXPECT_THAT(result.output, AllOf(HasSubstr("time_s,<name>_bytes,..."), HasSubstr("--ops"), HasSubstr("Exit status")));
}

// An hour, a row every ten seconds: a heap at rest that holds `leak` bytes more after each of the 25 requests a second,
// and an RSS with the noise of pages.
std::string an_hour(double leak) {
  std::mt19937 random(7);
  std::uniform_int_distribution<int> pages(-20, 20);
  std::string text = "time_s,heap_bytes,rss_bytes,fds,requests\n";
  for (int i = 0; i <= 360; ++i) {
    const int requests = 250 * i + i % 7;
    text += fmt::format("{},{:.0f},{},{},{}\n", i * 10, 1.2e6 + leak * requests, 9437184 + pages(random) * 4096, 14,
                        requests);
  }
  return text;
}

TEST_F(JudgeCommandTest, ALeakIsExitStatusOneAndNamesTheOperation) {
  const ProgramResult result = judge(an_hour(16), {"--ops", "requests"});

  EXPECT_EQ(result.exit_status, 1) << result.output;
  EXPECT_THAT(result.output,
              AllOf(HasSubstr("  heap: LEAK: +16 B per request, 99% CI +"), HasSubstr(" per day; since 00:0"),
                    ContainsRegex("\n  fds: no growth; "), ContainsRegex("\n  rss: .* is excluded at 99%"),
                    ContainsRegex("FAIL: elapsed=3600.0s rows=361 requests=90003 series=3 leaks=1 inconclusive=0"),
                    Not(HasSubstr("PASS"))));
}

TEST_F(JudgeCommandTest, WithoutALeakItIsExitStatusZeroAndSaysWhatItWouldHaveSeen) {
  const ProgramResult result = judge(an_hour(0), {"--ops", "requests"});

  EXPECT_EQ(result.exit_status, 0) << result.output;
  EXPECT_THAT(result.output,
              AllOf(ContainsRegex("\n?  heap: .*more than .* per request since the start, .* is excluded at 99%"),
                    HasSubstr("PASS: elapsed=3600.0s rows=361"), Not(HasSubstr("LEAK"))));
}

TEST_F(JudgeCommandTest, WithoutOperationsGrowthIsPerSecond) {
  const auto an_hour_of_rss = [](int grows) {
    std::string text = "time_s,rss_bytes\n";
    for (int i = 0; i <= 3600; ++i) {
      text += fmt::format("{},{}\n", i, 9437184 + grows * i + i * 7919 % 13 * 4096);
    }
    return text;
  };

  const ProgramResult leak = judge(an_hour_of_rss(10240));
  const ProgramResult clean = judge(an_hour_of_rss(0));

  EXPECT_EQ(leak.exit_status, 1) << leak.output;
  EXPECT_THAT(leak.output, ContainsRegex("  rss: LEAK: [+]10.0 KiB per second, 99% CI "));
  EXPECT_EQ(clean.exit_status, 0) << clean.output;
  EXPECT_THAT(clean.output, ContainsRegex(" per second since the start, .* is excluded at 99%"));
}

TEST_F(JudgeCommandTest, OfTwoOperationsTheOneThatLeavesIsNamed) {
  std::string text = "time_s,heap_bytes,requests,uploads\n";
  int uploads = 0;
  for (int i = 0; i <= 360; ++i) {
    uploads += i * 7919 % 11;
    text += fmt::format("{},{},{},{}\n", i * 10, 1200000 + 1000 * uploads, 250 * i, uploads);
  }

  const ProgramResult result = judge(text, {"--ops", "requests", "--ops", "uploads"});

  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.output, HasSubstr("  heap: LEAK: +1000 B per upload, "));
}

// Two hours, a row every two seconds, with the noise of pages.
std::string two_hours(
    const std::function<double(double)>& held, const std::string& header = "time_s,rss_bytes\n",
    const std::function<std::string(int)>& more = [](int) { return ""; }) {
  std::string text = header;
  for (int i = 0; i < 3600; ++i) {
    text += fmt::format("{},{:.0f}{}\n", 2 * i, 6e7 + held(2.0 * i) + i * 7919 % 13 * 4096, more(i));
  }
  return text;
}

TEST_F(JudgeCommandTest, GrowthBelowTheBoundIsNoLeakAndAboveItIs) {
  const std::string leak = two_hours([](double t) { return 20e3 * t; });

  EXPECT_EQ(judge(leak, {"--leak-max", "1KiB/s"}).exit_status, 1);
  const ProgramResult allowed = judge(leak, {"--leak-max", "100MiB/h"});
  EXPECT_EQ(allowed.exit_status, 0) << allowed.output;
  EXPECT_THAT(allowed.output, AllOf(HasSubstr("100.0 MiB per hour is met"), HasSubstr("PASS")));
}

TEST_F(JudgeCommandTest, ABoundThatCannotBeShownIsExitStatusThreeAndSaysHowLongToRun) {
  const ProgramResult result = judge(two_hours([](double) { return 0.0; }), {"--leak-max", "1KiB/day"});

  EXPECT_EQ(result.exit_status, 3) << result.output;
  EXPECT_THAT(result.output,
              AllOf(ContainsRegex("rss: inconclusive: .*1.0 KiB per day is not shown, a run of about .* would show it"),
                    HasSubstr("] INCONCLUSIVE: ")));
}

TEST_F(JudgeCommandTest, AMemoryLimitIsReachedInSoLong) {
  const ProgramResult result = judge(two_hours([](double t) { return 20e3 * t; }), {"--memory-limit", "1GiB"});

  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.output, ContainsRegex("; the limit is reached in 1[0-9]h[0-9]+m, "));
}

TEST_F(JudgeCommandTest, AnotherProcessBeginsASegment) {
  const auto saw = [](double t) { return 20e3 * std::fmod(t, 2400); };
  const std::string pid =
      two_hours(saw, "time_s,rss_bytes,pid\n", [](int i) { return fmt::format(",{}", 100 + i / 1200); });
  const std::string same = two_hours(saw, "time_s,rss_bytes,pid\n", [](int) { return ",100"; });
  const std::string counter =
      two_hours(saw, "time_s,rss_bytes,requests\n", [](int i) { return fmt::format(",{}", i % 1200 * 100); });

  EXPECT_EQ(judge(pid).exit_status, 1) << judge(pid).output;
  EXPECT_EQ(judge(same).exit_status, 0) << judge(same).output;
  EXPECT_EQ(judge(counter, {"--ops", "requests"}).exit_status, 1) << judge(counter, {"--ops", "requests"}).output;
}

TEST_F(JudgeCommandTest, AMissingValueIsAGap) {
  const auto every_third = [](int i) { return i % 3 == 0 ? "," : i % 3 == 1 ? ",NaN" : ",14"; };

  const ProgramResult result =
      judge(two_hours([](double t) { return 20e3 * t; }, "time_s,rss_bytes,fds\n", every_third));

  EXPECT_EQ(result.exit_status, 1) << result.output;
  EXPECT_THAT(result.output, AllOf(HasSubstr("rss: LEAK: "), HasSubstr("fds: no growth")));
}

TEST_F(JudgeCommandTest, TheOperationIsNamedInTheSingular) {
  std::string text = "time_s,heap_bytes,queries\n";
  for (int i = 0; i <= 360; ++i) {
    text += fmt::format("{},{},{}\n", i * 10, 1200000 + 4000 * i, 250 * i);
  }

  EXPECT_THAT(judge(text, {"--ops", "queries"}).output, HasSubstr("  heap: LEAK: +16 B per query, "));
}

TEST_F(JudgeCommandTest, DescriptorsThatGoOnRisingAreALeakAndOneStepIsNone) {
  const auto fds = [](const std::function<int(int)>& held) {
    std::string text = "time_s,fds\n";
    for (int i = 0; i <= 120; ++i) {
      text += fmt::format("{},{}\n", i * 60, held(i));
    }
    return text;
  };

  const ProgramResult leak = judge(fds([](int minute) { return 20 + std::max(minute - 60, 0); }));
  const ProgramResult step = judge(fds([](int minute) { return 20 + (minute > 100 ? 1 : 0); }));

  EXPECT_EQ(leak.exit_status, 1) << leak.output;
  EXPECT_EQ(step.exit_status, 0) << step.output;
  EXPECT_THAT(step.output, HasSubstr("note: fds rose 20 -> 21 once, at 01:41:00"));
}

TEST_F(JudgeCommandTest, TooFewRowsAreInconclusiveAndNeverPass) {
  const ProgramResult result = judge("time_s,rss_bytes\n0,1000\n1,1000\n2,1000\n");

  EXPECT_EQ(result.exit_status, 0);
  EXPECT_THAT(result.output,
              AllOf(HasSubstr("rss: inconclusive"),
                    ContainsRegex("\\[SOAK JUDGE / .*.csv\\] INCONCLUSIVE: elapsed=2.0s rows=3 series=1"),
                    Not(HasSubstr("PASS"))));
}

TEST_F(JudgeCommandTest, ReadsWhatSpreadsheetsWrite) {
  const ProgramResult result =
      judge("\xef\xbb\xbftime_s,\"the \"\"big\"\" heap_bytes\",n\r\n\"0\",1.5e3,2\r\n1,1500,2\r\n\r\n", {"--ops", "n"});

  EXPECT_EQ(result.exit_status, 0);
  EXPECT_THAT(result.output, AllOf(HasSubstr("the \"big\" heap: "), HasSubstr("rows=2 n=0 series=1")));
}

TEST_F(JudgeCommandTest, ReadsStandardInput) {
  const ProgramResult result = run_program(
      {"/bin/sh", "-c", "printf 'time_s,rss_bytes\\n0,1\\n1,1\\n' | " + std::string(SOAK_COMMAND) + " judge -"});

  EXPECT_EQ(result.exit_status, 0);
  EXPECT_THAT(result.output, HasSubstr("[SOAK JUDGE / stdin] "));
}

}  // namespace
}  // namespace soak::conftest
