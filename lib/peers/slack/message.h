// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_SLACK_MESSAGE_H_
#define SOAK_LIB_PEERS_SLACK_MESSAGE_H_

// A message of Slack's, as the fake keeps it.

#include <string>
#include <vector>

#include "lib/json/writer.h"

namespace soak::peers {

struct SlackMessage {
  std::string conversation;  // The channel's id.
  std::string id;            // Its ts.
  std::string user;          // Empty for the bot's own.
  std::string text;
  std::string blocks;       // JSON of the array; empty if it has none.
  std::string attachments;  // Likewise.
  std::string thread_ts;    // Empty outside of a thread.
  std::string edited_ts;    // Empty unless it was edited.
  std::string username;
  std::vector<std::string> reactions;
};

void write(json::Writer& json, const SlackMessage& message);

}  // namespace soak::peers

#endif  // SOAK_LIB_PEERS_SLACK_MESSAGE_H_
