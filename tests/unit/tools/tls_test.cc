// SPDX-License-Identifier: Apache-2.0
// `soak fake openai --tls` and `soak voice --ca`, as two programs.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <string>
#include <vector>

#include "conftest/scratch_folder.h"
#include "conftest/subprocess.h"
#include "soak/net/test_ca.h"

namespace {

using soak::conftest::line_after;
using soak::conftest::Program;
using soak::conftest::ProgramResult;
using soak::conftest::run_program;
using soak::conftest::scratch_folder;
using ::testing::HasSubstr;
using ::testing::StartsWith;

ProgramResult soak_voice(const std::string& url, const std::vector<std::string>& options,
                         const std::string& provider = "openai") {
  std::vector<std::string> arguments{
      SOAK_COMMAND,   "voice", "--provider",        provider, "--url",        url,
      "--duration",   "2s",    "--reconnect-every", "500ms",  "--report-dir", scratch_folder().path(),
      "--open-floor", "0"};  // on a busy machine a handshake takes much of half a second
  arguments.insert(arguments.end(), options.begin(), options.end());
  return run_program(arguments);
}

TEST(FakeTlsTest, MakesACaThatAClientMayTrust) {
  Program fake({SOAK_COMMAND, "fake", "openai", "--tls"});
  ASSERT_TRUE(fake.read_until(".pem\n")) << fake.output();
  const std::string url = line_after(fake.output(), "openai: listening on ");
  const std::string ca_file = line_after(fake.output(), "openai: trust the CA in ");
  ASSERT_THAT(url, StartsWith("wss://127.0.0.1:"));

  const ProgramResult trusting = soak_voice(url, {"--ca", ca_file});
  EXPECT_EQ(trusting.exit_status, 0) << trusting.output;
  EXPECT_THAT(trusting.output, HasSubstr("[VOICE SOAK / openai] PASS: "));

  const ProgramResult by_variable =
      run_program({SOAK_COMMAND, "voice", "--provider", "openai", "--url", url, "--duration", "1s", "--reconnect-every",
                   "500ms", "--open-floor", "0", "--report-dir", scratch_folder().path()},
                  {"SSL_CERT_FILE=" + ca_file});
  EXPECT_EQ(by_variable.exit_status, 0) << by_variable.output;

  const ProgramResult suspicious = soak_voice(url, {});
  EXPECT_EQ(suspicious.exit_status, 1);
  EXPECT_THAT(suspicious.output,
              HasSubstr("is issued by CN = soak test CA, a certificate authority that is not trusted"));

  fake.signal(SIGTERM);
  const ProgramResult end = fake.wait();
  EXPECT_EQ(end.exit_status, 0);
  EXPECT_THAT(end.output, HasSubstr("lost=0 open=0"));
  EXPECT_FALSE(std::filesystem::exists(ca_file));
}

TEST(FakeTlsTest, TakesACertificateAndItsKey) {
  soak::net::TestCa ca;
  const soak::net::TlsIdentity identity = ca.issue({"127.0.0.1"});
  Program fake({SOAK_COMMAND, "fake", "openai", "--cert", identity.certificate_file, "--key", identity.key_file});
  ASSERT_TRUE(fake.read_until("/v1/realtime\n")) << fake.output();

  const ProgramResult result = soak_voice(line_after(fake.output(), "openai: listening on "), {"--ca", ca.ca_file()});
  EXPECT_EQ(result.exit_status, 0) << result.output;
}

TEST(FakeTlsTest, IsForEveryProvider) {
  Program fake({SOAK_COMMAND, "fake", "gemini", "--tls"});
  ASSERT_TRUE(fake.read_until(".pem\n")) << fake.output();

  const ProgramResult result = soak_voice(line_after(fake.output(), "gemini: listening on "),
                                          {"--ca", line_after(fake.output(), "gemini: trust the CA in ")}, "gemini");
  EXPECT_EQ(result.exit_status, 0) << result.output;
}

TEST(FakeTlsTest, SaysWhatIsMissingOrWrong) {
  soak::net::TestCa ca;
  const soak::net::TlsIdentity identity = ca.issue({"127.0.0.1"});
  const ProgramResult without_key = run_program({SOAK_COMMAND, "fake", "openai", "--cert", identity.certificate_file});
  EXPECT_EQ(without_key.exit_status, 2);
  EXPECT_THAT(without_key.output, HasSubstr("--key"));

  const ProgramResult wrong_key = run_program(
      {SOAK_COMMAND, "fake", "openai", "--cert", identity.certificate_file, "--key", ca.issue({"127.0.0.1"}).key_file});
  EXPECT_EQ(wrong_key.exit_status, 2);
  EXPECT_THAT(wrong_key.output, HasSubstr("soak fake: "));
  EXPECT_THAT(wrong_key.output, HasSubstr("mismatch"));

  const ProgramResult no_url = run_program({SOAK_COMMAND, "voice", "--provider", "openai", "--ca", ca.ca_file()});
  EXPECT_EQ(no_url.exit_status, 2);
}

}  // namespace
