// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_CHANNELS_TELEGRAM_H_
#define SOAK_CHANNELS_TELEGRAM_H_

// A client of the Telegram Bot API that sends messages (sendMessage).
// Sources: core.telegram.org/bots/api; the server's own, github.com/tdlib/telegram-bot-api; core.telegram.org/bots/faq,
// "My bot is hitting limits".
//
// A conversation is a chat: its number, or "@name". Limits it stays below: a message a second in a chat, 20 a minute in
// a group (a chat whose number is negative), 30 a second in all. 429 says in parameters.retry_after, in seconds, how
// long the chat has to rest; older servers in the header or the text alone. The API takes no idempotency key: a message
// whose answer did not come is uncertain. A group that has become a supergroup is followed to its new number.

#include <string>
#include <utility>

#include "soak/channels/channel.h"
#include "soak/event_loop.h"

namespace soak::channels {

struct TelegramOptions {
  std::string url = "https://api.telegram.org";
  std::string token = {};  // "<bot id>:<secret>". It stands in the path of each request: never printed.
  DeliveryOptions delivery = {};
};

class TelegramChannel : public PacedChannel {
 public:
  static constexpr std::size_t kTextMax = 4096;  // UTF-16 units.

  // Throws Error(Errc::kInvalidArgument) for options that make no sense.
  TelegramChannel(EventLoop& loop, const TelegramOptions& options);

  // From the next request on.
  void set_token(std::string token) { set_credential(std::move(token)); }
};

}  // namespace soak::channels

#endif  // SOAK_CHANNELS_TELEGRAM_H_
