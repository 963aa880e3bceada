// SPDX-License-Identifier: Apache-2.0
// `soak fake telegram`, `slack` and `discord`, as programs of their own, over HTTP and HTTPS.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <ostream>
#include <string>
#include <utility>

#include "conftest/subprocess.h"
#include "soak/event_loop.h"
#include "soak/net/http_client.h"

namespace {

using soak::conftest::line_after;
using soak::conftest::Program;
using soak::conftest::ProgramResult;
using soak::conftest::run_program;
using ::testing::HasSubstr;
using ::testing::StartsWith;

soak::net::HttpResponse answer_to(soak::net::HttpRequest request, const std::string& ca_file = {}) {
  soak::UvLoop loop;
  soak::net::HttpClientOptions options;
  options.ca_file = ca_file;
  options.proxy = "";
  soak::net::HttpClient client(loop, options);
  return loop.run(client.send(std::move(request)));
}

struct Channel {
  const char* name;
  const char* method;  // After its URL.
  const char* authorization;
  const char* body;
  const char* path_token;  // The part of the URL that holds the token, or nothing.
};
void PrintTo(const Channel& channel, std::ostream* out) { *out << channel.name; }

class FakeChannelTest : public testing::TestWithParam<Channel> {
 public:
  static soak::net::HttpRequest message(const std::string& url, const std::string& token) {
    const Channel& channel = GetParam();
    soak::net::HttpRequest request(
        "POST", url + channel.path_token, channel.body,
        {{"Content-Type", "application/json; charset=utf-8"}, {"User-Agent", "DiscordBot (https://example.com, 1)"}});
    if (*channel.path_token != '\0') {
      request.url += token;
    }
    request.url += channel.method;
    if (*channel.authorization != '\0') {
      request.headers.add("Authorization", channel.authorization + token);
    }
    return request;
  }
};

TEST_P(FakeChannelTest, TakesTheTokenAloneAndCountsInTheEnd) {
  const std::string name = GetParam().name;
  const bool is_slack = name == "slack";  // It says what is wrong in 200.
  const std::string right = is_slack ? "xoxb-right" : "1:right";
  const std::string other = is_slack ? "xoxb-wrong" : "1:wrong";
  Program fake({SOAK_COMMAND, "fake", name, "--token", right});
  ASSERT_TRUE(fake.read_until("listening on http://")) << fake.output();
  ASSERT_TRUE(fake.read_until("\n")) << fake.output();
  const std::string url = line_after(fake.output(), name + ": listening on ");

  const auto wrong = answer_to(message(url, other));
  EXPECT_EQ(wrong.status, is_slack ? 200 : 401) << wrong.body;
  EXPECT_EQ(answer_to(message(url, right)).status, 200);
  EXPECT_EQ(answer_to(message(url, right)).status, 200);
  fake.signal(SIGTERM);
  const ProgramResult end = fake.wait();

  EXPECT_EQ(end.exit_status, 0);
  EXPECT_THAT(end.output, HasSubstr(name + ": requests=3 stored=2 "));
  EXPECT_THAT(end.output, HasSubstr("auth_failures=1 stored_twice=1"));
  EXPECT_THAT(end.output, HasSubstr(name + ": credential_refused: "));
  EXPECT_THAT(end.output, testing::Not(HasSubstr("wrong")));
}

TEST_P(FakeChannelTest, SpeaksHttpsAndMakesACa) {
  const std::string name = GetParam().name;
  Program fake({SOAK_COMMAND, "fake", name, "--tls", "--no-limits"});
  ASSERT_TRUE(fake.read_until(".pem\n")) << fake.output();
  const std::string url = line_after(fake.output(), name + ": listening on ");
  ASSERT_THAT(url, StartsWith("https://127.0.0.1:"));

  const auto got = answer_to(message(url, name == "slack" ? "xoxb-1" : "1:any"),
                             line_after(fake.output(), name + ": trust the CA in "));

  EXPECT_EQ(got.status, 200) << got.body;
  EXPECT_THROW(answer_to(message(url, "1:any")), soak::Error);  // Nobody else trusts that CA.
}

INSTANTIATE_TEST_SUITE_P(
    All, FakeChannelTest,
    testing::Values(Channel{"telegram", "/sendMessage", "", R"({"chat_id":1,"text":"soak 1"})", "/bot"},
                    Channel{"slack", "/chat.postMessage", "Bearer ", R"({"channel":"C1","text":"soak 1"})", ""},
                    Channel{"discord", "/channels/1/messages", "Bot ", R"({"content":"soak 1"})", ""}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(FakeChannelCommandTest, TellsWhereItsWebhookIs) {
  Program fake({SOAK_COMMAND, "fake", "slack"});
  ASSERT_TRUE(fake.read_until("slack: webhook at http://")) << fake.output();
  ASSERT_TRUE(fake.read_until("\n")) << fake.output();

  soak::net::HttpRequest request("POST", line_after(fake.output(), "slack: webhook at "), R"({"text":"soak 1"})");
  EXPECT_EQ(answer_to(std::move(request)).body, "ok");
}

TEST(FakeChannelCommandTest, TurnsClientsAwayByTheirUserAgentAsAskedFor) {
  const auto status_with = [](const std::string& check) {
    Program fake({SOAK_COMMAND, "fake", "discord", "--check-user-agent", check});
    EXPECT_TRUE(fake.read_until("listening on http://")) << fake.output();
    EXPECT_TRUE(fake.read_until("\n")) << fake.output();
    soak::net::HttpRequest request("GET", line_after(fake.output(), "discord: listening on ") + "/users/@me", "",
                                   {{"User-Agent", "curl/8.5.0"}, {"Authorization", "Bot a"}});
    return answer_to(std::move(request)).status;
  };

  EXPECT_EQ(status_with("strict"), 403);
  EXPECT_EQ(status_with("known"), 200);
  EXPECT_EQ(status_with("off"), 200);
  EXPECT_EQ(run_program({SOAK_COMMAND, "fake", "discord", "--check-user-agent", "maybe"}).exit_status, 2);
}

TEST(FakeChannelCommandTest, PrintsWhereATestPostsAUsersMessage) {
  Program fake({SOAK_COMMAND, "fake", "telegram"});
  ASSERT_TRUE(fake.read_until("telegram: post a user's message to http://127.0.0.1:")) << fake.output();
  ASSERT_TRUE(fake.read_until("\n")) << fake.output();
  const std::string control = line_after(fake.output(), "telegram: post a user's message to ");
  const std::string url = line_after(fake.output(), "telegram: listening on ");

  soak::net::HttpRequest post("POST", control, R"({"conversation":42,"text":"hello"})");
  EXPECT_EQ(answer_to(std::move(post)).status, 200);
  soak::net::HttpRequest poll("GET", url + "/bot1:any/getUpdates");
  EXPECT_THAT(answer_to(std::move(poll)).body, HasSubstr(R"("text":"hello")"));
}

TEST(FakeChannelCommandTest, NamesInTheEndWhatItDoesNotHave) {
  Program fake({SOAK_COMMAND, "fake", "telegram"});
  ASSERT_TRUE(fake.read_until("telegram: listening on http://")) << fake.output();
  ASSERT_TRUE(fake.read_until("\n")) << fake.output();
  const std::string url = line_after(fake.output(), "telegram: listening on ");
  for (int i = 0; i < 2; ++i) {
    soak::net::HttpRequest request("GET", url + "/bot1:any/sendDice");
    EXPECT_EQ(answer_to(std::move(request)).status, 404);
  }

  fake.signal(SIGTERM);

  EXPECT_THAT(fake.wait().output, HasSubstr("telegram: unknown to this fake and refused, 2 times: senddice"));
}

TEST(FakeChannelCommandTest, HelpSaysWhatStoredTwiceComparesBy) {
  const ProgramResult result = run_program({SOAK_COMMAND, "fake", "discord", "--help"});

  EXPECT_EQ(result.exit_status, 0);
  EXPECT_THAT(result.output, HasSubstr("texts must be unique within a conversation"));
}

TEST(FakeChannelCommandTest, HasATokenAndNoApiKey) {
  const ProgramResult result = run_program({SOAK_COMMAND, "fake", "telegram", "--api-key", "a"});

  EXPECT_EQ(result.exit_status, 2);
  EXPECT_THAT(result.output, HasSubstr("--api-key"));
}

}  // namespace
