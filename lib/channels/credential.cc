// SPDX-License-Identifier: Apache-2.0
#include "lib/channels/credential.h"

#include "soak/detail/secrets.h"

namespace soak::channels {

// Of "<bot id>:<secret>" and "<webhook id>/<token>" also the second part alone: a peer may name that.
void Credential::keep_out_of_outputs(std::string_view secret) {
  text::keep_secret(secret);
  text::keep_secret(secret.substr(secret.find_last_of(":/") + 1));
}

void Credential::set(std::string secret) {
  if (secret == secret_) {
    return;
  }
  keep_out_of_outputs(secret);
  secret_ = std::move(secret);
  ++generation_;
  refused_ = false;
  given_up_ = false;
  changed_.set();
}

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
  Task<std::string> replacing = replace_();
  std::string secret = co_await std::move(replacing);
  asked_for_ = generation_ + 1;
  if (!secret.empty()) {
    set(std::move(secret));
  }
}

Task<bool> Credential::usable(std::chrono::nanoseconds timeout) {
  if (!refused_) {
    co_return true;
  }
  const Instant deadline = loop_.now() + timeout;
  while (refused_ && !given_up_) {
    if (replace_ && !replacing_ && asked_for_ <= generation_) {
      co_await replace();
      continue;
    }
    changed_.reset();
    const bool changed = co_await changed_.wait_until(deadline);
    if (!changed && refused_) {
      given_up_ = true;
    }
  }
  co_return !refused_;
}

}  // namespace soak::channels
