// SPDX-License-Identifier: Apache-2.0
#include <ostream>
#include <string>

#include "tests/unit/peers/openai/fixture.h"

namespace soak::peers {
namespace {

std::string update_event(const std::string& session) {
  return R"({"type":"session.update","event_id":"mine","session":)" + session + "}";
}

using OpenAiSessionUpdateTest = OpenAiTest;

TEST_F(OpenAiSessionUpdateTest, AnswersWithTheWholeEffectiveConfig) {
  const Heard updated =
      answer_to({update_event(R"({"type":"realtime","model":"gpt-realtime","output_modalities":["text"],
      "instructions":"Say \"hi\".\n","tools":[{"type":"function","name":"f","description":"d","parameters":{"type":"object"}}],
      "tool_choice":{"type":"function","name":"f"},"max_output_tokens":200,"tracing":"auto","include":[],
      "truncation":{"type":"retention_ratio","retention_ratio":0.8},"prompt":{"id":"p"},
      "audio":{"input":{"format":{"type":"audio/pcmu"},"transcription":{"model":"whisper-1","language":"en"},
        "noise_reduction":{"type":"near_field"},
        "turn_detection":{"type":"semantic_vad","eagerness":"low","create_response":false}},
      "output":{"format":{"type":"audio/pcma"},"voice":{"id":"voice_1"},"speed":1.5}}})")});

  ASSERT_EQ(updated.type(), "session.updated") << updated.text();
  EXPECT_EQ(updated.get("session.output_modalities"), R"(["text"])");
  EXPECT_EQ(updated.get("session.instructions"), "Say \"hi\".\n");
  EXPECT_EQ(updated.get("session.tools.0.name"), "f");
  EXPECT_EQ(updated.get("session.tool_choice"), R"({"type":"function","name":"f"})");
  EXPECT_EQ(updated.get("session.max_output_tokens"), "200");
  EXPECT_EQ(updated.get("session.tracing"), "auto");
  EXPECT_EQ(updated.get("session.truncation.retention_ratio"), "0.8");
  EXPECT_EQ(updated.get("session.prompt.id"), "p");
  EXPECT_EQ(updated.get("session.audio.input"),
            R"({"format":{"type":"audio/pcmu"},"transcription":{"model":"whisper-1","language":"en"},)"
            R"("noise_reduction":{"type":"near_field"},"turn_detection":{"type":"semantic_vad","eagerness":"low",)"
            R"("create_response":false,"interrupt_response":true}})");
  EXPECT_EQ(updated.get("session.audio.output"),
            R"({"format":{"type":"audio/pcma"},"voice":{"id":"voice_1"},"speed":1.5})");
  EXPECT_EQ(updated.get("session.model"), "gpt-realtime");
  EXPECT_EQ(updated.get("session.object"), "realtime.session");
}

TEST_F(OpenAiSessionUpdateTest, ChangesOnlyThePresentFields) {
  const Heard updated = answer_to({
      update_event(
          R"({"type":"realtime","instructions":"a","audio":{"input":{"turn_detection":{"type":"server_vad","threshold":0.9}}}})"),
      update_event(
          R"({"type":"realtime","audio":{"input":{"turn_detection":{"type":"server_vad","silence_duration_ms":700}}}})"),
  });

  EXPECT_EQ(updated.get("session.instructions"), "a");
  EXPECT_EQ(updated.get("session.audio.input.turn_detection.threshold"), "0.9");
  EXPECT_EQ(updated.get("session.audio.input.turn_detection.silence_duration_ms"), "700");
  EXPECT_EQ(updated.get("session.audio.output.voice"), "alloy");
}

TEST_F(OpenAiSessionUpdateTest, NullAndEmptyClear) {
  const Heard updated = answer_to({
      update_event(R"({"type":"realtime","tools":[{"type":"function","name":"f"}]})"),
      update_event(R"({"type":"realtime","tools":[],"instructions":"","audio":{"input":{"turn_detection":null}}})"),
  });

  EXPECT_EQ(updated.get("session.tools"), "[]");
  EXPECT_EQ(updated.get("session.instructions"), "");
  EXPECT_EQ(updated.get("session.audio.input.turn_detection"), "null");
}

TEST_F(OpenAiSessionUpdateTest, RejectedUpdateLeavesTheConfigAsItWas) {
  OpenAiRealtimePeer peer(loop_);
  loop_.run([](OpenAiSessionUpdateTest& test, OpenAiRealtimePeer& own) -> Task<> {
    std::string url = own.url() + "?model=gpt-realtime";
    RawClient client = co_await dial(test.loop_, url);
    const Heard created = co_await client.hear();

    const Heard error =
        co_await client.ask(update_event(R"({"type":"realtime","instructions":"new","audio":{"output":{"speed":9}}})"));
    const Heard updated = co_await client.ask(update_event(R"({"type":"realtime"})"));

    EXPECT_EQ(error.type(), "error");
    EXPECT_EQ(error.get("error.event_id"), "mine");
    EXPECT_EQ(updated.get("session"), created.get("session"));
  }(*this, peer));
}

TEST_F(OpenAiSessionUpdateTest, SessionUpdatedDoesNotEchoTheClientsEventId) {
  const Heard updated = answer_to({update_event(R"({"type":"realtime"})")});

  EXPECT_THAT(updated.get("event_id"), testing::StartsWith("event_"));
  EXPECT_THAT(updated.text(), testing::Not(testing::HasSubstr("mine")));
}

TEST_F(OpenAiSessionUpdateTest, TracingCannotChangeOnceSet) {
  const Heard error = answer_to({update_event(R"({"type":"realtime","tracing":"auto"})"),
                                 update_event(R"({"type":"realtime","tracing":"auto"})"),
                                 update_event(R"({"type":"realtime","tracing":null})")});

  EXPECT_EQ(error.get("error.param"), "session.tracing");
}

struct BadUpdate {
  const char* name;
  const char* session;
  const char* code;
  const char* param;
};

void PrintTo(const BadUpdate& update, std::ostream* out) { *out << update.session; }

class OpenAiBadUpdateTest : public OpenAiTest, public testing::WithParamInterface<BadUpdate> {};

TEST_P(OpenAiBadUpdateTest, IsRefusedByCodeAndPath) {
  const Heard error = answer_to({update_event(GetParam().session)});

  EXPECT_EQ(error.type(), "error");
  EXPECT_EQ(error.get("error.type"), "invalid_request_error");
  EXPECT_EQ(error.get("error.code"), GetParam().code);
  EXPECT_EQ(error.get("error.param"), GetParam().param);
  EXPECT_EQ(error.get("error.event_id"), "mine");
}

constexpr BadUpdate kBadUpdates[] = {
    {"NoObject", R"("realtime")", "invalid_type", "session"},
    {"NoType", R"({"instructions":"x"})", "missing_required_parameter", "session.type"},
    {"OtherType", R"({"type":"chat"})", "invalid_value", "session.type"},
    {"Transcription", R"({"type":"transcription"})", "invalid_parameter", "null"},
    {"Unknown", R"({"type":"realtime","temperature":0.8})", "unknown_parameter", "session.temperature"},
    {"BetaField", R"({"type":"realtime","voice":"alloy"})", "unknown_parameter", "session.voice"},
    {"UnknownInTool",
     R"({"type":"realtime","tools":[{"type":"function","name":"a"},{"type":"function","name":"b"},)"
     R"({"type":"function","name":"c","meta":1}]})",
     "unknown_parameter", "session.tools[2].meta"},
    {"ToolWithoutName", R"({"type":"realtime","tools":[{"type":"function"}]})", "missing_required_parameter",
     "session.tools[0].name"},
    {"ToolsNoArray", R"({"type":"realtime","tools":{}})", "invalid_type", "session.tools"},
    {"ToolChoice", R"({"type":"realtime","tool_choice":"maybe"})", "invalid_value", "session.tool_choice"},
    {"Model", R"({"type":"realtime","model":"gpt-other"})", "invalid_value", "session.model"},
    {"BothModalities", R"({"type":"realtime","output_modalities":["audio","text"]})", "invalid_value",
     "session.output_modalities"},
    {"NoModality", R"({"type":"realtime","output_modalities":[]})", "invalid_value", "session.output_modalities"},
    {"OtherModality", R"({"type":"realtime","output_modalities":["video"]})", "invalid_value",
     "session.output_modalities[0]"},
    {"InstructionsNoString", R"({"type":"realtime","instructions":7})", "invalid_type", "session.instructions"},
    {"FormatString", R"({"type":"realtime","audio":{"input":{"format":"pcm16"}}})", "invalid_type",
     "session.audio.input.format"},
    {"FormatType", R"({"type":"realtime","audio":{"input":{"format":{"type":"pcm16"}}}})", "invalid_value",
     "session.audio.input.format.type"},
    {"RateLow", R"({"type":"realtime","audio":{"input":{"format":{"type":"audio/pcm","rate":16000}}}})",
     "integer_below_min_value", "session.audio.input.format.rate"},
    {"RateHigh", R"({"type":"realtime","audio":{"output":{"format":{"type":"audio/pcm","rate":48000}}}})",
     "integer_above_max_value", "session.audio.output.format.rate"},
    {"RateOfPcmu", R"({"type":"realtime","audio":{"input":{"format":{"type":"audio/pcmu","rate":8000}}}})",
     "unknown_parameter", "session.audio.input.format.rate"},
    {"Threshold", R"({"type":"realtime","audio":{"input":{"turn_detection":{"type":"server_vad","threshold":1.1}}}})",
     "decimal_above_max_value", "session.audio.input.turn_detection.threshold"},
    {"IdleTimeout",
     R"({"type":"realtime","audio":{"input":{"turn_detection":{"type":"server_vad","idle_timeout_ms":10}}}})",
     "integer_below_min_value", "session.audio.input.turn_detection.idle_timeout_ms"},
    {"ThresholdOfSemanticVad",
     R"({"type":"realtime","audio":{"input":{"turn_detection":{"type":"semantic_vad","threshold":0.5}}}})",
     "unknown_parameter", "session.audio.input.turn_detection.threshold"},
    {"Eagerness",
     R"({"type":"realtime","audio":{"input":{"turn_detection":{"type":"semantic_vad","eagerness":"max"}}}})",
     "invalid_value", "session.audio.input.turn_detection.eagerness"},
    {"TurnDetectionWithoutType", R"({"type":"realtime","audio":{"input":{"turn_detection":{"threshold":0.5}}}})",
     "missing_required_parameter", "session.audio.input.turn_detection.type"},
    {"NoiseReduction", R"({"type":"realtime","audio":{"input":{"noise_reduction":{"type":"loud"}}}})", "invalid_value",
     "session.audio.input.noise_reduction.type"},
    {"TranscriptionField", R"({"type":"realtime","audio":{"input":{"transcription":{"enabled":true}}}})",
     "unknown_parameter", "session.audio.input.transcription.enabled"},
    {"Voice", R"({"type":"realtime","audio":{"output":{"voice":"hal"}}})", "invalid_value",
     "session.audio.output.voice"},
    {"SpeedLow", R"({"type":"realtime","audio":{"output":{"speed":0.2}}})", "decimal_below_min_value",
     "session.audio.output.speed"},
    {"TokensHigh", R"({"type":"realtime","max_output_tokens":4097})", "integer_above_max_value",
     "session.max_output_tokens"},
    {"TokensZero", R"({"type":"realtime","max_output_tokens":0})", "integer_below_min_value",
     "session.max_output_tokens"},
    {"TokensWord", R"({"type":"realtime","max_output_tokens":"all"})", "invalid_value", "session.max_output_tokens"},
    {"RetentionRatio", R"({"type":"realtime","truncation":{"type":"retention_ratio","retention_ratio":2}})",
     "decimal_above_max_value", "session.truncation.retention_ratio"},
    {"Include", R"({"type":"realtime","include":["logs"]})", "invalid_value", "session.include[0]"},
};

INSTANTIATE_TEST_SUITE_P(Updates, OpenAiBadUpdateTest, testing::ValuesIn(kBadUpdates),
                         [](const auto& parameter) { return std::string(parameter.param.name); });

}  // namespace
}  // namespace soak::peers
