// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_JSON_PARSER_H_
#define SOAK_LIB_PEERS_JSON_PARSER_H_

// Reads the JSON that clients send to the fakes.

#include <string>

#include "lib/json/reader.h"
#include "lib/peers/json_field.h"

namespace soak::peers {

// Reads messages, one at a time.
class JsonParser {
 public:
  // The object in `text`, of which it makes use: both are needed as long as the value is, and the next parse() ends
  // it. Throws Refusal for what is no JSON, is nested deeper than 64 levels or of more than 65,536 values, or is no
  // object.
  const Value& parse(std::string& text);

 private:
  json::Reader reader_;
};

}  // namespace soak::peers

#endif  // SOAK_LIB_PEERS_JSON_PARSER_H_
