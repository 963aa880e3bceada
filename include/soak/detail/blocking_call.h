// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_DETAIL_BLOCKING_CALL_H_
#define SOAK_DETAIL_BLOCKING_CALL_H_

// A call on a pool thread, which lives until it has returned, whatever becomes of the task that waits for it.

#include <chrono>
#include <coroutine>
#include <exception>
#include <memory>
#include <optional>
#include <source_location>
#include <type_traits>
#include <utility>
#include <variant>

#include "soak/detail/loop_core.h"
#include "soak/detail/timer_heap.h"
#include "soak/event_loop.h"

namespace soak {

struct BlockingOptions;

namespace detail {

class BlockingCall : public Link<StragglerTag>, private TimerNode {
 public:
  BlockingCall(const BlockingCall&) = delete;
  BlockingCall& operator=(const BlockingCall&) = delete;

  // Hands the function to the pool; on a VirtualLoop runs it, and has its time begin. `waiting` is parked.
  void begin(Root& waiting, std::source_location where) noexcept;

  // Whether it could be kept from running, or has not begun.
  bool try_cancel() noexcept;

  // The task that waited is gone, or has what it wanted. Deletes the call now, or when it returns.
  void release() noexcept;

  void rethrow_failure() {
    if (failure_) {
      std::rethrow_exception(std::move(failure_));
    }
  }

  // As a straggler: by the name of the task that waited for it.
  TaskReport report() const;

  // As a straggler on a loop that ends: what a VirtualLoop's never does is gone with it.
  void drop() noexcept;

  void no_longer_awaited() noexcept { waiting_ = nullptr; }

 protected:
  BlockingCall(EventLoop& loop, const BlockingOptions& options) noexcept;
  virtual ~BlockingCall();

  // On a pool thread, or the loop's if that is virtual.
  virtual void call() = 0;

  std::exception_ptr failure_;

 private:
  void fail(const std::string& why) noexcept;
  struct Request;
  enum class State { kIdle, kRunning, kCancelled, kDone };

  void call_and_catch() noexcept;
  void returned() noexcept;
  void expire() noexcept override { returned(); }

  EventLoop& loop_;
  std::unique_ptr<Request> request_;  // libuv's.
  Root* waiting_ = nullptr;
  TaskName name_;
  std::source_location where_;
  Instant since_{};
  std::chrono::nanoseconds virtual_duration_;
  State state_ = State::kIdle;
  bool released_ = false;
};

template <typename Function, typename T>
class BlockingCallOf final : public BlockingCall {
 public:
  BlockingCallOf(EventLoop& loop, Function&& function, const BlockingOptions& options) noexcept
      : BlockingCall(loop, options), function_(std::move(function)) {}

  std::optional<std::conditional_t<std::is_void_v<T>, std::monostate, T>> result;

 private:
  void call() override {
    if constexpr (std::is_void_v<T>) {
      function_();
    } else {
      result.emplace(function_());
    }
  }

  Function function_;
};

struct ReleaseBlockingCall {
  void operator()(BlockingCall* call) const noexcept { call->release(); }
};
using BlockingCallOwner = std::unique_ptr<BlockingCall, ReleaseBlockingCall>;

class BlockingWait final : public Awaitable {
 public:
  BlockingWait(BlockingCall& call, std::source_location where) noexcept : Awaitable(where), call_(&call) {}

  bool await_ready() noexcept { return cancelled_on_arrival(); }
  void await_suspend(std::coroutine_handle<> frame) noexcept;
  void await_resume() { outcome(); }
  const char* awaiting() const noexcept override { return "blocking call"; }
  void unlink() noexcept override { call_->no_longer_awaited(); }
  bool ends_when_cancelled() noexcept override { return call_->try_cancel(); }

 private:
  BlockingCall* call_;
};
static_assert(std::is_trivially_destructible_v<BlockingWait>);

}  // namespace detail
}  // namespace soak

#endif  // SOAK_DETAIL_BLOCKING_CALL_H_
