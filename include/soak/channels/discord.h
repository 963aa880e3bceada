// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_CHANNELS_DISCORD_H_
#define SOAK_CHANNELS_DISCORD_H_

// Clients for Discord that send messages through a webhook (Execute Webhook) or as a bot (Create Message).
// Sources: github.com/discord/discord-api-docs, "Webhook", "Message" and "Rate Limits".
//
// Each response includes what is left of its bucket. When nothing is left, the client pauses before it is refused. It
// also stays under 30 messages a minute in a channel, a limit that no header mentions, and under 50 requests a second.
// A 429 gives the wait in the body (retry_after, seconds with a fraction) or, from the edge, in the header, and whether
// it applies to all routes. If the edge blocks the address (HTTP 403 or 429 that is not the API's, "You are being
// blocked", code 40333), all conversations wait: as long as it asks, or ten minutes. Ten thousand refused requests
// (401, 403, 429) in ten minutes get the address banned; the client stops long before that.
//
// A webhook has no idempotency key, so a message without a response is uncertain. A bot's message has one (nonce with
// enforce_nonce), so the client resends it until there is a response, within `nonce_time` of the first request. After
// that Discord may have forgotten the nonce, and the message is uncertain.

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

#include "soak/channels/channel.h"
#include "soak/event_loop.h"

namespace soak::channels {

struct DiscordWebhookOptions {
  std::string url = "https://discord.com/api/v10";
  // The webhook's "<id>/<token>", or its whole URL, whose beginning replaces `url`. A secret: never printed.
  std::string webhook = {};
  // Waits until the message is saved. If false, Discord only confirms that it was accepted, without an id.
  bool wait = true;
  std::uint32_t invalid_requests_max = 5'000;  // In ten minutes; then the client pauses until there are fewer.
  DeliveryOptions delivery = {};
};

// A conversation is the id of a thread in the webhook's channel, or empty for the channel itself. All of them share the
// webhook's limits. A deleted webhook
// (404 code 10015) or a wrong token (401 code 50027) is a refused credential, and is not tried again.
class DiscordWebhookChannel : public PacedChannel {
 public:
  static constexpr std::size_t kTextMax = 2000;

  // Throws Error(Errc::kInvalidArgument) for invalid options.
  DiscordWebhookChannel(EventLoop& loop, const DiscordWebhookOptions& options);

  // Uses another webhook from the next request on: "<id>/<token>", or a whole URL that begins like the first one's.
  void set_webhook(std::string webhook);
};

struct DiscordBotOptions {
  std::string url = "https://discord.com/api/v10";
  std::string token = {};                      // Without "Bot ". A secret: never printed.
  std::uint32_t invalid_requests_max = 5'000;  // In ten minutes; then the client pauses until there are fewer.
  // How long Discord recognises a nonce: "in the past few minutes" (resources/message, Create Message), of which this
  // is the least. The last resend leaves earlier by http_timeout, so that it arrives in time. 0: no resend of a message
  // that may have arrived.
  std::chrono::nanoseconds nonce_time = std::chrono::minutes{2};
  DeliveryOptions delivery = {};
};

// A conversation is the id of a channel.
class DiscordBotChannel : public PacedChannel {
 public:
  static constexpr std::size_t kTextMax = 2000;

  // Throws Error(Errc::kInvalidArgument) for invalid options.
  DiscordBotChannel(EventLoop& loop, const DiscordBotOptions& options);

  // Takes effect from the next request on.
  void set_token(std::string token) { set_credential(std::move(token)); }
};

}  // namespace soak::channels

#endif  // SOAK_CHANNELS_DISCORD_H_
