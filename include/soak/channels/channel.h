// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_CHANNELS_CHANNEL_H_
#define SOAK_CHANNELS_CHANNEL_H_

// The interface of every channel client: deliver a message to a conversation, and report the outcome. One driver can
// soak them all.
//
// The clients of all providers are PacedChannels. A PacedChannel keeps the order of a conversation: it sends a message
// once the previous one is delivered or given up. It stays below the provider's published limits. It waits at least as
// long as the provider asks (Retry-After, in the provider's own place and unit), plus a little, and backs off with
// jitter. It resends a message that certainly did not arrive. It does not resend one that may have arrived, unless the
// provider can recognise the duplicate. A rejected message fails alone. A conversation that is gone fails its own
// messages. A refused credential stops everything until there is a new one. A refusal is believed once a second request
// on another connection, two seconds later, has confirmed it; an HTML page is a proxy's and refuses nothing.
//
// Use a channel on the thread of its EventLoop. It remembers the provider's windows and limits, so create one and keep
// it. It never prints secrets, and removes them from the provider's messages.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "soak/backoff.h"
#include "soak/event_loop.h"
#include "soak/task.h"

namespace soak::channels {

enum class DeliveryOutcome : std::uint8_t {
  kDelivered,  // The provider acknowledged the message.
  kFailed,     // The provider does not have it, and will not get it.
  kUncertain,  // Unknown: no response came, or an ambiguous one. The client does not resend it.
};

// "delivered", "failed", "uncertain".
std::string_view to_string(DeliveryOutcome outcome);

struct Delivery {
  Delivery() = default;
  Delivery(DeliveryOutcome what, std::string text) : outcome(what), id(), why(std::move(text)) {}

  DeliveryOutcome outcome = DeliveryOutcome::kFailed;
  std::string id;                    // The provider's id for the message; empty if it gave none.
  std::string why;                   // "telegram: 403 Forbidden: bot was blocked by the user"; empty when delivered.
  std::uint32_t requests = 0;        // How many requests it took.
  std::chrono::nanoseconds took{0};  // Since send().
};

// What a channel has done since it was built. A message is settled when send() has returned.
struct ChannelCounters {
  std::uint64_t sent = 0;  // Settled messages: delivered, failed or uncertain.
  std::uint64_t ok = 0;
  std::uint64_t failed = 0;
  std::uint64_t uncertain = 0;
  std::uint64_t resolved = 0;  // Delivered or failed after a resend with their nonce resolved an unknown outcome.

  std::uint64_t requests = 0;              // For messages, counting each attempt.
  std::uint64_t retries = 0;               // Of requests: not the first for their message.
  std::uint64_t rate_limited = 0;          // Responses with status 429, and Slack's equivalents in a 200.
  std::uint64_t max_consecutive_429s = 0;  // The longest run of them, over all conversations.
  std::uint64_t first_429s = 0;            // 429s before any other outcome of a request.
  std::uint64_t last_429s = 0;             // 429s since the last other outcome.
  std::uint64_t waits_obeyed = 0;          // Requests delayed by a Retry-After.
  std::uint64_t early_requests = 0;        // Sent before a Retry-After allowed it: a defect.

  // Responses of the provider with status 401 or 403, and Slack's equivalent errors. Once the credential is replaced,
  // its refusals count in `rotation_refusals` instead; once it is accepted after all, in `wrong_refusals`.
  std::uint64_t auth_failures = 0;
  std::uint64_t rotation_refusals = 0;
  std::uint64_t wrong_refusals = 0;
  std::uint64_t rotations = 0;  // Replaced credentials.
};

// Delivery options common to all providers.
struct DeliveryOptions {
  std::string ca_file = {};  // For an https: url: PEM file of the CAs to trust instead of the system's.
  std::chrono::nanoseconds http_timeout = std::chrono::seconds{15};  // For a request, from connecting to the last byte.
  // False sends as fast as the provider responds, for measurements; allowed for a loopback url only.
  bool pacing = true;
  // After a request that failed without a time to wait.
  BackoffOptions backoff = {.initial = std::chrono::seconds{1}, .max = std::chrono::seconds{60}};
  std::uint32_t requests_max = 8;  // Per message.
  // If the provider's windows keep a message from being sent within this time after send(), it fails at once. Windows
  // of two hours have been seen.
  std::chrono::nanoseconds give_up_after = std::chrono::hours{3};
  std::size_t queue_max = 10'000;  // Unsettled messages; one more fails at once.
  // How long a message waits for a new credential after a refusal; longer if the provider asks a refresh to wait. Once
  // the first message has waited in vain, the others fail at once until there is one.
  std::chrono::nanoseconds credential_timeout = std::chrono::seconds{30};
  // Called when the credential was refused, by one message while the others wait. Returns the new credential. If
  // it returns an empty string, because it does not have one yet, or throws, it is called again after `backoff`, as
  // long as messages come. If null, only set_token() or set_webhook() can replace it.
  std::function<Task<std::string>()> on_credential_refused = {};
};

class Channel {
 public:
  virtual ~Channel() = default;
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  // "telegram": for titles and messages.
  virtual std::string_view provider() const = 0;

  // Delivers `text` (UTF-8) to `conversation`: a chat, a channel, a thread. Returns when the message is settled, after
  // any wait that the provider asks for. Does not throw for the provider's errors. If cancelled, the message is
  // dropped, and whether it was sent is unknown.
  virtual Task<Delivery> send(std::string conversation, std::string text) = 0;

  // Throws Error(Errc::kInvalidArgument) if no message can be sent to `conversation`: a Telegram chat "abc".
  virtual void check_conversation(std::string_view /*conversation*/) const {}

  virtual const ChannelCounters& counters() const = 0;

 protected:
  Channel() = default;
};

class Sender;

class PacedChannel : public Channel {
 public:
  ~PacedChannel() override;

  std::string_view provider() const override;
  Task<Delivery> send(std::string conversation, std::string text) override;
  void check_conversation(std::string_view conversation) const override;
  const ChannelCounters& counters() const override;

 protected:
  explicit PacedChannel(std::unique_ptr<Sender> sender);
  // Uses a new secret from the next request on. Messages that wait for one continue. After a refusal the same secret
  // may be set again, to try again.
  void set_credential(std::string credential);

 private:
  std::unique_ptr<Sender> sender_;
};

}  // namespace soak::channels

#endif  // SOAK_CHANNELS_CHANNEL_H_
