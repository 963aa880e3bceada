// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_DETAIL_EVENT_WAIT_H_
#define SOAK_DETAIL_EVENT_WAIT_H_

// The awaitables that the waits of Event return.

#include <chrono>
#include <coroutine>
#include <source_location>
#include <type_traits>

#include "soak/detail/clock.h"
#include "soak/detail/loop_core.h"

namespace soak {

template <typename T>
class Task;
class Event;

namespace detail {

class EventWait final : public Awaitable {
 public:
  EventWait(Event& event, std::source_location where) noexcept : Awaitable(where), event_(&event) {}

  bool await_ready() noexcept;
  void await_suspend(std::coroutine_handle<> frame) noexcept;
  void await_resume() { outcome(); }
  const char* awaiting() const noexcept override { return "event"; }
  void unlink() noexcept override { root().leave_queue(); }

  operator Task<void>() &&;  // NOLINT: meant to be implicit, as for sleep_for().

 private:
  Event* event_;
};

class EventWaitUntil final : public TimedAwaitable {
 public:
  EventWaitUntil(Event& event, std::chrono::nanoseconds delay, std::source_location where) noexcept
      : TimedAwaitable(delay, where), event_(&event) {}
  EventWaitUntil(Event& event, Instant at, std::source_location where) noexcept
      : TimedAwaitable(at, where), event_(&event) {}

  bool await_ready() noexcept;
  void await_suspend(std::coroutine_handle<> frame) noexcept;
  bool await_resume() { return outcome() == Wake::kEvent; }
  const char* awaiting() const noexcept override { return "event, or its timeout"; }

 private:
  Event* event_;
};

static_assert(std::is_trivially_destructible_v<EventWait> && std::is_trivially_destructible_v<EventWaitUntil>);

}  // namespace detail
}  // namespace soak

#endif  // SOAK_DETAIL_EVENT_WAIT_H_
