// SPDX-License-Identifier: Apache-2.0
// What a setup asks for, and what comes of it.

#include <string>
#include <vector>

#include "tests/unit/peers/gemini/fixture.h"

namespace soak::peers {
namespace {

class GeminiSetupTest : public GeminiTest {};

// Each member that the types of the official SDKs can send: LiveClientSetup, GenerationConfig, Tool and
// FunctionDeclaration of github.com/googleapis/js-genai (src/types.ts) and googleapis/python-genai.
TEST_F(GeminiSetupTest, TakesWhatTheOfficialSdksSend) {
  GeminiLivePeer peer(loop_);
  loop_.run([](GeminiTest& test, GeminiLivePeer& own) -> Task<> {
    for (
        const char* const more :
        {R"("labels":{"team":"voice"})", R"("translationConfig":{"targetLanguageCode":"de"})",
         R"("generationConfig":{"translationConfig":{"targetLanguageCode":"de"}})", R"("explicitVadSignal":true)",
         R"("avatarConfig":{})", R"("proactivity":{"proactiveAudio":true})",
         R"("historyConfig":{"initialHistoryInClientContent":true})",
         R"("generationConfig":{"stopSequences":["x"],"responseMimeType":"text/plain","seed":7,"audioTimestamp":true})",
         R"("tools":[{"googleMaps":{}},{"fileSearch":{}},{"computerUse":{}},{"mcpServers":[]}])",
         R"("input_audio_transcription":{"languageCodes":["de-DE"]})"}) {
      co_await test.enter(own, more);
    }
  }(*this, peer));
}

// HistoryConfig of src/types.ts: the first client content is what was said before.
TEST_F(GeminiSetupTest, HistoryThatIsGivenIsNotAnswered) {
  GeminiLivePeer peer(loop_, {.response_audio = 100ms});
  loop_.run([](GeminiTest& test, GeminiLivePeer& own) -> Task<> {
    RawClient client = co_await test.enter(own, R"("historyConfig":{"initialHistoryInClientContent":true})");
    co_await client.say(R"({"clientContent":{"turns":[{"role":"user","parts":[{"text":"12345678"}]}]}})");
    co_await client.say(kAsk);  // The last of it.
    co_await sleep_for(1min);
    EXPECT_EQ(own.ledger().turns_started, 0u);
    co_await client.say(kAsk);
    const std::vector<Heard> heard = co_await hear_until(client, "turnComplete");

    EXPECT_EQ(own.ledger().turns_started, 1u);
    EXPECT_EQ(heard.back().get("usageMetadata.promptTokenCount"), "5");  // All twenty letters of it.
  }(*this, peer));
}

TEST_F(GeminiSetupTest, TextCountsAsPrompt) {
  GeminiLivePeer peer(loop_, {.response_audio = 100ms});
  loop_.run([](GeminiTest& test, GeminiLivePeer& own) -> Task<> {
    RawClient client = co_await test.enter(own);
    co_await client.say(R"({"realtimeInput":{"text":"What is the weather?"}})");
    const std::vector<Heard> heard = co_await hear_until(client, "turnComplete");

    EXPECT_EQ(heard.back().get("usageMetadata.promptTokenCount"), "5");
    EXPECT_EQ(heard.back().get("usageMetadata.promptTokensDetails"), R"([{"modality":"TEXT","tokenCount":5}])");
  }(*this, peer));
}

}  // namespace
}  // namespace soak::peers
