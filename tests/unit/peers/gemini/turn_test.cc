// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <vector>

#include "tests/unit/peers/gemini/fixture.h"

namespace soak::peers {
namespace {

using testing::ElementsAre;

class GeminiTurnTest : public GeminiTest {
 public:
  // What is heard of a turn, up to turnComplete, after these messages in a session with this setup.
  std::vector<Heard> turn(GeminiLivePeerOptions options, std::string more, std::vector<std::string> messages) {
    GeminiLivePeer peer(loop_, std::move(options));
    return loop_.run([](GeminiTest& test, GeminiLivePeer& own, std::string& setup,
                        std::vector<std::string>& sayings) -> Task<std::vector<Heard>> {
      RawClient client = co_await test.enter(own, setup);
      for (const std::string& saying : sayings) {
        co_await client.say(saying);
      }
      co_return co_await hear_until(client, "turnComplete");
    }(*this, peer, more, messages));
  }
};

TEST_F(GeminiTurnTest, ActivityByHandIsAnsweredWithATone) {
  const std::vector<Heard> heard = turn({.response_audio = 200ms}, kByHand, {kStart, audio_message(32000), kEnd});

  EXPECT_THAT(about(heard), ElementsAre("audio", "audio", "generationComplete", "turnComplete"));
  const std::string part = "serverContent.modelTurn.parts.0.inlineData.";
  EXPECT_EQ(heard[0].get("serverContent.modelTurn.role"), "model");
  EXPECT_EQ(heard[0].get(part + "mimeType"), "audio/pcm;rate=24000");
  std::string pcm;
  EXPECT_TRUE(text::decode_base64(heard[0].get(part + "data"), pcm));
  EXPECT_EQ(pcm.size(), 4800u);
  // A second heard, 25 tokens; 200 ms said, 5; in one frame with turnComplete.
  EXPECT_EQ(heard.back().get("usageMetadata"), R"({"promptTokenCount":25,"responseTokenCount":5,"totalTokenCount":30,)"
                                               R"("promptTokensDetails":[{"modality":"AUDIO","tokenCount":25}],)"
                                               R"("responseTokensDetails":[{"modality":"AUDIO","tokenCount":5}]})");
}

TEST_F(GeminiTurnTest, EndOfTheStreamAndTextAndContentAreAnsweredToo) {
  for (const std::string& last : {std::string(R"({"realtimeInput":{"audioStreamEnd":true}})"),
                                  std::string(R"({"realtimeInput":{"text":"Hello?"}})"), std::string(kAsk)}) {
    const std::vector<Heard> heard = turn({.response_audio = 100ms}, {}, {audio_message(640), last});

    EXPECT_THAT(about(heard), ElementsAre("audio", "generationComplete", "turnComplete")) << last;
  }
}

TEST_F(GeminiTurnTest, TranscriptsComeWhenAskedFor) {
  const std::vector<Heard> heard =
      turn({.response_audio = 200ms}, R"("inputAudioTranscription":{},"outputAudioTranscription":{})",
           {audio_message(640), R"({"realtimeInput":{"audioStreamEnd":true}})"});

  EXPECT_THAT(about(heard), ElementsAre("inputTranscription", "outputTranscription", "audio", "outputTranscription",
                                        "audio", "generationComplete", "turnComplete"));
}

TEST_F(GeminiTurnTest, TextIsAnsweredInTextWhenAskedFor) {
  const std::vector<Heard> heard =
      turn({.response_audio = 200ms}, R"("generationConfig":{"responseModalities":["TEXT"]})", {kAsk});

  EXPECT_THAT(about(heard), ElementsAre("text", "text", "generationComplete", "turnComplete"));
}

TEST_F(GeminiTurnTest, GenerationIsFasterThanPlayback) {
  GeminiLivePeer peer(loop_, {.response_audio = 2s, .delta_audio = 100ms, .pace = 4});
  loop_.run([](GeminiTest& test, GeminiLivePeer& own) -> Task<> {
    RawClient client = co_await test.enter(own);
    const Instant asked = test.loop_.now();
    co_await client.say(kAsk);
    co_await hear_until(client, "generationComplete");
    const auto generated = test.loop_.now() - asked;
    co_await hear_until(client, "turnComplete");
    const auto complete = test.loop_.now() - asked;

    EXPECT_EQ(generated, 475ms);  // The last of twenty pieces.
    EXPECT_EQ(complete, 2s);
  }(*this, peer));
}

TEST_F(GeminiTurnTest, NewActivityInterrupts) {
  GeminiLivePeer peer(loop_, {.response_audio = 10s});
  loop_.run([](GeminiTest& test, GeminiLivePeer& own) -> Task<> {
    RawClient client = co_await test.enter(own, kByHand);
    co_await client.say(kStart);
    co_await client.say(kEnd);
    co_await sleep_for(1s);
    co_await client.say(kStart);
    const std::vector<Heard> heard = co_await hear_until(client, "turnComplete");

    const std::vector<std::string> names = about(heard);
    EXPECT_EQ(names[names.size() - 2], "interrupted");
    EXPECT_THAT(names, testing::Not(testing::Contains("generationComplete")));
    EXPECT_EQ(own.ledger().turns_interrupted, 1u);
    EXPECT_EQ(own.ledger().turns_completed, 1u);
    EXPECT_LT(own.ledger().audio_bytes_sent, 10u * 48'000u);
  }(*this, peer));
}

TEST_F(GeminiTurnTest, AnAnswerThatHasNotBegunIsInterruptedAsWell) {
  const std::vector<Heard> heard = turn({}, kByHand, {kStart, kEnd, kStart});

  EXPECT_THAT(about(heard), ElementsAre("interrupted", "turnComplete"));
}

TEST_F(GeminiTurnTest, NoInterruptionLetsTheAnswerGoOn) {
  const std::string setup =
      R"("realtimeInputConfig":{"automaticActivityDetection":{"disabled":true},"activityHandling":"NO_INTERRUPTION"})";
  GeminiLivePeer peer(loop_, {.response_audio = 1s});
  loop_.run([](GeminiTest& test, GeminiLivePeer& own, const std::string& more) -> Task<> {
    RawClient client = co_await test.enter(own, more);
    for (const char* const saying : {kStart, kEnd, kStart, kEnd}) {
      co_await client.say(saying);
    }
    co_await hear_until(client, "turnComplete");
    co_await hear_until(client, "turnComplete");  // One after the other.

    EXPECT_EQ(own.ledger().turns_completed, 2u);
    EXPECT_EQ(own.ledger().turns_interrupted, 0u);
    EXPECT_EQ(own.ledger().audio_bytes_sent, 2u * 48'000u);
  }(*this, peer, setup));
}

TEST_F(GeminiTurnTest, ContentInterruptsWhateverTheSetupSays) {
  const std::string setup = R"("realtimeInputConfig":{"activityHandling":"NO_INTERRUPTION"})";
  GeminiLivePeer peer(loop_, {.response_audio = 10s});
  loop_.run([](GeminiTest& test, GeminiLivePeer& own, const std::string& more) -> Task<> {
    RawClient client = co_await test.enter(own, more);
    co_await client.say(kAsk);
    co_await sleep_for(1s);
    co_await client.say(kAsk);
    co_await hear_until(client, "interrupted");
    co_await hear_until(client, "turnComplete");
    const std::vector<Heard> second = co_await hear_until(client, "turnComplete");

    EXPECT_EQ(about(second[second.size() - 2]), "generationComplete");
  }(*this, peer, setup));
}

}  // namespace
}  // namespace soak::peers
