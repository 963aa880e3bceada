// SPDX-License-Identifier: Apache-2.0
#include "lib/peers/json_parser.h"

#include <fmt/format.h>

namespace soak::peers {

const Value& JsonParser::parse(std::string& text) {
  const Value* const value = reader_.read(text);
  if (value == nullptr) {
    switch (reader_.failure().kind) {
      case json::Failure::Kind::kTooMuch:
        throw Refusal{"invalid_event", "The event has too many values, or is nested too deep.", {}};
      case json::Failure::Kind::kDuplicateName:
        throw Refusal{"invalid_event", "We could not parse the event: an object has two members of one name.", {}};
      case json::Failure::Kind::kNotUtf8:
      case json::Failure::Kind::kSyntax:
        break;
    }
    throw Refusal{"invalid_event", "We could not parse the event: it is not valid JSON.", {}};
  }
  if (!value->IsObject()) {
    throw Refusal{
        "invalid_event", fmt::format("Invalid event: expected an object, but got {} instead.", kind_of(*value)), {}};
  }
  return *value;
}

}  // namespace soak::peers
