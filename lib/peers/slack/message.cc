// SPDX-License-Identifier: Apache-2.0
#include "lib/peers/slack/message.h"

namespace soak::peers {

void write(json::Writer& json, const SlackMessage& message) {
  json.object().key("type").text("message");
  if (message.user.empty()) {
    json.key("subtype").text("bot_message").key("text").text(message.text).key("bot_id").text("B00000001");
  } else {
    json.key("user").text(message.user).key("text").text(message.text);
  }
  json.key("ts").text(message.id);
  if (!message.thread_ts.empty()) {
    json.key("thread_ts").text(message.thread_ts);
  }
  if (!message.username.empty()) {
    json.key("username").text(message.username);
  }
  if (!message.blocks.empty()) {
    json.key("blocks").raw(message.blocks);
  }
  if (!message.attachments.empty()) {
    json.key("attachments").raw(message.attachments);
  }
  if (!message.edited_ts.empty()) {
    json.key("edited").object().key("user").text("B00000001").key("ts").text(message.edited_ts).end_object();
  }
  if (!message.reactions.empty()) {
    json.key("reactions").array();
    for (const std::string& name : message.reactions) {
      json.object().key("name").text(name).key("users").array().text("U00000001").end_array();
      json.key("count").integer(1).end_object();
    }
    json.end_array();
  }
  json.end_object();
}

}  // namespace soak::peers
