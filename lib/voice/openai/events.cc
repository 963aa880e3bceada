// SPDX-License-Identifier: Apache-2.0
#include "lib/voice/openai/events.h"

#include <array>
#include <utility>

#include "lib/json/reader.h"
#include "lib/json/writer.h"
#include "lib/text/base64.h"
#include "lib/text/format.h"
#include "lib/text/utf8.h"

namespace soak::voice {
namespace {

using json::member;
using json::text_member;
using json::Value;
using json::Writer;

void write_pcm_format(Writer& json) {
  json.key("format").object().key("type").text("audio/pcm").key("rate").integer(24000).end_object();
}

// An event, left open.
Writer begin_event(std::string_view type, std::string_view event_id) {
  Writer json;
  json.object().key("type").text(type).key("event_id").text(event_id);
  return json;
}

// Server events of the API that need no answer and carry nothing the client keeps.
constexpr std::array<std::string_view, 13> kOtherEvents = {
    "conversation.created",
    "conversation.item.added",
    "conversation.item.done",
    "conversation.item.truncated",
    "conversation.item.deleted",
    "conversation.item.retrieved",
    "conversation.item.input_audio_transcription.failed",
    "input_audio_buffer.cleared",
    "input_audio_buffer.timeout_triggered",
    "response.output_item.added",
    "response.content_part.added",
    "response.content_part.done",
    "response.output_audio.done",
};

// Their deltas and the like, by prefix: the client asks for audio, and takes a call from its item when that is done.
constexpr std::array<std::string_view, 2> kOtherPrefixes = {"response.output_text.",
                                                            "response.function_call_arguments."};

// A function that the model may call. What is no JSON is the provider's to refuse.
void write_tool(Writer& json, const Tool& tool) {
  json.object().key("type").text("function").key("name").text(tool.name);
  if (!tool.description.empty()) {
    json.key("description").text(tool.description);
  }
  if (!tool.parameters.empty()) {
    json.key("parameters").raw(tool.parameters);
  }
  json.end_object();
}

// An item of a response that is done: a call, if it is a whole one. False when it is no item.
bool read_output_item(const Value* item, ServerEvent& event) {
  if (item == nullptr || !item->IsObject()) {
    return false;
  }
  event.kind = ServerEvent::Kind::kOther;
  // The arguments of a call that was broken off are given as well, as far as they got.
  if (text_member(*item, "type") != "function_call" || text_member(*item, "status") == "incomplete") {
    return true;
  }
  event.kind = ServerEvent::Kind::kToolCall;
  const std::string_view arguments = text_member(*item, "arguments");
  event.tool_call = {std::string(text_member(*item, "call_id")), std::string(text_member(*item, "name")),
                     std::string(arguments.empty() ? "{}" : arguments)};
  return !event.tool_call.id.empty();
}

struct TranscriptEvent {
  std::string_view type;
  Transcript::Speaker speaker;
  bool final;
};

constexpr std::array<TranscriptEvent, 4> kTranscriptEvents = {{
    {"conversation.item.input_audio_transcription.delta", Transcript::Speaker::kUser, false},
    {"conversation.item.input_audio_transcription.completed", Transcript::Speaker::kUser, true},
    {"response.output_audio_transcript.delta", Transcript::Speaker::kAssistant, false},
    {"response.output_audio_transcript.done", Transcript::Speaker::kAssistant, true},
}};

const TranscriptEvent* find_transcript(std::string_view type) {
  for (const TranscriptEvent& event : kTranscriptEvents) {
    if (event.type == type) {
      return &event;
    }
  }
  return nullptr;
}

// False when one of them is none.
bool read_rate_limits(const Value* limits, std::vector<RateLimit>& out) {
  if (limits == nullptr || !limits->IsArray()) {
    return false;
  }
  for (const Value& limit : limits->GetArray()) {
    if (!limit.IsObject()) {
      return false;
    }
    const Value* most = member(limit, "limit");
    const Value* remaining = member(limit, "remaining");
    const Value* seconds = member(limit, "reset_seconds");
    if (most == nullptr || remaining == nullptr || !most->IsInt64() || !remaining->IsInt64()) {
      return false;
    }
    // A day at most: it is a number that somebody else chose.
    const bool plausible =
        seconds != nullptr && seconds->IsNumber() && seconds->GetDouble() >= 0 && seconds->GetDouble() <= 86'400;
    out.push_back({std::string(text_member(limit, "name")), most->GetInt64(), remaining->GetInt64(),
                   text::from_seconds(plausible ? seconds->GetDouble() : 0)});
  }
  return true;
}

void read_error(const Value& error, ServerEvent& event) {
  event.error_code = text_member(error, "code");
  event.error_text = std::string(text_member(error, "type"));
  if (!event.error_code.empty()) {
    event.error_text += "/" + event.error_code;
  }
  event.error_text += ": " + std::string(text_member(error, "message"));
}

bool is_documented(std::string_view type) {
  for (const std::string_view other : kOtherEvents) {
    if (type == other) {
      return true;
    }
  }
  for (const std::string_view prefix : kOtherPrefixes) {
    if (type.substr(0, prefix.size()) == prefix) {
      return true;
    }
  }
  return false;
}

}  // namespace

std::string session_update_event(std::string_view event_id, const OpenAiRealtimeOptions& options) {
  Writer json = begin_event("session.update", event_id);
  json.key("session").object().key("type").text("realtime");
  json.key("output_modalities").array().text("audio").end_array();
  json.key("instructions").text(options.instructions);
  if (!options.tools.empty()) {
    json.key("tools").array();
    for (const Tool& tool : options.tools) {
      write_tool(json, tool);
    }
    json.end_array();
  }
  json.key("audio").object().key("input").object();
  write_pcm_format(json);
  // Unless asked otherwise the client says itself when a turn ends: a soak's rhythm must not hang on the provider's
  // ear.
  json.key("turn_detection");
  if (options.server_vad) {
    json.object().key("type").text("server_vad").end_object();
  } else {
    json.null();
  }
  if (!options.transcription_model.empty()) {
    json.key("transcription").object().key("model").text(options.transcription_model).end_object();
  }
  json.end_object().key("output").object();
  write_pcm_format(json);
  json.key("voice").text(options.voice).end_object();
  return json.end_object().end_object().end_object().take();
}

std::string append_audio_event(std::span<const std::byte> pcm) {
  constexpr std::string_view kHead = R"({"type":"input_audio_buffer.append","audio":")";
  constexpr std::string_view kTail = R"("})";
  std::string event;
  event.reserve(kHead.size() + text::base64_size(pcm.size()) + kTail.size());
  event += kHead;
  text::append_base64(event, pcm);
  event += kTail;
  return event;
}

std::string commit_event(std::string_view event_id) {
  return begin_event("input_audio_buffer.commit", event_id).end_object().take();
}

std::string response_create_event(std::string_view event_id) {
  return begin_event("response.create", event_id).end_object().take();
}

std::string response_cancel_event(std::string_view event_id, std::string_view response_id) {
  return begin_event("response.cancel", event_id).key("response_id").text(response_id).end_object().take();
}

std::string create_item_event(std::string_view event_id, std::string_view item_id, Transcript::Speaker speaker,
                              std::string_view text) {
  if (!text::is_utf8(item_id) || !text::is_utf8(text)) {
    return {};
  }
  const bool user = speaker == Transcript::Speaker::kUser;
  Writer json = begin_event("conversation.item.create", event_id);
  json.key("item").object().key("id").text(item_id).key("type").text("message");
  json.key("role").text(user ? "user" : "assistant").key("content").array().object();
  json.key("type").text(user ? "input_text" : "output_text").key("text").text(text);
  return json.end_object().end_array().end_object().end_object().take();
}

std::string tool_result_event(std::string_view event_id, std::string_view call_id, std::string_view result) {
  if (!text::is_utf8(call_id) || !text::is_utf8(result)) {
    return {};
  }
  Writer json = begin_event("conversation.item.create", event_id);
  json.key("item").object().key("type").text("function_call_output");
  json.key("call_id").text(call_id).key("output").text(result);
  return json.end_object().end_object().take();
}

std::string truncate_event(std::string_view event_id, std::string_view item_id, std::int64_t audio_end_ms) {
  Writer json = begin_event("conversation.item.truncate", event_id);
  json.key("item_id").text(item_id).key("content_index").integer(0).key("audio_end_ms").integer(audio_end_ms);
  return json.end_object().take();
}

std::optional<ServerEvent> parse_server_event(std::string json, std::vector<std::byte>* audio) {
  const json::Document read(std::move(json));
  const Value& document = read.value();
  const std::string_view type = text_member(document, "type");
  if (type.empty()) {
    return std::nullopt;
  }
  ServerEvent event;
  using Kind = ServerEvent::Kind;
  if (type == "response.output_audio.delta") {
    const Value* delta = member(document, "delta");
    const auto size =
        delta != nullptr && delta->IsString() ? text::decoded_base64_size(json::view(*delta)) : std::nullopt;
    if (!size || (audio != nullptr && !text::decode_base64(json::view(*delta), *audio))) {
      return std::nullopt;
    }
    event.kind = Kind::kAudioDelta;
    event.audio_bytes = *size;
    event.response_id = text_member(document, "response_id");
    event.item_id = text_member(document, "item_id");
  } else if (const TranscriptEvent* const known = find_transcript(type)) {
    const Value* text = member(document, known->final ? "transcript" : "delta");
    if (text == nullptr ? known->final : !text->IsString()) {
      return std::nullopt;  // A delta may be absent.
    }
    event.kind = Kind::kTranscript;
    event.transcript.speaker = known->speaker;
    event.transcript.item_id = text_member(document, "item_id");
    if (text != nullptr) {
      event.transcript.text = json::view(*text);
    }
    event.transcript.final = known->final;
  } else if (type == "input_audio_buffer.speech_started") {
    event.kind = Kind::kSpeechStarted;
  } else if (type == "input_audio_buffer.speech_stopped") {
    event.kind = Kind::kSpeechStopped;
  } else if (type == "input_audio_buffer.committed") {
    event.kind = Kind::kCommitted;
    event.item_id = text_member(document, "item_id");
  } else if (type == "rate_limits.updated") {
    if (!read_rate_limits(member(document, "rate_limits"), event.rate_limits)) {
      return std::nullopt;
    }
    event.kind = Kind::kRateLimits;
  } else if (type == "session.created" || type == "session.updated") {
    const Value* session = member(document, "session");
    if (session == nullptr || !session->IsObject()) {
      return std::nullopt;
    }
    event.kind = type == "session.created" ? Kind::kSessionCreated : Kind::kSessionUpdated;
    event.expires_at = json::integer_member(*session, "expires_at").value_or(0);
  } else if (type == "response.output_item.done") {
    if (!read_output_item(member(document, "item"), event)) {
      return std::nullopt;
    }
    event.response_id = text_member(document, "response_id");
  } else if (type == "response.created" || type == "response.done") {
    const Value* response = member(document, "response");
    if (response == nullptr || !response->IsObject()) {
      return std::nullopt;
    }
    event.kind = type == "response.done" ? Kind::kResponseDone : Kind::kResponseCreated;
    event.response_id = text_member(*response, "id");
    event.response_status = text_member(*response, "status");
    const Value* details = member(*response, "status_details");
    const Value* error = details != nullptr ? member(*details, "error") : nullptr;
    if (error != nullptr && error->IsObject()) {
      read_error(*error, event);
    }
  } else if (type == "error") {
    const Value* error = member(document, "error");
    if (error == nullptr || !error->IsObject()) {
      return std::nullopt;
    }
    event.kind = Kind::kError;
    read_error(*error, event);
    event.error_event_id = text_member(*error, "event_id");
  } else if (is_documented(type)) {
    event.kind = Kind::kOther;
  }
  return event;
}

}  // namespace soak::voice
