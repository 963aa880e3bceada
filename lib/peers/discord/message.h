// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_DISCORD_MESSAGE_H_
#define SOAK_LIB_PEERS_DISCORD_MESSAGE_H_

// A message of Discord's, as the fake keeps it and as its API writes it.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/json/writer.h"

namespace soak::peers {

inline constexpr std::string_view kDiscordGuild = "1000000000000000001";

struct DiscordMessage {
  struct Reaction {
    std::string emoji;  // "🔥", or "name:id".
    bool by_bot = false;
  };

  struct Attachment {
    std::string id;
    std::string json;
  };

  std::string conversation;  // The id of its channel or thread.
  std::string id;
  std::string author_id;
  std::string author_name;
  std::string webhook_id;  // Empty unless a webhook posted it.
  std::string content;
  std::string nonce;          // As JSON; empty if it has none.
  std::string embeds = "[]";  // As JSON.
  std::vector<Attachment> attachments;
  std::string replies_to;  // A message's id; empty if it is no reply.
  bool tts = false;
  std::string timestamp;
  std::string edited_timestamp;
  std::vector<Reaction> reactions;
};

// `replied_to`: the message that it is a reply to; null if it is none, or is gone.
void write(json::Writer& json, const DiscordMessage& message, const DiscordMessage* replied_to);

}  // namespace soak::peers

#endif  // SOAK_LIB_PEERS_DISCORD_MESSAGE_H_
