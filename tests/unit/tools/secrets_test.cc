// SPDX-License-Identifier: Apache-2.0
// A provider that echoes what it was given: none of it is in anything that `soak voice` writes.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdint>
#include <filesystem>
#include <future>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "conftest/http_get.h"
#include "conftest/scratch_folder.h"
#include "conftest/subprocess.h"
#include "lib/json/writer.h"
#include "lib/text/base64.h"
#include "lib/text/percent.h"
#include "soak/error.h"
#include "soak/event_loop.h"
#include "soak/net/websocket_server.h"
#include "soak/task.h"
#include "tools/providers/voice_providers.h"

namespace soak {
namespace {

using conftest::Program;
using conftest::ProgramResult;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr char kKey[] = "sk-canary/of+the=key~0123";
constexpr char kInQuery[] = "canary-in-the-query";

std::string base64(const std::string& text) {
  std::string encoded;
  text::append_base64(encoded, std::as_bytes(std::span(text)));
  return encoded;
}

// Accepts each client, tells it that it does not know its key, in all spellings, and closes.
class EchoingProvider {
 public:
  EchoingProvider() : thread_([this] { run(); }), port_(listening_.get_future().get()) {}
  ~EchoingProvider() {
    loop_->post([this] { server_->stop(); });
    thread_.join();
  }
  EchoingProvider(const EchoingProvider&) = delete;
  EchoingProvider& operator=(const EchoingProvider&) = delete;

  std::string url() const { return "ws://127.0.0.1:" + std::to_string(port_) + "/v1?model=m-1&api_key=" + kInQuery; }

 private:
  void run() {
    UvLoop loop;
    net::WebSocketServer server(loop);
    loop_ = &loop;
    server_ = &server;
    listening_.set_value(server.port());
    loop.run(serve(server));
  }

  static Task<> serve(net::WebSocketServer& server) {
    try {
      for (;;) {
        net::AcceptedWebSocket client = co_await server.accept();
        std::string given = client.request.headers.get("Authorization", client.request.headers.get("x-goog-api-key"));
        given = given.substr(given.find(' ') + 1);
        json::Writer json;
        json.object().key("type").text("error").key("error").object().key("type").text("invalid_request_error");
        json.key("code").text("bad_key").key("message");
        json.text(given + " " + text::percent_encode(given) + " " + base64(given) + " " + base64("user:" + given) +
                  " ?" + client.request.query + "\x1b[2J\n[  SKIPPED ] ");
        json.end_object().end_object();
        std::string event = json.take();
        std::string reason = "no " + given + "\n" + client.request.query;
        try {
          co_await client->send_text(std::move(event));
          co_await client->close(4001, std::move(reason));
        } catch (const net::ConnectionClosed&) {
        }
      }
    } catch (const Error&) {  // Stopped.
    }
  }

  std::promise<std::uint16_t> listening_;
  UvLoop* loop_ = nullptr;
  net::WebSocketServer* server_ = nullptr;
  std::thread thread_;
  std::uint16_t port_;
};

class EchoedSecretTest : public testing::TestWithParam<std::string> {
 protected:
  std::vector<std::string> command(const std::vector<std::string>& more) const {
    std::vector<std::string> arguments{SOAK_COMMAND,   "voice",         "--provider",        GetParam(),
                                       "--url",        provider_.url(), "--reconnect-every", "500ms",
                                       "--report-dir", folder_.path()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  static std::vector<std::string> environment() {
    return {std::string("OPENAI_API_KEY=") + kKey, std::string("GEMINI_API_KEY=") + kKey};
  }

  // All that the run wrote.
  std::string files() const {
    std::string all;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_.path())) {
      all += entry.path().string() + "\n" + conftest::read_file(entry.path());
    }
    return all;
  }

  static void expect_no_secret(const std::string& text) {
    for (const std::string& secret :
         {std::string(kKey), std::string(kKey).substr(0, 12), text::percent_encode(kKey), base64(kKey),
          base64("user:" + std::string(kKey)).substr(8, 20), std::string(kInQuery)}) {
      EXPECT_THAT(text, Not(HasSubstr(secret)));
    }
  }

  EchoingProvider provider_;
  const conftest::ScratchFolder folder_;
};

TEST_P(EchoedSecretTest, IsInNoOutputOfARunThatFails) {
  const ProgramResult result = conftest::run_program(command({"--duration", "1s"}), environment());

  EXPECT_EQ(result.exit_status, 1) << result.output;
  EXPECT_THAT(result.output, AllOf(HasSubstr("***"), Not(HasSubstr("\x1b")), Not(HasSubstr("[  SKIPPED ]"))));
  const std::string all = result.output + files();
  EXPECT_THAT(all, AllOf(HasSubstr(".json\n"), HasSubstr(".html\n")));
  EXPECT_THAT(all, HasSubstr("/v1?model=m-1&api_key=***'"));  // The command to run it again.
  expect_no_secret(all);
}

TEST_P(EchoedSecretTest, IsNeitherInTheMetricsNorInTheJournalOfARunThatIsKilled) {
  Program run(command({"--duration", "60s", "--metrics-port", "0"}), environment());
  ASSERT_TRUE(run.read_until("/metrics\n")) << run.output();
  const std::size_t at = run.output().find("127.0.0.1:") + 10;
  Program journal({"/usr/bin/tail", "-n", "+1", "-F", folder_ / ("voice-" + GetParam() + ".journal")});
  EXPECT_TRUE(journal.read_until("\"failure\"")) << journal.output();
  const std::string metrics =
      conftest::http_get(static_cast<std::uint16_t>(std::stoi(run.output().substr(at))), "/metrics");
  run.signal(SIGKILL);
  const ProgramResult result = run.wait();

  const std::string all = metrics + result.output + files();
  EXPECT_THAT(all, AllOf(HasSubstr("soak_run_info"), HasSubstr(".journal\n"), HasSubstr("***")));
  expect_no_secret(all);
}

INSTANTIATE_TEST_SUITE_P(Providers, EchoedSecretTest, testing::ValuesIn(tools::voice_provider_names()),
                         [](const auto& provider) { return provider.param; });

}  // namespace
}  // namespace soak
