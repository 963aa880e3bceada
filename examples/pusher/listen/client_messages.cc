// SPDX-License-Identifier: Apache-2.0
#include "pusher/listen/client_messages.h"

#include "pusher/json_object.h"

namespace pusher::listen {
namespace {

using pusher::FrameError;
using pusher::JsonObject;

std::vector<std::string> strings_of(const JsonObject& json, const char* name) {
  std::vector<std::string> found;
  for (const rapidjson::Value& value : json.array(name).GetArray()) {
    if (!value.IsString()) {
      json.wrong(name, "strings only");
    }
    found.emplace_back(value.GetString(), value.GetStringLength());
  }
  return found;
}

std::string text_of(const rapidjson::Value& segment, const char* name) {
  const auto member = segment.FindMember(name);
  if (member == segment.MemberEnd() || !member->value.IsString()) {
    return {};
  }
  return {member->value.GetString(), member->value.GetStringLength()};
}

double number_of(const rapidjson::Value& segment, const char* name) {
  const auto member = segment.FindMember(name);
  return member == segment.MemberEnd() || !member->value.IsNumber() ? 0 : member->value.GetDouble();
}

}  // namespace

ClientMessage decode_client_message(std::string_view text) {
  const JsonObject json("client message", text);
  const std::string type = json.text("type");
  if (type == "image_chunk") {
    ImageChunk chunk{json.text("id"), json.integer("index", -1), json.integer("total", -1), json.text("data")};
    if (chunk.total < 1 || chunk.total > 1000) {
      json.wrong("total", "a number from 1 to 1000");
    }
    if (chunk.index < 0 || chunk.index >= chunk.total) {
      json.wrong("index", "a number from 0, below total");
    }
    return chunk;
  }
  if (type == "speaker_assigned") {
    return SpeakerAssigned{json.text("person_id"), strings_of(json, "segment_ids")};
  }
  json.wrong("type", "\"image_chunk\" or \"speaker_assigned\"");
}

std::string service_status(std::string_view status) {
  pusher::JsonObjectWriter json;
  json.text("type", "service_status");
  json.text("status", status);
  return json.take();
}

std::vector<SpeechSegment> decode_segments(std::string_view text) {
  const JsonObject json("speech to text", text);
  std::vector<SpeechSegment> segments;
  for (const rapidjson::Value& segment : json.array("segments").GetArray()) {
    if (!segment.IsObject()) {
      json.wrong("segments", "objects only");
    }
    segments.push_back({text_of(segment, "id"), text_of(segment, "speaker"), number_of(segment, "start"),
                        number_of(segment, "end"), pusher::to_json(segment)});
  }
  return segments;
}

std::string encode_segments(const std::vector<SpeechSegment>& segments) {
  std::string list = "[";
  for (const SpeechSegment& segment : segments) {
    list += list.size() > 1 ? "," : "";
    list += segment.json;
  }
  list += "]";
  pusher::JsonObjectWriter json;
  json.text("type", "segments");
  json.raw("segments", list, rapidjson::kArrayType);
  return json.take();
}

std::vector<std::string> decode_ids(std::string_view text) {
  if (text.empty()) {
    return {};
  }
  const JsonObject json("ids", text);
  return strings_of(json, "ids");
}

}  // namespace pusher::listen
