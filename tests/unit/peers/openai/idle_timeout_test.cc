// SPDX-License-Identifier: Apache-2.0
// A user who says nothing. Source: RealtimeTurnDetection (idle_timeout_ms) and
// RealtimeServerEventInputAudioBufferTimeoutTriggered of github.com/openai/openai-openapi.

#include <string>
#include <vector>

#include "tests/unit/peers/openai/fixture.h"

namespace soak::peers {
namespace {

using testing::ElementsAre;

std::string waiting(int ms) {
  return R"({"type":"session.update","session":{"type":"realtime","audio":{"input":{"turn_detection":)"
         R"({"type":"server_vad","idle_timeout_ms":)" +
         std::to_string(ms) + "}}}}}";
}

class OpenAiIdleTimeoutTest : public OpenAiTest {};

TEST_F(OpenAiIdleTimeoutTest, IsCommittedAndAnsweredWhenTheLastAnswerHasBeenPlayed) {
  OpenAiRealtimePeer peer(loop_, {.tokens_per_minute = 0, .response_audio = 2s, .pace = 4});
  loop_.run([](OpenAiIdleTimeoutTest& test, OpenAiRealtimePeer& own) -> Task<> {
    RawClient client = co_await test.enter(own);
    co_await client.ask(waiting(6000));
    co_await client.say(R"({"type":"response.create"})");
    co_await client.hear_until("response.done");
    const Instant done = test.loop_.now();
    std::vector<Heard> heard = co_await client.hear_until("response.created");

    EXPECT_EQ(test.loop_.now() - done, 2s + 6s);
    EXPECT_THAT(types_of(heard), ElementsAre("input_audio_buffer.timeout_triggered", "input_audio_buffer.committed",
                                             "conversation.item.added", "conversation.item.done", "response.created"));
    EXPECT_EQ(heard[0].get("item_id"), heard[1].get("item_id"));
    co_await client.hear_until("response.done");
    const Instant second = test.loop_.now();
    co_await client.hear_until("input_audio_buffer.timeout_triggered");
    EXPECT_EQ(test.loop_.now() - second, 8s);  // And so on.
  }(*this, peer));
}

TEST_F(OpenAiIdleTimeoutTest, NamesTheSilenceThatWasHeard) {
  OpenAiRealtimePeer peer(loop_, {.tokens_per_minute = 0, .response_audio = 1s, .pace = 1});
  loop_.run([](OpenAiIdleTimeoutTest& test, OpenAiRealtimePeer& own) -> Task<> {
    RawClient client = co_await test.enter(own);
    co_await client.ask(waiting(5000));
    co_await client.say(R"({"type":"response.create"})");
    for (int i = 0; i < 80; ++i) {  // Silence, as a microphone streams it.
      std::string silence = R"({"type":"input_audio_buffer.append","audio":")";
      text::append_base64(silence, std::vector<std::byte>(4800));
      silence += "\"}";
      co_await client.say(std::move(silence));
      co_await sleep_for(100ms);
    }
    const std::vector<Heard> heard = co_await client.hear_until("input_audio_buffer.timeout_triggered");
    const int from = std::stoi(heard.back().get("audio_start_ms"));
    const int to = std::stoi(heard.back().get("audio_end_ms"));

    EXPECT_NEAR(to - from, 5000, 200);
    EXPECT_NEAR(from, 1900, 200);  // An answer that took about a second, and a second of playing.
  }(*this, peer));
}

TEST_F(OpenAiIdleTimeoutTest, DoesNotComeUnlessItIsSetOrBeforeAnAnswerOrWhileTheUserSpeaks) {
  OpenAiRealtimePeer peer(loop_, {.tokens_per_minute = 0, .response_audio = 100ms});
  loop_.run([](OpenAiIdleTimeoutTest& test, OpenAiRealtimePeer& own) -> Task<> {
    RawClient without = co_await test.enter(own);
    co_await without.say(R"({"type":"response.create"})");
    co_await without.hear_until("response.done");
    RawClient before = co_await test.enter(own);
    co_await before.ask(waiting(5000));
    co_await sleep_for(10min);
    const Heard one = co_await without.ask(R"({"type":"input_audio_buffer.clear"})");
    const Heard other = co_await before.ask(R"({"type":"input_audio_buffer.clear"})");
    EXPECT_EQ(one.type(), "input_audio_buffer.cleared");
    EXPECT_EQ(other.type(), "input_audio_buffer.cleared");
  }(*this, peer));
}

}  // namespace
}  // namespace soak::peers
