// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_RUN_BLOCKING_H_
#define SOAK_RUN_BLOCKING_H_

// Calls that block, away from the loop: file systems, name look-ups, a library that knows no loop.
//
//   const std::string text = co_await run_blocking([path] { return read_file(path); });
//
// On a UvLoop the function runs on libuv's thread pool (four threads, or UV_THREADPOOL_SIZE). Once it runs nothing
// can end it: a cancellation waits for it, and a drain whose grace is over leaves it behind. Then the task's frame is
// gone, and the call is a straggler: it stays in loop.stragglers() and in the census until it returns. So the
// function must own all it touches: capture by value, never by reference. Four hung calls hold up all others.
//
// On a VirtualLoop the function runs at once, on the loop's thread, and takes the virtual time it is told.

#include <chrono>
#include <concepts>
#include <coroutine>
#include <exception>
#include <memory>
#include <optional>
#include <source_location>
#include <type_traits>
#include <utility>

#include "soak/detail/blocking_call.h"
#include "soak/task.h"

namespace soak {

struct BlockingOptions {
  // How long the call takes on a VirtualLoop; nanoseconds::max() for one that never returns.
  std::chrono::nanoseconds virtual_duration = std::chrono::nanoseconds::zero();
};
static_assert(std::is_trivially_destructible_v<BlockingOptions>);  // For g++ 12, see task.h.

// Runs `function` and returns what it returns, or throws what it throws. A cancellation that comes while the call
// waits for a thread drops it; later it is delivered at the task's next await, and the result is not lost.
// Throws Error(Errc::kSystem) when libuv does not take the call.
template <typename Function>
  requires std::invocable<Function&>
[[nodiscard]] Task<std::invoke_result_t<Function&>> run_blocking(
    Function function, BlockingOptions options = {}, std::source_location where = std::source_location::current()) {
  using T = std::invoke_result_t<Function&>;
  static_assert(!std::is_reference_v<T>, "run_blocking: return a value, the function is gone when it is used");
  EventLoop& loop = co_await this_loop();
  detail::BlockingCallOwner call(new detail::BlockingCallOf<Function, T>(loop, std::move(function), options));
  co_await detail::BlockingWait(*call, where);
  if constexpr (std::is_void_v<T>) {
    call->rethrow_failure();
  } else {
    call->rethrow_failure();
    co_return std::move(*static_cast<detail::BlockingCallOf<Function, T>&>(*call).result);
  }
}

}  // namespace soak

#endif  // SOAK_RUN_BLOCKING_H_
