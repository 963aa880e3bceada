// SPDX-License-Identifier: Apache-2.0
// Functions that the model calls: what the client says and does not say, against a scripted server and against the
// fake.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "soak/backoff.h"
#include "soak/peers/gemini_live_peer.h"
#include "tests/unit/voice/gemini/fixture.h"
#include "tests/unit/voice/tool_turns.h"

namespace soak::voice {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string call(const std::string& id) {
  return R"({"toolCall":{"functionCalls":[{"id":")" + id + R"(","name":"weather","args":{"city":"Oslo"}}]}})";
}
std::string cancellation(const std::string& id) { return R"({"toolCallCancellation":{"ids":[")" + id + R"("]}})"; }

class GeminiToolsTest : public GeminiLiveClientTest {
 protected:
  GeminiToolsTest() {
    options_.tools = {
        {.name = "weather", .description = "Of a city.", .parameters = R"({"type":"object","properties":{}})"},
        {.name = "clock"}};
    options_.on_tool_call = [this](const ToolCall& made) { calls_.push_back(made); };
  }

  std::vector<std::string> tool_responses(std::size_t connection) const {
    std::vector<std::string> responses;
    for (const std::string& message : connections_.at(connection)->received) {
      if (message.find("toolResponse") != std::string::npos) {
        responses.push_back(message);
      }
    }
    return responses;
  }

  std::vector<ToolCall> calls_;
};

TEST_F(GeminiToolsTest, AreDeclaredCalledAndAnswered) {
  run({saying({kComplete, call("c1"), R"({"toolCall":{"functionCalls":[{"id":"c2","name":"clock"}]}})"})},
      [this](GeminiLiveClient& client) -> Task<> {
        co_await client.connect();
        co_await sleep_for(1s);
        EXPECT_EQ(calls_.size(), 2u);
        EXPECT_TRUE(co_await client.send_tool_result("c2", R"({"time":12})"));
        EXPECT_TRUE(co_await client.send_tool_result("c1", R"({"sun":true})"));
        EXPECT_FALSE(co_await client.send_tool_result("c1", R"({"sun":true})"));  // Once is enough.
        EXPECT_FALSE(co_await client.send_tool_result("never", "{}"));
        EXPECT_EQ(client.counters().tool_calls, 2u);
        EXPECT_EQ(client.counters().tool_results_sent, 2u);
        EXPECT_EQ(client.counters().tool_calls_cancelled, 0u);
        co_await client.close();
      });

  ASSERT_EQ(calls_.size(), 2u);
  EXPECT_EQ(calls_[0].id, "c1");
  EXPECT_EQ(calls_[0].name, "weather");
  EXPECT_EQ(calls_[0].arguments, R"({"city":"Oslo"})");
  EXPECT_EQ(calls_[1].arguments, "{}");
  EXPECT_THAT(connections_[0]->received[0],
              HasSubstr(R"("tools":[{"functionDeclarations":[{"name":"weather","description":"Of a city.",)"
                        R"("parametersJsonSchema":{"type":"object","properties":{}}},{"name":"clock"}]}])"));
  EXPECT_THAT(
      tool_responses(0),
      ElementsAre(R"({"toolResponse":{"functionResponses":[{"id":"c2","name":"clock","response":{"time":12}}]}})",
                  R"({"toolResponse":{"functionResponses":[{"id":"c1","name":"weather",)"
                  R"("response":{"sun":true}}]}})"));
}

TEST_F(GeminiToolsTest, ACallThatWasCancelledIsNotAnswered) {
  run({saying({kComplete, call("c1"), call("c2"), cancellation("c1"), cancellation("never")})},
      [](GeminiLiveClient& client) -> Task<> {
        co_await client.connect();
        co_await sleep_for(1s);
        EXPECT_FALSE(co_await client.send_tool_result("c1", "{}"));
        EXPECT_TRUE(co_await client.send_tool_result("c2", "{}"));
        EXPECT_EQ(client.counters().tool_calls_cancelled, 1u);
        co_await client.close();
      });

  EXPECT_THAT(tool_responses(0), ElementsAre(HasSubstr(R"("id":"c2")")));
}

TEST_F(GeminiToolsTest, ACallOfAnotherConnectionIsNotAnswered) {
  options_.backoff = BackoffOptions{.initial = 100ms};
  run({saying_then_closing({kComplete, handle_update("h1"), call("c1")}, 1s, 1011, ""), saying({kComplete})},
      [](GeminiLiveClient& client) -> Task<> {
        co_await client.connect();
        co_await sleep_for(10s);
        EXPECT_EQ(client.counters().recoveries, 1u);
        EXPECT_FALSE(co_await client.send_tool_result("c1", "{}"));
        EXPECT_EQ(client.counters().tool_calls_cancelled, 1u);
        co_await client.close();
      });

  EXPECT_THAT(tool_responses(1), ElementsAre());
}

TEST_F(GeminiToolsTest, AResultThatIsNoObjectIsRefusedAndTheCallStaysOpen) {
  run({saying({kComplete, call("c1")})}, [](GeminiLiveClient& client) -> Task<> {
    co_await client.connect();
    co_await sleep_for(1s);
    for (const char* const wrong : {"", "[]", "sunny", R"({"a":)", R"({}})"}) {
      std::string what;
      try {
        co_await client.send_tool_result("c1", wrong);
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::kInvalidArgument);
        what = error.what();
      }
      EXPECT_THAT(what, HasSubstr("takes a JSON object as the result of 'weather'")) << wrong;
    }
    EXPECT_TRUE(co_await client.send_tool_result("c1", "{}"));
    co_await client.close();
  });
}

TEST_F(GeminiToolsTest, CallsThatAreNoneAreCountedAndAreNotFollowedWithoutEnd) {
  std::vector<std::string> messages = {kComplete,
                                       R"({"toolCall":{"functionCalls":[{"name":"no id"}]}})",
                                       R"({"toolCall":{"functionCalls":[{"id":"x","name":"f","args":[]}]}})",
                                       R"({"toolCall":{"functionCalls":7}})",
                                       R"({"toolCallCancellation":{"ids":"c1"}})",
                                       call("twice"),
                                       R"({"new":1,"toolCall":{"functionCalls":[{"id":"twice","name":"f"},)"
                                       R"({"id":"twice","name":"f"}]}})"};
  for (int i = 0; i < 1000; ++i) {
    messages.push_back(call("c" + std::to_string(i)));
  }
  run({saying(messages)}, [](GeminiLiveClient& client) -> Task<> {
    co_await client.connect();
    co_await sleep_for(1s);
    EXPECT_EQ(client.counters().tool_calls, 64u);
    EXPECT_EQ(client.counters().invalid_events, 5u + 1000u - 63u);
    EXPECT_EQ(client.counters().unknown_events, 0u);  // Each message is one thing.
    co_await client.close();
  });
}

// The fake closes a session that answers a call which is not under way.
using GeminiToolsTogetherTest = ToolTurnsTest<tools::GeminiLive>;

TEST_F(GeminiToolsTogetherTest, EachTurnIsAnsweredAfterItsCall) {
  converse(500ms, kGeminiFrame, {.seed = 1, .tool_patience = 2s});

  EXPECT_EQ(counters_.tool_results_sent, 10u);
  EXPECT_EQ(counters_.responses_done, 10u);
}

TEST_F(GeminiToolsTogetherTest, AResultThatComesTooLateIsNotSent) {
  converse(3s, kGeminiFrame, {.seed = 1, .tool_patience = 2s});

  EXPECT_EQ(counters_.tool_calls_cancelled, 10u);
  EXPECT_EQ(ledger_.tool_calls_cancelled, 10u);
  EXPECT_EQ(counters_.responses_done, 10u);
}

// The user speaks while the call is under way.
TEST_F(GeminiToolsTogetherTest, ACallThatIsInterruptedIsCancelled) {
  peers::GeminiLivePeer peer(loop_, {.seed = 1});
  std::string id;
  GeminiLiveOptions options;
  options.url = peer.url();
  options.interruptible = true;
  options.tools = {{.name = "weather"}};
  options.on_tool_call = [&id](const ToolCall& made) { id = made.id; };
  GeminiLiveClient client(loop_, options);
  loop_.run([](GeminiLiveClient& own, std::string& called) -> Task<> {
    co_await own.connect();
    co_await own.send_audio(kGeminiFrame);
    co_await own.end_turn();
    co_await sleep_for(1s);
    EXPECT_NE(called, "");
    co_await own.send_audio(kGeminiFrame);
    co_await sleep_for(1s);
    EXPECT_FALSE(co_await own.send_tool_result(called, "{}"));
    EXPECT_EQ(own.counters().interruptions, 1u);
    EXPECT_EQ(own.counters().responses_done, 1u);
    co_await own.close();
  }(client, id));

  EXPECT_EQ(peer.ledger().tool_calls_cancelled, 1u);
  EXPECT_EQ(peer.ledger().messages_refused, 0u) << peer.ledger().last_refusal;
}

}  // namespace
}  // namespace soak::voice
