// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_NET_SIGNAL_H_
#define SOAK_LIB_NET_SIGNAL_H_

#include <coroutine>
#include <source_location>

#include "soak/detail/loop_core.h"
#include "soak/task.h"

namespace soak::net {

// Wakes who waits, and remembers nothing: `while (!condition) co_await signal.wait()`. Its label is what the
// census says, "message" or "room to send", where an Event would say "event". Must outlive its waiters.
class Signal {
 public:
  explicit Signal(const char* label) noexcept : label_(label) {}
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;

  class [[nodiscard]] Wait final : public soak::detail::TimedAwaitable {
   public:
    Wait(Signal& signal, Instant deadline, std::source_location where) noexcept
        : TimedAwaitable(deadline, where), signal_(&signal) {}

    bool await_ready() noexcept { return cancelled_on_arrival(); }
    void await_suspend(std::coroutine_handle<> frame) noexcept {
      park_until(frame, deadline());
      signal_->waiters_.push_back(root());
    }
    // False when the deadline came first.
    bool await_resume() { return outcome() == soak::detail::Wake::kEvent; }
    const char* awaiting() const noexcept override { return signal_->label_; }

   private:
    Signal* signal_;
  };

  void wake() noexcept { soak::detail::wake_all(waiters_); }
  Wait wait(Instant deadline = Instant::max(), std::source_location where = std::source_location::current()) noexcept {
    return Wait(*this, deadline, where);
  }

 private:
  const char* label_;
  soak::detail::WaitList waiters_;
};

}  // namespace soak::net

#endif  // SOAK_LIB_NET_SIGNAL_H_
