// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_CHANNELS_SLACK_H_
#define SOAK_CHANNELS_SLACK_H_

// A client for Slack's Web API that posts messages (chat.postMessage).
// Sources: docs.slack.dev, "chat.postMessage", "Rate limits" and "Using token rotation".
//
// A conversation is a channel: "C0123456789". The client stays below one message a second in a channel. A 429 gives the
// channel's wait in the header Retry-After, in whole seconds; other channels continue. HTTP 200 does not mean success:
// `ok` in the body does. `error` names the problem: with the message, the channel, the token, or Slack itself. In the
// last case the message may have been posted, and is uncertain. There is no idempotency key.
//
// An expired token (token rotation, 12 h) is refreshed once with the refresh token, which is then used up. The response
// has the next one. `on_refresh` receives it, so that you can store it for the next process.

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

  // For token rotation. Without a refresh token, a refused token goes to on_credential_refused.
  std::string refresh_token = {};  // "xoxe-..."
  std::string client_id = {};
  std::string client_secret = {};
  std::function<void(const std::string& token, const std::string& refresh_token)> on_refresh = {};

  DeliveryOptions delivery = {};
};

class SlackChannel : public PacedChannel {
 public:
  static constexpr std::size_t kTextMax = 40'000;  // Slack truncates longer text.

  // Throws Error(Errc::kInvalidArgument) for invalid options.
  SlackChannel(EventLoop& loop, const SlackOptions& options);

  // Takes effect from the next request on.
  void set_token(std::string token) { set_credential(std::move(token)); }

 private:
  class Rotation;
  SlackChannel(EventLoop& loop, const SlackOptions& options, std::shared_ptr<Rotation> rotation);
};

}  // namespace soak::channels

#endif  // SOAK_CHANNELS_SLACK_H_
