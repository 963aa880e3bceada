// SPDX-License-Identifier: Apache-2.0
// The options of a run, as the subcommands of `soak` take them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <string>
#include <vector>

#include "conftest/scratch_folder.h"
#include "conftest/subprocess.h"

namespace soak {
namespace {

using conftest::ProgramResult;
using conftest::run_program;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// The help of a subcommand, whatever its width.
std::string help_of(const char* command) {
  const std::string output = run_program({SOAK_COMMAND, command, "--help"}).output;
  return std::regex_replace(output, std::regex("[[:space:]]+"), " ");
}

TEST(CommandOptionsTest, EachSubcommandListsThoseThatApply) {
  const std::string voice = help_of("voice");
  const std::string channels = help_of("channels");

  EXPECT_THAT(voice, AllOf(HasSubstr(" --duration "), HasSubstr(" --metrics-port "), HasSubstr(" --sessions "),
                           HasSubstr(" --service-time-max "), HasSubstr(" --audio-interval "),
                           HasSubstr(" --duration-min "), HasSubstr(" --reconnect-interval-sec ")));
  EXPECT_THAT(voice, AllOf(Not(HasSubstr("--message-interval")), Not(HasSubstr("--interval-sec"))));
  EXPECT_THAT(channels,
              AllOf(HasSubstr(" --duration "), HasSubstr(" --metrics-port "), HasSubstr(" --message-interval "),
                    HasSubstr(" --success-floor "), HasSubstr(" --duration-min "), HasSubstr(" --interval-sec ")));
  EXPECT_THAT(channels, AllOf(Not(HasSubstr("--audio-interval")), Not(HasSubstr("--sessions")),
                              Not(HasSubstr("--service-time-max"))));
}

// Spelled as the option takes it.
TEST(CommandOptionsTest, TheDefaultIsTheOneOfTheSubcommand) {
  EXPECT_THAT(help_of("voice"), HasSubstr("(default 60m; SOAK_DURATION)"));
  EXPECT_THAT(help_of("channels"), HasSubstr("(default 24h; SOAK_DURATION)"));
  EXPECT_THAT(help_of("channels"), HasSubstr("(default 15m; SOAK_RECONNECT_EVERY)"));
}

TEST(CommandOptionsTest, ABadValueIsExitStatusTwoAndNamesWhatIsExpected) {
  const ProgramResult time = run_program({SOAK_COMMAND, "voice", "--provider", "openai", "--duration", "5"});
  const ProgramResult number = run_program({SOAK_COMMAND, "voice", "--provider", "openai", "--duration-min", "5m"});

  EXPECT_EQ(time.exit_status, 2);
  EXPECT_THAT(time.output, HasSubstr("--duration is '5': expected a time above 0, such as 40ms, 90s, 5m or 24h"));
  EXPECT_EQ(number.exit_status, 2);
  EXPECT_THAT(number.output, HasSubstr("--duration-min is '5m': expected a number of minutes above 0"));
}

TEST(CommandOptionsTest, HelpThatCannotBeWrittenIsExitStatusTwo) {
  const ProgramResult help = run_program({"/bin/sh", "-c", SOAK_COMMAND " voice --help >/dev/full"});

  EXPECT_EQ(help.exit_status, 2);
  EXPECT_THAT(help.output, HasSubstr("soak: cannot write to the standard output: No space left on device"));
}

TEST(CommandOptionsTest, ABoundThatARunCannotShowIsExitStatusThree) {
  const conftest::ScratchFolder folder;
  std::vector<std::string> arguments = {SOAK_COMMAND, "voice",        "--provider", "openai",
                                        "--virtual",  "--duration",   "1m",         "--reconnect-every",
                                        "10s",        "--report-dir", folder.path()};
  EXPECT_EQ(run_program(arguments).exit_status, 0);

  arguments.insert(arguments.end(), {"--leak-max", "1B/day"});
  const ProgramResult result = run_program(arguments);

  EXPECT_EQ(result.exit_status, 3) << result.output;
  EXPECT_THAT(result.output, HasSubstr("[VOICE SOAK / openai] INCONCLUSIVE: elapsed=60.0s"));
}

TEST(CommandOptionsTest, ABadValueIsShownWithoutItsControlCharacters) {
  for (const std::vector<std::string>& more :
       {std::vector<std::string>{"--channel", "a\x1b[2J[  SKIPPED ]"},
        std::vector<std::string>{"--channel", "slack", "--virtual", "--duration", "a\x1b[2J[  SKIPPED ]"}}) {
    std::vector<std::string> arguments = {SOAK_COMMAND, "channels"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const ProgramResult result = run_program(arguments);

    EXPECT_EQ(result.exit_status, 2);
    EXPECT_THAT(result.output, AllOf(HasSubstr("a\\x1b[2J[SKIPPED]"), Not(HasSubstr("\x1b"))));
  }
}

TEST(CommandOptionsTest, TwoNamesOfAVariableThatDisagreeAreExitStatusTwo) {
  const ProgramResult result = run_program({SOAK_COMMAND, "voice", "--provider", "openai", "--virtual"},
                                           {"SOAK_DURATION=1m", "SOAK_DURATION_MIN=2"});

  EXPECT_EQ(result.exit_status, 2);
  EXPECT_THAT(result.output, HasSubstr("SOAK_DURATION is '1m' and SOAK_DURATION_MIN is '2': "));
}

}  // namespace
}  // namespace soak
