// SPDX-License-Identifier: Apache-2.0
#include "soak/event.h"

#include <exception>

#include <fmt/format.h>

namespace soak {

Event::Event() noexcept : exceptions_when_built_(std::uncaught_exceptions()) {}

Event::~Event() {
  if (waiters_.empty()) {
    return;
  }
  const bool forced = waiters_.front().loop->force_depth > 0;
  if (!forced && std::uncaught_exceptions() <= exceptions_when_built_) {
    detail::contract_broken(
        fmt::format("Event destroyed while tasks wait on it: {}; end them first", detail::names_of(waiters_)));
  }
  // The owner of the event is about to end these too; until then nothing but a cancellation can wake them.
  while (!waiters_.empty()) {
    waiters_.front().leave_queue();
  }
}

void Event::set() noexcept {
  set_ = true;
  if (waiters_.empty()) {
    return;
  }
  waiters_.front().loop->require_own_thread("Event::set()");
  detail::wake_all(waiters_);
}

namespace detail {

namespace {

Task<> as_task(EventWait wait) { co_await std::move(wait); }

}  // namespace

bool EventWait::await_ready() noexcept { return cancelled_on_arrival() || event_->is_set(); }

void EventWait::await_suspend(std::coroutine_handle<> frame) noexcept {
  park(frame);
  event_->waiters_.push_back(root());
}

EventWait::operator Task<>() && { return Promise<void>::as_one_wait(as_task(*this)); }

bool EventWaitUntil::await_ready() noexcept { return cancelled_on_arrival() || event_->is_set(); }

void EventWaitUntil::await_suspend(std::coroutine_handle<> frame) noexcept {
  park_until(frame, deadline());
  event_->waiters_.push_back(root());
}

}  // namespace detail
}  // namespace soak
