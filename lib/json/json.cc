// SPDX-License-Identifier: Apache-2.0
#include "lib/json/json.h"

#include "lib/json/text_stream.h"

namespace soak::json {

void field(Writer& json, const char* key, std::string_view value) {
  json.Key(key);
  json.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

std::string text_of(const rapidjson::StringBuffer& buffer) { return {buffer.GetString(), buffer.GetSize()}; }

bool parse_object(rapidjson::Document& document, std::string& text) {
  // Iterative: a hostile depth must not overflow the stack.
  constexpr unsigned kFlags = rapidjson::kParseInsituFlag | rapidjson::kParseIterativeFlag;
  if (text.find('\0') != std::string::npos) {
    return false;  // The reader would stop there.
  }
  TextStream stream(text);
  document.ParseStream<kFlags, rapidjson::UTF8<>>(stream);
  return !document.HasParseError() && document.IsObject();
}

const rapidjson::Value* member(const rapidjson::Value& object, const char* name) {
  const auto found = object.FindMember(name);
  return found == object.MemberEnd() ? nullptr : &found->value;
}

std::string_view text_member(const rapidjson::Value& object, const char* name) {
  const rapidjson::Value* value = member(object, name);
  return value != nullptr && value->IsString() ? std::string_view(value->GetString(), value->GetStringLength())
                                               : std::string_view{};
}

}  // namespace soak::json
