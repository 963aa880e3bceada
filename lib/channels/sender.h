// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_CHANNELS_SENDER_H_
#define SOAK_LIB_CHANNELS_SENDER_H_

// How a message is delivered with any provider: in order, at a pace, again where that is safe, once otherwise.

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "lib/channels/credential.h"
#include "lib/channels/pacer.h"
#include "lib/channels/service.h"
#include "soak/channels/channel.h"
#include "soak/event_loop.h"
#include "soak/net/http_client.h"
#include "soak/semaphore.h"
#include "soak/task.h"

namespace soak::channels {

struct SenderOptions : DeliveryOptions {
  SenderOptions(const DeliveryOptions& delivery, std::string where, std::string secret)
      : DeliveryOptions(delivery), url(std::move(where)), credential(std::move(secret)) {}

  std::string url;  // Where requests go: whether pacing may be off.
  std::string credential;
  // How a refused credential is replaced; if null, by on_credential_refused.
  Credential::Replace replace = {};
  // Above it in ten minutes no request goes out until there are fewer; 0 for no bound. The provider bans the address
  // that sends too many requests which it refuses.
  std::uint32_t invalid_requests_max = 0;
};

class Sender {
 public:
  // Throws Error(Errc::kInvalidArgument) for options that make no sense.
  Sender(EventLoop& loop, std::unique_ptr<Service> service, const SenderOptions& options);

  Task<Delivery> send(std::string conversation, std::string text);

  // Throws Error(Errc::kInvalidArgument) where no message to it could be sent.
  void check_conversation(std::string_view conversation) const;
  void set_credential(std::string credential);
  const ChannelCounters& counters() const { return counters_; }
  const Service& service() const { return *service_; }

 private:
  // What a provider counts together: a conversation under all its names, the threads of a webhook.
  struct Limit {
    explicit Limit(Pace pace) : pacer(pace) {}

    bool rested(Instant now) const { return pacer.rested(now) && window.until() <= now && paused_until <= now; }

    Pacer pacer;
    Window window;           // Asked for by a Retry-After.
    Instant paused_until{};  // By the client itself: before a limit that it was told of.
  };

  // What is remembered of a conversation, as long as there is something to remember.
  struct Lane : std::enable_shared_from_this<Lane> {
    Lane(std::shared_ptr<Limit> shared, BackoffOptions options) : limit(std::move(shared)), backoff(options) {}

    Semaphore turn{1};
    std::size_t users = 0;
    std::shared_ptr<Limit> limit;
    Instant paused_until{};   // After a failure.
    std::string gone;         // Why nothing can be delivered to it any more.
    std::string moved_to;     // Where its messages go instead.
    std::string also_called;  // Its other name, if the provider told one.
    Backoff backoff;
  };
  // A conversation with two names has one lane.
  using Lanes = std::map<std::string, std::shared_ptr<Lane>, std::less<>>;
  class LaneUse;

  // What a request has made of its message: empty if it is to be sent again, for the reason in `why`.
  struct Step {
    std::optional<Delivery> settled;
    std::string why;
    bool may_have_arrived = false;
  };

  Task<Delivery> deliver(Lane& lane, Outgoing message, Instant give_up);
  // For how long after its first request a message that may have arrived can be sent again.
  nanoseconds safe_to_resend() const;
  Delivery too_late(std::string_view why) const;
  Task<Step> request(Lane& lane, Outgoing& message);
  Task<net::HttpResponse> exchange(net::HttpRequest request, bool on_a_new_connection);
  Step read(Lane& lane, const Answer& answer, std::uint64_t generation, bool confirming);
  // The message fails, and the next one would.
  Step never(std::string_view why) const;
  std::string why_unusable() const;
  Step unanswered(Lane& lane, bool may_have_arrived, std::string why);
  // Waits until a request may go to `lane`, and for a connection. Nothing where that would be after `give_up`.
  Task<std::optional<Permit>> clear_to_send(Lane& lane, Instant give_up);
  Instant ready_at(const Lane& lane);
  void count_request(const Lane& lane);
  void count(const Answer& answer, std::uint64_t generation);
  void end_row_of_429s();
  void settle(const Delivery& delivery);
  std::string worded(std::string_view why) const;
  std::shared_ptr<Lane> lane_of(const std::string& conversation);
  std::shared_ptr<Limit> limit_of(std::string_view conversation);
  // The provider knows the lane's conversation by another name, too.
  void also_called(Lane& lane, const std::string& name);
  void forget_rested();

  EventLoop& loop_;
  std::unique_ptr<Service> service_;
  const SenderOptions options_;
  net::HttpClient http_;
  // A request that had to wait for a connection would go out whatever the provider has said in the meantime.
  Semaphore connections_;
  Credential credential_;
  Lanes lanes_;
  std::map<std::string, std::shared_ptr<Limit>, std::less<>> limits_;
  Pacer overall_;
  Window window_;                // For all conversations.
  std::deque<Instant> invalid_;  // When the last requests were made that the provider holds against its client.
  ChannelCounters counters_;
  std::size_t unsettled_ = 0;
  std::size_t sweep_at_ = 256;  // Lanes.
  bool only_429s_ = true;       // So far.
  // Refusals of the credential that was refused last, until it is replaced or accepted.
  std::uint64_t refusals_ = 0;
  std::uint64_t refused_replacement_ = 0;  // How often it had been replaced by then.
};

}  // namespace soak::channels

#endif  // SOAK_LIB_CHANNELS_SENDER_H_
