// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_RUN_BLOCKING_H_
#define SOAK_RUN_BLOCKING_H_

// Runs a blocking call away from the loop: file access, name resolution, a library without an event loop.
//
//   const std::string text = co_await run_blocking([path] { return read_file(path); });
//
// On a UvLoop, the function runs on libuv's thread pool (four threads, or UV_THREADPOOL_SIZE). Once it runs, nothing
// can stop it: a cancellation waits for it, and a drain leaves it behind when its grace is over. The task's frame is
// then gone, and the call is a straggler: it stays in loop.stragglers() and in the census until it returns. So the
// function must own everything that it touches: capture by value, never by reference. Four hung calls block all others.
//
// On a VirtualLoop, the function runs at once on the loop's thread, and takes `virtual_duration` of virtual time.

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

// Runs `function`, and returns its result or rethrows its exception. If the task is cancelled while the call waits for
// a thread, the call is dropped. If it is cancelled later, it keeps the result and gets the cancellation at its next
// co_await. An exception of a call whose task is gone is logged. Throws Error(Errc::kSystem) if libuv rejects the call.
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
