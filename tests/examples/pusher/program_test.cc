// SPDX-License-Identifier: Apache-2.0
// The program, from outside: its command line, a session over real sockets, and SIGTERM.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <string>
#include <utility>

#include "conftest/subprocess.h"
#include "soak/event_loop.h"
#include "soak/net/http_client.h"
#include "soak/run_blocking.h"
#include "tests/examples/pusher/listen_client.h"
#include "tests/examples/pusher/store_peer.h"

namespace pusher::tests {
namespace {

using namespace std::chrono_literals;
using soak::Task;
using soak::conftest::Program;
using soak::conftest::ProgramResult;
using soak::conftest::run_program;
using testing::HasSubstr;

TEST(PusherProgramTest, AWrongCommandLineIsExitStatus2AndNamesWhatIsExpected) {
  const ProgramResult none = run_program({PUSHER_PROGRAM});
  EXPECT_EQ(none.exit_status, 2);
  EXPECT_THAT(none.output, HasSubstr("usage: pusher STORES_URL"));

  const ProgramResult port = run_program({PUSHER_PROGRAM, "http://127.0.0.1:1", "70000"});
  EXPECT_EQ(port.exit_status, 2);
  EXPECT_THAT(port.output, HasSubstr("\"70000\" is no port, expected 0 to 65535"));
}

// Two processes, real sockets.
TEST(PusherProgramTest, ServesASessionAndEndsItOnSigterm) {
  soak::UvLoop loop;
  StorePeer stores(loop);
  Program program({PUSHER_PROGRAM, stores.url()});
  ASSERT_TRUE(program.read_until("\n")) << program.output();
  const std::string words = soak::conftest::line_after(program.output(), "listening ");
  const std::string url = words.substr(0, words.find(' '));
  const std::string health = soak::conftest::line_after(program.output(), " health ");
  soak::net::CloseStatus told;
  std::string metrics;
  ProgramResult ended;

  const auto session = [&]() -> Task<> {
    soak::net::HttpClient http(loop);
    ListenClient client = co_await ListenClient::connect(loop, url);
    const Conversation conversation{"c1"};
    co_await client.send(conversation);
    co_await client.send_audio(5s);
    while (stores.of("audio-app").empty()) {  // Until the session has done something.
      co_await soak::sleep_for(5ms);
    }
    const soak::net::HttpResponse response = co_await http.send(soak::net::HttpRequest("GET", health + "/metrics"));
    metrics = response.body;
    program.signal(SIGTERM);
    told = co_await client.closed();
    // Meanwhile the stores answer: the last chunk comes now.
    Task<ProgramResult> ending = soak::run_blocking([&program] { return program.wait(); });
    ended = co_await std::move(ending);
  };
  loop.run(session());

  EXPECT_THAT(metrics, HasSubstr("pusher_active_ws_connections 1\n"));
  EXPECT_EQ(told.code, 1001);
  EXPECT_EQ(ended.exit_status, 0) << ended.output;
  EXPECT_THAT(ended.output, HasSubstr("stopped in "));
  EXPECT_EQ(stores.kept("private-cloud").bytes, 160000u);
}

}  // namespace
}  // namespace pusher::tests
