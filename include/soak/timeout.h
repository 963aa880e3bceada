// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TIMEOUT_H_
#define SOAK_TIMEOUT_H_

// Limits how long a task may take.
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
  TaskName name = "with_timeout";                            // The task's name in reports.
  std::chrono::nanoseconds grace = std::chrono::seconds{5};  // To unwind after the timeout.
};
static_assert(std::is_trivially_destructible_v<TimeoutOptions>);  // For g++ 12, see task.h.

// Runs `task` as a separate task, and returns its value or rethrows its exception. When the time runs out, the task is
// cancelled and, after the grace, destroyed where it stands; with_timeout() then throws Error(Errc::kTimeout), whose
// text includes what the task was waiting for. A task that ends before it sees the cancellation counts as in time. With
// a timeout of zero or less, the task gets one turn. If the caller is cancelled, so is the task; a task that has ended,
// or ends before it sees the cancellation, still has its value returned or its exception rethrown, and the caller gets
// the request at its next co_await. What the task throws while it unwinds is rethrown too, or logged after a timeout.
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
  if (results.front().outcome() == GatherOutcome::kTimedOut) {
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
