// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TIMEOUT_H_
#define SOAK_TIMEOUT_H_

// An upper bound on how long a task may take.
//
//   const Receipt receipt = co_await with_timeout(5s, upload(file), {.name = "upload"});

#include <chrono>
#include <source_location>
#include <type_traits>
#include <utility>
#include <vector>

#include "soak/gather.h"
#include "soak/task.h"

namespace soak {

struct TimeoutOptions {
  TaskName name = "with_timeout";                            // What reports call the task.
  std::chrono::nanoseconds grace = std::chrono::seconds{5};  // To unwind once its time ran out.
};
static_assert(std::is_trivially_destructible_v<TimeoutOptions>);  // For g++ 12, see task.h.

// Runs `task` as a task of its own; returns its value, or throws what it threw. When its time runs out it is
// cancelled, past the grace destroyed where it stands, and with_timeout() throws Error(Errc::kTimeout), which says
// what the task was waiting for. A task that ends without having seen the cancellation was in time. A timeout of zero
// or less leaves it the one turn that is due. Cancelling the caller cancels the task.
template <typename T>
[[nodiscard]] Task<T> with_timeout(std::chrono::nanoseconds timeout, Task<T> task, TimeoutOptions options = {},
                                   std::source_location where = std::source_location::current()) {
  EventLoop& loop = co_await this_loop();
  std::vector<Task<T>> only;
  only.push_back(std::move(task));
  GatherOptions each;
  each.timeout = timeout;
  each.grace = options.grace;
  detail::GatherOf<T> state(loop, std::move(only), each, where);
  state.be_timeout_of(options.name);
  Task<> running = state.run();
  co_await std::move(running);
  std::vector<GatherResult<T>> results = state.take_results();
  if (results.front().outcome() == Outcome::kTimedOut) {
    throw Error(Errc::kTimeout, detail::timeout_text(options.name, timeout, state.stood_at()));
  }
  if constexpr (std::is_void_v<T>) {
    results.front().value();
  } else if constexpr (std::is_reference_v<T>) {
    co_return results.front().value();
  } else {
    co_return std::move(results.front().value());
  }
}

}  // namespace soak

#endif  // SOAK_TIMEOUT_H_
