// SPDX-License-Identifier: Apache-2.0
// What `soak channels` promises from outside.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <ostream>
#include <string>
#include <vector>

#include "conftest/http_get.h"
#include "conftest/scratch_folder.h"
#include "conftest/subprocess.h"

namespace soak {
namespace {

using conftest::Program;
using conftest::ProgramResult;
using conftest::run_program;
using conftest::scratch_folder;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

TEST(ChannelsCommandTest, ADayInVirtualTimeKeepsTheFormThatPeopleGrepFor) {
  const ProgramResult result =
      run_program({SOAK_COMMAND, "channels", "--channel", "slack", "--virtual", "--duration-min", "1440",
                   "--interval-sec", "30", "--seed", "7", "--report-dir", scratch_folder().path()});

  EXPECT_EQ(result.exit_status, 0) << result.output;
  EXPECT_THAT(result.output, StartsWith("[CHANNELS SOAK / slack] PASS: sent=2880 ok=2878 success_rate=0.9993 "
                                        "auth_failures=0 rate_limited=13 max_consecutive_429s=1 other_failures=2 "));
  EXPECT_THAT(result.output, HasSubstr(" clock=virtual\n"));
}

TEST(ChannelsCommandTest, ADayInThreePartsIsOneDay) {
  const conftest::ScratchFolder folder;
  std::vector<std::string> outputs;
  for (int part = 0; part < 3; ++part) {
    const ProgramResult result =
        run_program({SOAK_COMMAND, "channels", "--channel", "slack", "--virtual", "--duration-min", "1440",
                     "--interval-sec", "30", "--report-dir", folder / "report", "--checkpoint", folder / "day.json",
                     "--part-duration", "8h", "--seed", "7"});
    EXPECT_EQ(result.exit_status, 0) << result.output;
    outputs.push_back(result.output);
  }

  EXPECT_THAT(outputs[0], StartsWith("[CHANNELS SOAK / slack] PART 1 of 3: sent=960 "));
  EXPECT_THAT(outputs[1], StartsWith("[CHANNELS SOAK / slack] PART 2 of 3: sent=1920 "));
  EXPECT_THAT(outputs[2], StartsWith("[CHANNELS SOAK / slack] PASS: sent=2880 ok=2878 success_rate=0.9993 "
                                     "auth_failures=0 rate_limited=13 max_consecutive_429s=1 other_failures=2 "));
}

TEST(ChannelsCommandTest, WhatCannotBeginIsExitStatusTwoAndTheCause) {
  const conftest::ScratchFolder folder;
  std::ofstream(folder / "garbage.pem") << "no certificate\n";

  const ProgramResult result =
      run_program({SOAK_COMMAND, "channels", "--channel", "telegram", "--url", "https://127.0.0.1:1", "--ca",
                   folder / "garbage.pem", "--report-dir", folder / "report"},
                  {"SOAK_TELEGRAM_TOKEN=1:a", "SOAK_TELEGRAM_CHAT_ID=12"});

  EXPECT_EQ(result.exit_status, 2) << result.output;
  EXPECT_THAT(result.output, AllOf(StartsWith("soak: "), HasSubstr("garbage.pem"), Not(HasSubstr("never read"))));
}

struct Useless {
  const char* name;
  std::vector<std::string> arguments;
  std::vector<std::string> environment;
  const char* says;

  friend void PrintTo(const Useless& one, std::ostream* out) { *out << one.name; }
};

class UselessArgumentTest : public testing::TestWithParam<Useless> {};

// What would fail each message of a day is found out before the first one.
TEST_P(UselessArgumentTest, IsExitStatusTwoAtOnce) {
  const conftest::ScratchFolder folder;
  std::vector<std::string> arguments = {SOAK_COMMAND, "channels", "--report-dir", folder / "report", "--channel"};
  arguments.insert(arguments.end(), GetParam().arguments.begin(), GetParam().arguments.end());
  const ProgramResult result = run_program(arguments, GetParam().environment);

  EXPECT_EQ(result.exit_status, 2) << result.output;
  EXPECT_THAT(result.output, AllOf(HasSubstr(GetParam().says), Not(HasSubstr("CHANNELS SOAK"))));
  EXPECT_THAT(result.output, Not(HasSubstr("canary")));
  EXPECT_FALSE(std::filesystem::exists(folder / "report"));
}

const std::vector<std::string> kTelegram = {"SOAK_TELEGRAM_TOKEN=1:canary-token", "SOAK_TELEGRAM_CHAT_ID=12"};
const std::vector<std::string> kWebhook = {
    "SOAK_DISCORD_WEBHOOK=http://127.0.0.1:1/api/webhooks/333333333333333333/canary-of-the-hook"};

INSTANTIATE_TEST_SUITE_P(
    Channels, UselessArgumentTest,
    testing::Values(
        Useless{"scheme", {"telegram", "--url", "ftp://127.0.0.1"}, kTelegram, "unsupported scheme ftp: expected http"},
        Useless{"no_scheme", {"telegram", "--url", "127.0.0.1:80"}, kTelegram, "not a URL: expected http://host"},
        Useless{"user", {"telegram", "--url", "http://me:canary-word@127.0.0.1/"}, kTelegram, "user and password"},
        Useless{"chat",
                {"telegram", "--url", "http://127.0.0.1:1"},
                {"SOAK_TELEGRAM_TOKEN=1:canary-token", "SOAK_TELEGRAM_CHAT_ID=abc"},
                "telegram: cannot send to 'abc': a chat that is neither a number nor \"@name\""},
        Useless{"slack_channel",
                {"slack", "--url", "http://127.0.0.1:1"},
                {"SOAK_SLACK_TOKEN=xoxb-canary", "SOAK_SLACK_CHANNEL=my channel"},
                "slack: cannot send to 'my channel': no channel, such as C0123456789"},
        Useless{"webhook_and_url", {"discord", "--url", "http://127.0.0.1:1"}, kWebhook, "expected no other one"},
        Useless{"webhook", {"discord"}, {"SOAK_DISCORD_WEBHOOK=http://127.0.0.1:1/canary"}, "discord: not a webhook"},
        Useless{"webhook_scheme",
                {"discord"},
                {"SOAK_DISCORD_WEBHOOK=ftp://127.0.0.1:1/webhooks/333/canary-of-the-hook"},
                "unsupported scheme ftp"},
        Useless{"token",
                {"telegram", "--url", "http://127.0.0.1:1"},
                {"SOAK_TELEGRAM_TOKEN=1:canary-token\n", "SOAK_TELEGRAM_CHAT_ID=12"},
                "SOAK_TELEGRAM_TOKEN holds a space, a line break"},
        Useless{"ca_of_the_fake", {"slack", "--fake", "--ca", "/etc/passwd"}, {}, "--ca"}),
    [](const auto& one) { return std::string(one.param.name); });

TEST(ChannelsCommandTest, AReportThatCannotBeWrittenIsExitStatusTwoBeforeTheFirstMessage) {
  const conftest::ScratchFolder folder;
  std::ofstream(folder / "occupied") << "a file where a directory is needed";
  for (const std::string& report_dir : {std::string("/proc/nowhere"), folder / "occupied"}) {
    const ProgramResult result = run_program(
        {SOAK_COMMAND, "channels", "--channel", "slack", "--virtual", "--duration", "1h", "--report-dir", report_dir});

    EXPECT_EQ(result.exit_status, 2);
    EXPECT_THAT(result.output, StartsWith("soak: the report cannot be written: " + report_dir));
  }
}

struct Missing {
  const char* name;
  std::vector<std::string> environment;
  const char* says;

  friend void PrintTo(const Missing& one, std::ostream* out) { *out << one.name; }
};

class MissingVariableTest : public testing::TestWithParam<Missing> {};

TEST_P(MissingVariableTest, IsExitStatusTwoAndASentence) {
  const ProgramResult result =
      run_program({SOAK_COMMAND, "channels", "--channel", GetParam().name}, GetParam().environment);

  EXPECT_EQ(result.exit_status, 2);
  EXPECT_THAT(result.output, HasSubstr(GetParam().says));
}

INSTANTIATE_TEST_SUITE_P(
    Channels, MissingVariableTest,
    testing::Values(
        Missing{"telegram",
                {"SOAK_TELEGRAM_TOKEN=", "SOAK_TELEGRAM_CHAT_ID="},
                "telegram needs the environment variables SOAK_TELEGRAM_TOKEN and SOAK_TELEGRAM_CHAT_ID; "
                "not set here: SOAK_TELEGRAM_TOKEN, SOAK_TELEGRAM_CHAT_ID. "},
        Missing{"slack", {"SOAK_SLACK_TOKEN=xoxb-x", "SOAK_SLACK_CHANNEL="}, "not set here: SOAK_SLACK_CHANNEL. "},
        Missing{
            "discord", {"SOAK_DISCORD_WEBHOOK="}, "discord needs the environment variables SOAK_DISCORD_WEBHOOK; "}),
    [](const auto& one) { return std::string(one.param.name); });

TEST(ChannelsCommandTest, ABotOfDiscordsHasItsFakeAlone) {
  const ProgramResult result = run_program({SOAK_COMMAND, "channels", "--channel", "discord-bot"});

  EXPECT_EQ(result.exit_status, 2);
  EXPECT_THAT(result.output, HasSubstr("discord-bot runs only against its fake: add --virtual or --fake"));
}

TEST(ChannelsCommandTest, TheFakeInRealTimeIsReachedOverTls) {
  const ProgramResult result =
      run_program({SOAK_COMMAND, "channels", "--channel", "telegram", "--fake", "--duration", "4s", "--interval-sec",
                   "2", "--reconnect-every", "2s", "--report-dir", scratch_folder().path()});

  EXPECT_EQ(result.exit_status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("[CHANNELS SOAK / telegram] PASS: sent=2 ok=2 "));
}

// A provider's fake that knows none of the secrets it is shown, so that every message fails, and what the client is
// given.
struct Secretive {
  const char* channel;
  const char* secret;    // What must be nowhere.
  std::string variable;  // With %s for the URL of the fake.
  std::string destination;
  bool takes_url;

  friend void PrintTo(const Secretive& one, std::ostream* out) { *out << one.channel; }
};

class SecretTest : public testing::TestWithParam<Secretive> {
 protected:
  SecretTest() : fake_({SOAK_COMMAND, "fake", GetParam().channel, "--token", "another-one-that-is-valid"}) {
    EXPECT_TRUE(fake_.read_until("\n")) << fake_.output();
    const std::size_t at = fake_.output().find("http://");
    url_ = fake_.output().substr(at, fake_.output().find_first_of(" \n", at) - at);
  }

  std::vector<std::string> command(std::vector<std::string> more) const {
    std::vector<std::string> arguments{SOAK_COMMAND,     "channels", "--channel",    GetParam().channel,
                                       "--interval-sec", "1",        "--report-dir", folder_.path()};
    if (GetParam().takes_url) {
      arguments.insert(arguments.end(), {"--url", url_});
    }
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }

  std::vector<std::string> environment() const {
    std::string variable = GetParam().variable;
    if (const std::size_t at = variable.find("%s"); at != std::string::npos) {
      variable.replace(at, 2, url_);
    }
    return {variable, GetParam().destination};
  }

  // All that the run wrote.
  std::string files() const {
    std::string all;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_.path())) {
      if (entry.is_regular_file()) {
        all += entry.path().string() + "\n" + conftest::read_file(entry.path());
      }
    }
    return all;
  }

  Program fake_;
  std::string url_;
  const conftest::ScratchFolder folder_;
};

TEST_P(SecretTest, IsInNoOutputOfARunThatFails) {
  const ProgramResult result = run_program(command({"--duration", "2s", "--reconnect-every", "1s"}), environment());

  EXPECT_EQ(result.exit_status, 1) << result.output;
  const std::string all = result.output + files();
  EXPECT_THAT(all, AllOf(HasSubstr(".json\n"), HasSubstr(".html\n"), HasSubstr("success_rate")));
  EXPECT_THAT(all, Not(HasSubstr(GetParam().secret)));
}

TEST_P(SecretTest, IsNeitherInTheMetricsNorInTheJournalOfARunThatIsKilled) {
  Program run(command({"--duration", "60s", "--reconnect-every", "1s", "--metrics-port", "0"}), environment());
  ASSERT_TRUE(run.read_until("/metrics\n")) << run.output();
  const std::size_t at = run.output().find("127.0.0.1:") + 10;
  const std::string metrics =
      conftest::http_get(static_cast<std::uint16_t>(std::stoi(run.output().substr(at))), "/metrics");
  // Until the journal has more than its header.
  Program journal(
      {"/usr/bin/tail", "-n", "+1", "-F", folder_ / ("channels-" + std::string(GetParam().channel) + ".journal")});
  EXPECT_TRUE(journal.read_until("\"sample\"")) << journal.output();
  run.signal(SIGKILL);
  const ProgramResult result = run.wait();

  const std::string all = metrics + result.output + files();
  EXPECT_THAT(all, AllOf(HasSubstr("soak_run_info"), HasSubstr(".journal\n"), HasSubstr("\"sample\"")));
  EXPECT_THAT(all, Not(HasSubstr(GetParam().secret)));
}

INSTANTIATE_TEST_SUITE_P(
    Channels, SecretTest,
    testing::Values(Secretive{"telegram", "the-secret-of-the-bot", "SOAK_TELEGRAM_TOKEN=123456:the-secret-of-the-bot",
                              "SOAK_TELEGRAM_CHAT_ID=42", true},
                    Secretive{"slack", "the-secret-of-the-app", "SOAK_SLACK_TOKEN=xoxb-the-secret-of-the-app",
                              "SOAK_SLACK_CHANNEL=C0123456789", true},
                    Secretive{"discord", "the-secret-of-the-hook",
                              "SOAK_DISCORD_WEBHOOK=%s/webhooks/333333333333333333/the-secret-of-the-hook",
                              "UNUSED=", false}),
    [](const auto& one) { return std::string(one.param.channel); });

}  // namespace
}  // namespace soak
