// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_EVENT_H_
#define SOAK_EVENT_H_

// A flag that tasks can wait for, such as a shutdown or a connection that is ready.
//
// Setting it wakes every task that waits, and it stays set until reset. Use it only on the loop, and the thread, of the
// tasks that wait on it. Another thread sets it through EventLoop::post().

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
  // Aborts and names the tasks that wait on it, if any, unless an exception or a forced end is destroying them too.
  ~Event();
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  // Wakes all waiting tasks on the loop's next turn. No task runs inside the call, so a library's callback may make it.
  void set() noexcept;

  // From now on tasks wait again. Tasks that set() has already woken still continue.
  void reset() noexcept { set_ = false; }
  bool is_set() const noexcept { return set_; }

  // Waits until the event is set; does not wait if it already is. You can also start it as a task.
  [[nodiscard]] detail::EventWait wait(std::source_location where = std::source_location::current()) noexcept {
    return detail::EventWait(*this, where);
  }

  // Returns true once the event is set (at once if it already is), or false when the time runs out first. Use it for a
  // sleep that a shutdown interrupts: while (!co_await shutdown.wait_for(1s)) poll();
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
