// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_DETAIL_SLEEP_H_
#define SOAK_DETAIL_SLEEP_H_

// The awaitables that sleep_for(), sleep_until() and yield() return.

#include <chrono>
#include <coroutine>
#include <source_location>
#include <type_traits>

#include "soak/detail/clock.h"
#include "soak/detail/loop_core.h"

namespace soak {

template <typename T>
class Task;

namespace detail {

class Sleep final : public TimedAwaitable {
 public:
  Sleep(std::chrono::nanoseconds delay, std::source_location where) noexcept : TimedAwaitable(delay, where) {}
  Sleep(Instant at, std::source_location where) noexcept : TimedAwaitable(at, where) {}

  bool await_ready() noexcept { return cancelled_on_arrival(); }
  void await_suspend(std::coroutine_handle<> frame) noexcept;
  void await_resume() { outcome(); }
  const char* awaiting() const noexcept override { return "sleep"; }

  // Lets you start a sleep as a task: group.start("pause", sleep_for(1s)).
  operator Task<void>() &&;  // NOLINT: meant to be implicit.
};
static_assert(std::is_trivially_destructible_v<Sleep>);

class Yield final : public Awaitable {
 public:
  explicit Yield(std::source_location where) noexcept : Awaitable(where) {}

  bool await_ready() noexcept { return cancelled_on_arrival(); }
  void await_suspend(std::coroutine_handle<> frame) noexcept {
    park(frame);
    root().make_ready(Wake::kEvent);
  }
  void await_resume() { outcome(); }
  const char* awaiting() const noexcept override { return "its turn"; }
  void unlink() noexcept override {}

  operator Task<void>() &&;  // NOLINT: meant to be implicit, as for Sleep.
};
static_assert(std::is_trivially_destructible_v<Yield>);

}  // namespace detail
}  // namespace soak

#endif  // SOAK_DETAIL_SLEEP_H_
