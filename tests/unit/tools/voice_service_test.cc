// SPDX-License-Identifier: Apache-2.0
// The soaks against a provider's own service, with a fake on wss: in the service's place.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <ostream>
#include <string>
#include <vector>

#include "conftest/scratch_folder.h"
#include "conftest/subprocess.h"
#include "tools/providers/voice_providers.h"

namespace soak {
namespace {

using conftest::Program;
using conftest::ProgramResult;
using conftest::run_program;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

struct Provider {
  std::string name;
  const char* key_variable;
  const char* url_variable;

  friend void PrintTo(const Provider& provider, std::ostream* out) { *out << provider.name; }
};

class VoiceServiceTest : public testing::TestWithParam<Provider> {
 protected:
  // With `key`, none where it is empty.
  ProgramResult run(const std::string& key, std::vector<std::string> options,
                    std::vector<std::string> environment = {}) const {
    std::vector<std::string> arguments{VOICE_SERVICE_SOAK,
                                       "--gtest_filter=Soak/Voice.AgainstTheService/" + GetParam().name,
                                       "--soak_report_dir=" + conftest::scratch_folder().path()};
    arguments.insert(arguments.end(), options.begin(), options.end());
    environment.push_back(std::string(GetParam().key_variable) + "=" + key);
    // Of two the first counts. Nothing but loopback, whatever goes wrong.
    environment.push_back(std::string(GetParam().url_variable) + "=wss://127.0.0.1:1");
    return run_program(arguments, environment);
  }

  // The same, against a fake that lets `right-key` in.
  ProgramResult run_with_fake(const std::string& key, const std::vector<std::string>& options) const {
    Program fake({SOAK_COMMAND, "fake", GetParam().name, "--tls", "--api-key", "right-key"});
    EXPECT_TRUE(fake.read_until(".pem\n")) << fake.output();
    ProgramResult result = run(key, options,
                               {std::string(GetParam().url_variable) + "=" + after(fake.output(), "listening on "),
                                "SOAK_CA_FILE=" + after(fake.output(), "trust the CA in ")});
    fake.signal(SIGTERM);
    ledger_ = fake.wait().output;
    return result;
  }

  const std::string& ledger() const { return ledger_; }

 private:
  // What stands in `output` after `before`, to the end of the line.
  static std::string after(const std::string& output, const std::string& before) {
    const std::size_t at = output.find(before);
    if (at == std::string::npos) {
      return {};
    }
    const std::size_t from = at + before.size();
    return output.substr(from, output.find('\n', from) - from);
  }

  mutable std::string ledger_;
};

TEST_P(VoiceServiceTest, WithoutTheKeyIsSkippedByItsName) {
  const ProgramResult result = run("", {"--gtest_runsoak", "--soak_duration=1s"});

  EXPECT_EQ(result.exit_status, 0);
  EXPECT_THAT(result.output,
              AllOf(HasSubstr(std::string("needs the environment variable ") + GetParam().key_variable + ", not set"),
                    HasSubstr("[  SKIPPED ]")));
}

TEST_P(VoiceServiceTest, TheKeyAloneStartsNothing) {
  for (const char* mode : {"--soak_smoke", "--soak_virtual", "--gtest_runsoak=0"}) {
    const ProgramResult result = run("right-key", {mode});

    EXPECT_EQ(result.exit_status, 0) << result.output;
    EXPECT_THAT(result.output,
                AllOf(HasSubstr("[  SKIPPED ]"), HasSubstr("--gtest_runsoak"), Not(HasSubstr("elapsed"))))
        << mode;
  }
}

TEST_P(VoiceServiceTest, MoreThanTenMinutesHaveToBeAllowed) {
  const ProgramResult result = run("right-key", {"--gtest_runsoak", "--soak_duration=10.1m"});

  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.output, AllOf(HasSubstr("1 session of 10m06s would together exceed 10m00s"),
                                   HasSubstr("SOAK_SERVICE_TIME_MAX"), Not(HasSubstr("elapsed"))));
}

TEST_P(VoiceServiceTest, SoaksWhatAnswersAsTheServiceDoes) {
  const ProgramResult result = run_with_fake(
      "right-key", {"--gtest_runsoak", "--soak_duration=2s", "--soak_reconnect_every=500ms", "--soak_open_floor=0"});

  EXPECT_EQ(result.exit_status, 0) << result.output;
  EXPECT_THAT(result.output, AllOf(HasSubstr("[VOICE SOAK / " + GetParam().name + "] PASS: "),
                                   HasSubstr("reconnects=4"), Not(HasSubstr("right-key"))));
  EXPECT_THAT(ledger(), AllOf(HasSubstr("sessions=4 "), HasSubstr("lost=0 ")));
}

TEST_P(VoiceServiceTest, AKeyThatIsNotAcceptedEndsTheRun) {
  const ProgramResult result =
      run_with_fake("wrong-key-of-somebody", {"--gtest_runsoak", "--soak_duration=5m", "--soak_reconnect_every=500ms"});

  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.output, AllOf(HasSubstr("FAIL: "), HasSubstr("key"), Not(HasSubstr("somebody"))));
  EXPECT_THAT(ledger(), AllOf(HasSubstr("sessions=0 "), HasSubstr("auth_failures=1 ")));
}

std::vector<Provider> providers() {
  std::vector<Provider> rows;
  tools::for_each_voice_provider([&rows](const auto& provider) {
    rows.push_back({std::string(provider.name), provider.key_variable, provider.url_variable});
  });
  return rows;
}

INSTANTIATE_TEST_SUITE_P(Providers, VoiceServiceTest, testing::ValuesIn(providers()),
                         [](const auto& provider) { return provider.param.name; });

}  // namespace
}  // namespace soak
