// SPDX-License-Identifier: Apache-2.0
// Functions that a setup declares. Sources: the types FunctionDeclaration, FunctionResponse and Behavior of
// github.com/googleapis/js-genai, src/types.ts.

#include <string>
#include <vector>

#include "tests/unit/peers/gemini/fixture.h"

namespace soak::peers {
namespace {

constexpr char kBlocking[] = R"("tools":[{"functionDeclarations":[{"name":"f"}]}])";
constexpr char kNonBlocking[] = R"("tools":[{"functionDeclarations":[{"name":"f","behavior":"NON_BLOCKING"}]}])";

std::string result_of(const std::string& id, const std::string& more = "") {
  return R"({"toolResponse":{"functionResponses":[{"id":")" + id + R"(","response":{"output":1})" + more + "}]}}";
}

bool is_call(const Heard& heard) { return heard.get("toolCall") != "(absent)"; }

// Everything up to the first call, that one too.
Task<Heard> hear_call(RawClient& client) {
  for (;;) {
    Heard heard = co_await client.hear();
    if (is_call(heard) || heard.text().empty()) {
      co_return heard;
    }
  }
}

class GeminiFunctionsTest : public GeminiTest {
 public:
  using Story = Task<> (*)(RawClient& client);
  void tell(GeminiLivePeer& peer, const std::string& setup, Story story) {
    loop_.run([](GeminiTest& test, GeminiLivePeer& own, std::string more, Story telling) -> Task<> {
      RawClient client = co_await test.enter(own, more);
      co_await telling(client);
    }(*this, peer, setup, story));
  }
};

TEST_F(GeminiFunctionsTest, ASlowFunctionIsNotCancelled) {
  GeminiLivePeer peer(loop_, {.response_audio = 100ms, .connection_max = 2h, .session_max = 2h});
  tell(peer, kBlocking, [](RawClient& client) -> Task<> {
    co_await client.say(kAsk);
    const Heard call = co_await hear_call(client);
    co_await sleep_for(50min);
    co_await client.say(result_of(call.get("toolCall.functionCalls.0.id")));  // Without its name, too.
    const Heard next = co_await client.hear();

    EXPECT_EQ(about(next), "audio") << next.text() << next.status().reason;
  });

  EXPECT_EQ(peer.ledger().tool_calls_cancelled, 0u);
  EXPECT_EQ(peer.ledger().tool_calls_answered, 1u);
}

TEST_F(GeminiFunctionsTest, AnInterruptionCancelsIt) {
  GeminiLivePeer peer(loop_, {.response_audio = 100ms});
  tell(peer, kBlocking, [](RawClient& client) -> Task<> {
    co_await client.say(kAsk);
    const Heard call = co_await hear_call(client);
    co_await sleep_for(1min);
    co_await client.say(R"({"clientContent":{"turns":[],"turnComplete":false}})");
    const Heard cancelled = co_await client.hear();

    EXPECT_EQ(cancelled.get("toolCallCancellation.ids.0"), call.get("toolCall.functionCalls.0.id"));
  });
}

TEST_F(GeminiFunctionsTest, PatienceIsPlayedWhereItIsSet) {
  GeminiLivePeer peer(loop_, {.response_audio = 100ms, .tool_patience = 3s});
  tell(peer, kBlocking, [](RawClient& client) -> Task<> {
    co_await client.say(kAsk);
    co_await hear_call(client);
    const Heard cancelled = co_await client.hear();

    EXPECT_NE(cancelled.get("toolCallCancellation"), "(absent)");
  });
}

TEST_F(GeminiFunctionsTest, SwitchedOffNothingIsCalled) {
  GeminiLivePeer peer(loop_, {.response_audio = 100ms, .call_tools = false});
  tell(peer, kBlocking, [](RawClient& client) -> Task<> {
    co_await client.say(kAsk);
    const Heard heard = co_await client.hear();

    EXPECT_EQ(about(heard), "audio");
  });
}

TEST_F(GeminiFunctionsTest, ArgumentsAreValidByTheDeclaredSchema) {
  for (
      const char* const parameters :
      {R"("parameters":{"type":"OBJECT","properties":{"unit":{"type":"STRING","enum":["C","F"]}},"required":["unit"]})",
       R"("parametersJsonSchema":{"type":"object","properties":{"unit":{"enum":["C","F"]}},"required":["unit"]})"}) {
    GeminiLivePeer peer(loop_, {.seed = 1});
    tell(peer, std::string(R"("tools":[{"functionDeclarations":[{"name":"f",)") + parameters + "}]}]",
         [](RawClient& client) -> Task<> {
           co_await client.say(kAsk);
           const Heard call = co_await hear_call(client);

           EXPECT_THAT(call.get("toolCall.functionCalls.0.args"), testing::MatchesRegex(R"(\{"unit":"[CF]"\})"));
         });
  }
}

TEST_F(GeminiFunctionsTest, ANonBlockingCallLetsTheAnswerGoOn) {
  GeminiLivePeer peer(loop_, {.response_audio = 100ms});
  tell(peer, kNonBlocking, [](RawClient& client) -> Task<> {
    co_await client.say(kAsk);
    const Heard call = co_await hear_call(client);
    co_await hear_until(client, "turnComplete");
    co_await sleep_for(1min);
    co_await client.say(result_of(call.get("toolCall.functionCalls.0.id")));
    const std::vector<Heard> answer = co_await hear_until(client, "turnComplete");

    EXPECT_EQ(about(answer.front()), "audio");  // Of the result, and without another call.
  });

  EXPECT_EQ(peer.ledger().tool_calls_sent, 1u);
  EXPECT_EQ(peer.ledger().tool_calls_answered, 1u);
  EXPECT_EQ(peer.ledger().turns_completed, 2u);
}

TEST_F(GeminiFunctionsTest, SchedulingSaysWhenAResultIsSpokenOf) {
  GeminiLivePeer peer(loop_, {.response_audio = 10s});
  tell(peer, kNonBlocking, [](RawClient& client) -> Task<> {
    co_await client.say(kAsk);
    const Heard call = co_await hear_call(client);
    const std::string id = call.get("toolCall.functionCalls.0.id");
    co_await sleep_for(1s);
    co_await client.say(result_of(id, R"(,"scheduling":"SILENT","willContinue":true)"));
    co_await client.say(result_of(id, R"(,"scheduling":"INTERRUPT")"));
    const std::vector<Heard> first = co_await hear_until(client, "turnComplete");
    const std::vector<Heard> second = co_await hear_until(client, "turnComplete");

    EXPECT_EQ(about(first[first.size() - 2]), "interrupted");
    EXPECT_EQ(about(second[second.size() - 2]), "generationComplete");
  });

  EXPECT_EQ(peer.ledger().turns_completed, 2u);
}

TEST_F(GeminiFunctionsTest, ASilentResultIsNotSpokenOfAndEndsTheCall) {
  GeminiLivePeer peer(loop_, {.response_audio = 100ms});
  tell(peer, kNonBlocking, [](RawClient& client) -> Task<> {
    co_await client.say(kAsk);
    const Heard call = co_await hear_call(client);
    const std::string id = call.get("toolCall.functionCalls.0.id");
    co_await hear_until(client, "turnComplete");
    co_await client.say(result_of(id, R"(,"scheduling":"SILENT")"));
    co_await sleep_for(1min);
    co_await client.say(result_of(id));
    const Heard end = co_await client.hear();

    EXPECT_EQ(end.status().code, 1008);  // It is not under way any more.
  });

  EXPECT_EQ(peer.ledger().turns_completed, 1u);
}

}  // namespace
}  // namespace soak::peers
