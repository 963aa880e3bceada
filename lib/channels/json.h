// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_CHANNELS_JSON_H_
#define SOAK_LIB_CHANNELS_JSON_H_

// JSON as the clients write and read it.

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace soak::channels::json {

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

// Writes a member that is a string.
void field(Writer& json, const char* key, std::string_view value);

std::string text_of(const rapidjson::StringBuffer& buffer);

// An answer that should be an object. What is none, HTML of a proxy, is an object without members.
class Object {
 public:
  explicit Object(std::string_view text);

  bool valid() const { return valid_; }
  const rapidjson::Value& value() const { return document_; }

 private:
  rapidjson::Document document_;
  bool valid_;
};

// Null when it is absent.
const rapidjson::Value* member(const rapidjson::Value& object, const char* name);

// A string member; empty when it is absent or something else. It lives as long as `object`.
std::string_view text(const rapidjson::Value& object, const char* name);
bool flag(const rapidjson::Value& object, const char* name);
std::optional<std::int64_t> integer(const rapidjson::Value& object, const char* name);
// A member that is a number of seconds, with a fraction or without.
std::optional<std::chrono::nanoseconds> seconds(const rapidjson::Value& object, const char* name);

}  // namespace soak::channels::json

#endif  // SOAK_LIB_CHANNELS_JSON_H_
