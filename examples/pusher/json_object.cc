// SPDX-License-Identifier: Apache-2.0
#include "pusher/json_object.h"

#include <fmt/format.h>

#include <cstddef>

namespace pusher {
namespace {

// Whether JSON is nested deeper than a client has reason to: writing a value back recurses.
bool too_deep(std::string_view json) {
  constexpr std::size_t kDepthMax = 64;
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_string) {
      i += c == '\\' ? 1U : 0U;
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      ++depth;
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
    if (depth > kDepthMax) {
      return true;
    }
  }
  return false;
}

}  // namespace

bool is_utf8(std::string_view text) {
  rapidjson::MemoryStream bytes(text.data(), text.size());
  rapidjson::GenericStringBuffer<rapidjson::UTF8<>> nowhere;
  while (bytes.Tell() < text.size()) {
    if (!rapidjson::UTF8<>::Validate(bytes, nowhere)) {
      return false;
    }
  }
  return true;
}

JsonObject::JsonObject(std::string_view subject, std::string_view text) : subject_(subject) {
  if (too_deep(text)) {
    throw FrameError(fmt::format("{}: JSON that is nested too deep", subject_));
  }
  constexpr unsigned kFlags = rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag;
  document_.Parse<kFlags>(text.data(), text.size());
  if (document_.HasParseError()) {
    throw FrameError(fmt::format("{}: no JSON in UTF-8, wrong at byte {}", subject_, document_.GetErrorOffset()));
  }
  if (!document_.IsObject()) {
    throw FrameError(fmt::format("{}: expected a JSON object", subject_));
  }
}

const rapidjson::Value* JsonObject::find(const char* name) const {
  const auto member = document_.FindMember(name);
  return member == document_.MemberEnd() ? nullptr : &member->value;
}

void JsonObject::wrong(const char* name, const char* expected) const {
  throw FrameError(fmt::format("{}: {}: expected {}", subject_, name, expected));
}

std::string JsonObject::text(const char* name) const {
  const rapidjson::Value* value = find(name);
  if (value == nullptr || !value->IsString()) {
    wrong(name, "a string");
  }
  return {value->GetString(), value->GetStringLength()};
}

std::string JsonObject::text_or_null(const char* name, std::string_view otherwise) const {
  const rapidjson::Value* value = find(name);
  if (value == nullptr || value->IsNull()) {
    return std::string(otherwise);
  }
  if (!value->IsString()) {
    wrong(name, "a string or null");
  }
  return {value->GetString(), value->GetStringLength()};
}

bool JsonObject::flag(const char* name) const {
  const rapidjson::Value* value = find(name);
  if (value == nullptr || value->IsNull()) {
    return false;
  }
  if (!value->IsBool()) {
    wrong(name, "true or false");
  }
  return value->GetBool();
}

// In JSON, true is no number: Python, which the fields are from, takes it for 1.
std::int64_t JsonObject::integer(const char* name, std::int64_t otherwise) const {
  const rapidjson::Value* value = find(name);
  if (value == nullptr) {
    return otherwise;
  }
  if (!value->IsInt64()) {
    wrong(name, "an integer");
  }
  return value->GetInt64();
}

const rapidjson::Value& JsonObject::array(const char* name) const {
  const rapidjson::Value* value = find(name);
  if (value == nullptr || !value->IsArray()) {
    wrong(name, "an array");
  }
  return *value;
}

std::string to_json(const rapidjson::Value& value) {
  JsonObjectWriter::Buffer buffer;
  JsonObjectWriter::Writer writer(buffer);
  value.Accept(writer);
  return {buffer.GetString(), buffer.GetSize()};
}

JsonObjectWriter::Writer& JsonObjectWriter::key(std::string_view name) {
  writer_.Key(name.data(), static_cast<rapidjson::SizeType>(name.size()));
  return writer_;
}

void JsonObjectWriter::text(std::string_view name, std::string_view value) {
  key(name).String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

void JsonObjectWriter::raw(std::string_view name, std::string_view json, rapidjson::Type type) {
  key(name).RawValue(json.data(), json.size(), type);
}

std::string JsonObjectWriter::take() {
  writer_.EndObject();
  return {buffer_.GetString(), buffer_.GetSize()};
}

}  // namespace pusher
