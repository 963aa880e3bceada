// SPDX-License-Identifier: Apache-2.0
// Functions that a session declares, and the fake calls.

#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "tests/unit/peers/openai/fixture.h"

namespace soak::peers {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr char kRespond[] = R"({"type":"response.create"})";
constexpr char kAnswered[] = "response.output_audio.delta";

std::string declaring(const std::string& functions, const std::string& more = "") {
  std::string tools;
  for (const char name : functions) {
    tools += std::string(tools.empty() ? "" : ",") + R"({"type":"function","name":")" + name +
             R"(","description":"d","parameters":{"type":"object","properties":{"question":{"type":"string"}},)" +
             R"("required":["question"]}})";
  }
  return R"({"type":"session.update","session":{"type":"realtime","tools":[)" + tools + "]" + more + "}}";
}

std::string result_event(const std::string& call_id) {
  return R"({"type":"conversation.item.create","event_id":"mine","item":{"type":"function_call_output","call_id":")" +
         call_id + R"(","output":"fine"}})";
}

const Heard& find(const std::vector<Heard>& events, const std::string& type) {
  static const Heard kNone;
  const auto found = std::find_if(events.begin(), events.end(), [&](const Heard& h) { return h.type() == type; });
  return found == events.end() ? kNone : *found;
}

class OpenAiToolsTest : public OpenAiTest {
 public:
  using Story = Task<> (*)(RawClient& client);

  // A session that has declared the functions f and g.
  void tell(OpenAiRealtimePeer& peer, Story story, const std::string& update = declaring("fg")) {
    loop_.run([](OpenAiToolsTest& test, OpenAiRealtimePeer& own, Story telling, std::string first) -> Task<> {
      RawClient client = co_await test.enter(own);
      const Heard updated = co_await client.ask(std::move(first));
      EXPECT_EQ(updated.type(), "session.updated") << updated.text();
      co_await telling(client);
    }(*this, peer, story, update));
  }

  static Task<std::vector<Heard>> respond(RawClient& client, std::string event = kRespond) {
    co_await client.say(std::move(event));
    co_return co_await client.hear_until("response.done");
  }
  // The call_id of the call that a response is.
  static Task<std::string> call(RawClient& client) {
    const std::vector<Heard> events = co_await respond(client);
    co_return events.back().get("response.output.0.call_id");
  }
};

TEST_F(OpenAiToolsTest, CallComesInTheRecordedOrder) {
  OpenAiRealtimePeer peer(loop_, {.tokens_per_minute = 0});
  tell(peer, [](RawClient& client) -> Task<> {
    const std::vector<Heard> events = co_await respond(client);

    EXPECT_THAT(types_of(events),
                ElementsAre("response.created", "response.output_item.added", "conversation.item.added",
                            "response.function_call_arguments.delta", "response.function_call_arguments.delta",
                            "response.function_call_arguments.delta", "response.function_call_arguments.done",
                            "conversation.item.done", "response.output_item.done", "response.done"));
    if (events.size() != 10) {
      co_return;
    }
    const std::string item = events[1].get("item.id");
    const std::string call = events[1].get("item.call_id");
    EXPECT_THAT(call, testing::MatchesRegex("call_[0-9A-Za-z]{21}"));
    EXPECT_EQ(events[1].get("item"), R"({"id":")" + item +
                                         R"(","type":"function_call","status":"in_progress","name":"f","call_id":")" +
                                         call + R"(","arguments":""})");
    EXPECT_EQ(events[2].get("item"), events[1].get("item"));
    std::string arguments;
    for (const std::size_t i : {3u, 4u, 5u}) {
      arguments += events[i].get("delta");
      EXPECT_NE(events[i].get("obfuscation"), "(absent)");
    }
    for (const std::size_t i : {3u, 4u, 5u, 6u}) {
      EXPECT_EQ(events[i].get("response_id"), events[0].get("response.id"));
      EXPECT_EQ(events[i].get("item_id"), item);
      EXPECT_EQ(events[i].get("call_id"), call);
      EXPECT_EQ(events[i].get("output_index"), "0");
    }
    EXPECT_EQ(events[6].get("name"), "f");
    EXPECT_EQ(events[6].get("arguments"), arguments);
    EXPECT_EQ(arguments, R"({"question":"A tone."})");
    EXPECT_EQ(events[8].get("item.status"), "completed");
    EXPECT_EQ(events[8].get("item.arguments"), arguments);
    EXPECT_EQ(events[9].get("response.status"), "completed");
    EXPECT_EQ(events[9].get("response.output.0"), events[8].get("item"));
    EXPECT_EQ(events[9].get("response.usage.output_token_details"), R"({"text_tokens":3,"audio_tokens":0})");
  });

  EXPECT_EQ(peer.ledger().tool_calls_sent, 1u);
  EXPECT_EQ(peer.ledger().audio_bytes_sent, 0u);
}

TEST_F(OpenAiToolsTest, ResultIsTakenAndAnsweredAtTheNextResponse) {
  OpenAiRealtimePeer peer(loop_, {.tokens_per_minute = 0, .response_audio = 100ms});
  tell(
      peer,
      [](RawClient& client) -> Task<> {
        const std::string id = co_await call(client);
        const Heard added = co_await client.ask(result_event(id));
        const Heard done = co_await client.hear();
        co_await sleep_for(50min);  // Nobody waits for it, and nobody answers it unasked.
        const std::vector<Heard> answer = co_await respond(client);
        const std::vector<Heard> next = co_await respond(client);

        EXPECT_EQ(added.type(), "conversation.item.added");
        EXPECT_EQ(added.get("item"), R"({"id":")" + added.get("item.id") +
                                         R"(","type":"function_call_output","call_id":")" + id +
                                         R"(","output":"fine"})");
        EXPECT_EQ(done.type(), "conversation.item.done");
        EXPECT_EQ(answer.front().type(), "response.created");
        EXPECT_EQ(find(answer, kAnswered).type(), kAnswered);
        EXPECT_EQ(answer.back().get("response.output.0.type"), "message");
        EXPECT_EQ(next.back().get("response.output.0.type"), "function_call");
      },
      declaring("f"));

  EXPECT_EQ(peer.ledger().tool_calls_sent, 2u);
  EXPECT_EQ(peer.ledger().tool_calls_answered, 1u);
  EXPECT_EQ(peer.ledger().errors_sent, 0u);
}

// As recorded: the client need not wait for response.done, but another response is refused until then.
TEST_F(OpenAiToolsTest, ResultMayComeBeforeTheResponseOfItsCallIsDone) {
  OpenAiRealtimePeer peer(loop_);
  tell(peer, [](RawClient& client) -> Task<> {
    co_await client.say(kRespond);
    const std::vector<Heard> events = co_await client.hear_until("response.function_call_arguments.done");
    std::string result = result_event(events.back().get("call_id"));
    co_await client.say(std::move(result));
    co_await client.hear_until("response.done");
    co_await sleep_for(1s);
  });

  EXPECT_EQ(peer.ledger().tool_calls_answered, 1u);
  EXPECT_EQ(peer.ledger().errors_sent, 0u);
}

TEST_F(OpenAiToolsTest, ResultOfACallThatTheSessionDoesNotKnowIsAnError) {
  OpenAiRealtimePeer peer(loop_, {.tokens_per_minute = 0});
  tell(peer, [](RawClient& client) -> Task<> {
    const Heard never = co_await client.ask(result_event("call_never"));
    const std::vector<Heard> made = co_await respond(client);
    const std::string id = made.back().get("response.output.0.call_id");
    const std::string item = made.back().get("response.output.0.id");
    co_await client.ask(R"({"type":"conversation.item.delete","item_id":")" + item + R"("})");
    const Heard deleted = co_await client.ask(result_event(id));

    EXPECT_EQ(never.get("error.type"), "invalid_request_error");
    EXPECT_EQ(never.get("error.code"), "invalid_tool_call_id");
    EXPECT_EQ(never.get("error.message"), "Tool call ID 'call_never' not found in conversation.");
    EXPECT_EQ(never.get("error.param"), "null");
    EXPECT_EQ(never.get("error.event_id"), "mine");
    EXPECT_EQ(deleted.get("error.code"), "invalid_tool_call_id");
  });

  EXPECT_EQ(peer.ledger().tool_calls_answered, 0u);
}

TEST_F(OpenAiToolsTest, CallOfAnotherSessionIsNotKnown) {
  OpenAiRealtimePeer peer(loop_);
  tell(peer, [](RawClient& client) -> Task<> { co_await respond(client); });
  const std::string first = loop_.run([](OpenAiToolsTest& test, OpenAiRealtimePeer& own) -> Task<std::string> {
    RawClient one = co_await test.enter(own);
    RawClient other = co_await test.enter(own);
    co_await one.ask(declaring("f"));
    std::string id = co_await call(one);
    const Heard refused = co_await other.ask(result_event(id));
    co_return refused.get("error.code");
  }(*this, peer));

  EXPECT_EQ(first, "invalid_tool_call_id");
}

TEST_F(OpenAiToolsTest, SecondResultOfACallIsTakenAndAnswersNothing) {
  OpenAiRealtimePeer peer(loop_);
  tell(peer, [](RawClient& client) -> Task<> {
    const std::string id = co_await call(client);
    for (int i = 0; i < 2; ++i) {
      co_await client.say(result_event(id));
      const std::vector<Heard> taken = co_await client.hear_until("conversation.item.done");
      EXPECT_EQ(find(taken, "error").text(), "");
    }
  });

  EXPECT_EQ(peer.ledger().tool_calls_answered, 1u);
}

TEST_F(OpenAiToolsTest, CallThatTheClientTellsOfIsKnown) {
  OpenAiRealtimePeer peer(loop_);
  tell(peer, [](RawClient& client) -> Task<> {
    co_await client.say(
        R"({"type":"conversation.item.create","item":{"type":"function_call","call_id":"c1","name":"f","arguments":"{}"}})");
    co_await client.hear_until("conversation.item.done");
    const Heard added = co_await client.ask(result_event("c1"));

    EXPECT_EQ(added.get("item.call_id"), "c1");
  });

  EXPECT_EQ(peer.ledger().tool_calls_answered, 0u);  // It was not the peer's.
}

TEST_F(OpenAiToolsTest, CallThatIsCancelledIsIncompleteAndHasNoResult) {
  OpenAiRealtimePeer peer(loop_, {.tokens_per_minute = 0, .pace = 1});
  tell(peer, [](RawClient& client) -> Task<> {
    co_await client.say(kRespond);
    co_await client.hear_until("response.function_call_arguments.delta");
    co_await client.say(R"({"type":"response.cancel"})");
    const std::vector<Heard> events = co_await client.hear_until("response.done");
    const Heard refused = co_await client.ask(result_event(events.front().get("call_id")));

    EXPECT_THAT(types_of(events), ElementsAre("response.function_call_arguments.done", "conversation.item.done",
                                              "response.output_item.done", "response.done"));
    EXPECT_THAT(std::string(R"({"question":"A tone."})"), testing::StartsWith(events[0].get("arguments")));
    EXPECT_EQ(events[2].get("item.status"), "incomplete");
    EXPECT_EQ(events[3].get("response.status"), "cancelled");
    EXPECT_EQ(refused.get("error.code"), "invalid_tool_call_id");
  });

  EXPECT_EQ(peer.ledger().tool_calls_sent, 0u);
}

TEST_F(OpenAiToolsTest, CallThatOutgrowsItsTokensIsIncomplete) {
  OpenAiRealtimePeer peer(loop_);
  tell(peer, [](RawClient& client) -> Task<> {
    std::string limited = R"({"type":"response.create","response":{"max_output_tokens":2}})";
    const std::vector<Heard> events = co_await respond(client, std::move(limited));

    EXPECT_EQ(events.back().get("response.status"), "incomplete");
    const std::string arguments = events.back().get("response.output.0.arguments");
    EXPECT_THAT(std::string(R"({"question":"A tone."})"), testing::StartsWith(arguments));
    EXPECT_EQ(arguments.back() == '}', false) << arguments;
  });

  EXPECT_EQ(peer.ledger().tool_calls_sent, 0u);
}

TEST_F(OpenAiToolsTest, TheChoiceSaysWhichIsCalledOrNone) {
  OpenAiRealtimePeer peer(loop_, {.tokens_per_minute = 0, .response_audio = 100ms});
  tell(peer, [](RawClient& client) -> Task<> {
    const auto with = [](const std::string& choice) {
      return R"({"type":"response.create","response":{"tool_choice":)" + choice + "}}";
    };
    const std::vector<Heard> named = co_await respond(client, with(R"({"type":"function","name":"g"})"));
    const std::vector<Heard> unknown = co_await respond(client, with(R"({"type":"function","name":"h"})"));
    const std::vector<Heard> none = co_await respond(client, with(R"("none")"));
    const std::vector<Heard> required = co_await respond(client, with(R"("required")"));
    const std::vector<Heard> other =
        co_await respond(client, R"({"type":"response.create","response":{"tools":[{"type":"function","name":"x"}]}})");
    const std::vector<Heard> aside =
        co_await respond(client, R"({"type":"response.create","response":{"conversation":"none"}})");

    EXPECT_EQ(named.back().get("response.output.0.name"), "g");
    EXPECT_EQ(unknown.back().get("response.output.0.type"), "message");
    EXPECT_EQ(none.back().get("response.output.0.type"), "message");
    EXPECT_EQ(required.back().get("response.output.0.name"), "f");
    EXPECT_EQ(other.back().get("response.output.0.name"), "x");
    EXPECT_EQ(aside.back().get("response.output.0.type"), "message");
  });
}

TEST_F(OpenAiToolsTest, ARequiredCallIsMadeWhateverCameBefore) {
  for (const std::string choice : {R"("required")", R"({"type":"function","name":"g"})"}) {
    OpenAiRealtimePeer peer(loop_, {.tokens_per_minute = 0, .call_tools = false});
    tell(
        peer,
        [](RawClient& client) -> Task<> {
          const std::string id = co_await call(client);
          co_await client.say(result_event(id));
          co_await client.hear_until("conversation.item.done");
          const std::vector<Heard> after_result = co_await respond(client);
          const std::vector<Heard> aside =
              co_await respond(client, R"({"type":"response.create","response":{"conversation":"none"}})");

          EXPECT_EQ(after_result.back().get("response.output.0.type"), "function_call");
          EXPECT_EQ(aside.back().get("response.output.0.type"), "function_call");
          EXPECT_THAT(types_of(aside), testing::Not(testing::Contains("conversation.item.added")));
        },
        declaring("fg", R"(,"tool_choice":)" + choice));
  }
}

TEST_F(OpenAiToolsTest, ArgumentsAreValidByTheDeclaredSchemaAndByTheSeed) {
  const auto arguments = [this](std::uint64_t seed) {
    OpenAiRealtimePeer peer(loop_, {.seed = seed, .tokens_per_minute = 0});
    std::string made;
    loop_.run([](OpenAiToolsTest& test, OpenAiRealtimePeer& own, std::string& out) -> Task<> {
      RawClient client = co_await test.enter(own);
      co_await client.ask(
          R"({"type":"session.update","session":{"type":"realtime","tools":[{"type":"function","name":"f","parameters":)"
          R"({"type":"object","properties":{"unit":{"enum":["C","F"]},"days":{"type":"integer","minimum":1,"maximum":7}},)"
          R"("required":["unit","days"],"additionalProperties":false}}]}})");
      const std::vector<Heard> events = co_await respond(client);
      out = events.back().get("response.output.0.arguments");
    }(*this, peer, made));
    return made;
  };

  std::set<std::string> seen;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    EXPECT_THAT(arguments(seed), testing::MatchesRegex(R"(\{"unit":"[CF]","days":[1-7]\})"));
    seen.insert(arguments(seed));
  }
  EXPECT_EQ(arguments(3), arguments(3));
  EXPECT_GT(seen.size(), 3u);
}

// Sources of the events and of the item: mcp_list_tools.* and RealtimeMCPListTools of github.com/openai/openai-openapi.
TEST_F(OpenAiToolsTest, ToolsOfAnMcpServerAreListedOnce) {
  OpenAiRealtimePeer peer(loop_);
  const std::string server =
      R"({"type":"mcp","server_label":"s","server_url":"https://mcp.example","allowed_tools":["a","b"]})";
  tell(
      peer,
      [](RawClient& client) -> Task<> {
        const std::vector<Heard> events = co_await client.hear_until("conversation.item.done");
        EXPECT_THAT(types_of(events), ElementsAre("conversation.item.added", "mcp_list_tools.in_progress",
                                                  "mcp_list_tools.completed", "conversation.item.done"));
        const Heard& done = events.back();
        EXPECT_EQ(events[0].get("item.type"), "mcp_list_tools");
        EXPECT_EQ(events[0].get("item.tools"), "[]");
        EXPECT_EQ(events[1].get("item_id"), events[0].get("item.id"));
        EXPECT_EQ(done.get("item.server_label"), "s");
        EXPECT_EQ(done.get("item.tools.0.name"), "a");
        EXPECT_EQ(done.get("item.tools.1.name"), "b");
        EXPECT_EQ(done.get("item.tools.0.input_schema.type"), "object");
        const Heard again = co_await client.ask(R"({"type":"session.update","session":{"type":"realtime"}})");
        EXPECT_EQ(again.type(), "session.updated");
        const Heard next = co_await client.ask(R"({"type":"input_audio_buffer.clear"})");
        EXPECT_EQ(next.type(), "input_audio_buffer.cleared");  // Nothing more was listed.
      },
      R"({"type":"session.update","session":{"type":"realtime","tools":[)" + server + "]}}");

  EXPECT_EQ(peer.ledger().not_played.at("calls of MCP tools"), 1u);
}

TEST_F(OpenAiToolsTest, SwitchedOffNothingIsCalled) {
  OpenAiRealtimePeer peer(loop_, {.response_audio = 100ms, .call_tools = false});
  tell(peer, [](RawClient& client) -> Task<> {
    const std::vector<Heard> events = co_await respond(client);

    EXPECT_EQ(events.back().get("response.output.0.type"), "message");
  });
}

// The user may have said something else while the function ran: it is another turn.
TEST_F(OpenAiToolsTest, WhatIsSaidAfterTheResultIsATurnOfItsOwn) {
  OpenAiRealtimePeer peer(loop_, {.tokens_per_minute = 0});
  tell(peer, [](RawClient& client) -> Task<> {
    const std::string id = co_await call(client);
    co_await client.say(result_event(id));
    co_await client.say(append_event(4800));
    co_await client.say(R"({"type":"input_audio_buffer.commit"})");
    const std::vector<Heard> events = co_await respond(client);

    EXPECT_EQ(events.back().get("response.output.0.type"), "function_call");
  });
}

}  // namespace
}  // namespace soak::peers
