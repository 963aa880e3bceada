// SPDX-License-Identifier: Apache-2.0
#include "openai_events.h"

#include <array>

#include "base64.h"
#include "json.h"

namespace soak::voice {
namespace {

using json::field;
using json::member;
using json::text_member;
using json::text_of;
using json::Writer;

void pcm_format(Writer& json) {
  json.Key("format");
  json.StartObject();
  field(json, "type", "audio/pcm");
  json.Key("rate");
  json.Int(24000);
  json.EndObject();
}

std::string bare_event(std::string_view type, std::string_view event_id) {
  rapidjson::StringBuffer buffer;
  Writer json(buffer);
  json.StartObject();
  field(json, "type", type);
  field(json, "event_id", event_id);
  json.EndObject();
  return text_of(buffer);
}

// Server events of the API that need no answer and carry nothing the client keeps.
constexpr std::array<std::string_view, 22> kOtherEvents = {
    "conversation.created",
    "conversation.item.added",
    "conversation.item.done",
    "conversation.item.truncated",
    "conversation.item.deleted",
    "conversation.item.retrieved",
    "conversation.item.input_audio_transcription.delta",
    "conversation.item.input_audio_transcription.completed",
    "conversation.item.input_audio_transcription.failed",
    "input_audio_buffer.committed",
    "input_audio_buffer.cleared",
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.timeout_triggered",
    "rate_limits.updated",
    "response.created",
    "response.output_item.added",
    "response.output_item.done",
    "response.content_part.added",
    "response.content_part.done",
    "response.output_audio.done",
    "response.output_audio_transcript.done",
};

// Their deltas and the like, by prefix: the client has no use for text.
constexpr std::array<std::string_view, 3> kOtherPrefixes = {
    "response.output_audio_transcript.", "response.output_text.", "response.function_call_arguments."};

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
  rapidjson::StringBuffer buffer;
  Writer json(buffer);
  json.StartObject();
  field(json, "type", "session.update");
  field(json, "event_id", event_id);
  json.Key("session");
  json.StartObject();
  field(json, "type", "realtime");
  json.Key("output_modalities");
  json.StartArray();
  json.String("audio");
  json.EndArray();
  field(json, "instructions", options.instructions);
  json.Key("audio");
  json.StartObject();
  json.Key("input");
  json.StartObject();
  pcm_format(json);
  // The client says itself when a turn ends: a soak's rhythm must not hang on the provider's ear.
  json.Key("turn_detection");
  json.Null();
  json.EndObject();
  json.Key("output");
  json.StartObject();
  pcm_format(json);
  field(json, "voice", options.voice);
  json.EndObject();
  json.EndObject();
  json.EndObject();
  json.EndObject();
  return text_of(buffer);
}

std::string append_audio_event(std::span<const std::byte> pcm) {
  constexpr std::string_view kHead = R"({"type":"input_audio_buffer.append","audio":")";
  constexpr std::string_view kTail = R"("})";
  std::string event;
  event.reserve(kHead.size() + (pcm.size() + 2) / 3 * 4 + kTail.size());
  event += kHead;
  append_base64(event, pcm);
  event += kTail;
  return event;
}

std::string commit_event(std::string_view event_id) { return bare_event("input_audio_buffer.commit", event_id); }

std::string response_create_event(std::string_view event_id) { return bare_event("response.create", event_id); }

std::optional<ServerEvent> parse_server_event(std::string_view json) {
  rapidjson::Document document;
  if (!json::parse_object(document, json)) {
    return std::nullopt;
  }
  const std::string_view type = text_member(document, "type");
  if (type.empty()) {
    return std::nullopt;
  }
  ServerEvent event;
  using Kind = ServerEvent::Kind;
  if (type == "response.output_audio.delta") {
    const rapidjson::Value* delta = member(document, "delta");
    const auto size = delta != nullptr && delta->IsString()
                          ? base64_size({delta->GetString(), delta->GetStringLength()})
                          : std::nullopt;
    if (!size) {
      return std::nullopt;
    }
    event.kind = Kind::kAudioDelta;
    event.audio_bytes = *size;
  } else if (type == "session.created" || type == "session.updated") {
    const rapidjson::Value* session = member(document, "session");
    if (session == nullptr || !session->IsObject()) {
      return std::nullopt;
    }
    event.kind = type == "session.created" ? Kind::kSessionCreated : Kind::kSessionUpdated;
    const rapidjson::Value* expires_at = member(*session, "expires_at");
    event.expires_at = expires_at != nullptr && expires_at->IsInt64() ? expires_at->GetInt64() : 0;
  } else if (type == "response.done") {
    const rapidjson::Value* response = member(document, "response");
    if (response == nullptr || !response->IsObject()) {
      return std::nullopt;
    }
    event.kind = Kind::kResponseDone;
    event.response_status = text_member(*response, "status");
  } else if (type == "error") {
    const rapidjson::Value* error = member(document, "error");
    if (error == nullptr || !error->IsObject()) {
      return std::nullopt;
    }
    event.kind = Kind::kError;
    event.error_code = text_member(*error, "code");
    event.error_event_id = text_member(*error, "event_id");
    event.error_text = std::string(text_member(*error, "type"));
    if (!event.error_code.empty()) {
      event.error_text += "/" + event.error_code;
    }
    event.error_text += ": " + std::string(text_member(*error, "message"));
  } else if (is_documented(type)) {
    event.kind = Kind::kOther;
  }
  return event;
}

}  // namespace soak::voice
