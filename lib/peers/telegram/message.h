// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_TELEGRAM_MESSAGE_H_
#define SOAK_LIB_PEERS_TELEGRAM_MESSAGE_H_

// A message of Telegram's, as the fake keeps it.

#include <cstdint>
#include <string>

#include "lib/json/writer.h"
#include "lib/peers/telegram/formatted_text.h"

namespace soak::peers {

struct TelegramMessage {
  std::string conversation;  // The chat's id or @name.
  std::string id;
  std::string by_user;  // Empty for the bot's own.
  std::int64_t date = 0;
  std::int64_t edit_date = 0;
  FormattedText body;
  std::string inline_keyboard;  // JSON of the reply markup; empty if there is none.
  std::string replies_to;       // Another message's id; empty if it is no reply.
};

void write_chat(json::Writer& json, const std::string& chat);

// The members of a chat, in an object that is open.
void write_chat_members(json::Writer& json, const std::string& chat);

}  // namespace soak::peers

#endif  // SOAK_LIB_PEERS_TELEGRAM_MESSAGE_H_
