// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_CHANNELS_SLACK_H_
#define SOAK_CHANNELS_SLACK_H_

// A client of Slack's Web API that posts messages (chat.postMessage).
// Sources: docs.slack.dev, "chat.postMessage", "Rate limits" and "Using token rotation".
//
// A conversation is a channel: "C0123456789". It stays below a message a second in a channel. 429 says in the header
// Retry-After, in whole seconds, how long the channel has to rest; other channels go on. HTTP 200 is no success: `ok`
// in the body says it, and `error` what is wrong: with the message, the channel, the token, or with Slack, when the
// message may have been posted and is uncertain. There is no idempotency key.
//
// A token that expires (token rotation, 12 h) is refreshed once with the refresh token, which is then spent: the answer
// holds the next one, told to `on_refresh`, because a process that starts anew needs it.

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "soak/channels/channel.h"
#include "soak/event_loop.h"

namespace soak::channels {

struct SlackOptions {
  std::string url = "https://slack.com/api";
  std::string token = {};  // "xoxb-..." or "xoxe.xoxb-...": never printed.

  // For token rotation; without a refresh token a token that is refused is a matter of on_credential_refused.
  std::string refresh_token = {};  // "xoxe-..."
  std::string client_id = {};
  std::string client_secret = {};
  std::function<void(const std::string& token, const std::string& refresh_token)> on_refresh = {};

  DeliveryOptions delivery = {};
};

class SlackChannel : public PacedChannel {
 public:
  static constexpr std::size_t kTextMax = 40'000;  // Slack cuts off what is longer.

  // Throws Error(Errc::kInvalidArgument) for options that make no sense.
  SlackChannel(EventLoop& loop, const SlackOptions& options);

  // From the next request on.
  void set_token(std::string token) { set_credential(std::move(token)); }

 private:
  class Rotation;
  SlackChannel(EventLoop& loop, const SlackOptions& options, std::shared_ptr<Rotation> rotation);
};

}  // namespace soak::channels

#endif  // SOAK_CHANNELS_SLACK_H_
