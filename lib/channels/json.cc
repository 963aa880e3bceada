// SPDX-License-Identifier: Apache-2.0
#include "json.h"

#include "seconds.h"

namespace soak::channels::json {

void field(Writer& json, const char* key, std::string_view value) {
  json.Key(key);
  json.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

std::string text_of(const rapidjson::StringBuffer& buffer) { return {buffer.GetString(), buffer.GetSize()}; }

Object::Object(std::string_view text) {
  // Iterative: a hostile depth must not overflow the stack.
  document_.Parse<rapidjson::kParseIterativeFlag>(text.data(), text.size());
  valid_ = !document_.HasParseError() && document_.IsObject();
  if (!valid_) document_.SetObject();
}

const rapidjson::Value* member(const rapidjson::Value& object, const char* name) {
  if (!object.IsObject()) return nullptr;
  const auto found = object.FindMember(name);
  return found == object.MemberEnd() ? nullptr : &found->value;
}

std::string_view text(const rapidjson::Value& object, const char* name) {
  const rapidjson::Value* const value = member(object, name);
  return value != nullptr && value->IsString() ? std::string_view(value->GetString(), value->GetStringLength())
                                               : std::string_view{};
}

bool flag(const rapidjson::Value& object, const char* name) {
  const rapidjson::Value* const value = member(object, name);
  return value != nullptr && value->IsBool() && value->GetBool();
}

std::optional<std::int64_t> integer(const rapidjson::Value& object, const char* name) {
  const rapidjson::Value* const value = member(object, name);
  if (value == nullptr || !value->IsInt64()) return std::nullopt;
  return value->GetInt64();
}

std::optional<std::chrono::nanoseconds> seconds(const rapidjson::Value& object, const char* name) {
  const rapidjson::Value* const value = member(object, name);
  return value != nullptr && value->IsNumber() ? to_wait(value->GetDouble()) : std::nullopt;
}

}  // namespace soak::channels::json
