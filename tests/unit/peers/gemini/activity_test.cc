// SPDX-License-Identifier: Apache-2.0
// Automatic activity detection: turns that begin and end with what is heard.

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "tests/unit/peers/gemini/fixture.h"
#include "tests/unit/peers/voice.h"

namespace soak::peers {
namespace {

using testing::ElementsAre;

constexpr char kStreamEnd[] = R"({"realtimeInput":{"audioStreamEnd":true}})";

// The tone of the fixtures has 24,000 samples a second.
std::string saying(const std::string& pcm, int rate = 24'000) {
  std::string message =
      R"({"realtimeInput":{"audio":{"mimeType":"audio/pcm;rate=)" + std::to_string(rate) + R"(","data":")";
  text::append_base64(message, std::as_bytes(std::span(pcm)));
  return message + R"("}}})";
}

std::string detecting(const std::string& members, const std::string& more = "") {
  return R"("realtimeInputConfig":{"automaticActivityDetection":{)" + members + "}" + more + "}";
}

class GeminiActivityTest : public GeminiTest {
 public:
  using Story = Task<> (*)(RawClient& client);

  void tell(GeminiLivePeer& peer, const std::string& more, Story story) {
    loop_.run([](GeminiActivityTest& test, GeminiLivePeer& own, std::string setup, Story telling) -> Task<> {
      RawClient client = co_await test.enter(own, std::move(setup));
      co_await telling(client);
      co_await sleep_for(1min);  // For what else is answered.
    }(*this, peer, more, story));
    EXPECT_EQ(peer.ledger().messages_refused, 0u) << peer.ledger().last_refusal;
  }

  // How many turns are detected in `audio`.
  std::uint64_t turns_in(const std::string& audio, const std::string& more, int rate = 24'000) {
    GeminiLivePeer peer(loop_);
    loop_.run([](GeminiActivityTest& test, GeminiLivePeer& own, std::string setup, std::string message) -> Task<> {
      RawClient client = co_await test.enter(own, std::move(setup));
      co_await client.say(std::move(message));
      co_await sleep_for(1min);
    }(*this, peer, more, saying(audio, rate)));
    EXPECT_EQ(peer.ledger().turns_completed, peer.ledger().turns_detected);
    return peer.ledger().turns_detected;
  }
};

TEST_F(GeminiActivityTest, TurnIsAnsweredAfterItsSilence) {
  GeminiLivePeer peer(loop_, {.response_audio = 200ms});
  tell(peer, {}, [](RawClient& client) -> Task<> {
    co_await client.say(saying(silence(300) + tone(1000) + silence(480)));
    co_await sleep_for(1min);
    co_await client.say(saying(silence(20)));
    const std::vector<Heard> heard = co_await hear_until(client, "turnComplete");
    co_await client.say(saying(silence(5000)));

    EXPECT_THAT(about(heard), ElementsAre("audio", "audio", "generationComplete", "turnComplete"));
    EXPECT_EQ(heard.back().get("usageMetadata.promptTokenCount"), "45");  // 1.8 s.
  });

  EXPECT_EQ(peer.ledger().turns_detected, 1u);
  EXPECT_EQ(peer.ledger().turns_completed, 1u);
}

TEST_F(GeminiActivityTest, TheSetupSaysHowLongSpeechAndSilenceAre) {
  const std::string words = tone(100) + silence(300) + tone(100) + silence(1200);

  EXPECT_EQ(turns_in(words, {}), 1u);
  EXPECT_EQ(turns_in(words, detecting(R"("silenceDurationMs":200)")), 2u);
  EXPECT_EQ(turns_in(words, detecting(R"("silenceDurationMs":2000)")), 0u);
  EXPECT_EQ(turns_in(words, detecting(R"("prefixPaddingMs":100)")), 1u);
  EXPECT_EQ(turns_in(words, detecting(R"("prefixPaddingMs":120)")), 0u);
  EXPECT_EQ(turns_in(words, {}, 48'000), 1u);
  EXPECT_EQ(turns_in(words, {}, 12'000), 2u);  // All of it twice as long.
}

TEST_F(GeminiActivityTest, LowSensitivityHearsLessAndWaitsLonger) {
  const std::string quiet = quiet_tone(500) + silence(600);
  const std::string loud = tone(500) + silence(600);

  EXPECT_EQ(turns_in(quiet, {}), 1u);
  EXPECT_EQ(turns_in(quiet, detecting(R"("startOfSpeechSensitivity":"START_SENSITIVITY_HIGH")")), 1u);
  EXPECT_EQ(turns_in(quiet, detecting(R"("startOfSpeechSensitivity":"START_SENSITIVITY_LOW")")), 0u);
  EXPECT_EQ(turns_in(loud, detecting(R"("startOfSpeechSensitivity":"START_SENSITIVITY_LOW")")), 1u);
  EXPECT_EQ(turns_in(loud, detecting(R"("endOfSpeechSensitivity":"END_SENSITIVITY_HIGH")")), 1u);
  EXPECT_EQ(turns_in(loud, detecting(R"("endOfSpeechSensitivity":"END_SENSITIVITY_LOW")")), 0u);
  // What is said in figures holds.
  EXPECT_EQ(turns_in(loud, detecting(R"("silenceDurationMs":500,"endOfSpeechSensitivity":"END_SENSITIVITY_LOW")")), 1u);
}

TEST_F(GeminiActivityTest, SwitchedOffLoudnessIsNotLookedAt) {
  EXPECT_EQ(turns_in(tone(500) + silence(2000), kByHand), 0u);
}

TEST_F(GeminiActivityTest, SpeechInterruptsTheAnswerAndIsAnsweredItself) {
  GeminiLivePeer peer(loop_, {.response_audio = 2s, .pace = 1});
  tell(peer, {}, [](RawClient& client) -> Task<> {
    co_await client.say(kAsk);
    co_await sleep_for(500ms);
    co_await client.say(saying(tone(300)));
    const std::vector<Heard> cut = co_await hear_until(client, "turnComplete");
    co_await client.say(saying(silence(600)));
    const std::vector<Heard> answer = co_await hear_until(client, "turnComplete");

    const std::vector<std::string> names = about(cut);
    EXPECT_THAT(names, testing::Not(testing::Contains("generationComplete")));
    EXPECT_EQ(names.size() < 2 ? "" : names[names.size() - 2], "interrupted");
    EXPECT_THAT(about(answer), testing::Not(testing::Contains("interrupted")));
  });

  EXPECT_EQ(peer.ledger().turns_interrupted, 1u);
  EXPECT_EQ(peer.ledger().turns_completed, 2u);
}

TEST_F(GeminiActivityTest, SilenceAndNoiseInterruptNothing) {
  GeminiLivePeer peer(loop_, {.response_audio = 2s, .pace = 1});
  tell(peer, {}, [](RawClient& client) -> Task<> {
    co_await client.say(kAsk);
    co_await sleep_for(500ms);
    co_await client.say(audio_message(32'000));  // 257 of 32767, a second of it.
    co_await hear_until(client, "turnComplete");
  });

  EXPECT_EQ(peer.ledger().turns_interrupted, 0u);
  EXPECT_EQ(peer.ledger().turns_completed, 1u);
}

TEST_F(GeminiActivityTest, WhereNothingInterruptsTheAnswerGoesOnAndTheNextOneFollows) {
  GeminiLivePeer peer(loop_, {.response_audio = 1s, .pace = 1});
  const std::string setup = R"("realtimeInputConfig":{"activityHandling":"NO_INTERRUPTION"})";
  tell(peer, setup, [](RawClient& client) -> Task<> {
    co_await client.say(kAsk);
    co_await sleep_for(500ms);
    co_await client.say(saying(tone(300) + silence(600)));
    for (int i = 0; i < 2; ++i) {
      const std::vector<Heard> heard = co_await hear_until(client, "turnComplete");
      EXPECT_THAT(about(heard), testing::Contains("generationComplete"));
    }
  });

  EXPECT_EQ(peer.ledger().turns_interrupted, 0u);
  EXPECT_EQ(peer.ledger().audio_bytes_sent, 2u * 48'000u);
}

TEST_F(GeminiActivityTest, CallThatIsUnderWayIsCancelledBySpeech) {
  GeminiLivePeer peer(loop_);
  tell(peer, R"("tools":[{"functionDeclarations":[{"name":"f"}]}])", [](RawClient& client) -> Task<> {
    co_await client.say(kAsk);
    co_await sleep_for(500ms);
    co_await client.say(saying(tone(300)));
    const std::vector<Heard> heard = co_await hear_until(client, "turnComplete");

    EXPECT_EQ(heard.size(), 4u);  // toolCall, toolCallCancellation, interrupted.
    EXPECT_NE(heard.size() < 2 ? "(absent)" : heard[1].get("toolCallCancellation.ids"), "(absent)");
  });

  EXPECT_EQ(peer.ledger().tool_calls_cancelled, 1u);
}

TEST_F(GeminiActivityTest, EndOfTheStreamEndsWhatIsBeingSaid) {
  GeminiLivePeer peer(loop_, {.response_audio = 100ms});
  tell(peer, {}, [](RawClient& client) -> Task<> {
    co_await client.say(saying(tone(300)));
    co_await client.say(kStreamEnd);
    co_await hear_until(client, "turnComplete");
    co_await client.say(saying(silence(2000)));  // The stream is open again, and nothing is said.
  });

  EXPECT_EQ(peer.ledger().turns_completed, 1u);
  EXPECT_EQ(peer.ledger().turns_detected, 0u);
}

TEST_F(GeminiActivityTest, EndOfTheStreamAfterATurnIsNoSecondOne) {
  GeminiLivePeer peer(loop_, {.response_audio = 100ms});
  tell(peer, {}, [](RawClient& client) -> Task<> {
    co_await client.say(saying(tone(300) + silence(2000)));
    co_await hear_until(client, "turnComplete");
    co_await client.say(saying(silence(300)));
    co_await client.say(kStreamEnd);
    co_await client.say(kStreamEnd);
  });

  EXPECT_EQ(peer.ledger().turns_completed, 1u);
}

}  // namespace
}  // namespace soak::peers
