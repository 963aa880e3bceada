// SPDX-License-Identifier: Apache-2.0
// What the client makes of the provider's answers: transcripts, failures, limits, and barge-in.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "tests/unit/voice/openai/fixture.h"

namespace soak::voice {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string response(const std::string& type, const std::string& id, const std::string& rest) {
  return fmt::format(R"({{"type":"{}","response":{{"id":"{}",{}}}}})", type, id, rest);
}
std::string created(const std::string& id) { return response("response.created", id, R"("status":"in_progress")"); }
std::string done(const std::string& id, const std::string& status = "completed") {
  return response("response.done", id, fmt::format(R"("status":"{}")", status));
}
std::string failed(const std::string& id) {
  return response("response.done", id,
                  R"("status":"failed","status_details":{"type":"failed","error":{"type":"tokens",)"
                  R"("code":"rate_limit_exceeded","message":"Please try again in 6s."}})");
}

// A second of audio.
std::string audio(const std::string& response_id, const std::string& item_id) {
  return fmt::format(R"({{"type":"response.output_audio.delta","response_id":"{}","item_id":"{}","delta":"{}"}})",
                     response_id, item_id, std::string(64'000, 'A'));
}

class OpenAiAnswerTest : public OpenAiClientTest {
 protected:
  static Task<> ask(OpenAiRealtimeClient& client) {
    co_await client.send_audio(kShortTurn);
    co_await client.end_turn();
  }

  // What the client sent of `type` on the first connection.
  std::vector<std::string> sent(const std::string& type) const {
    std::vector<std::string> events;
    for (const std::string& event : connections_.at(0)->received) {
      if (text_at(event, "type") == type) {
        events.push_back(event);
      }
    }
    return events;
  }
};

TEST_F(OpenAiAnswerTest, TranscriptsOfBothSpeakersAreHandedOutPieceByPieceAndWhole) {
  std::vector<std::string> heard;
  options_.transcription_model = "gpt-4o-transcribe";
  options_.on_transcript = [&heard](const Transcript& transcript) {
    heard.push_back(fmt::format("{} {}{}: {}", transcript.speaker == Transcript::Speaker::kUser ? "user" : "assistant",
                                transcript.item_id, transcript.final ? " final" : "", transcript.text));
  };
  play(
      [](Connection& connection) -> Task<> {
        co_await begin(connection);
        co_await connection.send_text(
            R"({"type":"response.output_audio_transcript.delta","item_id":"a","delta":"Hel"})");
        co_await connection.send_text(
            R"({"type":"response.output_audio_transcript.done","item_id":"a","transcript":"Hello"})");
        co_await connection.send_text(  // After the answer to it.
            R"({"type":"conversation.item.input_audio_transcription.delta","item_id":"u","delta":"Hi"})");
        co_await connection.send_text(
            R"({"type":"conversation.item.input_audio_transcription.completed","item_id":"u","transcript":"Hi."})");
        co_await connection.send_text(
            R"({"type":"conversation.item.input_audio_transcription.completed","item_id":"u","transcript":7})");
      },
      [](OpenAiRealtimeClient& client) -> Task<> {
        co_await client.connect();
        co_await sleep_for(1s);
        EXPECT_EQ(client.counters().invalid_events, 1u);
        co_await client.close();
      });

  EXPECT_THAT(heard, ElementsAre("assistant a: Hel", "assistant a final: Hello", "user u: Hi", "user u final: Hi."));
  EXPECT_EQ(text_at(connections_[0]->received[0], "session/audio/input/transcription/model"), "gpt-4o-transcribe");
}

TEST_F(OpenAiAnswerTest, FailedResponseIsSurfacedAndTheNextOneIsNotAskedForAtOnce) {
  play(
      [](Connection& connection) -> Task<> {
        co_await begin(connection);
        co_await hear_until(connection, "response.create");
        co_await connection.send_text(created("r1"));
        co_await connection.send_text(failed("r1"));
      },
      [](OpenAiRealtimeClient& client) -> Task<> {
        co_await client.connect();
        co_await ask(client);
        co_await sleep_for(100ms);
        EXPECT_EQ(client.counters().responses_done, 1u);
        EXPECT_EQ(client.counters().responses_failed, 1u);
        EXPECT_EQ(client.last_error(), "tokens/rate_limit_exceeded: Please try again in 6s.");
        co_await ask(client);
        EXPECT_EQ(client.counters().turns_held_back, 1u);
        co_await sleep_for(1s);
        co_await client.end_turn();
        EXPECT_EQ(client.counters().turns_held_back, 1u);
        co_await client.close();
      });

  EXPECT_EQ(sent("response.create").size(), 2u);
}

TEST_F(OpenAiAnswerTest, RateLimitsAreKept) {
  play(
      [](Connection& connection) -> Task<> {
        co_await begin(connection);
        co_await connection.send_text(
            R"({"type":"rate_limits.updated","rate_limits":[{"name":"requests","limit":5000,"remaining":4999,)"
            R"("reset_seconds":0.012},{"name":"tokens","limit":20000,"remaining":15482,"reset_seconds":13.5}]})");
        co_await connection.send_text(R"({"type":"rate_limits.updated","rate_limits":[{"name":"tokens"}]})");
        co_await connection.send_text(R"({"type":"rate_limits.updated"})");
      },
      [](OpenAiRealtimeClient& client) -> Task<> {
        EXPECT_TRUE(client.rate_limits().empty());
        co_await client.connect();
        co_await sleep_for(1s);
        EXPECT_EQ(client.rate_limits().size(), 2u);
        if (client.rate_limits().size() != 2) {
          co_return;
        }
        EXPECT_EQ(client.rate_limits()[1].name, "tokens");
        EXPECT_EQ(client.rate_limits()[1].limit, 20'000);
        EXPECT_EQ(client.rate_limits()[1].remaining, 15'482);
        EXPECT_EQ(client.rate_limits()[1].resets_after, 13'500ms);
        EXPECT_EQ(client.counters().invalid_events, 2u);
        co_await client.close();
      });
}

TEST_F(OpenAiAnswerTest, RequestThatMetARunningResponseIsMadeAgainAfterIt) {
  play(
      [](Connection& connection) -> Task<> {
        co_await begin(connection);
        const std::string create = co_await hear_until(connection, "response.create");
        co_await connection.send_text(created("theirs"));  // Begun before it heard of ours.
        const std::string error =
            error_event("conversation_already_has_active_response", "Wait.", text_at(create, "event_id"));
        co_await connection.send_text(error);
        co_await sleep_for(1s);
        co_await connection.send_text(done("theirs"));
        co_await hear_until(connection, "response.create");
        co_await connection.send_text(created("ours"));
        co_await connection.send_text(done("ours"));
      },
      [](OpenAiRealtimeClient& client) -> Task<> {
        co_await client.connect();
        co_await ask(client);
        co_await sleep_for(5s);
        EXPECT_EQ(client.counters().responses_deferred, 1u);
        EXPECT_EQ(client.counters().responses_done, 2u);
        co_await client.close();
      });

  EXPECT_EQ(sent("response.create").size(), 2u);
}

TEST_F(OpenAiAnswerTest, AudioIsHandedOutAsItArrives) {
  std::vector<std::byte> heard;
  options_.on_audio = [&heard](std::span<const std::byte> pcm) { heard.insert(heard.end(), pcm.begin(), pcm.end()); };
  play(
      [](Connection& connection) -> Task<> {
        co_await begin(connection);
        co_await connection.send_text(R"({"type":"response.output_audio.delta","delta":"Zm9v"})");
        co_await connection.send_text(R"({"type":"response.output_audio.delta","delta":"!!!!"})");
        co_await connection.send_text(R"({"type":"response.output_audio.delta","delta":"Yg=="})");
      },
      [](OpenAiRealtimeClient& client) -> Task<> {
        co_await client.connect();
        co_await sleep_for(1s);
        co_await client.close();
      });

  EXPECT_THAT(heard, ElementsAre(std::byte{'f'}, std::byte{'o'}, std::byte{'o'}, std::byte{'b'}));
}

TEST_F(OpenAiAnswerTest, BargeInCancelsByIdAndTruncatesToWhatWasPlayed) {
  std::size_t played = 0;
  options_.on_audio = [&played](std::span<const std::byte> pcm) { played += pcm.size(); };
  play(
      [](Connection& connection) -> Task<> {
        co_await begin(connection);
        co_await hear_until(connection, "response.create");
        co_await connection.send_text(created("r1"));
        co_await connection.send_text(audio("r1", "i1"));
        co_await connection.send_text(audio("r1", "i1"));
        co_await hear_until(connection, "response.cancel");
        co_await connection.send_text(audio("r1", "i1"));  // It was on its way.
        co_await connection.send_text(done("r1", "cancelled"));
      },
      [](OpenAiRealtimeClient& client) -> Task<> {
        co_await client.connect();
        co_await ask(client);
        co_await sleep_for(700ms);
        client.interrupt();
        co_await sleep_for(1s);
        EXPECT_EQ(client.counters().interruptions, 1u);
        EXPECT_EQ(client.counters().responses_cancelled, 1u);
        EXPECT_EQ(client.counters().audio_bytes_received, 144'000u);
        EXPECT_EQ(client.counters().audio_bytes_discarded, 48'000u);
        client.interrupt();  // Nothing is under way, nor played.
        EXPECT_EQ(client.counters().interruptions, 1u);
        co_await client.close();
      });

  EXPECT_EQ(played, 96'000u);  // None of what came after it was cancelled.
  const std::vector<std::string> cancels = sent("response.cancel");
  ASSERT_EQ(cancels.size(), 1u);
  EXPECT_EQ(text_at(cancels[0], "response_id"), "r1");
  const std::vector<std::string> truncations = sent("conversation.item.truncate");
  ASSERT_EQ(truncations.size(), 1u);
  EXPECT_EQ(text_at(truncations[0], "item_id"), "i1");
  EXPECT_EQ(text_at(truncations[0], "content_index"), "0");
  EXPECT_EQ(text_at(truncations[0], "audio_end_ms"), "700");  // Two seconds had arrived.
}

TEST_F(OpenAiAnswerTest, AnswerThatIsMadeButStillPlaysIsTruncatedAlone) {
  play(
      [](Connection& connection) -> Task<> {
        co_await begin(connection);
        co_await hear_until(connection, "response.create");
        co_await connection.send_text(created("r1"));
        co_await connection.send_text(audio("r1", "i1"));
        co_await connection.send_text(done("r1"));
      },
      [](OpenAiRealtimeClient& client) -> Task<> {
        co_await client.connect();
        co_await ask(client);
        co_await sleep_for(250ms);
        client.interrupt();
        co_await sleep_for(1s);
        EXPECT_EQ(client.counters().interruptions, 1u);
        co_await client.close();
      });

  EXPECT_TRUE(sent("response.cancel").empty());
  ASSERT_EQ(sent("conversation.item.truncate").size(), 1u);
  EXPECT_EQ(text_at(sent("conversation.item.truncate")[0], "audio_end_ms"), "250");
}

// github.com/livekit/agents/issues/6244: a cancel without an id does nothing then, and the answer speaks later.
TEST_F(OpenAiAnswerTest, InterruptedBeforeItHasAnIdItIsCancelledOnceItHasAndNotPlayed) {
  play(
      [](Connection& connection) -> Task<> {
        co_await begin(connection);
        co_await hear_until(connection, "response.create");
        co_await sleep_for(1s);
        co_await connection.send_text(created("late"));
        co_await connection.send_text(audio("late", "i1"));
        co_await hear_until(connection, "response.cancel");
        co_await connection.send_text(done("late", "cancelled"));
      },
      [](OpenAiRealtimeClient& client) -> Task<> {
        co_await client.connect();
        co_await ask(client);
        client.interrupt();
        co_await sleep_for(5s);
        EXPECT_EQ(client.counters().responses_cancelled, 1u);
        EXPECT_EQ(client.counters().audio_bytes_discarded, 48'000u);
        co_await ask(client);  // The next turn is a turn again.
        co_await client.close();
      });

  ASSERT_EQ(sent("response.cancel").size(), 1u);
  EXPECT_EQ(text_at(sent("response.cancel")[0], "response_id"), "late");
  EXPECT_TRUE(sent("conversation.item.truncate").empty());  // None of it was played.
  EXPECT_EQ(sent("response.create").size(), 2u);
}

TEST_F(OpenAiAnswerTest, SpeechThatTheProviderHearsStopsThePlaybackAndIsNotCancelledTwice) {
  options_.server_vad = true;
  play(
      [](Connection& connection) -> Task<> {
        co_await begin(connection);
        co_await connection.send_text(created("r1"));
        co_await connection.send_text(audio("r1", "i1"));
        co_await sleep_for(300ms);
        co_await connection.send_text(
            R"({"type":"input_audio_buffer.speech_started","audio_start_ms":0,"item_id":"u"})");
        co_await connection.send_text(audio("r1", "i1"));
        co_await connection.send_text(done("r1", "cancelled"));
        const std::string truncate = co_await hear_until(connection, "conversation.item.truncate");
        // It had another idea of how much there was: an error is no end.
        const std::string error = error_event("invalid_value", "already shorter", text_at(truncate, "event_id"));
        co_await connection.send_text(error);
      },
      [](OpenAiRealtimeClient& client) -> Task<> {
        co_await client.connect();
        co_await ask(client);  // Left to the provider.
        co_await sleep_for(2s);
        EXPECT_EQ(client.counters().interruptions, 1u);
        EXPECT_EQ(client.counters().responses_cancelled, 1u);
        EXPECT_EQ(client.counters().audio_bytes_discarded, 48'000u);
        EXPECT_EQ(client.counters().errors, 1u);
        co_await client.send_audio(kFrame);
        co_await client.close();
      });

  EXPECT_EQ(text_at(connections_[0]->received[0], "session/audio/input/turn_detection/type"), "server_vad");
  EXPECT_THAT(types_received(*connections_[0]), ElementsAre("session.update", "conversation.item.truncate"));
  EXPECT_EQ(text_at(sent("conversation.item.truncate").at(0), "audio_end_ms"), "300");
}

TEST_F(OpenAiAnswerTest, InterruptingWithoutASessionDoesNothing) {
  play(begin, [](OpenAiRealtimeClient& client) -> Task<> {
    client.interrupt();
    co_await client.connect();
    co_await client.close();
    client.interrupt();
    EXPECT_EQ(client.counters().interruptions, 0u);
  });

  EXPECT_THAT(types_received(*connections_[0]), ElementsAre("session.update"));
}

}  // namespace
}  // namespace soak::voice
