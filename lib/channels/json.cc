// SPDX-License-Identifier: Apache-2.0
#include "lib/channels/json.h"

#include <utility>

#include "lib/channels/seconds.h"

namespace soak::channels::json {

Object::Object(std::string text) : text_(std::move(text)), valid_(soak::json::parse_object(document_, text_)) {
  if (!valid_) {
    document_.SetObject();
  }
}

const rapidjson::Value* member(const rapidjson::Value& object, const char* name) {
  return object.IsObject() ? soak::json::member(object, name) : nullptr;
}

std::string_view text(const rapidjson::Value& object, const char* name) {
  return object.IsObject() ? soak::json::text_member(object, name) : std::string_view{};
}

bool flag(const rapidjson::Value& object, const char* name) {
  const rapidjson::Value* const value = member(object, name);
  return value != nullptr && value->IsBool() && value->GetBool();
}

std::optional<std::int64_t> integer(const rapidjson::Value& object, const char* name) {
  const rapidjson::Value* const value = member(object, name);
  if (value == nullptr || !value->IsInt64()) {
    return std::nullopt;
  }
  return value->GetInt64();
}

std::optional<std::chrono::nanoseconds> seconds(const rapidjson::Value& object, const char* name) {
  const rapidjson::Value* const value = member(object, name);
  return value != nullptr && value->IsNumber() ? to_wait(value->GetDouble()) : std::nullopt;
}

}  // namespace soak::channels::json
