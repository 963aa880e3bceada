// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_CHANNELS_TELEGRAM_H_
#define SOAK_CHANNELS_TELEGRAM_H_

// A client for the Telegram Bot API that sends messages (sendMessage).
// Sources: core.telegram.org/bots/api; the server's own, github.com/tdlib/telegram-bot-api; core.telegram.org/bots/faq,
// "My bot is hitting limits".
//
// A conversation is a chat: its number, or "@name". The client stays below one message a second in a chat, 20 a minute
// in a group (a chat with a negative number), and 30 a second overall. A 429 gives the chat's wait in
// parameters.retry_after, in seconds; older servers give it only in the header or in the text. The API has no
// idempotency key, so a message without a response is uncertain. If a group becomes a supergroup, the client follows it
// to its new number.

#include <string>
#include <utility>

#include "soak/channels/channel.h"
#include "soak/event_loop.h"

namespace soak::channels {

struct TelegramOptions {
  std::string url = "https://api.telegram.org";
  std::string token = {};  // "<bot id>:<secret>". Part of every request's path, and never printed.
  DeliveryOptions delivery = {};
};

class TelegramChannel : public PacedChannel {
 public:
  static constexpr std::size_t kTextMax = 4096;  // UTF-16 units.

  // Throws Error(Errc::kInvalidArgument) for invalid options.
  TelegramChannel(EventLoop& loop, const TelegramOptions& options);

  // Takes effect from the next request on.
  void set_token(std::string token) { set_credential(std::move(token)); }
};

}  // namespace soak::channels

#endif  // SOAK_CHANNELS_TELEGRAM_H_
