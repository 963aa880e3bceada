// SPDX-License-Identifier: Apache-2.0
// `soak fake openai` and `soak fake gemini`, as programs: what they print of what they share and refuse.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "conftest/subprocess.h"
#include "soak/event_loop.h"
#include "soak/net/websocket_client.h"

namespace soak {
namespace {

using conftest::line_after;
using conftest::Program;
using conftest::ProgramResult;
using conftest::run_program;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// Says each of `sayings` in one session of OpenAI's fake, and waits for a response.done after it.
void converse(const std::string& url, std::vector<std::string> sayings) {
  UvLoop loop;
  loop.run([](EventLoop& own, std::string address, std::vector<std::string> all) -> Task<> {
    net::ConnectOptions options;
    options.headers.add("Authorization", "Bearer any");
    std::unique_ptr<net::WebSocket> socket = co_await net::connect_websocket(own, address, options);
    for (std::string& saying : all) {
      co_await socket->send_text(std::move(saying));
      for (std::string heard; heard.find("\"response.done\"") == std::string::npos;) {
        net::Message message = co_await socket->receive();
        heard = std::move(message.data);
      }
    }
    co_await socket->close();
  }(loop, url + "?model=m", std::move(sayings)));
}

// How a connection ends for a client that only listens.
net::CloseStatus end_of(const std::string& url) {
  UvLoop loop;
  net::CloseStatus end;
  loop.run([](EventLoop& own, std::string address, net::CloseStatus& into) -> Task<> {
    net::ConnectOptions options;
    options.headers.add("Authorization", "Bearer any");
    std::unique_ptr<net::WebSocket> socket = co_await net::connect_websocket(own, address, options);
    try {
      for (;;) {
        co_await socket->receive();
      }
    } catch (const net::ConnectionClosed& closed) {
      into = closed.status();
    }
  }(loop, url + "?model=m&key=any", end));
  return end;
}

TEST(FakeVoiceCommandTest, PrintsTheLimitOfAllSessionsAndWhatItRefusedForIt) {
  Program fake({SOAK_COMMAND, "fake", "openai", "--tokens-per-minute", "1"});
  ASSERT_TRUE(fake.read_until("a minute for all sessions together\n")) << fake.output();
  EXPECT_THAT(fake.output(), HasSubstr("openai: 1 tokens a minute for all sessions together\n"));

  converse(line_after(fake.output(), "openai: listening on "),
           {R"({"type":"response.create"})", R"({"type":"response.create"})", R"({"type":"response.create"})"});
  fake.signal(SIGTERM);
  const ProgramResult end = fake.wait();

  EXPECT_EQ(end.exit_status, 0);
  EXPECT_THAT(end.output, HasSubstr("openai: 2 of 3 answers failed with rate_limit_exceeded: 1 tokens a minute for all "
                                    "sessions together, set by --tokens-per-minute"));
}

TEST(FakeVoiceCommandTest, WithoutALimitNothingIsRefused) {
  Program fake({SOAK_COMMAND, "fake", "openai", "--tokens-per-minute", "0"});
  ASSERT_TRUE(fake.read_until("openai: no limit on tokens\n")) << fake.output();

  converse(line_after(fake.output(), "openai: listening on "),
           {R"({"type":"response.create"})", R"({"type":"response.create"})"});
  fake.signal(SIGTERM);
  const ProgramResult end = fake.wait();

  EXPECT_THAT(end.output, Not(HasSubstr("rate_limit_exceeded")));
}

TEST(FakeVoiceCommandTest, ALimitThatIsNoNumberIsExitStatusTwo) {
  for (const char* const value : {"-1", "many"}) {
    const ProgramResult result = run_program({SOAK_COMMAND, "fake", "openai", "--tokens-per-minute", value});

    EXPECT_EQ(result.exit_status, 2) << result.output;
    EXPECT_THAT(result.output, HasSubstr("--tokens-per-minute"));
  }
}

TEST(FakeVoiceCommandTest, AFaultIsPlayedOnEachConnectionAndCounted) {
  for (const char* const provider : {"openai", "gemini"}) {
    Program fake({SOAK_COMMAND, "fake", provider, "--fault", "ping_burst", "--fault", "close_with_message@0.01"});
    const std::string listening = std::string(provider) + ": listening on ";
    ASSERT_TRUE(fake.read_until("HTTP at ")) << fake.output();

    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(end_of(line_after(fake.output(), listening)), net::CloseStatus(1011, "", net::CloseStatus::By::kPeer));
    }
    fake.signal(SIGTERM);
    const ProgramResult end = fake.wait();

    EXPECT_THAT(end.output, HasSubstr(std::string(provider) + ": fault ping_burst, 2 times\n"));
    EXPECT_THAT(end.output, HasSubstr(std::string(provider) + ": fault close_with_message, 2 times\n"));
    EXPECT_EQ(end.exit_status, 0);
  }
}

TEST(FakeVoiceCommandTest, WhatIsNoFaultIsExitStatusTwoAndNamesWhatIsExpected) {
  for (const char* const value :
       {"nonsense", "reset@", "reset@soon", "reset@-1", "reset@1+", "reset@1e9", "reset@1@2"}) {
    const ProgramResult result = run_program({SOAK_COMMAND, "fake", "openai", "--fault", value});

    EXPECT_EQ(result.exit_status, 2) << value << result.output;
    EXPECT_THAT(result.output, HasSubstr("expected KIND, KIND@SECONDS or KIND@SECONDS+SECONDS")) << value;
    EXPECT_THAT(result.output, HasSubstr("masked_frame")) << value;
  }
}

TEST(FakeVoiceCommandTest, PrintsAtTheEndWhatItDidNotPlayOrKnow) {
  Program fake({SOAK_COMMAND, "fake", "openai", "--tokens-per-minute", "0"});
  ASSERT_TRUE(fake.read_until("no limit on tokens\n")) << fake.output();
  EXPECT_THAT(fake.output(), HasSubstr("openai: HTTP at http://127.0.0.1:"));

  converse(line_after(fake.output(), "openai: listening on "),
           {R"({"type":"response.create","response":{"reasoning":{"effort":"low"}}})"});
  fake.signal(SIGTERM);
  const ProgramResult end = fake.wait();

  EXPECT_THAT(end.output, AllOf(HasSubstr("openai: accepted and not played, 1 time: response.reasoning"),
                                Not(HasSubstr("unknown to this fake"))));
}

}  // namespace
}  // namespace soak
