// SPDX-License-Identifier: Apache-2.0
// `soak voice`, as a program.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <regex>
#include <string>
#include <vector>

#include "conftest/scratch_folder.h"
#include "conftest/subprocess.h"
#include "soak/audio/file.h"
#include "tools/providers/voice_providers.h"

namespace soak {
namespace {

using conftest::ProgramResult;
using conftest::run_program;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class VoiceCommandTest : public testing::TestWithParam<std::string> {
 protected:
  ProgramResult say(const std::string& audio_file) const {
    return run_program({SOAK_COMMAND, "voice", "--provider", GetParam(), "--virtual", "--duration", "3m", "--seed", "7",
                        "--report-dir", folder_.path(), "--audio", audio_file});
  }

  ProgramResult save(const std::string& file) const {
    return run_program({SOAK_COMMAND, "voice", "--provider", GetParam(), "--virtual", "--duration", "2m", "--seed", "7",
                        "--report-dir", folder_.path(), "--save-audio", file});
  }

  const conftest::ScratchFolder folder_;
};

TEST_P(VoiceCommandTest, SaysWhatIsInAFile) {
  const std::string file = folder_ / "speech.wav";
  {
    audio::Recording recording(file, 8'000);
    recording.append(std::vector<std::byte>(16'000));
  }

  const ProgramResult result = say(file);

  EXPECT_EQ(result.exit_status, 0) << result.output;
  EXPECT_THAT(result.output, AllOf(HasSubstr("PASS: elapsed=180.0s"), HasSubstr("frames=")));
}

TEST_P(VoiceCommandTest, AFileThatIsNoAudioIsExitStatusTwoAndNamed) {
  const std::string file = folder_ / "words.txt";
  std::ofstream(file) << "these words are no audio, however long they are";

  const ProgramResult result = say(file);

  EXPECT_EQ(result.exit_status, 2);
  EXPECT_THAT(result.output, AllOf(HasSubstr("soak: --audio: audio file " + file), HasSubstr("Format not recognised")));
}

// The fakes that play faults answer each turn with the same two seconds of sound.
class VoiceAnswersTest : public VoiceCommandTest {};

TEST_P(VoiceAnswersTest, SavesWhatTheProviderAnswers) {
  const std::string file = folder_ / "answers.wav";

  const ProgramResult result = save(file);

  EXPECT_EQ(result.exit_status, 0) << result.output;
  const audio::Pcm answers = audio::read_file(file, 24'000);
  // Of two minutes with a turn every five seconds, two seconds a turn; the last of a cycle may be cut.
  EXPECT_GE(answers.bytes.size(), 20u * 96'000u);
  EXPECT_LE(answers.bytes.size(), 24u * 96'000u);
  ASSERT_GE(answers.bytes.size(), 2u);
  EXPECT_EQ(answers.bytes[0], std::byte{0x00});  // The fake's square wave begins high, at 4096.
  EXPECT_EQ(answers.bytes[1], std::byte{0x10});
}

TEST_P(VoiceCommandTest, APlaceWhereNothingCanBeSavedIsExitStatusTwoAndNamed) {
  const std::string file = folder_ / "missing/answers.wav";

  const ProgramResult result = save(file);

  EXPECT_EQ(result.exit_status, 2);
  EXPECT_THAT(result.output, HasSubstr("soak: --save-audio: audio file " + file));
}

// Both before anything is asked of the network.
TEST_P(VoiceCommandTest, AServiceNeedsItsKeyAndALimit) {
  std::string variable;
  tools::with_voice_provider(GetParam(), [&variable](const auto& provider) { variable = provider.key_variable; });
  const std::vector<std::string> arguments = {SOAK_COMMAND, "voice", "--provider",
                                              GetParam(),   "--url", "wss://service.invalid:443/v1?key=none"};

  const ProgramResult without_key = run_program(arguments, {variable + "="});
  const ProgramResult too_long = run_program(arguments, {variable + "=s3cret", "SOAK_DURATION=11m"});

  EXPECT_EQ(without_key.exit_status, 2);
  EXPECT_THAT(without_key.output, HasSubstr("needs the environment variable " + variable));
  EXPECT_EQ(too_long.exit_status, 2);
  EXPECT_THAT(too_long.output, AllOf(HasSubstr("soak: 1 session of 11m00s would together exceed 10m00s"),
                                     HasSubstr("--service-time-max <time>"), Not(HasSubstr("s3cret"))));
}

TEST_P(VoiceCommandTest, ThisHostIsNoService) {
  for (const char* host : {"127.0.0.1:1", "localhost:1", "[::1]:1", "127.0.0.2:1"}) {
    const ProgramResult result =
        run_program({SOAK_COMMAND, "voice", "--provider", GetParam(), "--url",
                     std::string("ws://") + host + "/v1/127.x", "--duration", "100ms", "--report-dir", folder_.path()},
                    {"SOAK_SERVICE_BUDGET_MIN=0.00001", "OPENAI_API_KEY=", "GEMINI_API_KEY="});

    EXPECT_EQ(result.exit_status, 1) << result.output;  // Nobody listens there.
  }
}

TEST_P(VoiceCommandTest, HoldsManySessionsOpen) {
  const ProgramResult result = run_program({SOAK_COMMAND, "voice", "--provider", GetParam(), "--virtual", "--sessions",
                                            "20", "--duration", "1m", "--seed", "7", "--report-dir", folder_.path()});

  EXPECT_EQ(result.exit_status, 0) << result.output;
  EXPECT_THAT(result.output, AllOf(HasSubstr("PASS: elapsed=60.0s"), HasSubstr(" sessions=20 ")));
}

TEST_P(VoiceCommandTest, ANumberOfSessionsThatIsNoneIsExitStatusTwoAndNamesWhatIsExpected) {
  for (const char* value : {"0", "100001", "some"}) {
    const ProgramResult result = run_program({SOAK_COMMAND, "voice", "--provider", GetParam(), "--sessions", value});

    EXPECT_EQ(result.exit_status, 2);
    EXPECT_THAT(result.output,
                HasSubstr(std::string("--sessions is '") + value + "': expected a whole number from 1 to 100000"));
  }
}

INSTANTIATE_TEST_SUITE_P(Providers, VoiceCommandTest, testing::ValuesIn(tools::voice_provider_names()),
                         [](const auto& provider) { return provider.param; });
INSTANTIATE_TEST_SUITE_P(Providers, VoiceAnswersTest, testing::ValuesIn(tools::voice_providers_that_play_faults()),
                         [](const auto& provider) { return provider.param; });

// What would fail each session is found out before the first one.
TEST(VoiceArgumentTest, WhatNoSessionCanBeginWithIsExitStatusTwoAtOnce) {
  const conftest::ScratchFolder folder;
  std::ofstream(folder / "garbage.pem") << "no certificate\n";
  struct Case {
    std::vector<std::string> arguments;
    const char* says;
  };
  for (const Case& one : std::vector<Case>{
           {{"--url", "ftp://127.0.0.1/canary"}, "unsupported scheme ftp: expected ws or wss"},
           {{"--url", "127.0.0.1:8080/v1"}, "not a URL: expected ws://host:port/path"},
           {{"--url", "http://127.0.0.1:8080/v1"}, "unsupported scheme http: expected ws or wss"},
           {{"--url", "wss://me:canary@127.0.0.1/"}, "user and password in a URL are not supported"},
           {{"--url", "ws://127.0.0.1:99999/?key=canary"}, "not a port: 99999"},
           {{"--url", "wss://127.0.0.1:1/", "--ca", folder / "garbage.pem"},
            "garbage.pem: holds no certificate in PEM"},
           {{"--url", "wss://127.0.0.1:1/", "--ca", folder.path()}, "--ca: "},
           {{"--url", "ws://127.0.0.1:1/", "--ca", folder / "garbage.pem"}, "--ca is for wss: but --url is ws:"}}) {
    std::vector<std::string> arguments = {SOAK_COMMAND, "voice",        "--provider",
                                          "openai",     "--report-dir", folder / "report"};
    arguments.insert(arguments.end(), one.arguments.begin(), one.arguments.end());
    const ProgramResult result = run_program(arguments);

    EXPECT_EQ(result.exit_status, 2) << result.output;
    EXPECT_THAT(result.output, AllOf(HasSubstr(one.says), Not(HasSubstr("VOICE SOAK")), Not(HasSubstr("canary@"))));
    EXPECT_FALSE(std::filesystem::exists(folder / "report"));
  }
  const ProgramResult key = run_program(
      {SOAK_COMMAND, "voice", "--provider", "openai", "--url", "ws://127.0.0.1:1/", "--report-dir", folder / "report"},
      {"OPENAI_API_KEY=sk-canary\n"});
  EXPECT_EQ(key.exit_status, 2);
  EXPECT_THAT(key.output, AllOf(HasSubstr("OPENAI_API_KEY holds a space, a line break"), Not(HasSubstr("sk-canary"))));
}

// With so few it can only say so. libwebsockets crashed where it found some, and then no more.
TEST(VoiceDescriptorsTest, TooFewOfThemAreExitStatusTwoAndTheCause) {
  const conftest::ScratchFolder folder;
  int refused = 0;
  for (int limit = 4; limit <= 24; ++limit) {
    const std::string both = std::to_string(limit) + ":" + std::to_string(limit);
    const ProgramResult result =
        run_program({"/usr/bin/prlimit", "--nofile=" + both, SOAK_COMMAND, "voice", "--provider", "openai",
                     "--duration", "200ms", "--reconnect-every", "100ms", "--report-dir", folder.path()});

    EXPECT_GE(result.exit_status, 0) << limit << ": " << result.output;
    if (result.exit_status == 2) {
      ++refused;
      EXPECT_THAT(result.output, testing::AnyOf(HasSubstr("oo many open files"), HasSubstr("soak: "))) << limit;
    }
  }
  EXPECT_GT(refused, 0);
}

TEST(VoiceDescriptorsTest, SessionsAreRefusedByTheNumberThatTheLimitLeaves) {
  const conftest::ScratchFolder folder;
  const auto with_sessions = [&folder](const std::string& sessions) {
    return run_program({"/usr/bin/prlimit", "--nofile=64:64", SOAK_COMMAND, "voice", "--provider", "openai",
                        "--sessions", sessions, "--duration", "1s", "--reconnect-every", "500ms", "--open-floor", "0",
                        "--report-dir", folder.path()});
  };

  const ProgramResult two = with_sessions("2");
  EXPECT_EQ(two.exit_status, 0) << two.output;
  const ProgramResult many = with_sessions("1000");
  EXPECT_EQ(many.exit_status, 2) << many.output;
  // How many other things there are depends on what this test's own parent left open.
  std::smatch numbers;
  ASSERT_TRUE(std::regex_search(many.output, numbers,
                                std::regex("may open 64 descriptors and needs ([0-9]+) for other things: expected at "
                                           "most ([0-9]+) sessions")))
      << many.output;
  const int most = std::stoi(numbers[2]);
  EXPECT_EQ(std::stoi(numbers[1]) + most, 64);
  const ProgramResult one_more = with_sessions(std::to_string(most + 1));
  EXPECT_EQ(one_more.exit_status, 2) << one_more.output;
  EXPECT_THAT(one_more.output, HasSubstr("expected at most " + numbers[2].str() + " sessions"));
  EXPECT_THAT(with_sessions(std::to_string(most)).output, Not(HasSubstr("for other things")));
}

}  // namespace
}  // namespace soak
