// SPDX-License-Identifier: Apache-2.0
// Functions that the model calls: what the client says and does not say, against a scripted server and against the
// fake.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "soak/backoff.h"
#include "soak/peers/openai_realtime_peer.h"
#include "tests/unit/voice/openai/fixture.h"
#include "tests/unit/voice/tool_turns.h"

namespace soak::voice {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string response(const std::string& type, const std::string& id) {
  return fmt::format(R"({{"type":"{}","response":{{"id":"{}","status":"completed"}}}})", type, id);
}
std::string created(const std::string& id) { return response("response.created", id); }
std::string done(const std::string& id) { return response("response.done", id); }
std::string call(const std::string& response_id, const std::string& id, const std::string& status = "completed") {
  return fmt::format(
      R"({{"type":"response.output_item.done","response_id":"{}","output_index":0,"item":{{"id":"item_{}",)"
      R"("type":"function_call","status":"{}","name":"weather","call_id":"{}","arguments":"{{\"city\":\"Oslo\"}}"}}}})",
      response_id, id, status, id);
}

class OpenAiToolsTest : public OpenAiClientTest {
 protected:
  OpenAiToolsTest() {
    options_.tools = {
        {.name = "weather", .description = "Of a city.", .parameters = R"({"type":"object","properties":{}})"},
        {.name = "clock"}};
    options_.on_tool_call = [this](const ToolCall& made) { calls_.push_back(made); };
  }

  // Lets a session begin and says these one after the other.
  static Script saying(std::vector<std::string> events) {
    return [events = std::move(events)](Connection& connection) { return say(connection, &events); };
  }
  static Task<> say(Connection& connection, const std::vector<std::string>* events) {
    co_await begin(connection);
    for (const std::string& event : *events) {
      co_await connection.send_text(event);
    }
  }

  // What was said after session.update, but for audio.
  std::vector<std::string> said(std::size_t connection = 0) const {
    std::vector<std::string> types = types_received(*connections_.at(connection));
    types.erase(types.begin());
    return types;
  }

  std::vector<ToolCall> calls_;
};

constexpr char kCreateItem[] = "conversation.item.create";
constexpr char kCreateResponse[] = "response.create";

TEST_F(OpenAiToolsTest, AreDeclaredCalledAndAnsweredOnceTheLastOneIs) {
  play(saying({created("r1"), call("r1", "c1"),
               R"({"type":"response.output_item.done","response_id":"r1","item":{"type":"function_call",)"
               R"("status":"completed","name":"clock","call_id":"c2","arguments":""}})",
               done("r1")}),
       [this](OpenAiRealtimeClient& client) -> Task<> {
         co_await client.connect();
         co_await sleep_for(1s);
         EXPECT_EQ(calls_.size(), 2u);
         EXPECT_TRUE(co_await client.send_tool_result("c2", R"({"time":12})"));
         co_await sleep_for(1s);
         EXPECT_THAT(said(), ElementsAre(kCreateItem));
         EXPECT_TRUE(co_await client.send_tool_result("c1", "Sunny."));
         EXPECT_FALSE(co_await client.send_tool_result("c1", "Sunny."));  // Once is enough.
         EXPECT_FALSE(co_await client.send_tool_result("never", "{}"));
         EXPECT_EQ(client.counters().tool_calls, 2u);
         EXPECT_EQ(client.counters().tool_results_sent, 2u);
         EXPECT_EQ(client.counters().tool_calls_cancelled, 0u);
         EXPECT_EQ(client.counters().unknown_events + client.counters().invalid_events, 0u);
         co_await client.close();
       });

  ASSERT_EQ(calls_.size(), 2u);
  EXPECT_EQ(calls_[0].id, "c1");
  EXPECT_EQ(calls_[0].name, "weather");
  EXPECT_EQ(calls_[0].arguments, R"({"city":"Oslo"})");
  EXPECT_EQ(calls_[1].arguments, "{}");
  EXPECT_THAT(connections_[0]->received[0],
              HasSubstr(R"("tools":[{"type":"function","name":"weather","description":"Of a city.",)"
                        R"("parameters":{"type":"object","properties":{}}},{"type":"function","name":"clock"}])"));
  EXPECT_THAT(said(), ElementsAre(kCreateItem, kCreateItem, kCreateResponse));
  EXPECT_THAT(connections_[0]->received[1],
              HasSubstr(R"("item":{"type":"function_call_output","call_id":"c2","output":"{\"time\":12}"}})"));
  EXPECT_EQ(text_at(connections_[0]->received[2], "item/output"), "Sunny.");
}

// A provider refuses another response until then.
TEST_F(OpenAiToolsTest, AnswerIsNotAskedForBeforeTheResponseOfTheCallIsDone) {
  const Script calling = [](Connection& connection) -> Task<> {
    co_await begin(connection);
    co_await connection.send_text(created("r1"));
    co_await connection.send_text(call("r1", "c1"));
    co_await hear_until(connection, kCreateItem);
    co_await sleep_for(3s);
    EXPECT_EQ(connection.received.size(), 2u);  // And session.update.
    co_await connection.send_text(done("r1"));
  };
  play(calling, [this](OpenAiRealtimeClient& client) -> Task<> {
    co_await client.connect();
    co_await sleep_for(1s);
    EXPECT_TRUE(co_await client.send_tool_result("c1", "{}"));
    co_await sleep_for(5s);
    EXPECT_THAT(said(), ElementsAre(kCreateItem, kCreateResponse));
    EXPECT_EQ(client.counters().responses_deferred, 0u);
    co_await client.close();
  });
}

TEST_F(OpenAiToolsTest, AnswerThatWaitsForAResultIsUnderWay) {
  play(saying({created("r1"), call("r1", "c1"), done("r1")}), [this](OpenAiRealtimeClient& client) -> Task<> {
    co_await client.connect();
    co_await client.send_audio(kShortTurn);
    co_await sleep_for(1s);
    co_await client.end_turn();
    co_await sleep_for(1s);
    EXPECT_THAT(said(), ElementsAre());
    EXPECT_TRUE(co_await client.send_tool_result("c1", "{}"));
    co_await client.end_turn();  // The answer is asked for.
    co_await sleep_for(1s);
    EXPECT_THAT(said(), ElementsAre(kCreateItem, kCreateResponse));
    co_await client.close();
  });
}

TEST_F(OpenAiToolsTest, CallThatWasBrokenOffIsNone) {
  play(saying({created("r1"), call("r1", "c1", "incomplete"), done("r1")}), [](OpenAiRealtimeClient& client) -> Task<> {
    co_await client.connect();
    co_await sleep_for(1s);
    EXPECT_FALSE(co_await client.send_tool_result("c1", "{}"));
    EXPECT_EQ(client.counters().tool_calls + client.counters().invalid_events, 0u);
    co_await client.close();
  });

  EXPECT_TRUE(calls_.empty());
}

TEST_F(OpenAiToolsTest, CallOfAnotherConnectionIsNotAnswered) {
  options_.backoff = BackoffOptions{.initial = 100ms};
  const Script leaving = [](Connection& connection) -> Task<> {
    co_await begin(connection);
    co_await connection.send_text(created("r1"));
    co_await connection.send_text(call("r1", "c1"));
    co_await connection.send_text(done("r1"));
    co_await sleep_for(1s);
    co_await connection.close(1011, "");
  };
  run({leaving, begin}, [](OpenAiRealtimeClient& client) -> Task<> {
    co_await client.connect();
    co_await sleep_for(10s);
    EXPECT_EQ(client.counters().recoveries, 1u);
    EXPECT_FALSE(co_await client.send_tool_result("c1", "{}"));
    EXPECT_EQ(client.counters().tool_calls_cancelled, 1u);
    EXPECT_EQ(client.counters().responses_lost, 1u);  // The one that waited for it.
    co_await client.send_audio(kShortTurn);
    co_await client.end_turn();  // Nothing is waited for any more.
    co_await client.close();
  });

  EXPECT_THAT(said(1), ElementsAre("input_audio_buffer.commit", kCreateResponse));
}

TEST_F(OpenAiToolsTest, RenewalWaitsForTheResultButNotForEver) {
  const Script short_lived = [this](Connection& connection) -> Task<> {
    Task<> beginning = begin_for(connection, 10min);
    co_await std::move(beginning);
    co_await connection.send_text(created("r1"));
    co_await connection.send_text(call("r1", "c1"));
    co_await connection.send_text(done("r1"));
  };
  run({short_lived, begin}, [](OpenAiRealtimeClient& client) -> Task<> {
    co_await client.connect();
    co_await sleep_for(9min);  // A minute past the moment from which it is renewed.
    EXPECT_EQ(client.counters().renewals, 0u);
    co_await sleep_for(1min);
    EXPECT_EQ(client.counters().renewals, 1u);
    EXPECT_FALSE(co_await client.send_tool_result("c1", "{}"));
    EXPECT_EQ(client.counters().tool_calls_cancelled, 1u);
    EXPECT_EQ(client.counters().responses_lost, 1u);
    co_await client.close();
  });

  EXPECT_THAT(said(1), ElementsAre());  // The new session is told nothing of the call.
}

TEST_F(OpenAiToolsTest, OpenCallIsCancelledByClose) {
  play(saying({created("r1"), call("r1", "c1"), done("r1")}), [](OpenAiRealtimeClient& client) -> Task<> {
    co_await client.connect();
    co_await sleep_for(1s);
    co_await client.close();
    EXPECT_EQ(client.counters().tool_calls_cancelled, 1u);
    EXPECT_EQ(client.counters().responses_lost, 0u);
    EXPECT_FALSE(co_await client.send_tool_result("c1", "{}"));
  });
}

TEST_F(OpenAiToolsTest, ResultOfACallThatWasSpokenOverIsSentButNotAnswered) {
  play(saying({created("r1"), call("r1", "c1"), done("r1")}), [this](OpenAiRealtimeClient& client) -> Task<> {
    co_await client.connect();
    co_await sleep_for(1s);
    client.interrupt();
    EXPECT_EQ(client.counters().interruptions, 1u);
    EXPECT_TRUE(co_await client.send_tool_result("c1", "{}"));
    co_await sleep_for(1s);
    EXPECT_THAT(said(), ElementsAre(kCreateItem));
    co_await client.send_audio(kShortTurn);
    co_await client.end_turn();
    co_await sleep_for(1s);
    co_await client.close();
  });

  EXPECT_THAT(said(), ElementsAre(kCreateItem, "input_audio_buffer.commit", kCreateResponse));
}

TEST_F(OpenAiToolsTest, ResultThatComesAfterTheNextTurnIsAnsweredAfterIt) {
  const Script calling = [](Connection& connection) -> Task<> {
    co_await begin(connection);
    co_await connection.send_text(created("r1"));
    co_await connection.send_text(call("r1", "c1"));
    co_await connection.send_text(done("r1"));
    co_await hear_until(connection, kCreateResponse);
    co_await connection.send_text(created("r2"));
    co_await hear_until(connection, kCreateItem);
    co_await sleep_for(1s);
    co_await connection.send_text(done("r2"));
  };
  play(calling, [this](OpenAiRealtimeClient& client) -> Task<> {
    co_await client.connect();
    co_await sleep_for(1s);
    client.interrupt();
    co_await client.send_audio(kShortTurn);
    co_await client.end_turn();
    co_await sleep_for(1s);
    EXPECT_TRUE(co_await client.send_tool_result("c1", "{}"));
    co_await sleep_for(500ms);
    EXPECT_THAT(said(), ElementsAre("input_audio_buffer.commit", kCreateResponse, kCreateItem));
    co_await sleep_for(1s);
    co_await client.close();
  });

  EXPECT_THAT(said(), ElementsAre("input_audio_buffer.commit", kCreateResponse, kCreateItem, kCreateResponse));
}

TEST_F(OpenAiToolsTest, ACallThatIsForgottenDoesNotHoldUpTheAnswerAfterTheNextOne) {
  const Script calling = [](Connection& connection) -> Task<> {
    co_await begin(connection);
    for (const char* const id : {"1", "2"}) {
      co_await connection.send_text(created(std::string("r") + id));
      co_await connection.send_text(call(std::string("r") + id, std::string("c") + id));
      co_await connection.send_text(done(std::string("r") + id));
      co_await hear_until(connection, kCreateResponse);
    }
  };
  play(calling, [](OpenAiRealtimeClient& client) -> Task<> {
    co_await client.connect();
    co_await sleep_for(1s);
    client.interrupt();  // And the program never answers c1.
    co_await client.send_audio(kShortTurn);
    co_await client.end_turn();
    co_await sleep_for(1s);
    EXPECT_TRUE(co_await client.send_tool_result("c2", "{}"));
    co_await client.close();
  });

  EXPECT_THAT(said(), ElementsAre("input_audio_buffer.commit", kCreateResponse, kCreateItem, kCreateResponse));
}

// The provider answers the turn that it hears by itself.
TEST_F(OpenAiToolsTest, WhileTheProviderHearsTheUserNoAnswerIsAskedForAndOneThatComesIsCancelled) {
  options_.server_vad = true;
  const Script calling = [](Connection& connection) -> Task<> {
    co_await begin(connection);
    co_await connection.send_text(created("r1"));
    co_await connection.send_text(call("r1", "c1"));
    co_await connection.send_text(call("r1", "c2"));
    co_await connection.send_text(done("r1"));
    co_await hear_until(connection, kCreateResponse);
    co_await connection.send_text(R"({"type":"input_audio_buffer.speech_started","item_id":"u"})");
    co_await connection.send_text(created("r2"));  // Asked for before that was heard.
    co_await connection.send_text(call("r2", "c3"));
    co_await hear_until(connection, "response.cancel");
    co_await connection.send_text(done("r2"));
    co_await connection.send_text(created("r3"));
    co_await connection.send_text(call("r3", "c4"));
    co_await connection.send_text(done("r3"));
    co_await connection.send_text(R"({"type":"input_audio_buffer.speech_started","item_id":"u"})");
  };
  play(calling, [this](OpenAiRealtimeClient& client) -> Task<> {
    co_await client.connect();
    co_await sleep_for(1s);
    EXPECT_TRUE(co_await client.send_tool_result("c1", "{}"));
    EXPECT_TRUE(co_await client.send_tool_result("c2", "{}"));
    co_await sleep_for(1s);
    EXPECT_FALSE(co_await client.send_tool_result("c3", "{}"));
    EXPECT_TRUE(co_await client.send_tool_result("c4", "{}"));
    co_await sleep_for(1s);
    EXPECT_THAT(said(), ElementsAre(kCreateItem, kCreateItem, kCreateResponse, "response.cancel", kCreateItem));
    co_await client.close();
  });

  EXPECT_EQ(calls_.size(), 3u);  // None of the answer that was broken off.
}

TEST_F(OpenAiToolsTest, RequestThatFailedIsMadeAgainForAResultThatCameMeanwhile) {
  const Script calling = [](Connection& connection) -> Task<> {
    co_await begin(connection);
    co_await connection.send_text(created("r1"));
    co_await connection.send_text(call("r1", "c1"));
    co_await connection.send_text(done("r1"));
    const std::string create = co_await hear_until(connection, kCreateResponse);
    co_await hear_until(connection, kCreateItem);
    const std::string error = error_event("server_error", "Sorry.", text_at(create, "event_id"));
    co_await connection.send_text(error);
  };
  play(calling, [](OpenAiRealtimeClient& client) -> Task<> {
    co_await client.connect();
    co_await sleep_for(1s);
    client.interrupt();
    co_await client.send_audio(kShortTurn);
    co_await client.end_turn();
    EXPECT_TRUE(co_await client.send_tool_result("c1", "{}"));
    co_await sleep_for(1s);
    co_await client.close();
  });

  EXPECT_THAT(said(), ElementsAre("input_audio_buffer.commit", kCreateResponse, kCreateItem, kCreateResponse));
}

TEST_F(OpenAiToolsTest, ResultThatIsNoTextIsRefusedAndTheCallStaysOpen) {
  play(saying({created("r1"), call("r1", "c1"), done("r1")}), [](OpenAiRealtimeClient& client) -> Task<> {
    co_await client.connect();
    co_await sleep_for(1s);
    std::string what;
    try {
      co_await client.send_tool_result("c1", "\xc3\x28");
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::kInvalidArgument);
      what = error.what();
    }
    EXPECT_THAT(what, HasSubstr("takes UTF-8 as the result of 'weather'"));
    EXPECT_TRUE(co_await client.send_tool_result("c1", ""));
    co_await client.close();
  });
}

TEST_F(OpenAiToolsTest, CallsThatAreNoneAreCountedAndAreNotFollowedWithoutEnd) {
  std::vector<std::string> events = {created("r1"),
                                     R"({"type":"response.output_item.done"})",
                                     R"({"type":"response.output_item.done","item":7})",
                                     R"({"type":"response.output_item.done","item":{"type":"function_call"}})",
                                     R"({"type":"response.output_item.done","item":{"type":"message"}})",
                                     call("r1", "twice"),
                                     call("r1", "twice")};
  for (int i = 0; i < 1000; ++i) {
    events.push_back(call("r1", "c" + std::to_string(i)));
  }
  play(saying(events), [](OpenAiRealtimeClient& client) -> Task<> {
    co_await client.connect();
    co_await sleep_for(1s);
    EXPECT_EQ(client.counters().tool_calls, 64u);
    EXPECT_EQ(client.counters().invalid_events, 4u + 1000u - 63u);
    co_await client.close();
  });
}

// The fake answers with an error what it does not know, or is asked for too early.
using OpenAiToolsTogetherTest = ToolTurnsTest<tools::OpenAiRealtime>;

TEST_F(OpenAiToolsTogetherTest, EachTurnIsAnsweredAfterItsCall) {
  converse(500ms, kShortTurn, {.seed = 1});

  EXPECT_EQ(ledger_.errors_sent, 0u);
  EXPECT_EQ(counters_.tool_results_sent, 10u);
  EXPECT_EQ(counters_.responses_done, 20u);  // The call, and the answer.
  EXPECT_EQ(counters_.audio_bytes_received, 10u * 96'000u);
}

// A result that comes after its session has been renewed is not sent: the fake would not know the call.
TEST_F(OpenAiToolsTogetherTest, NoResultIsSentToASessionThatDoesNotKnowTheCall) {
  converse(9s, kShortTurn, {.seed = 1, .session_max = 12s});

  EXPECT_EQ(ledger_.errors_sent, 0u);
  EXPECT_GT(counters_.renewals, 5u);
  EXPECT_GT(counters_.tool_calls_cancelled, 2u);
  EXPECT_GT(counters_.tool_results_sent, 0u);
}

// With turn detection, and a call that is spoken over: its result is taken, and the turn is answered.
TEST_F(OpenAiToolsTogetherTest, UserWhoSpeaksOverACallIsAnsweredByTheProviderAlone) {
  std::vector<std::byte> loud(1920);
  for (std::size_t i = 1; i < loud.size(); i += 4) {
    loud[i] = std::byte{0x20};
  }
  peers::OpenAiRealtimePeer peer(loop_, {.seed = 1});
  std::vector<std::string> open;
  OpenAiRealtimeOptions options;
  options.url = peer.url();
  options.server_vad = true;
  options.tools = {{.name = "weather"}};
  options.on_tool_call = [&open](const ToolCall& made) { open.push_back(made.id); };
  OpenAiRealtimeClient client(loop_, options);
  loop_.run([](OpenAiRealtimeClient& own, std::vector<std::string>& calls, std::vector<std::byte>& speech) -> Task<> {
    co_await own.connect();
    for (int i = 0; i < 500; ++i) {
      // A second of speech, a second of silence; a result takes a second and a half, and comes while the user speaks.
      co_await own.send_audio(i / 25 % 2 == 0 ? std::span<const std::byte>(speech)
                                              : std::span<const std::byte>(kFrame));
      co_await sleep_for(40ms);
      if (i % 50 != 20) {
        continue;
      }
      for (const std::string& id : calls) {
        co_await own.send_tool_result(id, "{}");
      }
      calls.clear();
    }
    co_await own.close();
    co_await sleep_for(1s);
  }(client, open, loud));

  EXPECT_EQ(peer.ledger().turns_detected, 10u);
  EXPECT_EQ(peer.ledger().responses_created, 10u);  // None that the client asked for.
  EXPECT_EQ(client.counters().tool_calls, 10u);
  EXPECT_EQ(client.counters().tool_results_sent, 9u);
  EXPECT_EQ(peer.ledger().tool_calls_answered, 9u);
  EXPECT_EQ(peer.ledger().errors_sent, 0u) << client.last_error();
}

}  // namespace
}  // namespace soak::voice
