// SPDX-License-Identifier: Apache-2.0
#include "lib/voice/gemini/messages.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

#include "lib/json/json.h"
#include "lib/voice/base64.h"

namespace soak::voice {
namespace {

using json::field;
using json::member;
using json::text_member;
using json::Writer;

// Everything that a message may hold (src/types.ts, LiveServerMessage).
constexpr std::array<const char*, 9> kMembers = {"setupComplete",
                                                 "serverContent",
                                                 "toolCall",
                                                 "toolCallCancellation",
                                                 "goAway",
                                                 "usageMetadata",
                                                 "voiceActivity",
                                                 "sessionResumptionUpdate",
                                                 "voiceActivityDetectionSignal"};

// False for another type; absent is false, as protocol buffers leave out what is false.
bool read_flag(const rapidjson::Value& object, const char* name, bool& flag) {
  const rapidjson::Value* value = member(object, name);
  if (value == nullptr) {
    return true;
  }
  flag = value->IsTrue();
  return value->IsBool();
}

// False when a part is not what it must be.
bool read_parts(const rapidjson::Value& turn, ServerMessage& message, std::vector<std::byte>* audio) {
  const rapidjson::Value* parts = member(turn, "parts");
  if (parts == nullptr) {
    return true;
  }
  if (!parts->IsArray()) {
    return false;
  }
  for (const rapidjson::Value& part : parts->GetArray()) {
    if (!part.IsObject()) {
      return false;
    }
    const rapidjson::Value* blob = member(part, "inlineData");
    if (blob == nullptr) {
      continue;
    }
    if (!blob->IsObject()) {
      return false;
    }
    const std::string_view data = text_member(*blob, "data");
    const auto size = base64_size(data);
    if (!size) {
      return false;
    }
    if (text_member(*blob, "mimeType").substr(0, 6) != "audio/") {
      continue;
    }
    message.audio_bytes += *size;
    if (audio != nullptr && !decode_base64(data, *audio)) {
      return false;
    }
  }
  return true;
}

bool read_content(const rapidjson::Value& content, ServerMessage& message, std::vector<std::byte>* audio) {
  if (!content.IsObject()) {
    return false;
  }
  if (!read_flag(content, "turnComplete", message.turn_complete)) {
    return false;
  }
  if (!read_flag(content, "interrupted", message.interrupted)) {
    return false;
  }
  const rapidjson::Value* turn = member(content, "modelTurn");
  return turn == nullptr || (turn->IsObject() && read_parts(*turn, message, audio));
}

bool read_resumption(const rapidjson::Value& update, ServerMessage& message) {
  bool resumable = false;
  if (!update.IsObject() || !read_flag(update, "resumable", resumable)) {
    return false;
  }
  if (resumable) {
    message.handle = text_member(update, "newHandle");
  }
  return true;
}

bool read_tool_calls(const rapidjson::Value& call, std::vector<ToolCall>& calls) {
  const rapidjson::Value* const functions = call.IsObject() ? member(call, "functionCalls") : nullptr;
  if (functions == nullptr || !functions->IsArray()) {
    return false;
  }
  for (const rapidjson::Value& function : functions->GetArray()) {
    if (!function.IsObject() || text_member(function, "id").empty()) {
      return false;
    }
    const rapidjson::Value* const arguments = member(function, "args");
    if (arguments != nullptr && !arguments->IsObject()) {
      return false;
    }
    rapidjson::StringBuffer buffer;
    Writer json(buffer);
    if (arguments != nullptr) {
      arguments->Accept(json);
    }
    calls.push_back({std::string(text_member(function, "id")), std::string(text_member(function, "name")),
                     arguments != nullptr ? json::text_of(buffer) : "{}"});
  }
  return true;
}

bool read_cancelled_calls(const rapidjson::Value& cancellation, std::vector<std::string>& call_ids) {
  const rapidjson::Value* const ids = cancellation.IsObject() ? member(cancellation, "ids") : nullptr;
  if (ids == nullptr || !ids->IsArray()) {
    return false;
  }
  for (const rapidjson::Value& id : ids->GetArray()) {
    if (!id.IsString()) {
      return false;
    }
    call_ids.emplace_back(id.GetString(), id.GetStringLength());
  }
  return true;
}

// A function that the model may call. What is no JSON is the provider's to refuse.
void write_tool(Writer& json, const Tool& tool) {
  json.StartObject();
  field(json, "name", tool.name);
  if (!tool.description.empty()) {
    field(json, "description", tool.description);
  }
  if (!tool.parameters.empty()) {
    json.Key("parametersJsonSchema");
    json.RawValue(tool.parameters.data(), tool.parameters.size(), rapidjson::kObjectType);
  }
  json.EndObject();
}

// "50s", "9.500s". Zero for what is none, or negative: the end may be at any time.
std::chrono::nanoseconds read_duration(std::string_view text) {
  if (text.empty() || text.back() != 's') {
    return {};
  }
  const std::string number(text.substr(0, text.size() - 1));
  char* end = nullptr;
  const double seconds = std::strtod(number.c_str(), &end);
  constexpr double kLongest = 1e6;
  if (end != number.c_str() + number.size() || !(seconds > 0)) {
    return {};
  }
  return std::chrono::nanoseconds(std::llround(std::min(seconds, kLongest) * 1e9));
}

}  // namespace

std::string setup_message(const GeminiLiveOptions& options, std::string_view handle) {
  rapidjson::StringBuffer buffer;
  Writer json(buffer);
  json.StartObject();
  json.Key("setup");
  json.StartObject();
  field(json, "model", options.model);
  json.Key("generationConfig");
  json.StartObject();
  json.Key("responseModalities");
  json.StartArray();
  json.String("AUDIO");
  json.EndArray();
  json.EndObject();
  json.Key("systemInstruction");
  json.StartObject();
  json.Key("parts");
  json.StartArray();
  json.StartObject();
  field(json, "text", options.instructions);
  json.EndObject();
  json.EndArray();
  json.EndObject();
  if (!options.tools.empty()) {
    json.Key("tools");
    json.StartArray();
    json.StartObject();
    json.Key("functionDeclarations");
    json.StartArray();
    for (const Tool& tool : options.tools) {
      write_tool(json, tool);
    }
    json.EndArray();
    json.EndObject();
    json.EndArray();
  }
  json.Key("realtimeInputConfig");
  json.StartObject();
  // The client says itself when a turn ends: a soak's rhythm must not hang on the provider's ear.
  json.Key("automaticActivityDetection");
  json.StartObject();
  json.Key("disabled");
  json.Bool(true);
  json.EndObject();
  field(json, "activityHandling", options.interruptible ? "START_OF_ACTIVITY_INTERRUPTS" : "NO_INTERRUPTION");
  json.EndObject();
  json.Key("sessionResumption");
  json.StartObject();
  if (!handle.empty()) {
    field(json, "handle", handle);
  }
  json.EndObject();
  // Without it a session ends after 15 minutes, whatever its connections do.
  json.Key("contextWindowCompression");
  json.StartObject();
  json.Key("slidingWindow");
  json.StartObject();
  json.EndObject();
  json.EndObject();
  json.EndObject();
  json.EndObject();
  return json::text_of(buffer);
}

std::string tool_response_message(std::string_view call_id, std::string_view name, std::string_view result) {
  std::string read(result);  // Which parsing makes use of.
  rapidjson::Document checked;
  if (!json::parse_object(checked, read)) {
    return {};
  }
  rapidjson::StringBuffer buffer;
  Writer json(buffer);
  json.StartObject();
  json.Key("toolResponse");
  json.StartObject();
  json.Key("functionResponses");
  json.StartArray();
  json.StartObject();
  field(json, "id", call_id);
  field(json, "name", name);
  json.Key("response");
  json.RawValue(result.data(), result.size(), rapidjson::kObjectType);
  json.EndObject();
  json.EndArray();
  json.EndObject();
  json.EndObject();
  return json::text_of(buffer);
}

std::string audio_message(std::span<const std::byte> pcm) {
  constexpr std::string_view kHead = R"({"realtimeInput":{"audio":{"mimeType":"audio/pcm;rate=16000","data":")";
  constexpr std::string_view kTail = R"("}}})";
  std::string message;
  message.reserve(kHead.size() + (pcm.size() + 2) / 3 * 4 + kTail.size());
  message += kHead;
  append_base64(message, pcm);
  message += kTail;
  return message;
}

std::optional<ServerMessage> parse_server_message(std::string text, std::vector<std::byte>* audio) {
  rapidjson::Document document;
  if (!json::parse_object(document, text)) {
    return std::nullopt;
  }
  ServerMessage message;
  for (const char* const name : kMembers) {
    message.known = message.known || document.HasMember(name);
  }
  if (const auto* const complete = member(document, "setupComplete")) {
    if (!complete->IsObject()) {
      return std::nullopt;
    }
    message.setup_complete = true;
  }
  const auto* const content = member(document, "serverContent");
  if (content != nullptr && !read_content(*content, message, audio)) {
    return std::nullopt;
  }
  const auto* const call = member(document, "toolCall");
  if (call != nullptr && !read_tool_calls(*call, message.tool_calls)) {
    return std::nullopt;
  }
  const auto* const cancellation = member(document, "toolCallCancellation");
  if (cancellation != nullptr && !read_cancelled_calls(*cancellation, message.tool_calls_cancelled)) {
    return std::nullopt;
  }
  const auto* const update = member(document, "sessionResumptionUpdate");
  if (update != nullptr && !read_resumption(*update, message)) {
    return std::nullopt;
  }
  if (const auto* const go_away = member(document, "goAway")) {
    if (!go_away->IsObject()) {
      return std::nullopt;
    }
    message.go_away = read_duration(text_member(*go_away, "timeLeft"));
  }
  return message;
}

}  // namespace soak::voice
