// SPDX-License-Identifier: Apache-2.0
// soak judge, from outside.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

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
    const std::string path =
        testing::TempDir() + "/" + testing::UnitTest::GetInstance()->current_test_info()->name() + ".csv";
    EXPECT_EQ(report::write_file(path, text), "");
    return path;
  }

  ProgramResult judge(const std::string& text, const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments = {SOAK_COMMAND, "judge", write(text)};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments);
  }
};

TEST_F(JudgeCommandTest, AFileThatCannotBeUsedIsExitStatusTwoAndNamesTheLine) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", ".csv: is empty: a header such as time_s,rss_bytes,fds is needed"},
      {"0,1\n1,2\n", "line 1: the first column of the header is '0': time_s is needed"},
      {"rss_bytes,time_s\n1,0\n", "line 1: the first column of the header is 'rss_bytes'"},
      {"time_s\n0\n", "line 1: there is no column to judge beside the time"},
      {"time_s,rss_bytes\n", "line 1: there is no row below the header"},
      {"time_s,rss_bytes\n0,1\n1\n", "line 3: 1 field, and the header has 2"},
      {"time_s,rss_bytes\n0,1,2\n", "line 2: 3 fields, and the header has 2"},
      {"time_s,rss_bytes\n0,many\n", "line 2: rss is 'many': a number is allowed"},
      {"time_s,rss_bytes\n0,\n", "line 2: rss is '': a number is allowed"},
      {"time_s,rss_bytes\n0,1x\n", "line 2: rss is '1x': a number is allowed"},
      {"time_s,rss_bytes\n0,nan\n", "line 2: rss is 'nan': a number is allowed"},
      {"time_s,rss_bytes\n0,1e30\n", "line 2: rss is '1e30': less than 9e+18 is allowed"},
      {"time_s,rss_bytes\n1e10,1\n", "line 2: time_s is '1e10': seconds, at most 9000000000, are allowed"},
      {"time_s,rss_bytes\n5,1\n4.5,1\n", "line 3: time_s goes back from 5 to 4.5"},
      {"time_s,rss_bytes,rss_bytes\n0,1,1\n", "line 1: the column 'rss_bytes' is there twice"},
      {"time_s,rss_bytes,rss\n0,1,1\n", "line 1: the column 'rss' is there twice"},
      {"time_s,,rss\n0,1,1\n", "line 1: column 2 has no name"},
      {"time_s,rss_bytes\n0,1\n\n2,1\n", "line 3: is empty, and line 4 is not"},
      {"time_s,\"rss_bytes\n0,1\n", "line 1: a quote that is not closed on its line"},
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
  const std::string text = "time_s,rss_bytes,requests\n0,1,5\n1,1,4\n";

  EXPECT_THAT(judge(text, {"--ops", "frames"}).output,
              HasSubstr("line 1: --ops frames: there is no such column; there are rss_bytes, requests"));
  EXPECT_THAT(judge(text, {"--ops", "rss"}).output, HasSubstr("--ops rss: there is no such column"));
  EXPECT_THAT(judge(text, {"--ops", "requests"}).output,
              HasSubstr("line 3: requests is 4: it counts operations, so 5 or more is allowed"));
  EXPECT_EQ(judge(text, {"--ops", "requests"}).exit_status, 2);
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
