// SPDX-License-Identifier: Apache-2.0
#ifndef MESH_JSON_LOOKUP_H_
#define MESH_JSON_LOOKUP_H_

// Members of JSON that somebody else wrote, and that is used as far as it is understood: responses, events. What is
// missing or of another type is empty. Requests are read strictly, by json.h.

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace mesh {

// A null value if it is not JSON.
inline rapidjson::Document parse_json(std::string_view text) {
  rapidjson::Document document;
  document.Parse<rapidjson::kParseIterativeFlag>(text.data(), text.size());
  if (document.HasParseError()) {
    document.SetNull();
  }
  return document;
}

// Null if `value` is no object or has no such member.
inline const rapidjson::Value* member_of(const rapidjson::Value& value, const char* name) {
  if (!value.IsObject()) {
    return nullptr;
  }
  const auto found = value.FindMember(name);
  return found == value.MemberEnd() ? nullptr : &found->value;
}

inline std::string text_of(const rapidjson::Value& object, const char* name) {
  const rapidjson::Value* value = member_of(object, name);
  return value != nullptr && value->IsString() ? std::string(value->GetString(), value->GetStringLength()) : "";
}

inline std::uint64_t number_of(const rapidjson::Value& object, const char* name) {
  const rapidjson::Value* value = member_of(object, name);
  return value != nullptr && value->IsUint64() ? value->GetUint64() : 0;
}

inline bool flag_of(const rapidjson::Value& object, const char* name) {
  const rapidjson::Value* value = member_of(object, name);
  return value != nullptr && value->IsBool() && value->GetBool();
}

// The elements of a list; none if it is no list.
inline rapidjson::Value::ConstArray list_of(const rapidjson::Value& object, const char* name) {
  static const rapidjson::Value none(rapidjson::kArrayType);
  const rapidjson::Value* value = member_of(object, name);
  return value != nullptr && value->IsArray() ? value->GetArray() : none.GetArray();
}

// A value as JSON again.
inline std::string json_of(const rapidjson::Value& value) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  value.Accept(writer);
  return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace mesh

#endif  // MESH_JSON_LOOKUP_H_
