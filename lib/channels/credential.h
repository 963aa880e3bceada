// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_CHANNELS_CREDENTIAL_H_
#define SOAK_LIB_CHANNELS_CREDENTIAL_H_

// The secret that a channel sends with, and how it is replaced when the provider refuses it: once, however many
// messages saw the refusal, while all others wait. It is in no output.
//
// A refusal is believed once a second request has confirmed it, because a server that is restarted or a stale cache
// answers 401 to a token that is valid. Until then the credential is suspected, and one request at a time finds out.

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "soak/backoff.h"
#include "soak/event.h"
#include "soak/event_loop.h"
#include "soak/task.h"

namespace soak::channels {

// A new secret, or why there is none. It has a constructor because g++ 12 destroys an aggregate twice in a co_await
// expression.
struct Replacement {
  Replacement() {}  // NOLINT(modernize-use-equals-default): not an aggregate.

  std::string secret;
  std::string why;                               // Without a secret.
  std::optional<std::chrono::nanoseconds> wait;  // Asked for by whoever refused to hand one out.
  bool refused = false;                          // Not a passing failure: the provider refused to replace it.
};

class Credential {
 public:
  // Throws nothing but Cancelled.
  using Replace = std::function<Task<Replacement>()>;

  Credential(EventLoop& loop, std::string secret, std::chrono::nanoseconds timeout, Replace replace,
             BackoffOptions backoff)
      : loop_(loop),
        secret_(std::move(secret)),
        timeout_(timeout),
        replace_(std::move(replace)),
        confirming_backoff_(backoff),
        replacing_backoff_(backoff) {
    keep_out_of_outputs(secret_);
  }

  const std::string& secret() const { return secret_; }
  // Increases whenever sending starts again with a set secret, be it the same one.
  std::uint64_t generation() const { return generation_; }
  // How often it was replaced by another one.
  std::uint64_t replaced() const { return replaced_; }

  // From outside, or by `replace`: all waiting sends continue with it. The secret that was refused may be set again,
  // and is then tried again.
  void set(std::string secret);

  // The secret of this generation was refused, with these words. `confirmed`: by a request that was made to confirm
  // it, or by an answer that needs none.
  void refuse(std::uint64_t generation, std::string why, bool confirmed);
  // The secret of this generation was accepted. True if it was suspected.
  bool accept(std::uint64_t generation);

  // Whether a request may go out with it now: it is not suspected, or nobody else finds out at the moment.
  bool may_be_used() const;
  // While it lives, its request is the one that finds out.
  class Confirmation {
   public:
    explicit Confirmation(Credential& credential) : credential_(credential) { credential_.confirming_ = true; }
    ~Confirmation() { credential_.end_confirmation(); }
    Confirmation(const Confirmation&) = delete;
    Confirmation& operator=(const Confirmation&) = delete;

   private:
    Credential& credential_;
  };
  bool suspected() const { return state_ == State::kSuspected; }

  // Ends when a request may go out with it: true. False at `give_up`, or once `timeout` has passed since the refusal
  // without a new one, longer if whoever replaces it asked to wait. From then on false at once until there is one; new
  // ones are still asked for, at intervals.
  Task<bool> usable(Instant give_up);

  // Why usable() gave false: "refused the token twice: 401 Unauthorized; no other one was set".
  std::string why_unusable(std::string_view name) const;

 private:
  enum class State : std::uint8_t { kGood, kSuspected, kRefused };

  static void keep_out_of_outputs(std::string_view secret);
  bool can_replace() const;
  void end_confirmation();
  Task<> replace();

  EventLoop& loop_;
  std::string secret_;
  const std::chrono::nanoseconds timeout_;
  const Replace replace_;
  std::uint64_t generation_ = 0;
  std::uint64_t replaced_ = 0;
  State state_ = State::kGood;
  std::string refusal_;  // The provider's words.
  bool refused_twice_ = false;

  Instant confirm_at_{};
  bool confirming_ = false;
  Backoff confirming_backoff_;

  bool replacing_ = false;
  Backoff replacing_backoff_;
  Instant replace_at_{};              // The earliest next try.
  std::optional<Instant> asked_for_;  // The same, if it was asked for.
  std::uint64_t tries_ = 0;           // In vain, for this generation.
  std::uint64_t refusals_ = 0;        // The last of them, in a row, that were refusals.
  std::string no_replacement_;        // Why the last one was in vain.
  bool given_up_ = false;             // It was waited for, and did not come.
  Event changed_;
};

}  // namespace soak::channels

#endif  // SOAK_LIB_CHANNELS_CREDENTIAL_H_
