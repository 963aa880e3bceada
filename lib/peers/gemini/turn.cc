// SPDX-License-Identifier: Apache-2.0
#include "lib/peers/gemini/turn.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <span>
#include <string_view>
#include <utility>

#include "lib/json/writer.h"
#include "lib/peers/schema_arguments.h"
#include "lib/peers/tone.h"

namespace soak::peers::gemini {
namespace {

std::int64_t whole_ms(std::chrono::nanoseconds duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

// 25 tokens a second of audio (ai.google.dev, "Live API capabilities guide").
std::int64_t audio_tokens(std::int64_t ms) { return (ms + 39) / 40; }

// About four characters each (ai.google.dev, "Understand and count tokens").
std::int64_t text_tokens(std::int64_t bytes) { return (bytes + 3) / 4; }

void write_details(json::Writer& json, std::string_view name, std::int64_t text, std::int64_t audio) {
  json.key(name).array();
  for (const auto& [modality, tokens] : {std::pair{"TEXT", text}, std::pair{"AUDIO", audio}}) {
    if (tokens > 0) {
      json.object().key("modality").text(modality).key("tokenCount").integer(tokens).end_object();
    }
  }
  json.end_array();
}

}  // namespace

Turn::Turn(Service& service, const Setup& setup, StoredSession& session, TurnInput input,
           std::vector<std::string>& running)
    : service_(service),
      setup_(setup),
      session_(session),
      began_(service.loop.now()),
      input_(input),
      running_(running) {
  ++service_.ledger.turns_started;
}

std::int64_t Turn::piece_ms() const {
  const std::int64_t left = whole_ms(service_.options.response_audio) - output_ms_;
  return std::min(whole_ms(service_.options.delta_audio), left);
}

Instant Turn::due() const {
  const auto at = [this](double ms) { return began_ + std::chrono::nanoseconds(std::llround(ms * 1e6)); };
  if (stage_ == Stage::kOutputTranscript || stage_ == Stage::kPiece) {
    return at(static_cast<double>(output_ms_) / service_.options.pace);
  }
  if (stage_ == Stage::kToolResult) {
    const std::chrono::nanoseconds patience = service_.options.tool_patience;
    return patience.count() > 0 ? began_ + patience : Instant::max();
  }
  // The turn is complete when the last of it was heard. Text needs no time.
  const bool heard_later = stage_ == Stage::kTurnComplete && !interrupted_ && !setup_.text_only;
  return heard_later ? at(static_cast<double>(output_ms_)) : began_;
}

void Turn::interrupt() {
  if (stage_ == Stage::kOver || interrupted_) {
    return;
  }
  interrupted_ = true;
  stage_ = stage_ == Stage::kToolResult ? Stage::kToolCallEnded : Stage::kInterrupted;
  hurried_.set();
}

bool Turn::take_result(std::string_view call_id) {
  if (stage_ != Stage::kToolResult || call_id != call_id_) {
    return false;
  }
  ++service_.ledger.tool_calls_answered;
  stage_ = Stage::kInputTranscript;
  began_ = service_.loop.now();
  hurried_.set();
  return true;
}

void Turn::begin_piece() {
  if (piece_ms() <= 0) {
    stage_ = Stage::kGenerationComplete;
  } else {
    stage_ = setup_.output_transcripts && !setup_.text_only ? Stage::kOutputTranscript : Stage::kPiece;
  }
}

std::string Turn::next() {
  switch (stage_) {
    case Stage::kNotResumable:
      stage_ = Stage::kToolCall;
      if (!setup_.resumption) {
        return next();
      }
      return R"({"sessionResumptionUpdate":{"newHandle":"","resumable":false}})";
    case Stage::kToolCall:
      stage_ = Stage::kInputTranscript;
      // One whose result nobody waits for is not called again while it runs.
      if (!setup_.function || !service_.options.call_tools || input_.is_result || !running_.empty()) {
        return next();
      }
      if (setup_.function->blocking) {
        stage_ = Stage::kToolResult;
        began_ = service_.loop.now();
      }
      return tool_call();
    case Stage::kToolResult:
      stage_ = Stage::kInputTranscript;
      began_ = service_.loop.now();
      return cancel_call();
    case Stage::kToolCallEnded:
      stage_ = Stage::kInterrupted;
      return cancel_call();
    case Stage::kInputTranscript:
      begin_piece();
      if (!setup_.input_transcripts || input_.audio_ms == 0) {
        return next();
      }
      return transcript("inputTranscription", "A tone.");
    case Stage::kOutputTranscript:
      stage_ = Stage::kPiece;
      return transcript("outputTranscription", word_of_tone(piece_));
    case Stage::kPiece: {
      std::string message = piece();
      ++piece_;
      begin_piece();
      return message;
    }
    case Stage::kGenerationComplete:
      stage_ = Stage::kTurnComplete;
      return R"({"serverContent":{"generationComplete":true}})";
    case Stage::kInterrupted:
      stage_ = Stage::kTurnComplete;
      return R"({"serverContent":{"interrupted":true}})";
    case Stage::kTurnComplete:
      stage_ = Stage::kOver;
      return turn_complete();
    case Stage::kOver:
      break;
  }
  return {};
}

std::string Turn::transcript(std::string_view which, std::string_view text) const {
  json::Writer json;
  json.object().key("serverContent").object().key(which).object().key("text").text(text);
  json.end_object().end_object().end_object();
  return json.take();
}

std::string Turn::piece() {
  const std::int64_t ms = piece_ms();
  json::Writer json;
  json.object().key("serverContent").object().key("modelTurn").object();
  json.key("role").text("model").key("parts").array().object();
  if (setup_.text_only) {
    json.key("text").text(word_of_tone(piece_));
  } else {
    fill_with_tone(service_.audio, AudioFormat::kPcm, output_ms_, ms);
    ++service_.ledger.audio_parts_sent;
    service_.ledger.audio_bytes_sent += service_.audio.size();
    json.key("inlineData").object().key("mimeType").text("audio/pcm;rate=24000");
    json.key("data").base64(std::as_bytes(std::span(service_.audio))).end_object();
  }
  output_ms_ += ms;
  json.end_object().end_array().end_object().end_object().end_object();
  return json.take();
}

std::string Turn::tool_call() {
  ++service_.ledger.tool_calls_sent;
  call_id_ = service_.ids.next("function-call-");
  if (!setup_.function->blocking) {
    running_.push_back(call_id_);
  }
  json::Writer json;
  json.object().key("toolCall").object().key("functionCalls").array().object();
  json.key("id").text(call_id_).key("name").text(setup_.function->name);
  json.key("args").raw(arguments_for(setup_.function->parameters, service_.ids));
  json.end_object().end_array().end_object().end_object();
  return json.take();
}

std::string Turn::cancel_call() {
  ++service_.ledger.tool_calls_cancelled;
  json::Writer json;
  json.object().key("toolCallCancellation").object().key("ids").array().text(call_id_);
  json.end_array().end_object().end_object();
  return json.take();
}

std::string Turn::turn_complete() {
  ++service_.ledger.turns_completed;
  if (interrupted_) {
    ++service_.ledger.turns_interrupted;
  }
  session_.text_tokens += text_tokens(input_.text_bytes);
  session_.audio_tokens += audio_tokens(input_.audio_ms);
  const std::int64_t prompt = session_.text_tokens + session_.audio_tokens;
  const std::int64_t text = setup_.text_only ? piece_ : 0;
  const std::int64_t audio = setup_.text_only ? 0 : audio_tokens(output_ms_);
  json::Writer json;
  json.object().key("serverContent").object().key("turnComplete").boolean(true).end_object();
  json.key("usageMetadata").object().key("promptTokenCount").integer(prompt);
  json.key("responseTokenCount").integer(text + audio).key("totalTokenCount").integer(prompt + text + audio);
  write_details(json, "promptTokensDetails", session_.text_tokens, session_.audio_tokens);
  write_details(json, "responseTokensDetails", text, audio);
  session_.text_tokens += text;
  session_.audio_tokens += audio;
  json.end_object().end_object();
  return json.take();
}

}  // namespace soak::peers::gemini
