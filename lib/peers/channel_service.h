// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_CHANNEL_SERVICE_H_
#define SOAK_LIB_PEERS_CHANNEL_SERVICE_H_

// The common part of the Telegram, Slack and Discord fakes: how windows, limits and faults apply to a send. Each
// provider decides how its responses look.

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "lib/peers/arguments.h"
#include "lib/peers/channel_book.h"
#include "lib/peers/ids.h"
#include "lib/peers/json_parser.h"
#include "lib/peers/notices.h"
#include "soak/event_loop.h"
#include "soak/net/http.h"
#include "soak/net/http_server.h"
#include "soak/peers/channel_faults.h"
#include "soak/peers/channel_ledger.h"

namespace soak::peers {

// The outcome of a request: a response or a reset, after a delay.
struct ChannelAnswer {
  ChannelAnswer() = default;
  explicit ChannelAnswer(net::HttpResponse own) : response(std::move(own)) {}

  net::HttpResponse response;
  bool reset = false;
  std::chrono::nanoseconds after{0};
};

// The valid token, and the earlier ones.
class Credential {
 public:
  enum class Standing : std::uint8_t { kValid, kOutdated, kUnknown };

  // If `token` is empty, any token is valid until the first rotation.
  explicit Credential(std::string token) : current_(std::move(token)), any_(current_.empty()) {}

  Standing standing(std::string_view token) const;
  // In the form of ChannelRequest::credential.
  std::uint32_t generation(std::string_view token) const;
  void rotate(std::string token);
  const std::string& current() const { return current_; }
  bool any() const { return any_; }
  std::uint32_t generation() const { return generation_; }

 private:
  std::string current_;
  bool any_;
  bool was_any_ = false;
  std::uint32_t generation_ = 1;
  std::deque<std::string> outdated_;  // Newest first.
};

// A 429 to be sent.
struct RateLimited {
  Scope scope = Scope::kConversation;
  ChannelFaultKind form = ChannelFaultKind::kRateLimited;
  std::chrono::nanoseconds retry_after{0};
  std::string junk = {};  // For kRateLimitedJunk: the value of the header.
};

class ChannelService {
 public:
  const ChannelLedger& ledger() const { return book_.ledger(); }

  // Call it when the head of a send has arrived and its body is not read yet. Returns false if the connection must be
  // reset at this point. Faults go to sends by their order, so if two sends arrive at once, the other one may get this
  // fault. It is then reset after its body was read.
  bool admits_head();

 protected:
  ChannelService(EventLoop& loop, const char* subject, std::uint64_t seed, ChannelFaults* faults,
                 ChannelLedgerOptions ledger_options)
      : loop_(loop),
        subject_(subject),
        ids_(seed),
        book_(loop, std::move(ledger_options)),
        notices_(loop, subject, book_.ledger().not_played, book_.ledger().unknown),
        faults_(faults),
        began_(loop.now()) {}
  ~ChannelService() = default;
  ChannelService(const ChannelService&) = delete;
  ChannelService& operator=(const ChannelService&) = delete;

  // Stores the message, unless a nonce shows that it is stored already. Sets the outcome in `request`, and returns the
  // response.
  using Store = std::function<net::HttpResponse(ChannelRequest& request)>;
  // Serves a valid send: applies limits and faults, and stores it. `safe`: a nonce lets the provider recognise a
  // resend.
  ChannelAnswer serve_send(ChannelRequest& request, bool safe, const Store& store);

  // Serves what is no send, once its credential is accepted: applies the limits, but no fault. `respond` may set the
  // outcome; it is kAnswered otherwise.
  using Respond = std::function<net::HttpResponse(ChannelRequest& request)>;
  ChannelAnswer serve_call(ChannelRequest& request, const Respond& respond);

  // The key of a message with this text, and with this id of its client's; empty if it has none.
  MessageKey key_of(std::string_view text, std::string_view client_id) const;

  // Responds with a 429 to a request inside a Retry-After window.
  ChannelAnswer turn_away(ChannelRequest& request, const ChannelBook::Refused& refused);
  // Responds with a new 429, and opens its window.
  ChannelAnswer limit(ChannelRequest& request, const RateLimited& limited);

  // Records the outcome of the request, and returns the response.
  ChannelAnswer finish(ChannelRequest& request, ChannelOutcome outcome, net::HttpResponse response);
  ChannelAnswer finish_with_reset(ChannelRequest& request);

  ChannelFault take_fault(bool is_poll);
  // The answer of a refresh of the credential that fails; nothing if it is to be granted.
  std::optional<ChannelAnswer> fail_refresh(ChannelRequest& request);
  void count(ChannelFaultKind kind) {
    if (faults_ != nullptr) {
      faults_->count(kind);
    }
  }
  // Always throws: the provider does not have this fault.
  [[noreturn]] void no_such_fault(ChannelFaultKind kind) const;

  // Notes which of these options the client set, though the fake does not play them: "sendMessage.protect_content".
  void note_not_played(std::string_view method, const Arguments& arguments,
                       std::initializer_list<std::string_view> options);

  // The limit that a request has reached. If there is none, the request is counted towards the limits; otherwise it is
  // not.
  virtual std::optional<RateLimited> reached_limit(const ChannelRequest& request) = 0;
  // Whether the provider sends this form of a 429.
  virtual bool has_form(ChannelFaultKind form) const = 0;
  // The wait that the 429 states for `retry_after`. Unless overridden, it is in whole seconds and at least one, as
  // Slack and Telegram (Query.cpp) send it.
  virtual std::chrono::nanoseconds told(const RateLimited& limited) const;
  virtual net::HttpResponse too_many(const ChannelRequest& request, const RateLimited& limited) = 0;
  virtual net::HttpResponse server_error(const ChannelRequest& request, bool stored) = 0;
  virtual net::HttpResponse refusal(const ChannelRequest& request, const ChannelFault& fault) = 0;
  // The outcome of a refused request. kFailed means that a client cannot know whether it was stored.
  virtual ChannelOutcome outcome_of(const ChannelRequest& request, const ChannelFault& refusal) const;
  // Plays kRotate, and the faults that only this provider has.
  virtual ChannelAnswer play_own(ChannelRequest& request, const ChannelFault& fault, const Store& store) = 0;

  EventLoop& loop_;
  const char* subject_;  // "telegram_peer"
  Ids ids_;
  JsonParser parser_;
  ChannelBook book_;
  Notices notices_;

 private:
  ChannelAnswer play(ChannelRequest& request, const ChannelFault& fault, const Store& store);

  ChannelFaults* faults_;
  Instant began_;
};

// Rounds up to whole seconds.
std::int64_t whole_seconds(std::chrono::nanoseconds duration);

// "<html>...502 Bad Gateway...", as a proxy in front of the provider would send.
net::HttpResponse proxy_page(int status);

}  // namespace soak::peers

#endif  // SOAK_LIB_PEERS_CHANNEL_SERVICE_H_
