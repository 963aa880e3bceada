// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_CHANNELS_JSON_H_
#define SOAK_LIB_CHANNELS_JSON_H_

// The JSON of a provider's answer.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lib/json/json.h"

namespace soak::channels::json {

using soak::json::field;
using soak::json::text_of;
using soak::json::Writer;

// An answer that should be an object. What is none, HTML of a proxy, is an object without members.
class Object {
 public:
  explicit Object(std::string text);

  bool valid() const { return valid_; }
  const rapidjson::Value& value() const { return document_; }

 private:
  std::string text_;  // The document's strings.
  rapidjson::Document document_;
  bool valid_;
};

// A member of what may be no object; null when it is absent.
const rapidjson::Value* member(const rapidjson::Value& object, const char* name);

// A string member; empty when it is absent or something else. It lives as long as `object`.
std::string_view text(const rapidjson::Value& object, const char* name);
bool flag(const rapidjson::Value& object, const char* name);
std::optional<std::int64_t> integer(const rapidjson::Value& object, const char* name);
// A member that is a number of seconds, with a fraction or without.
std::optional<std::chrono::nanoseconds> seconds(const rapidjson::Value& object, const char* name);

}  // namespace soak::channels::json

#endif  // SOAK_LIB_CHANNELS_JSON_H_
