// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_EVENT_H_
#define SOAK_EVENT_H_

// The flag that tasks wait for: a shutdown, a connection that is ready.
//
// It belongs to the loop of those who wait on it, and to that loop's thread; another thread sets it through
// EventLoop::post. It wakes everyone who waits, and stays set until reset.

#include <chrono>
#include <source_location>

#include "soak/detail/clock.h"  // Instant
#include "soak/detail/event_wait.h"
#include "soak/detail/loop_core.h"
#include "soak/task.h"

namespace soak {

class Event {
 public:
  Event() noexcept;
  // Aborts, naming them, while tasks wait on it, unless an exception or a force is ending them too.
  ~Event();
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  // Wakes all who wait, on the loop's next turn. Only marks: it may be called inside a library's callback.
  void set() noexcept;

  // From now on tasks wait again; whom set() has woken goes on all the same.
  void reset() noexcept { set_ = false; }
  bool is_set() const noexcept { return set_; }

  // Returns at once when the event is set. Can be started as a task as well.
  [[nodiscard]] detail::EventWait wait(std::source_location where = std::source_location::current()) noexcept {
    return detail::EventWait(*this, where);
  }

  // True when the event woke it, at once if it was set already; false when the time ran out first. The sleep
  // that a shutdown interrupts: while (!co_await shutdown.wait_for(1s)) poll();
  [[nodiscard]] detail::EventWaitUntil wait_for(std::chrono::nanoseconds timeout,
                                                std::source_location where = std::source_location::current()) noexcept {
    return detail::EventWaitUntil(*this, timeout, where);
  }
  [[nodiscard]] detail::EventWaitUntil wait_until(
      Instant deadline, std::source_location where = std::source_location::current()) noexcept {
    return detail::EventWaitUntil(*this, deadline, where);
  }

 private:
  friend class detail::EventWait;
  friend class detail::EventWaitUntil;

  detail::WaitList waiters_;
  int exceptions_when_built_;
  bool set_ = false;
};

}  // namespace soak

#endif  // SOAK_EVENT_H_
