// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_JSON_JSON_H_
#define SOAK_LIB_JSON_JSON_H_

// JSON as the clients write and read it.

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <string>
#include <string_view>

namespace soak::json {

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

// Writes a member that is a string.
void field(Writer& json, const char* key, std::string_view value);

std::string text_of(const rapidjson::StringBuffer& buffer);

// Reads an object into `document`; false for anything else. It makes use of `text`, which `document` needs.
[[nodiscard]] bool parse_object(rapidjson::Document& document, std::string& text);

// Null when it is absent.
const rapidjson::Value* member(const rapidjson::Value& object, const char* name);

// A string member; empty when it is absent, null or something else. It lives as long as `object`.
std::string_view text_member(const rapidjson::Value& object, const char* name);

}  // namespace soak::json

#endif  // SOAK_LIB_JSON_JSON_H_
