// SPDX-License-Identifier: Apache-2.0
#include "lib/voice/openai/events.h"

#include <array>

#include "lib/json/json.h"
#include "lib/voice/base64.h"

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
constexpr std::array<std::string_view, 14> kOtherEvents = {
    "conversation.created",
    "conversation.item.added",
    "conversation.item.done",
    "conversation.item.truncated",
    "conversation.item.deleted",
    "conversation.item.retrieved",
    "conversation.item.input_audio_transcription.failed",
    "input_audio_buffer.cleared",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.timeout_triggered",
    "response.output_item.added",
    "response.content_part.added",
    "response.content_part.done",
    "response.output_audio.done",
};

// Their deltas and the like, by prefix: the client asks for audio, and takes a call from its item when that is done.
constexpr std::array<std::string_view, 2> kOtherPrefixes = {"response.output_text.",
                                                            "response.function_call_arguments."};

// An event with text that came from elsewhere, and is checked: a frame that is no UTF-8 would end the connection.
class CheckedEvent {
 public:
  using Json = rapidjson::Writer<rapidjson::StringBuffer, rapidjson::UTF8<>, rapidjson::UTF8<>, rapidjson::CrtAllocator,
                                 rapidjson::kWriteValidateEncodingFlag>;

  CheckedEvent(std::string_view type, std::string_view event_id) {
    json_.StartObject();
    field("type", type);
    field("event_id", event_id);
  }

  void field(std::string_view name, std::string_view value) {
    json_.Key(name.data(), static_cast<rapidjson::SizeType>(name.size()));
    valid_ = json_.String(value.data(), static_cast<rapidjson::SizeType>(value.size())) && valid_;
  }
  void object(std::string_view name) {
    json_.Key(name.data(), static_cast<rapidjson::SizeType>(name.size()));
    json_.StartObject();
  }
  void end_object() { json_.EndObject(); }
  Json& json() { return json_; }

  // Closes it. Empty if a text is no UTF-8.
  std::string end() {
    json_.EndObject();
    return valid_ ? text_of(buffer_) : std::string();
  }

 private:
  rapidjson::StringBuffer buffer_;
  Json json_{buffer_};
  bool valid_ = true;
};

// A function that the model may call. What is no JSON is the provider's to refuse.
void write_tool(Writer& json, const Tool& tool) {
  json.StartObject();
  field(json, "type", "function");
  field(json, "name", tool.name);
  if (!tool.description.empty()) {
    field(json, "description", tool.description);
  }
  if (!tool.parameters.empty()) {
    json.Key("parameters");
    json.RawValue(tool.parameters.data(), tool.parameters.size(), rapidjson::kObjectType);
  }
  json.EndObject();
}

// An item of a response that is done: a call, if it is a whole one. False when it is no item.
bool read_output_item(const rapidjson::Value* item, ServerEvent& event) {
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
bool read_rate_limits(const rapidjson::Value* limits, std::vector<RateLimit>& out) {
  if (limits == nullptr || !limits->IsArray()) {
    return false;
  }
  for (const rapidjson::Value& limit : limits->GetArray()) {
    if (!limit.IsObject()) {
      return false;
    }
    const rapidjson::Value* most = member(limit, "limit");
    const rapidjson::Value* remaining = member(limit, "remaining");
    const rapidjson::Value* seconds = member(limit, "reset_seconds");
    if (most == nullptr || remaining == nullptr || !most->IsInt64() || !remaining->IsInt64()) {
      return false;
    }
    // A day at most: it is a number that somebody else chose.
    const bool plausible =
        seconds != nullptr && seconds->IsNumber() && seconds->GetDouble() >= 0 && seconds->GetDouble() <= 86'400;
    const std::chrono::duration<double> resets(plausible ? seconds->GetDouble() : 0);
    out.push_back({std::string(text_member(limit, "name")), most->GetInt64(), remaining->GetInt64(),
                   std::chrono::duration_cast<std::chrono::nanoseconds>(resets)});
  }
  return true;
}

void read_error(const rapidjson::Value& error, ServerEvent& event) {
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
  if (!options.tools.empty()) {
    json.Key("tools");
    json.StartArray();
    for (const Tool& tool : options.tools) {
      write_tool(json, tool);
    }
    json.EndArray();
  }
  json.Key("audio");
  json.StartObject();
  json.Key("input");
  json.StartObject();
  pcm_format(json);
  // Unless asked otherwise the client says itself when a turn ends: a soak's rhythm must not hang on the provider's
  // ear.
  json.Key("turn_detection");
  if (options.server_vad) {
    json.StartObject();
    field(json, "type", "server_vad");
    json.EndObject();
  } else {
    json.Null();
  }
  if (!options.transcription_model.empty()) {
    json.Key("transcription");
    json.StartObject();
    field(json, "model", options.transcription_model);
    json.EndObject();
  }
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

std::string response_cancel_event(std::string_view event_id, std::string_view response_id) {
  rapidjson::StringBuffer buffer;
  Writer json(buffer);
  json.StartObject();
  field(json, "type", "response.cancel");
  field(json, "event_id", event_id);
  field(json, "response_id", response_id);
  json.EndObject();
  return text_of(buffer);
}

std::string create_item_event(std::string_view event_id, std::string_view item_id, Transcript::Speaker speaker,
                              std::string_view text) {
  const bool user = speaker == Transcript::Speaker::kUser;
  CheckedEvent event("conversation.item.create", event_id);
  event.object("item");
  event.field("id", item_id);
  event.field("type", "message");
  event.field("role", user ? "user" : "assistant");
  event.json().Key("content");
  event.json().StartArray();
  event.json().StartObject();
  event.field("type", user ? "input_text" : "output_text");
  event.field("text", text);
  event.end_object();
  event.json().EndArray();
  event.end_object();
  return event.end();
}

std::string tool_result_event(std::string_view event_id, std::string_view call_id, std::string_view result) {
  CheckedEvent event("conversation.item.create", event_id);
  event.object("item");
  event.field("type", "function_call_output");
  event.field("call_id", call_id);
  event.field("output", result);
  event.end_object();
  return event.end();
}

std::string truncate_event(std::string_view event_id, std::string_view item_id, std::int64_t audio_end_ms) {
  rapidjson::StringBuffer buffer;
  Writer json(buffer);
  json.StartObject();
  field(json, "type", "conversation.item.truncate");
  field(json, "event_id", event_id);
  field(json, "item_id", item_id);
  json.Key("content_index");
  json.Int(0);
  json.Key("audio_end_ms");
  json.Int64(audio_end_ms);
  json.EndObject();
  return text_of(buffer);
}

std::optional<ServerEvent> parse_server_event(std::string json, std::vector<std::byte>* audio) {
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
    if (!size || (audio != nullptr && !decode_base64({delta->GetString(), delta->GetStringLength()}, *audio))) {
      return std::nullopt;
    }
    event.kind = Kind::kAudioDelta;
    event.audio_bytes = *size;
    event.response_id = text_member(document, "response_id");
    event.item_id = text_member(document, "item_id");
  } else if (const TranscriptEvent* const known = find_transcript(type)) {
    const rapidjson::Value* text = member(document, known->final ? "transcript" : "delta");
    if (text == nullptr ? known->final : !text->IsString()) {
      return std::nullopt;  // A delta may be absent.
    }
    event.kind = Kind::kTranscript;
    event.transcript.speaker = known->speaker;
    event.transcript.item_id = text_member(document, "item_id");
    if (text != nullptr) {
      event.transcript.text.assign(text->GetString(), text->GetStringLength());
    }
    event.transcript.final = known->final;
  } else if (type == "input_audio_buffer.speech_started") {
    event.kind = Kind::kSpeechStarted;
  } else if (type == "input_audio_buffer.committed") {
    event.kind = Kind::kCommitted;
    event.item_id = text_member(document, "item_id");
  } else if (type == "rate_limits.updated") {
    if (!read_rate_limits(member(document, "rate_limits"), event.rate_limits)) {
      return std::nullopt;
    }
    event.kind = Kind::kRateLimits;
  } else if (type == "session.created" || type == "session.updated") {
    const rapidjson::Value* session = member(document, "session");
    if (session == nullptr || !session->IsObject()) {
      return std::nullopt;
    }
    event.kind = type == "session.created" ? Kind::kSessionCreated : Kind::kSessionUpdated;
    const rapidjson::Value* expires_at = member(*session, "expires_at");
    event.expires_at = expires_at != nullptr && expires_at->IsInt64() ? expires_at->GetInt64() : 0;
  } else if (type == "response.output_item.done") {
    if (!read_output_item(member(document, "item"), event)) {
      return std::nullopt;
    }
    event.response_id = text_member(document, "response_id");
  } else if (type == "response.created" || type == "response.done") {
    const rapidjson::Value* response = member(document, "response");
    if (response == nullptr || !response->IsObject()) {
      return std::nullopt;
    }
    event.kind = type == "response.done" ? Kind::kResponseDone : Kind::kResponseCreated;
    event.response_id = text_member(*response, "id");
    event.response_status = text_member(*response, "status");
    const rapidjson::Value* details = member(*response, "status_details");
    const rapidjson::Value* error = details != nullptr && details->IsObject() ? member(*details, "error") : nullptr;
    if (error != nullptr && error->IsObject()) {
      read_error(*error, event);
    }
  } else if (type == "error") {
    const rapidjson::Value* error = member(document, "error");
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
