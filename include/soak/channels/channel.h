// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_CHANNELS_CHANNEL_H_
#define SOAK_CHANNELS_CHANNEL_H_

// What every channel client can do, so that one driver soaks them all: deliver a message to a conversation, and say
// what became of it.
//
// A PacedChannel, which those of all providers are, keeps the order of a conversation: a message is sent when the one
// before it has been delivered or given up. It stays below the provider's published limits, waits for as long as the
// provider asks (Retry-After, in the provider's own place and unit) and a little longer, never less, and backs off with
// jitter. What was refused for sure is sent again; what may have arrived is not, unless the provider can tell that it
// has it already. A message that is refused for good fails alone, a conversation that is gone fails its own messages,
// and a credential that is refused stops all until there is another one.
//
// A channel belongs to one EventLoop and its thread. It holds the provider's windows and limits, so make one and keep
// it: one for each message would forget them. Secrets are never printed: of what a provider says they are cut out.

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

enum class Outcome : std::uint8_t {
  kDelivered,  // The provider says that it has the message.
  kFailed,     // It does not have it, and will not get it.
  kUncertain,  // Nobody knows: no answer came, or one that leaves it open. Not sent again.
};

// "delivered", "failed", "uncertain".
std::string_view name(Outcome outcome);

struct Delivery {
  Delivery() = default;
  Delivery(Outcome what, std::string text) : outcome(what), id(), why(std::move(text)) {}

  Outcome outcome = Outcome::kFailed;
  std::string id;                    // The provider's name for the message; empty if it gave none.
  std::string why;                   // "telegram: 403 Forbidden: bot was blocked by the user"; empty when delivered.
  std::uint32_t requests = 0;        // That it took.
  std::chrono::nanoseconds took{0};  // From send() on.
};

// What a channel has done since it was made. A message is settled when send() has returned.
struct ChannelCounters {
  std::uint64_t sent = 0;  // Messages that are settled: delivered, failed or uncertain.
  std::uint64_t ok = 0;
  std::uint64_t failed = 0;
  std::uint64_t uncertain = 0;
  std::uint64_t resolved = 0;  // Of the others: their outcome was unknown until they were sent again, with their nonce.

  std::uint64_t requests = 0;              // Those of the messages, each try.
  std::uint64_t retries = 0;               // Of those: not the first of their message.
  std::uint64_t rate_limited = 0;          // Responses with status 429.
  std::uint64_t max_consecutive_429s = 0;  // The longest row of them, over all conversations.
  std::uint64_t first_429s = 0;            // Those before any other response, and before a request without one.
  std::uint64_t last_429s = 0;             // Those since.
  std::uint64_t waits_obeyed = 0;          // Requests that were held back by a Retry-After.
  std::uint64_t early_requests = 0;        // Sent before the time that a Retry-After named: a defect.

  // Responses with status 401 or 403, and Slack's errors that stand for one. The refusals of a credential that the next
  // request had replaced are not among them, but `rotation_refusals`.
  std::uint64_t auth_failures = 0;
  std::uint64_t rotation_refusals = 0;
  std::uint64_t rotations = 0;  // Credentials that were replaced.
};

// How messages are delivered, whoever the provider is.
struct DeliveryOptions {
  std::string ca_file = {};  // For an https: url: whom to trust instead of the system's CAs, a PEM file.
  std::chrono::nanoseconds http_timeout = std::chrono::seconds{15};  // A request, from connecting to the last byte.
  // False sends as fast as the provider answers, for measurements: only where the url is of a loopback address.
  bool pacing = true;
  // After a request that failed without a word about when to try again.
  BackoffOptions backoff = {.initial = std::chrono::seconds{1}, .max = std::chrono::seconds{60}};
  std::uint32_t requests_max = 8;  // That a message may take.
  // A message that cannot be sent within that time of send(), because of the windows that the provider named, fails at
  // once. Windows of two hours have been seen.
  std::chrono::nanoseconds give_up_after = std::chrono::hours{3};
  std::size_t queue_max = 10'000;  // Messages that are not settled; one more fails at once.
  // How long a message waits for another credential once it has been refused. When the first one has waited in vain,
  // the others fail at once until there is one.
  std::chrono::nanoseconds credential_timeout = std::chrono::seconds{30};
  // Asked once for each credential that is refused; returns the new one, or nothing. In the meantime every message
  // waits. Null: set_credential() alone replaces it.
  std::function<Task<std::string>()> on_credential_refused = {};
};

class Channel {
 public:
  virtual ~Channel() = default;
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  // "telegram": for titles and messages.
  virtual std::string_view provider() const = 0;

  // Delivers `text` (UTF-8) to `conversation`: a chat, a channel, a thread. Ends when the message is settled, which may
  // take as long as the provider asks to wait. Throws nothing of the provider's; cancelled, the message is gone, and
  // what it may have sent is not known.
  virtual Task<Delivery> send(std::string conversation, std::string text) = 0;

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
  const ChannelCounters& counters() const override;

 protected:
  explicit PacedChannel(std::unique_ptr<Sender> sender);
  // Another secret, from the next request on; messages that wait for one go on.
  void set_credential(std::string credential);

 private:
  std::unique_ptr<Sender> sender_;
};

}  // namespace soak::channels

#endif  // SOAK_CHANNELS_CHANNEL_H_
