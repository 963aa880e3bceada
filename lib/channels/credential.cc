// SPDX-License-Identifier: Apache-2.0
#include "credential.h"

namespace soak::channels {

void Credential::set(std::string secret) {
  if (secret == secret_) return;
  secret_ = std::move(secret);
  ++generation_;
  refused_ = false;
  given_up_ = false;
  changed_.set();
}

Task<bool> Credential::usable(std::chrono::nanoseconds timeout) {
  if (!refused_) co_return true;
  const Instant deadline = loop_.now() + timeout;
  if (replace_ && asked_for_ <= generation_) {
    asked_for_ = generation_ + 1;
    Task<std::string> replacing = replace_();
    std::string secret = co_await std::move(replacing);
    if (!secret.empty()) set(std::move(secret));
  }
  while (refused_ && !given_up_) {
    changed_.reset();
    const bool changed = co_await changed_.wait_until(deadline);
    if (!changed && refused_) given_up_ = true;
  }
  co_return !refused_;
}

}  // namespace soak::channels
