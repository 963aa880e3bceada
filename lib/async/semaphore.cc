// SPDX-License-Identifier: Apache-2.0
#include "soak/semaphore.h"

#include <exception>
#include <utility>

#include "soak/error.h"

namespace soak {

namespace detail {

PermitHolder::PermitHolder(PermitHolder&& other) noexcept { *this = std::move(other); }

PermitHolder& PermitHolder::operator=(PermitHolder&& other) noexcept {
  if (this == &other) {
    return *this;
  }
  give_back_all();
  semaphore_ = other.semaphore_;
  count_ = std::exchange(other.count_, 0);
  if (count_ > 0) {
    other.unlink();
    semaphore_->holders_.push_back(*this);
  }
  return *this;
}

void PermitHolder::add(Semaphore& semaphore) noexcept {
  semaphore_ = &semaphore;
  if (count_++ == 0) {
    semaphore_->holders_.push_back(*this);
  }
}

void PermitHolder::give_back() noexcept {
  if (count_ == 0) {
    return;
  }
  if (--count_ == 0) {
    unlink();
  }
  semaphore_->put_back();
}

void PermitHolder::give_back_all() noexcept {
  while (count_ > 0) {
    give_back();
  }
}

bool PermitWait::await_ready() noexcept { return cancelled_on_arrival() || semaphore_->take(); }

void PermitWait::await_suspend(std::coroutine_handle<> frame) noexcept {
  park(frame);
  semaphore_->waiters_.push_back(*this);
}

Permit PermitWait::await_resume() {
  outcome();
  unlink_from_granted();
  return semaphore_ != nullptr ? Permit(*semaphore_) : Permit();
}

void PermitWait::granted() noexcept {
  root().wake(Wake::kEvent);
  semaphore_->granted_.push_back(*this);
}

void PermitWait::abandoned() noexcept {
  if (unlink_from_granted()) {
    semaphore_->put_back();
  }
}

}  // namespace detail

Semaphore::Semaphore(std::size_t permits)
    : permits_(permits), available_(permits), exceptions_when_built_(std::uncaught_exceptions()) {
  if (permits == 0) {
    throw Error(Errc::kInvalidArgument, "Semaphore of 0 permits: expected at least 1");
  }
}

Semaphore::~Semaphore() {
  const auto require_unwinding = [&](const detail::PermitWaiter& waiter) {
    if (waiter.loop().force_depth > 0 || std::uncaught_exceptions() > exceptions_when_built_) {
      return;
    }
    detail::contract_broken("Semaphore destroyed while somebody waits for a permit; end them first");
  };
  while (!waiters_.empty()) {
    detail::PermitWaiter& waiter = waiters_.front();
    require_unwinding(waiter);
    waiter.unlink();
  }
  while (!granted_.empty()) {
    auto& woken = static_cast<detail::PermitWait&>(granted_.front());
    require_unwinding(woken);
    woken.forget();
  }
  while (!holders_.empty()) {
    detail::PermitHolder& holder = holders_.front();
    holder.forget();
    holder.unlink();
  }
}

std::optional<Permit> Semaphore::try_acquire() noexcept {
  if (!take()) {
    return std::nullopt;
  }
  return Permit(*this);
}

bool Semaphore::take() noexcept {
  if (available_ == 0) {
    return false;
  }
  --available_;
  return true;
}

void Semaphore::put_back() noexcept {
  if (waiters_.empty()) {
    ++available_;
    return;
  }
  detail::PermitWaiter& next = waiters_.front();
  next.unlink();
  next.granted();
}

}  // namespace soak
