// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_JSON_PARSER_H_
#define SOAK_LIB_PEERS_JSON_PARSER_H_

// Reads the JSON that clients send to the fakes, within bounds.

#include <rapidjson/document.h>
#include <rapidjson/reader.h>

#include <array>
#include <memory>
#include <optional>
#include <string>

#include "lib/peers/json_field.h"

namespace soak::peers {

// Reads messages, one at a time.
class JsonParser {
 public:
  JsonParser();

  // The object in `text`, of which it makes use: both are needed as long as the value is, and the next parse() ends
  // it. Throws Refusal for what is no JSON, is nested deeper than 64 levels or of more than
  // 65,536 values, or is no object.
  const Value& parse(std::string& text);

 private:
  std::unique_ptr<std::array<char, 16384>> memory_;
  rapidjson::MemoryPoolAllocator<> pool_;
  rapidjson::Reader reader_;
  std::optional<rapidjson::Document> document_;
};

}  // namespace soak::peers

#endif  // SOAK_LIB_PEERS_JSON_PARSER_H_
