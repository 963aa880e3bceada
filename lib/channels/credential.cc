// SPDX-License-Identifier: Apache-2.0
#include "lib/channels/credential.h"

#include <fmt/format.h>

#include <algorithm>

#include "soak/detail/secrets.h"

namespace soak::channels {
namespace {

using namespace std::chrono_literals;

// A server that has just restarted is asked again after this.
constexpr std::chrono::nanoseconds kConfirmAfter = 2s;
// A refused replacement is asked for once more, as a refused credential is.
constexpr std::uint64_t kRefusalsMax = 2;

}  // namespace

// Of "<bot id>:<secret>" and "<webhook id>/<token>" also the second part alone: a peer may name that.
void Credential::keep_out_of_outputs(std::string_view secret) {
  text::keep_secret(secret);
  text::keep_secret(secret.substr(secret.find_last_of(":/") + 1));
}

void Credential::set(std::string secret) {
  if (secret == secret_) {
    if (state_ == State::kGood) {
      return;
    }
  } else {
    keep_out_of_outputs(secret);
    secret_ = std::move(secret);
    ++replaced_;
  }
  ++generation_;
  state_ = State::kGood;
  given_up_ = false;
  tries_ = 0;
  refusals_ = 0;
  replace_at_ = {};
  asked_for_.reset();
  replacing_backoff_.reset();
  changed_.set();
}

void Credential::refuse(std::uint64_t generation, std::string why, bool confirmed) {
  if (generation != generation_ || state_ == State::kRefused) {
    return;
  }
  if (!confirmed && state_ == State::kSuspected) {
    return;  // It was under way already.
  }
  refused_twice_ = confirmed && state_ == State::kSuspected;
  refusal_ = std::move(why);
  if (confirmed) {
    state_ = State::kRefused;
  } else {
    state_ = State::kSuspected;
    confirm_at_ = detail::later(loop_.now(), kConfirmAfter);
    confirming_backoff_.reset();
  }
  changed_.set();
}

bool Credential::accept(std::uint64_t generation) {
  if (generation != generation_ || state_ != State::kSuspected) {
    return false;
  }
  state_ = State::kGood;
  changed_.set();
  return true;
}

bool Credential::may_be_used() const {
  return state_ == State::kGood || (state_ == State::kSuspected && !confirming_ && confirm_at_ <= loop_.now());
}

void Credential::end_confirmation() {
  confirming_ = false;
  if (state_ == State::kSuspected) {  // The answer was no answer to that.
    confirm_at_ = detail::later(loop_.now(), confirming_backoff_.next(loop_.random()));
  }
  changed_.set();
}

bool Credential::can_replace() const { return replace_ != nullptr && refusals_ < kRefusalsMax; }

// If the task that asks is cancelled while it waits, the next one asks again.
Task<> Credential::replace() {
  struct Asking {
    explicit Asking(Credential& asks) : self(asks) { self.replacing_ = true; }
    ~Asking() {
      self.replacing_ = false;
      self.changed_.set();
    }
    Credential& self;
  };
  const Asking asking(*this);
  const std::uint64_t generation = generation_;
  Task<Replacement> replacing = replace_();
  Replacement next = co_await std::move(replacing);
  if (!next.secret.empty() && next.secret != secret_) {
    set(std::move(next.secret));
    co_return;
  }
  if (generation != generation_) {
    co_return;  // Another one was set in the meantime.
  }
  ++tries_;
  refusals_ = next.refused ? refusals_ + 1 : 0;
  no_replacement_ = next.secret.empty() ? std::move(next.why) : "the refused one was returned";
  const Instant now = loop_.now();
  replace_at_ = detail::later(now, replacing_backoff_.next(loop_.random()));
  asked_for_.reset();
  if (next.wait) {
    replace_at_ = std::max(replace_at_, detail::later(now, *next.wait));
    asked_for_ = replace_at_;
  }
}

Task<bool> Credential::usable(Instant give_up) {
  const Instant timeout = detail::later(loop_.now(), timeout_);
  for (;;) {
    if (may_be_used()) {
      co_return true;
    }
    const Instant now = loop_.now();
    Instant patience = Instant::max();
    Instant look_at = give_up;
    if (state_ == State::kSuspected) {
      look_at = confirming_ ? give_up : confirm_at_;
    } else {
      if (can_replace() && !replacing_ && replace_at_ <= now) {
        co_await replace();
        continue;
      }
      if (given_up_) {
        co_return false;
      }
      patience = asked_for_ ? std::max(timeout, detail::later(*asked_for_, timeout_)) : timeout;
      look_at = can_replace() && !replacing_ ? replace_at_ : patience;
    }
    if (now >= patience) {
      given_up_ = true;
      changed_.set();
    }
    const Instant until = std::min(give_up, patience);
    if (now >= until) {
      co_return false;
    }
    changed_.reset();
    const Instant wake = std::min(until, look_at);
    (void)co_await changed_.wait_until(wake);
  }
}

std::string Credential::why_unusable(std::string_view name) const {
  if (state_ != State::kRefused) {
    return fmt::format("refused the {}: {}; no second request has confirmed it yet", name, refusal_);
  }
  std::string why = fmt::format("refused the {}{}: {}; ", name, refused_twice_ ? " twice" : "", refusal_);
  if (tries_ == 0) {
    return why + "no other one was set";
  }
  return why + fmt::format("no other one after {} tr{}: {}", tries_, tries_ == 1 ? "y" : "ies", no_replacement_);
}

}  // namespace soak::channels
