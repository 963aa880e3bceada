// SPDX-License-Identifier: Apache-2.0
// What the fake of OpenAI Realtime understood of its input.

#include <string>
#include <vector>

#include "tests/unit/peers/openai/fixture.h"

namespace soak::peers {
namespace {

constexpr char kCompleted[] = "conversation.item.input_audio_transcription.completed";
constexpr char kDelta[] = "conversation.item.input_audio_transcription.delta";

class OpenAiTranscriptTest : public OpenAiTest {
 public:
  // Commits a second of audio in a session that has it transcribed by `model`, and hears until the transcript is there.
  std::vector<Heard> transcript_by(std::string model, OpenAiRealtimePeer& peer, std::string then = {}) {
    return loop_.run([](OpenAiTranscriptTest& test, OpenAiRealtimePeer& own, std::string by,
                        std::string last) -> Task<std::vector<Heard>> {
      RawClient client = co_await test.enter(own);
      co_await client.ask(
          R"({"type":"session.update","session":{"type":"realtime","audio":{"input":{"transcription":)" + by + "}}}}");
      co_await client.say(append_event(48'000));
      co_await client.say(R"({"type":"input_audio_buffer.commit"})");
      if (!last.empty()) {
        co_await client.say(last);
      }
      co_return co_await client.hear_until(kCompleted);
    }(*this, peer, std::move(model), std::move(then)));
  }
};

TEST_F(OpenAiTranscriptTest, WordsComeOneByOneAndThenTheWholeTextOfTheItem) {
  OpenAiRealtimePeer peer(loop_);

  const std::vector<Heard> heard = transcript_by(R"({"model":"gpt-4o-transcribe"})", peer);

  ASSERT_EQ(types_of(heard), (std::vector<std::string>{"input_audio_buffer.committed", "conversation.item.added",
                                                       "conversation.item.done", kDelta, kDelta, kCompleted}));
  const std::string item_id = heard[0].get("item_id");
  for (std::size_t i = 3; i < heard.size(); ++i) {
    EXPECT_EQ(heard[i].get("item_id"), item_id);
    EXPECT_EQ(heard[i].get("content_index"), "0");
  }
  EXPECT_EQ(heard[5].get("transcript"), "This is");
  EXPECT_EQ(heard[3].get("delta") + heard[4].get("delta"), "This is");
  EXPECT_EQ(heard[5].get("usage.type"), "tokens");
  EXPECT_EQ(heard[5].get("usage.total_tokens"), "12");
  EXPECT_EQ(peer.ledger().transcripts_sent, 1u);
}

TEST_F(OpenAiTranscriptTest, WhisperDoesNotStreamAndCountsSeconds) {
  OpenAiRealtimePeer peer(loop_);

  const std::vector<Heard> heard = transcript_by(R"({"model":"whisper-1","language":"en"})", peer);

  ASSERT_EQ(heard.size(), 5u);
  EXPECT_EQ(heard[3].get("delta"), "This is");
  EXPECT_EQ(heard[4].get("usage.type"), "duration");
  EXPECT_DOUBLE_EQ(std::stod(heard[4].get("usage.seconds")), 1.0);
}

TEST_F(OpenAiTranscriptTest, TranscriptMayComeAfterTheAnswerItPrecedes) {
  OpenAiRealtimePeer peer(loop_, {.transcription_delay = 10s, .response_audio = 1s});

  const std::vector<Heard> heard =
      transcript_by(R"({"model":"gpt-4o-transcribe"})", peer, R"({"type":"response.create"})");

  const std::vector<std::string> types = types_of(heard);
  EXPECT_EQ(std::count(types.begin(), types.end(), "response.done"), 1);
  EXPECT_EQ(types.back(), kCompleted);
}

TEST_F(OpenAiTranscriptTest, ItemHasItsTranscriptAfterwards) {
  OpenAiRealtimePeer peer(loop_);
  const Heard item = loop_.run([](OpenAiTranscriptTest& test, OpenAiRealtimePeer& own) -> Task<Heard> {
    RawClient client = co_await test.enter(own);
    co_await client.ask(
        R"({"type":"session.update","session":{"type":"realtime","audio":{"input":{"transcription":{"model":"a"}}}}})");
    co_await client.say(append_event(48'000));
    co_await client.say(R"({"type":"input_audio_buffer.commit"})");
    const std::vector<Heard> heard = co_await client.hear_until(kCompleted);
    co_return co_await client.ask(R"({"type":"conversation.item.retrieve","item_id":")" + heard.back().get("item_id") +
                                  "\"}");
  }(*this, peer));

  EXPECT_EQ(item.get("item.content.0.transcript"), "This is");
}

TEST_F(OpenAiTranscriptTest, NothingIsTranscribedUnlessAskedFor) {
  OpenAiRealtimePeer peer(loop_);
  loop_.run([](OpenAiTranscriptTest& test, OpenAiRealtimePeer& own) -> Task<> {
    RawClient client = co_await test.enter(own);
    co_await client.ask(
        R"({"type":"session.update","session":{"type":"realtime","audio":{"input":{"transcription":{"model":"a"}}}}})");
    co_await client.ask(
        R"({"type":"session.update","session":{"type":"realtime","audio":{"input":{"transcription":null}}}})");
    co_await client.say(append_event(48'000));
    co_await client.say(R"({"type":"input_audio_buffer.commit"})");
    co_await sleep_for(1min);
  }(*this, peer));

  EXPECT_EQ(peer.ledger().transcripts_sent, 0u);
}

}  // namespace
}  // namespace soak::peers
