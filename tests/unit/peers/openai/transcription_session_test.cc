// SPDX-License-Identifier: Apache-2.0
// Sessions that transcribe and do not answer. Sources: RealtimeTranscriptionSessionCreateRequestGA and -ResponseGA of
// github.com/openai/openai-openapi; github.com/openai/openai-python/issues/2253;
// github.com/maximhq/bifrost/issues/6095.

#include <string>
#include <vector>

#include "tests/unit/peers/openai/fixture.h"

namespace soak::peers {
namespace {

using testing::HasSubstr;

class OpenAiTranscriptionSessionTest : public OpenAiTest {
 public:
  // What is heard first, after a handshake with this query.
  Heard enter_with(const std::string& query) {
    OpenAiRealtimePeer peer(loop_);
    return loop_.run([](EventLoop& loop, std::string url) -> Task<Heard> {
      RawClient client = co_await dial(loop, url);
      co_return co_await client.hear();
    }(loop_, peer.url() + query));
  }
};

TEST_F(OpenAiTranscriptionSessionTest, OpensByIntentWithoutAModel) {
  const Heard created = enter_with("?intent=transcription");

  EXPECT_EQ(created.type(), "session.created");
  EXPECT_EQ(created.get("session.type"), "transcription");
  EXPECT_EQ(created.get("session.object"), "realtime.transcription_session");
  EXPECT_EQ(created.get("session.model"), "(absent)");
  EXPECT_EQ(created.get("session.audio.output"), "(absent)");
  EXPECT_EQ(created.get("session.audio.input.turn_detection.type"), "server_vad");
  EXPECT_EQ(created.get("session.audio.input.turn_detection.create_response"), "(absent)");
}

TEST_F(OpenAiTranscriptionSessionTest, AModelIsRefused) {
  EXPECT_EQ(enter_with("?intent=transcription&model=gpt-4o-transcribe").get("error.message"),
            "You must not provide a model parameter for transcription sessions.");
  EXPECT_THAT(enter_with("?model=gpt-4o-transcribe").get("error.message"),
              HasSubstr("gpt-4o-transcribe is a transcription model and cannot be used as the realtime session model"));
}

TEST_F(OpenAiTranscriptionSessionTest, TranscribesWhatItHearsAndAnswersNothing) {
  OpenAiRealtimePeer peer(loop_);
  loop_.run([](EventLoop& loop, OpenAiRealtimePeer& own) -> Task<> {
    RawClient client = co_await dial(loop, own.url() + "?intent=transcription");
    co_await client.hear();
    const Heard updated = co_await client.ask(
        R"({"type":"session.update","session":{"type":"transcription","audio":{"input":{"turn_detection":null,)"
        R"("transcription":{"model":"gpt-4o-transcribe"}}}}})");
    co_await client.say(append_event(96'000));
    co_await client.say(R"({"type":"input_audio_buffer.commit"})");
    const std::vector<Heard> heard =
        co_await client.hear_until("conversation.item.input_audio_transcription.completed");
    const Heard refused = co_await client.ask(R"({"type":"response.create"})");
    const Heard realtime = co_await client.ask(R"({"type":"session.update","session":{"type":"realtime"}})");

    EXPECT_EQ(updated.get("session.audio.input.transcription.model"), "gpt-4o-transcribe");
    EXPECT_EQ(heard.back().get("transcript"), "This is a tone");
    EXPECT_EQ(refused.get("error.message"), "A transcription session creates no responses.");
    EXPECT_EQ(realtime.get("error.message"),
              "Passing a realtime session update event to a transcription session is not allowed.");
    EXPECT_EQ(own.ledger().responses_created, 0u);
  }(loop_, peer));
}

// The words of a long transcript go round: each sentence begins with a space of its own.
TEST_F(OpenAiTranscriptionSessionTest, TranscriptsKeepTheirSpaces) {
  OpenAiRealtimePeer peer(loop_);
  loop_.run([](EventLoop& loop, OpenAiRealtimePeer& own) -> Task<> {
    RawClient client = co_await dial(loop, own.url() + "?intent=transcription");
    co_await client.hear();
    co_await client.ask(
        R"({"type":"session.update","session":{"type":"transcription","audio":{"input":{"turn_detection":null,)"
        R"("transcription":{"model":"gpt-4o-transcribe"}}}}})");
    co_await client.say(append_event(14 * 24'000));  // Seven seconds.
    co_await client.say(R"({"type":"input_audio_buffer.commit"})");
    const std::vector<Heard> heard =
        co_await client.hear_until("conversation.item.input_audio_transcription.completed");
    std::string whole;
    for (const Heard& event : heard) {
      whole += event.get("delta") == "(absent)" ? "" : event.get("delta");
    }

    EXPECT_EQ(heard.back().get("transcript"), "This is a tone that was made for your soak test. This is");
    EXPECT_EQ(whole, heard.back().get("transcript"));
  }(loop_, peer));
}

}  // namespace
}  // namespace soak::peers
