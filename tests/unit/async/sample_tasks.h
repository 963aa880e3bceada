// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TESTS_UNIT_ASYNC_SAMPLE_TASKS_H_
#define SOAK_TESTS_UNIT_ASYNC_SAMPLE_TASKS_H_

// The ways in which a task can end, or fail to.

#include <chrono>
#include <functional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "soak/task.h"
#include "witness.h"

namespace soak {

inline Task<int> value_after(std::chrono::nanoseconds delay, int value) {
  co_await sleep_for(delay);
  co_return value;
}

inline Task<int> no_value_after(std::chrono::nanoseconds delay, const char* what) {
  co_await sleep_for(delay);
  throw std::runtime_error(what);
}

inline Task<> crash_after(std::chrono::nanoseconds delay, const char* what = "disk full") {
  co_await sleep_for(delay);
  throw std::runtime_error(what);
}

// Swallows every cancellation; `alive` counts such frames.
inline Task<> swallow_for_ever(int& alive) {
  const Witness witness(alive);
  for (;;) {
    try {
      co_await sleep_for(std::chrono::hours{1});
    } catch (const Cancelled&) {
    }
  }
}

// As a child whose result is not void.
inline Task<int> no_value_ever(int& alive) {
  co_await swallow_for_ever(alive);
  co_return 0;
}

// Returns when it is cancelled, after `time`; counts the cancellations that it saw.
inline Task<int> unwind_for(std::chrono::nanoseconds time, int& cancellations) {
  try {
    co_await sleep_for(std::chrono::hours{1});
  } catch (const Cancelled&) {
    ++cancellations;
  }
  try {
    co_await sleep_for(time);
  } catch (const Cancelled&) {
    ++cancellations;
  }
  co_return 1;
}

template <typename T, typename... Tasks>
std::vector<Task<T>> tasks_of(Task<T> first, Tasks... others) {
  std::vector<Task<T>> tasks;
  tasks.push_back(std::move(first));
  (tasks.push_back(std::move(others)), ...);
  return tasks;
}

// Runs `body` in a task of its own, and cancels that after `delay`: true when Cancelled left it.
inline Task<bool> cancelled_after(EventLoop& loop, std::chrono::nanoseconds delay, std::function<Task<>()> body) {
  TaskGroup group(loop);
  group.start("caller", body());
  co_await sleep_for(delay);
  group.cancel();
  Task<DrainResult> draining = drain(group);
  const DrainResult result = co_await std::move(draining);
  co_return result.cancelled == 1;
}

}  // namespace soak

#endif  // SOAK_TESTS_UNIT_ASYNC_SAMPLE_TASKS_H_
