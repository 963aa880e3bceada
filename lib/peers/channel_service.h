// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_CHANNEL_SERVICE_H_
#define SOAK_LIB_PEERS_CHANNEL_SERVICE_H_

// What the fakes of Telegram, Slack and Discord have in common: how a send meets windows, limits and faults. How each
// of these is said is the provider's way.

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "lib/peers/arguments.h"
#include "lib/peers/channel_book.h"
#include "lib/peers/ids.h"
#include "lib/peers/json_parser.h"
#include "soak/event_loop.h"
#include "soak/net/http.h"
#include "soak/net/http_server.h"
#include "soak/peers/channel_faults.h"
#include "soak/peers/channel_ledger.h"

namespace soak::peers {

// What becomes of a request, and when.
struct ChannelAnswer {
  ChannelAnswer() = default;
  explicit ChannelAnswer(net::HttpResponse own) : response(std::move(own)) {}

  net::HttpResponse response;
  bool reset = false;
  std::chrono::nanoseconds after{0};
};

// The token that is valid, and those that were.
class Credential {
 public:
  enum class Standing : std::uint8_t { kValid, kOutdated, kUnknown };

  // Empty: any is valid, until the first rotation.
  explicit Credential(std::string token) : current_(std::move(token)), any_(current_.empty()) {}

  Standing standing(std::string_view token) const;
  // As ChannelRequest::credential says it.
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
  std::deque<std::string> outdated_;  // The last first.
};

// A 429 on its way.
struct RateLimited {
  Scope scope = Scope::kConversation;
  ChannelFaultKind form = ChannelFaultKind::kRateLimited;
  std::chrono::nanoseconds retry_after{0};
  std::string junk = {};  // The header's value of kRateLimitedJunk.
};

class ChannelService {
 public:
  const ChannelLedger& ledger() const { return book_.ledger(); }

  // When the head of a send has come and its body is not read: false if the connection is to be reset there. Which
  // fault it takes is known by its turn, not by the request: where two come at once, the other one may get it, and is
  // reset when it has been read.
  bool admits_head();

 protected:
  ChannelService(EventLoop& loop, const char* subject, std::uint64_t seed, ChannelFaults* faults,
                 ChannelLedgerOptions ledger_options)
      : loop_(loop),
        subject_(subject),
        ids_(seed),
        book_(loop, std::move(ledger_options)),
        faults_(faults),
        began_(loop.now()) {}
  ~ChannelService() = default;
  ChannelService(const ChannelService&) = delete;
  ChannelService& operator=(const ChannelService&) = delete;

  // Stores the message unless `request` says otherwise already, and makes the reply that says so.
  using Store = std::function<net::HttpResponse(ChannelRequest& request)>;
  // A send with which nothing is wrong: limits, faults, the store. `safe`: the provider will find the first one.
  ChannelAnswer serve_send(ChannelRequest& request, bool safe, const Store& store);

  // A 429 for a request inside a window.
  ChannelAnswer turn_away(ChannelRequest& request, const ChannelBook::Refused& refused);
  // A fresh one, with its window.
  ChannelAnswer limit(ChannelRequest& request, const RateLimited& limited);

  // What the request is answered, and the last word on it.
  ChannelAnswer finish(ChannelRequest& request, ChannelOutcome outcome, net::HttpResponse response);
  ChannelAnswer finish_with_reset(ChannelRequest& request);

  ChannelFault take_fault(bool is_poll);
  void count(ChannelFaultKind kind) {
    if (faults_ != nullptr) {
      faults_->count(kind);
    }
  }
  // Throws: the provider has no such fault.
  [[noreturn]] void no_such_fault(ChannelFaultKind kind) const;

  // The limit that a send has reached; not empty, it counts no further. Else it counts.
  virtual std::optional<RateLimited> reached_limit(const ChannelRequest& request) = 0;
  // Whether the provider has this way of a 429.
  virtual bool has_form(ChannelFaultKind form) const = 0;
  // The wait that the 429 states for `retry_after`: unless overridden, whole seconds, at least one, as Slack and
  // Telegram (Query.cpp) send it.
  virtual std::chrono::nanoseconds told(const RateLimited& limited) const;
  virtual net::HttpResponse too_many(const ChannelRequest& request, const RateLimited& limited) = 0;
  virtual net::HttpResponse server_error(const ChannelRequest& request, bool stored) = 0;
  virtual net::HttpResponse refusal(const ChannelRequest& request, const ChannelFault& fault) = 0;
  // What a refusal says of the request. kFailed: a client cannot know whether it was stored.
  virtual ChannelOutcome outcome_of(const ChannelRequest& request, const ChannelFault& refusal) const;
  // The faults that only this provider has, and kRotate.
  virtual ChannelAnswer play_own(ChannelRequest& request, const ChannelFault& fault, const Store& store) = 0;

  EventLoop& loop_;
  const char* subject_;  // "telegram_peer"
  Ids ids_;
  JsonParser parser_;
  ChannelBook book_;

 private:
  ChannelAnswer play(ChannelRequest& request, const ChannelFault& fault, const Store& store);

  ChannelFaults* faults_;
  Instant began_;
};

// Up to whole seconds.
std::int64_t whole_seconds(std::chrono::nanoseconds duration);

// "<html>...502 Bad Gateway...", as a proxy in front of the provider answers.
net::HttpResponse bad_gateway();

}  // namespace soak::peers

#endif  // SOAK_LIB_PEERS_CHANNEL_SERVICE_H_
