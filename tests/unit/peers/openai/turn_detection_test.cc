// SPDX-License-Identifier: Apache-2.0
// How the fake of OpenAI Realtime hears turns begin and end.

#include <span>
#include <string>
#include <vector>

#include "tests/unit/peers/openai/fixture.h"
#include "tests/unit/peers/voice.h"

namespace soak::peers {
namespace {

std::string append(const std::string& audio) {
  std::string event = R"({"type":"input_audio_buffer.append","audio":")";
  text::append_base64(event, std::as_bytes(std::span(audio)));
  return event + "\"}";
}

class OpenAiTurnDetectionTest : public OpenAiTest {
 public:
  using Story = Task<std::vector<Heard>> (*)(OpenAiTurnDetectionTest&, RawClient&);

  std::vector<Heard> tell(OpenAiRealtimePeer& peer, Story story) {
    return loop_.run(
        [](OpenAiTurnDetectionTest& test, OpenAiRealtimePeer& own, Story telling) -> Task<std::vector<Heard>> {
          RawClient client = co_await test.enter(own);
          co_return co_await telling(test, client);
        }(*this, peer, story));
  }

  // Changes one member of the session's turn detection.
  static Task<> detect(RawClient& client, std::string member) {
    co_await client.ask(
        R"({"type":"session.update","session":{"type":"realtime","audio":{"input":{"turn_detection":{"type":"server_vad",)" +
        member + "}}}}}");
  }
};

TEST_F(OpenAiTurnDetectionTest, TurnIsCommittedAndAnsweredInTheRecordedOrder) {
  OpenAiRealtimePeer peer(loop_);
  const std::vector<Heard> heard =
      tell(peer, [](OpenAiTurnDetectionTest&, RawClient& client) -> Task<std::vector<Heard>> {
        co_await client.say(append(silence(100) + tone(1000) + silence(400)));
        co_return co_await client.hear_until("response.done");
      });

  std::vector<std::string> types = types_of(heard);
  ASSERT_GT(types.size(), 8u);
  types.resize(7);
  EXPECT_EQ(types,
            (std::vector<std::string>{"input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped",
                                      "input_audio_buffer.committed", "conversation.item.added",
                                      "conversation.item.done", "response.created", "response.output_item.added"}));
  EXPECT_EQ(heard[0].get("audio_start_ms"), "0");
  EXPECT_EQ(heard[1].get("audio_end_ms"), "1300");
  for (const std::size_t i : {1U, 2U}) {
    EXPECT_EQ(heard[i].get("item_id"), heard[0].get("item_id"));
  }
  EXPECT_EQ(heard[3].get("item.id"), heard[0].get("item_id"));
  EXPECT_EQ(heard.back().get("response.status"), "completed");
  EXPECT_EQ(peer.ledger().turns_detected, 1u);
}

TEST_F(OpenAiTurnDetectionTest, SpeechCancelsTheResponseThatRuns) {
  OpenAiRealtimePeer peer(loop_, {.response_audio = 10s, .pace = 1});
  const std::vector<Heard> heard =
      tell(peer, [](OpenAiTurnDetectionTest&, RawClient& client) -> Task<std::vector<Heard>> {
        co_await client.say(R"({"type":"response.create"})");
        co_await client.hear_until("response.output_audio.delta");
        co_await client.say(append(tone(200)));
        co_return co_await client.hear_until("response.done");
      });

  const std::vector<std::string> types = types_of(heard);
  EXPECT_NE(std::find(types.begin(), types.end(), "input_audio_buffer.speech_started"), types.end());
  EXPECT_EQ(heard.back().get("response.status"), "cancelled");
  EXPECT_EQ(heard.back().get("response.status_details.reason"), "turn_detected");
  EXPECT_EQ(peer.ledger().responses_cancelled, 1u);
  EXPECT_EQ(peer.ledger().responses_interrupted, 1u);
}

TEST_F(OpenAiTurnDetectionTest, ResponseThatMayNotBeInterruptedGoesOnAndIsTheOnlyOne) {
  OpenAiRealtimePeer peer(loop_, {.response_audio = 2s, .pace = 1});
  const std::vector<Heard> heard =
      tell(peer, [](OpenAiTurnDetectionTest& test, RawClient& client) -> Task<std::vector<Heard>> {
        co_await test.detect(client, R"("interrupt_response":false)");
        co_await client.say(R"({"type":"response.create"})");
        co_await client.hear_until("response.output_audio.delta");
        co_await client.say(append(tone(200) + silence(400)));
        co_return co_await client.hear_until("response.done");
      });

  EXPECT_EQ(heard.back().get("response.status"), "completed");
  EXPECT_EQ(peer.ledger().turns_detected, 1u);
  EXPECT_EQ(peer.ledger().responses_created, 1u);
}

TEST_F(OpenAiTurnDetectionTest, TurnIsNotAnsweredWhereThatIsLeftToTheClient) {
  OpenAiRealtimePeer peer(loop_);
  tell(peer, [](OpenAiTurnDetectionTest& test, RawClient& client) -> Task<std::vector<Heard>> {
    co_await test.detect(client, R"("create_response":false)");
    co_await client.say(append(tone(200) + silence(400)));
    std::vector<Heard> heard = co_await client.hear_until("conversation.item.done");
    co_await sleep_for(1s);
    co_return heard;
  });

  EXPECT_EQ(peer.ledger().turns_detected, 1u);
  EXPECT_EQ(peer.ledger().responses_created, 0u);
}

// A client that asks although turn detection has already: github.com/livekit/agents/issues/6817.
TEST_F(OpenAiTurnDetectionTest, RequestThatRacesATurnIsRefusedByName) {
  OpenAiRealtimePeer peer(loop_);
  const std::vector<Heard> heard =
      tell(peer, [](OpenAiTurnDetectionTest&, RawClient& client) -> Task<std::vector<Heard>> {
        co_await client.say(append(tone(200) + silence(400)));
        co_await client.say(R"({"type":"response.create","event_id":"mine"})");
        co_return co_await client.hear_until("error");
      });

  EXPECT_EQ(heard.back().get("error.code"), "conversation_already_has_active_response");
  EXPECT_EQ(heard.back().get("error.event_id"), "mine");
  EXPECT_EQ(peer.ledger().responses_created, 1u);
}

TEST_F(OpenAiTurnDetectionTest, CommitByTheClientEndsTheSpeechThatIsUnderWay) {
  OpenAiRealtimePeer peer(loop_);
  const std::vector<Heard> heard =
      tell(peer, [](OpenAiTurnDetectionTest&, RawClient& client) -> Task<std::vector<Heard>> {
        co_await client.say(append(tone(200)));
        co_await client.say(R"({"type":"input_audio_buffer.commit"})");
        std::vector<Heard> turn = co_await client.hear_until("conversation.item.done");
        co_await client.say(append(silence(1000)));
        co_await sleep_for(1s);
        co_return turn;
      });

  EXPECT_EQ(heard[0].type(), "input_audio_buffer.speech_started");
  EXPECT_EQ(heard[1].get("item_id"), heard[0].get("item_id"));
  EXPECT_EQ(peer.ledger().turns_detected, 0u);
}

}  // namespace
}  // namespace soak::peers
