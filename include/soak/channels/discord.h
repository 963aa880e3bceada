// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_CHANNELS_DISCORD_H_
#define SOAK_CHANNELS_DISCORD_H_

// Clients of Discord that send messages: by a webhook (Execute Webhook), and as a bot (Create Message).
// Sources: github.com/discord/discord-api-docs, "Webhook", "Message" and "Rate Limits".
//
// Each answer says how much is left of its bucket; at none left the client rests before it is refused. Below that it
// stays under 30 messages a minute in a channel, which no header tells, and 50 requests a second. 429 says in the body
// (retry_after, seconds with a fraction) or, from the edge, in the header how long, and whether all routes are meant.
// Ten thousand requests in ten minutes that are refused (401, 403, 429) have the address banned: the client stops long
// before.
//
// A webhook has no idempotency key: a message whose answer did not come is uncertain. A bot's message has one (nonce
// with enforce_nonce), so it is sent again until there is an answer.

#include <cstdint>
#include <string>
#include <utility>

#include "soak/channels/channel.h"
#include "soak/event_loop.h"

namespace soak::channels {

struct DiscordWebhookOptions {
  std::string url = "https://discord.com/api/v10";
  // "<id>/<token>" of the webhook, or its whole URL, whose beginning then is `url`. A secret: never printed.
  std::string webhook = {};
  // Waits until the message is saved. Without, Discord only says that it was accepted, and not which id it has.
  bool wait = true;
  std::uint32_t invalid_requests_max = 5'000;  // In ten minutes; then the client rests until there are fewer.
  DeliveryOptions delivery = {};
};

// A conversation is a thread of the webhook's channel, by its id; empty: the channel itself. A webhook that was deleted
// (404 code 10015) or whose token is wrong (401 code 50027) is a credential that was refused: it is not tried again.
class DiscordWebhookChannel : public PacedChannel {
 public:
  static constexpr std::size_t kTextMax = 2000;

  // Throws Error(Errc::kInvalidArgument) for options that make no sense.
  DiscordWebhookChannel(EventLoop& loop, const DiscordWebhookOptions& options);

  // Another webhook, "<id>/<token>" or a whole URL, whose beginning is that of the first one, from the next request on.
  void set_webhook(std::string webhook);
};

struct DiscordBotOptions {
  std::string url = "https://discord.com/api/v10";
  std::string token = {};                      // Without "Bot ". A secret: never printed.
  std::uint32_t invalid_requests_max = 5'000;  // In ten minutes; then the client rests until there are fewer.
  DeliveryOptions delivery = {};
};

// A conversation is a channel, by its id.
class DiscordBotChannel : public PacedChannel {
 public:
  static constexpr std::size_t kTextMax = 2000;

  // Throws Error(Errc::kInvalidArgument) for options that make no sense.
  DiscordBotChannel(EventLoop& loop, const DiscordBotOptions& options);

  // From the next request on.
  void set_token(std::string token) { set_credential(std::move(token)); }
};

}  // namespace soak::channels

#endif  // SOAK_CHANNELS_DISCORD_H_
