// SPDX-License-Identifier: Apache-2.0
// soak compare, from outside.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "conftest/scratch_folder.h"
#include "conftest/subprocess.h"
#include "soak/report/files.h"
#include "soak/report/json.h"

namespace soak::conftest {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

class CompareCommandTest : public testing::Test {
 protected:
  // A run that left `left` descriptors behind, as a file.
  std::string report(const std::string& name, int left, const std::string& test = "Soak/Voice.OpenAi") const {
    report::Record record;
    record.name = test;
    record.title = "VOICE SOAK / openai";
    record.mode = "real";
    record.cycle_noun = "reconnect";
    record.elapsed = 60s;
    record.cycles = 10;
    probe::Track fds;
    fds.name = "fds";
    fds.at_rest.add({1s, 1, 14});
    fds.at_rest.add({60s, 10, 14 + left});
    record.measured.tracks.push_back(fds);
    record.measured.quiescent_points = 2;
    return write(name, report::to_json(record));
  }

  std::string write(const std::string& name, const std::string& text) const {
    const std::string path = folder_ / name;
    EXPECT_EQ(report::write_file(path, text), "");
    return path;
  }

  static ProgramResult compare(const std::string& before, const std::string& after) {
    return run_program({SOAK_COMMAND, "compare", before, after});
  }

  const ScratchFolder folder_;
};

TEST_F(CompareCommandTest, WorseIsExitStatusOne) {
  const ProgramResult result = compare(report("old", 0), report("new", 30));

  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.output, AllOf(StartsWith("[VOICE SOAK / openai] WORSE: worse=1 better=0 "),
                                   HasSubstr("  worse     fds left behind           +0 -> +30\n")));
}

TEST_F(CompareCommandTest, BetterAndTheSameAreExitStatusZero) {
  const ProgramResult better = compare(report("old", 30), report("new", 0));
  const ProgramResult same = compare(report("old", 0), report("new", 0));

  EXPECT_EQ(better.exit_status, 0);
  EXPECT_THAT(better.output, StartsWith("[VOICE SOAK / openai] BETTER: worse=0 better=1 "));
  EXPECT_EQ(same.exit_status, 0);
  EXPECT_THAT(same.output, StartsWith("[VOICE SOAK / openai] SAME: worse=0 better=0 "));
}

TEST_F(CompareCommandTest, WhatCannotBeComparedIsExitStatusTwoAndSaysWhy) {
  const std::string good = report("good", 0);
  const std::string broken = write("broken", "{\"schema\": \"soak.report\",\n");
  const std::string other = report("other", 0, "Soak/Voice.Gemini");
  const std::vector<std::pair<ProgramResult, std::string>> cases = {
      {compare(good, broken), "soak compare: " + broken + ":2:1: not JSON"},
      {compare("/nowhere/old.json", good), "soak compare: /nowhere/old.json: No such file or directory"},
      {compare(good, other), "the test is Soak/Voice.OpenAi in the old run and Soak/Voice.Gemini in the new one"},
      {run_program({SOAK_COMMAND, "compare", good}), "new is required"}};

  for (const auto& [result, words] : cases) {
    EXPECT_EQ(result.exit_status, 2) << result.output;
    EXPECT_THAT(result.output, HasSubstr(words));
  }
}

}  // namespace
}  // namespace soak::conftest
