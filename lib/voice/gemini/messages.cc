// SPDX-License-Identifier: Apache-2.0
#include "lib/voice/gemini/messages.h"

#include <algorithm>
#include <array>
#include <utility>

#include "lib/json/reader.h"
#include "lib/json/writer.h"
#include "lib/text/base64.h"
#include "lib/text/format.h"
#include "lib/text/number.h"

namespace soak::voice {
namespace {

using json::member;
using json::text_member;
using json::Value;
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
bool read_flag(const Value& object, const char* name, bool& flag) {
  const Value* value = member(object, name);
  if (value == nullptr) {
    return true;
  }
  flag = value->IsTrue();
  return value->IsBool();
}

// False when a part is not what it must be.
bool read_parts(const Value& turn, ServerMessage& message, std::vector<std::byte>* audio) {
  const Value* parts = member(turn, "parts");
  if (parts == nullptr) {
    return true;
  }
  if (!parts->IsArray()) {
    return false;
  }
  for (const Value& part : parts->GetArray()) {
    if (!part.IsObject()) {
      return false;
    }
    const Value* blob = member(part, "inlineData");
    if (blob == nullptr) {
      continue;
    }
    if (!blob->IsObject()) {
      return false;
    }
    const std::string_view data = text_member(*blob, "data");
    const auto size = text::decoded_base64_size(data);
    if (!size) {
      return false;
    }
    if (text_member(*blob, "mimeType").substr(0, 6) != "audio/") {
      continue;
    }
    message.audio_bytes += *size;
    if (audio != nullptr && !text::decode_base64(data, *audio)) {
      return false;
    }
  }
  return true;
}

bool read_content(const Value& content, ServerMessage& message, std::vector<std::byte>* audio) {
  if (!content.IsObject()) {
    return false;
  }
  if (!read_flag(content, "turnComplete", message.turn_complete)) {
    return false;
  }
  if (!read_flag(content, "interrupted", message.interrupted)) {
    return false;
  }
  const Value* turn = member(content, "modelTurn");
  return turn == nullptr || (turn->IsObject() && read_parts(*turn, message, audio));
}

bool read_resumption(const Value& update, ServerMessage& message) {
  bool resumable = false;
  if (!update.IsObject() || !read_flag(update, "resumable", resumable)) {
    return false;
  }
  if (resumable) {
    message.handle = text_member(update, "newHandle");
  }
  return true;
}

bool read_tool_calls(const Value& call, std::vector<ToolCall>& calls) {
  const Value* const functions = call.IsObject() ? member(call, "functionCalls") : nullptr;
  if (functions == nullptr || !functions->IsArray()) {
    return false;
  }
  for (const Value& function : functions->GetArray()) {
    if (!function.IsObject() || text_member(function, "id").empty()) {
      return false;
    }
    const Value* const arguments = member(function, "args");
    if (arguments != nullptr && !arguments->IsObject()) {
      return false;
    }
    calls.push_back({std::string(text_member(function, "id")), std::string(text_member(function, "name")),
                     arguments != nullptr ? Writer().value(*arguments).take() : "{}"});
  }
  return true;
}

bool read_cancelled_calls(const Value& cancellation, std::vector<std::string>& call_ids) {
  const Value* const ids = cancellation.IsObject() ? member(cancellation, "ids") : nullptr;
  if (ids == nullptr || !ids->IsArray()) {
    return false;
  }
  for (const Value& id : ids->GetArray()) {
    if (!id.IsString()) {
      return false;
    }
    call_ids.emplace_back(json::view(id));
  }
  return true;
}

// A function that the model may call. What is no JSON is the provider's to refuse.
void write_tool(Writer& json, const Tool& tool) {
  json.object().key("name").text(tool.name);
  if (!tool.description.empty()) {
    json.key("description").text(tool.description);
  }
  if (!tool.parameters.empty()) {
    json.key("parametersJsonSchema").raw(tool.parameters);
  }
  json.end_object();
}

// "50s", "9.500s". Zero for what is none, or negative: the end may be at any time.
std::chrono::nanoseconds read_duration(std::string_view text) {
  if (text.empty() || text.back() != 's') {
    return {};
  }
  constexpr double kSecondsMax = 1e6;
  const double seconds = text::parse_decimal(text.substr(0, text.size() - 1)).value_or(0);
  return text::from_seconds(std::clamp(seconds, 0.0, kSecondsMax));
}

}  // namespace

std::string setup_message(const GeminiLiveOptions& options, std::string_view handle) {
  Writer json;
  json.object().key("setup").object().key("model").text(options.model);
  json.key("generationConfig").object().key("responseModalities").array().text("AUDIO").end_array().end_object();
  json.key("systemInstruction").object().key("parts").array().object().key("text").text(options.instructions);
  json.end_object().end_array().end_object();
  if (!options.tools.empty()) {
    json.key("tools").array().object().key("functionDeclarations").array();
    for (const Tool& tool : options.tools) {
      write_tool(json, tool);
    }
    json.end_array().end_object().end_array();
  }
  // The client says itself when a turn ends: a soak's rhythm must not hang on the provider's ear.
  json.key("realtimeInputConfig").object();
  json.key("automaticActivityDetection").object().key("disabled").boolean(true).end_object();
  json.key("activityHandling").text(options.interruptible ? "START_OF_ACTIVITY_INTERRUPTS" : "NO_INTERRUPTION");
  json.end_object().key("sessionResumption").object();
  if (!handle.empty()) {
    json.key("handle").text(handle);
  }
  // Without it a session ends after 15 minutes, whatever its connections do.
  json.end_object().key("contextWindowCompression").object().key("slidingWindow").object().end_object();
  return json.end_object().end_object().end_object().take();
}

std::string tool_response_message(std::string_view call_id, std::string_view name, std::string_view result) {
  if (!json::Document(std::string(result)).is_object()) {
    return {};
  }
  Writer json;
  json.object().key("toolResponse").object().key("functionResponses").array().object();
  json.key("id").text(call_id).key("name").text(name).key("response").raw(result);
  return json.end_object().end_array().end_object().end_object().take();
}

std::string audio_message(std::span<const std::byte> pcm) {
  constexpr std::string_view kHead = R"({"realtimeInput":{"audio":{"mimeType":"audio/pcm;rate=16000","data":")";
  constexpr std::string_view kTail = R"("}}})";
  std::string message;
  message.reserve(kHead.size() + text::base64_size(pcm.size()) + kTail.size());
  message += kHead;
  text::append_base64(message, pcm);
  message += kTail;
  return message;
}

std::optional<ServerMessage> parse_server_message(std::string text, std::vector<std::byte>* audio) {
  const json::Document read(std::move(text));
  if (!read.is_object()) {
    return std::nullopt;
  }
  const Value& document = read.value();
  ServerMessage message;
  for (const char* const name : kMembers) {
    message.known = message.known || member(document, name) != nullptr;
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
