// SPDX-License-Identifier: Apache-2.0
// `soak voice`, as a program.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "conftest/subprocess.h"
#include "soak/audio/file.h"

namespace soak {
namespace {

using conftest::ProgramResult;
using conftest::run_program;
using ::testing::AllOf;
using ::testing::HasSubstr;

class VoiceCommandTest : public testing::TestWithParam<std::string> {
 protected:
  VoiceCommandTest() { std::filesystem::create_directories(folder_); }
  ~VoiceCommandTest() override { std::filesystem::remove_all(folder_); }

  ProgramResult say(const std::string& audio_file) const {
    return run_program({SOAK_COMMAND, "voice", "--provider", GetParam(), "--virtual", "--duration", "3m", "--seed", "7",
                        "--report-dir", folder_, "--audio", audio_file});
  }

  const std::string folder_ = testing::TempDir() + "voice_command_test-" + GetParam();
};

TEST_P(VoiceCommandTest, SaysWhatIsInAFile) {
  const std::string file = folder_ + "/speech.wav";
  {
    audio::Recording recording(file, 8'000);
    recording.append(std::vector<std::byte>(16'000));
  }

  const ProgramResult result = say(file);

  EXPECT_EQ(result.exit_status, 0) << result.output;
  EXPECT_THAT(result.output, AllOf(HasSubstr("PASS: elapsed=180.0s"), HasSubstr("frames=")));
}

TEST_P(VoiceCommandTest, AFileThatIsNoAudioIsExitStatusTwoAndNamed) {
  const std::string file = folder_ + "/words.txt";
  std::ofstream(file) << "these words are no audio, however long they are";

  const ProgramResult result = say(file);

  EXPECT_EQ(result.exit_status, 2);
  EXPECT_THAT(result.output, AllOf(HasSubstr("soak: --audio: audio file " + file), HasSubstr("Format not recognised")));
}

TEST_P(VoiceCommandTest, HoldsManySessionsOpen) {
  const ProgramResult result = run_program({SOAK_COMMAND, "voice", "--provider", GetParam(), "--virtual", "--sessions",
                                            "20", "--duration", "5m", "--seed", "7", "--report-dir", folder_});

  EXPECT_EQ(result.exit_status, 0) << result.output;
  EXPECT_THAT(result.output, AllOf(HasSubstr("PASS: elapsed=300.0s"), HasSubstr(" sessions=20 ")));
}

TEST_P(VoiceCommandTest, ANumberOfSessionsThatIsNoneIsExitStatusTwoAndSaysWhatIsAllowed) {
  for (const char* value : {"0", "100001", "some"}) {
    const ProgramResult result = run_program({SOAK_COMMAND, "voice", "--provider", GetParam(), "--sessions", value});

    EXPECT_EQ(result.exit_status, 2);
    EXPECT_THAT(result.output,
                HasSubstr(std::string("--sessions is '") + value + "': a whole number from 1 to 100000 is allowed"));
  }
}

INSTANTIATE_TEST_SUITE_P(Providers, VoiceCommandTest, testing::Values("openai", "gemini"));

}  // namespace
}  // namespace soak
