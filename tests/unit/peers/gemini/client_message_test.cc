// SPDX-License-Identifier: Apache-2.0
// What the fake takes from a client, and how it refuses the rest.
#include <string>
#include <vector>

#include "tests/unit/peers/gemini/fixture.h"

namespace soak::peers {
namespace {

struct Case {
  const char* name;
  std::vector<std::string> messages;
  int code;  // 0: it lives on.
  const char* reason;

  friend void PrintTo(const Case& one, std::ostream* out) { *out << one.name; }
};

class GeminiClientMessageTest : public GeminiTest, public testing::WithParamInterface<Case> {};

TEST_P(GeminiClientMessageTest, IsAnswered) {
  const net::CloseStatus status = end_after(GetParam().messages, {.models = {"models/gemini-live", "models/gemini-3"}});

  EXPECT_EQ(status.code, GetParam().code) << status.reason;
  EXPECT_EQ(last_refusal_, GetParam().reason);
  EXPECT_EQ(status.reason, last_refusal_.substr(0, 123));  // All that a close frame has room for.
}

std::string name_of(const testing::TestParamInfo<Case>& info) { return info.param.name; }

#define INVALID "Request contains an invalid argument. "

INSTANTIATE_TEST_SUITE_P(
    Frames, GeminiClientMessageTest,
    testing::Values(
        Case{"NoJson", {"hello"}, 1007, INVALID "We could not parse the event: it is not valid JSON."},
        Case{"NameTwice",
             {R"({"realtimeInput":{},"realtimeInput":{}})"},
             1007,
             INVALID "We could not parse the event: an object has two members of one name."},
        Case{"NoObject", {"[]"}, 1007, INVALID "Invalid event: expected an object, but got an array instead."},
        Case{"Empty",
             {"{}"},
             1007,
             INVALID "Invalid message: expected exactly one of 'setup', 'clientContent', 'realtimeInput', and "
                     "'toolResponse', but got 0."},
        Case{"TwoAtOnce",
             {setup_message(), R"({"clientContent":{},"realtimeInput":{"text":"a"}})"},
             1007,
             INVALID "Invalid message: expected exactly one of 'setup', 'clientContent', 'realtimeInput', and "
                     "'toolResponse', but got 2."},
        Case{"Unknown",
             {R"({"hello":{}})"},
             1007,
             R"(Invalid JSON payload received. Unknown name "hello": Cannot find field.)"},
        Case{"BeforeTheSetup", {audio_message(640)}, 1007, "setup must be the first message and only the first"},
        Case{"SecondSetup",
             {setup_message(), setup_message()},
             1007,
             "setup must be the first message and only the first"}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Setup, GeminiClientMessageTest,
    testing::Values(
        Case{"Whole",
             {setup_message(
                 R"("generationConfig":{"responseModalities":["AUDIO"],"speechConfig":{},"temperature":0.5},)"
                 R"("systemInstruction":{"parts":[{"text":"Be brief."}]},)"
                 R"("tools":[{"functionDeclarations":[{"name":"f","parameters":{"type":"OBJECT"}}]}],)"
                 R"("realtimeInputConfig":{"automaticActivityDetection":{"disabled":false,"prefixPaddingMs":20,)"
                 R"("startOfSpeechSensitivity":"START_SENSITIVITY_LOW"},"activityHandling":"NO_INTERRUPTION"},)"
                 R"("inputAudioTranscription":{},"outputAudioTranscription":{},"sessionResumption":{"handle":null},)"
                 R"("contextWindowCompression":{"triggerTokens":"25600","slidingWindow":{"targetTokens":"12800"}})")},
             0,
             ""},
        Case{"InSnakeCase",
             {R"({"setup":{"model":"models/gemini-live","generation_config":{"response_modalities":["TEXT"]}}})"},
             0,
             ""},
        Case{"NoModel", {R"({"setup":{}})"}, 1007, INVALID "Missing required parameter: 'setup.model'."},
        Case{"ModelIsNoText",
             {R"({"setup":{"model":7}})"},
             1007,
             INVALID "Invalid type for 'setup.model': expected a string, but got an integer instead."},
        Case{"ModelWithoutItsPrefix",
             {R"({"setup":{"model":"gemini-live"}})"},
             1007,
             INVALID "Invalid 'setup.model': expected models/<name>, but got 'gemini-live'."},
        Case{"UnknownModel",
             {R"({"setup":{"model":"models/gemini-0"}})"},
             1008,
             "models/gemini-0 is not found for API version v1beta, or is not supported for bidiGenerateContent. Call "
             "ListModels to see the list of available models and their supported methods."},
        Case{"UnknownMember",
             {setup_message(R"("voice":"Puck")")},
             1007,
             R"(Invalid JSON payload received. Unknown name "voice" at 'setup': Cannot find field.)"},
        Case{"BothModalities",
             {setup_message(R"("generationConfig":{"responseModalities":["AUDIO","TEXT"]})")},
             1007,
             INVALID "Invalid 'setup.generationConfig.responseModalities': expected one modality, ['AUDIO'] or "
                     "['TEXT'], but got 2 of them."},
        Case{"UnknownModality",
             {setup_message(R"("generationConfig":{"responseModalities":["SMELL"]})")},
             1007,
             INVALID "Invalid value: 'SMELL'. Supported values are: 'AUDIO' and 'TEXT'."},
        Case{"NegativePadding",
             {setup_message(R"("realtimeInputConfig":{"automaticActivityDetection":{"prefixPaddingMs":-1}})")},
             1007,
             INVALID "Invalid 'setup.realtimeInputConfig.automaticActivityDetection.prefixPaddingMs': integer below "
                     "minimum value. Expected a value >= 0, but got -1 instead."},
        Case{"TokensAreNoNumber",
             {setup_message(R"("contextWindowCompression":{"triggerTokens":"many"})")},
             1007,
             INVALID "Invalid type for 'setup.contextWindowCompression.triggerTokens': expected an integer, but got a "
                     "string instead."},
        Case{"FunctionWithoutAName",
             {setup_message(R"("tools":[{"functionDeclarations":[{}]}])")},
             1007,
             INVALID "Missing required parameter: 'setup.tools[0].functionDeclarations[0].name'."}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Input, GeminiClientMessageTest,
    testing::Values(
        Case{"Audio", {setup_message(), audio_message(640)}, 0, ""},
        Case{"AudioOfAnotherRate", {setup_message(), audio_message(640, "audio/pcm; rate=24000")}, 0, ""},
        Case{"AudioWithoutARate", {setup_message(), audio_message(640, "audio/pcm")}, 0, ""},
        Case{"AudioAsThePythonSdkSendsIt",
             {setup_message(), R"({"realtime_input":{"audio":{"mime_type":"audio/pcm","data":"_-8"}}})"},
             0,
             ""},
        Case{"AudioOfAnotherKind",
             {setup_message(), audio_message(640, "audio/ogg")},
             1007,
             INVALID "Invalid 'realtimeInput.audio.mimeType': expected audio/pcm;rate=<samples a second>."},
        Case{"AudioWithABadRate",
             {setup_message(), audio_message(640, "audio/pcm;rate=fast")},
             1007,
             INVALID "Invalid 'realtimeInput.audio.mimeType': expected audio/pcm;rate=<samples a second>."},
        Case{"HalfASample",
             {setup_message(), audio_message(641)},
             1007,
             INVALID "Invalid 'realtimeInput.audio.data': expected base64 of 16-bit PCM."},
        Case{"NoBase64",
             {setup_message(), R"({"realtimeInput":{"audio":{"mimeType":"audio/pcm","data":"!!!!"}}})"},
             1007,
             INVALID "Invalid 'realtimeInput.audio.data': expected base64 of 16-bit PCM."},
        Case{"NoData",
             {setup_message(), R"({"realtimeInput":{"audio":{"mimeType":"audio/pcm"}}})"},
             1007,
             INVALID "Missing required parameter: 'realtimeInput.audio.data'."},
        Case{"Video",
             {setup_message(), R"({"realtimeInput":{"video":{"mimeType":"image/jpeg","data":"Zm9v"}}})"},
             0,
             ""},
        Case{"VideoThatIsNone",
             {setup_message(), R"({"realtimeInput":{"video":{"mimeType":"audio/pcm","data":"Zm9v"}}})"},
             1007,
             INVALID "Invalid 'realtimeInput.video.mimeType': expected image/<format>."},
        Case{"TwoInputsAtOnce",
             {setup_message(), R"({"realtimeInput":{"text":"a","audioStreamEnd":true}})"},
             1007,
             INVALID "Invalid 'realtimeInput': expected exactly one of 'audio', 'video', 'text', 'audioStreamEnd', "
                     "'activityStart', 'activityEnd', and 'mediaChunks', but got 2."},
        Case{"ActivityByHandWhereItIsDetected",
             {setup_message(), kStart},
             1007,
             INVALID "Invalid 'realtimeInput.activityStart': automatic activity detection is on."},
        Case{"StreamEndWhereActivityIsByHand",
             {setup_message(kByHand), R"({"realtimeInput":{"audioStreamEnd":true}})"},
             1007,
             INVALID "Invalid 'realtimeInput.audioStreamEnd': automatic activity detection is off."},
        Case{"MediaChunksOfAnOlderModel",
             {setup_message(), R"({"realtime_input":{"media_chunks":[{"mime_type":"audio/pcm","data":"Zm8="}]}})"},
             0,
             ""},
        Case{"MediaChunksOfANewModel",
             {R"({"setup":{"model":"models/gemini-3"}})",
              R"({"realtimeInput":{"mediaChunks":[{"mimeType":"audio/pcm","data":"Zm8="}]}})"},
             1007,
             "realtime_input.media_chunks is deprecated. Use audio, video, or text instead."},
        Case{"ContentThatIsNone",
             {setup_message(), R"({"clientContent":{"turns":[{"parts":[{"text":7}]}]}})"},
             1007,
             INVALID "Invalid type for 'clientContent.turns[0].parts[0].text': expected a string, but got an integer "
                     "instead."},
        Case{"ToolResponseWithoutACall",
             {setup_message(), R"({"toolResponse":{"functionResponses":[{"id":"1","name":"f","response":{}}]}})"},
             1008,
             "Requested entity was not found."},
        Case{"ToolResponseWithoutAnId",
             {setup_message(), R"({"tool_response":{"function_responses":[{"name":"f","response":{}}]}})"},
             1007,
             INVALID "Missing required parameter: 'toolResponse.functionResponses[0].id'."}),
    name_of);

#undef INVALID

TEST_F(GeminiTest, BinaryFrameIsTakenOnlyWhenAskedTo) {
  for (const bool accepted : {false, true}) {
    GeminiLivePeer peer(loop_, {.accept_binary_frames = accepted});
    loop_.run([](EventLoop& loop, GeminiLivePeer& own, bool expected) -> Task<> {
      RawClient client = co_await dial_gemini(loop, own.url());
      std::string setup = setup_message();
      co_await client.socket().send_binary(std::move(setup));
      const Heard heard = co_await client.hear();
      EXPECT_EQ(about(heard), expected ? "setupComplete" : "(end)");
      EXPECT_EQ(heard.status().code == net::kCloseInvalidData, !expected);
    }(loop_, peer, accepted));
  }
}

TEST_F(GeminiTest, LedgerCountsWhatCameUnderItsName) {
  GeminiLivePeer peer(loop_);
  loop_.run([](GeminiTest& test, GeminiLivePeer& own) -> Task<> {
    RawClient client = co_await test.enter(own, kByHand);
    co_await client.say(kStart);
    const std::string frame = audio_message(1280);
    for (int i = 0; i < 1000; ++i) {
      co_await client.say(frame);
      co_await sleep_for(40ms);
    }
    co_await client.ask("{}");
  }(*this, peer));

  const GeminiLiveLedger& ledger = peer.ledger();
  EXPECT_EQ(ledger.audio_frames_received, 1000u);
  EXPECT_EQ(ledger.audio_bytes_received, 1'280'000u);
  EXPECT_EQ(ledger.messages_received, 1003u);
  EXPECT_EQ(ledger.messages_by_type.at("setup"), 1u);
  EXPECT_EQ(ledger.messages_by_type.at("realtimeInput.activityStart"), 1u);
  EXPECT_EQ(ledger.messages_by_type.at("realtimeInput.audio"), 1000u);
  EXPECT_EQ(ledger.messages_by_type.at(""), 1u);
  EXPECT_EQ(ledger.messages_refused, 1u);
}

}  // namespace
}  // namespace soak::peers
