// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_OPENAI_JSON_H_
#define SOAK_LIB_PEERS_OPENAI_JSON_H_

// The frame of what the fake of OpenAI Realtime writes.

#include <string>
#include <string_view>

#include "lib/json/writer.h"
#include "lib/peers/ids.h"
#include "lib/peers/json_field.h"

namespace soak::peers::openai {

// A server event: an object, left open, with `type` and `event_id`.
class EventJson : public json::Writer {
 public:
  EventJson(Ids& ids, std::string_view type) {
    object().key("type").text(type).key("event_id").text(ids.next("event_"));
  }

  // Closes the object of the event.
  std::string end_event() { return end_object().take(); }
};

// {"type":...,"code":...,"message":...,"param":...}, left open.
void begin_error(json::Writer& json, const Refusal& refusal);

}  // namespace soak::peers::openai

#endif  // SOAK_LIB_PEERS_OPENAI_JSON_H_
