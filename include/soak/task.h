// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TASK_H_
#define SOAK_TASK_H_

// Tasks, and the group that owns them.
//
// A Task is lazy: it runs when awaited, or when started in a TaskGroup. A started task has exactly one owner, and
// the owner outlives it. All of this belongs to the thread that runs the EventLoop.
//
// Cancellation is a request: the co_await at which the task stands throws Cancelled, once for each request. A task
// that is ready to go on gets it at its next co_await; one that never ran is dropped. What a task awaits while it
// unwinds works as ever. Where a wake-up and a request meet, the first one counts: a task that was woken first
// sees its wait succeed, and the request at the next.
//
//   co_await with_group({.timeout = 10s}, [&](TaskGroup& group) -> Task<> {
//     group.start({"session", 3}, serve(socket));
//     co_await closed.wait();
//   });
//
// g++ 12 destroys twice what an awaited expression builds from an aggregate with a non-trivial member, or from a
// lambda that captures such a thing by copy: capture by reference, or name the object first. It evaluates
// `c ? a : b + co_await f()` as if the branch were always taken. Before 12.3 it compiles to nothing a coroutine whose
// outermost block declares no variable and that awaits in the condition of an if or a loop. Name the result instead:
//   const bool closed = co_await event.wait_for(1s);

#include <chrono>
#include <concepts>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <source_location>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "soak/detail/promise.h"
#include "soak/detail/sleep.h"
#include "soak/detail/task_name.h"  // TaskName, TaskKind
#include "soak/error.h"
#include "soak/event_loop.h"
#include "soak/metrics/label.h"

namespace soak {

class TaskGroup;

namespace detail {

GroupState& state_of(TaskGroup& group) noexcept;

}  // namespace detail

// A coroutine that yields a T, or throws. It has one owner, who awaits it once (`co_await std::move(task)`) or
// starts it; destroyed before that, it never runs. It awaits nothing but soak's own awaitables.
template <typename T = void>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::Promise<T>;

  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    Task(std::move(other)).swap(*this);
    return *this;
  }
  ~Task() {
    if (handle_) {
      handle_.destroy();
    }
  }

  // False once it was moved from, awaited or started.
  bool valid() const noexcept { return handle_ != nullptr; }

  void swap(Task& other) noexcept { std::swap(handle_, other.handle_); }

 private:
  friend promise_type;
  friend class detail::TaskAwaiter<T>;
  friend class detail::GatherOf<T>;
  friend class EventLoop;
  friend class TaskGroup;

  explicit Task(std::coroutine_handle<promise_type> handle) noexcept : handle_(handle) {}

  std::coroutine_handle<promise_type> handle_;
};

// Owns running tasks. Leaving its scope normally without drain() aborts and names them; while an exception
// unwinds, or a force destroys its owner, they are ended where they stand, and the drain of the group around it
// counts them as forced. with_group() drains on every path.
class TaskGroup {
 public:
  explicit TaskGroup(EventLoop& loop);
  ~TaskGroup();
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  // Starts `task` on the loop's next turn; `name` is what reports and failures will call it: "poller",
  // {"session", 3}. It leaves the group, and its frame is freed, as soon as it ends. What it throws is kept in
  // failed(). Throws Error(Errc::kDraining) once drain() has begun.
  void start(TaskName name, Task<> task, TaskKind kind = TaskKind::kLifetime,
             std::source_location where = std::source_location::current());

  // Asks each task once to stop. Returns at once: they unwind on the loop's next turn.
  void cancel();

  // Ends each task where it stands, newest first: locals' destructors run, no further line does. For the destructor
  // of what owns a group and promises to end its own tasks, so no drain counts them as forced. Aborts when called
  // by a task that the group owns, directly or through a group within.
  void end_in_place() noexcept;

  std::size_t size() const noexcept { return state_.size; }
  bool empty() const noexcept { return state_.size == 0; }
  EventLoop& loop() const noexcept { return state_.loop.self; }
  std::vector<TaskReport> tasks() const;

  // How many tasks have thrown (Cancelled apart), and what the first of them threw that no supervise() has told. A
  // group that goes with a failure that nobody asked for, nor drain() reported, logs it.
  std::size_t failed() noexcept;
  std::exception_ptr first_failure() noexcept;

 private:
  friend detail::GroupState& detail::state_of(TaskGroup& group) noexcept;

  detail::GroupState state_;
};

struct DrainOptions {
  std::chrono::nanoseconds timeout = std::chrono::seconds{30};  // To finish by itself.
  std::chrono::nanoseconds grace = std::chrono::seconds{5};     // To unwind once cancelled.
  std::optional<Instant> deadline = std::nullopt;               // An end of the timeout, where it comes sooner.
  bool cancel_first = false;                                    // No timeout: cancel at once.
  Label label = "default";                                      // Of its metrics and its log.
};
static_assert(std::is_trivially_destructible_v<DrainOptions>);  // For g++ 12, see above.

struct DrainResult {
  std::size_t completed = 0;             // Ended by themselves.
  std::size_t cancelled = 0;             // Unwound when cancelled, or never ran.
  std::size_t forced = 0;                // Destroyed where they stood, nested ones too; since the group was built.
  std::size_t failed = 0;                // Threw; since the group was built, so that no crash goes unseen.
  std::vector<TaskReport> unresponsive;  // Their blocking calls are still on a pool thread, now stragglers.
  bool clean() const { return cancelled == 0 && forced == 0 && failed == 0 && unresponsive.empty(); }
};

// Closes `group` to new work and leaves it empty, whatever happens: tasks still running after `timeout` are
// cancelled and have `grace` to unwind, at least the turn that is due; what is left then is destroyed where it
// stands, newest first (locals' destructors run, no further line does). Cancelling drain() itself cancels the tasks
// at once, and throws Cancelled when the group is empty. Aborts when called by a task that the group owns, directly
// or through a group within. Times itself in async_drain_duration_seconds{label}, counts a timeout that was not enough
// in async_drain_timeout_total{label}, and logs whom it cancelled, destroyed and could not end, and what they awaited.
//
//   DrainResult result = co_await drain(sessions, {.timeout = 10s});
//   EXPECT_TRUE(result.clean());
[[nodiscard]] Task<DrainResult> drain(TaskGroup& group, DrainOptions options = {},
                                      std::source_location where = std::source_location::current());

namespace detail {

template <typename Body>
concept GroupBody = std::is_invocable_r_v<Task<>, Body&, TaskGroup&>;

template <GroupBody Body>
Task<DrainResult> with_group_on(EventLoop* loop, DrainOptions options, Body body, std::source_location where);

}  // namespace detail

// Waits until the time has come. What is due already still lets everyone else take a turn. Each can be awaited,
// or started as a task.
[[nodiscard]] inline detail::Sleep sleep_for(std::chrono::nanoseconds duration,
                                             std::source_location where = std::source_location::current()) noexcept {
  return detail::Sleep(duration, where);
}
[[nodiscard]] inline detail::Sleep sleep_until(Instant deadline,
                                               std::source_location where = std::source_location::current()) noexcept {
  return detail::Sleep(deadline, where);
}
[[nodiscard]] inline detail::Yield yield(std::source_location where = std::source_location::current()) noexcept {
  return detail::Yield(where);
}

// `co_await this_loop()` is the EventLoop that runs the caller. It does not wait, nor throw Cancelled.
[[nodiscard]] inline detail::ThisLoop this_loop() noexcept { return {}; }

// Runs `body(group)`, a Task<>, then drains the group: as `options` say when the body returned, cancelling at once
// when it threw or was cancelled. Then throws what the body threw, else what the first failed task did. `body` is
// kept until then. Without a loop: on the caller's.
template <detail::GroupBody Body>
Task<DrainResult> with_group(EventLoop& loop, DrainOptions options, Body body,
                             std::source_location where = std::source_location::current()) {
  return detail::with_group_on<Body>(&loop, options, std::move(body), where);
}
template <detail::GroupBody Body>
Task<DrainResult> with_group(DrainOptions options, Body body,
                             std::source_location where = std::source_location::current()) {
  return detail::with_group_on<Body>(nullptr, options, std::move(body), where);
}
template <detail::GroupBody Body>
Task<DrainResult> with_group(Body body, std::source_location where = std::source_location::current()) {
  return detail::with_group_on<Body>(nullptr, DrainOptions{}, std::move(body), where);
}

// Implementation only from here.

namespace detail {

template <typename T>
Task<T> Promise<T>::get_return_object() noexcept {
  return Task<T>(std::coroutine_handle<Promise>::from_promise(*this));
}

inline Task<void> Promise<void>::get_return_object() noexcept {
  return Task<void>(std::coroutine_handle<Promise>::from_promise(*this));
}

inline Task<void> Promise<void>::as_one_wait(Task<void> task) noexcept {
  task.handle_.promise().is_one_wait = true;
  return task;
}

template <GroupBody Body>
Task<DrainResult> with_group_on(EventLoop* loop, DrainOptions options, Body body, std::source_location where) {
  if (loop == nullptr) {
    loop = &co_await this_loop();
  }
  TaskGroup group(*loop);
  std::exception_ptr failure;
  try {
    Task<> running = std::invoke(body, group);
    co_await std::move(running);
  } catch (...) {
    failure = std::current_exception();
  }
  if (failure) {
    options.cancel_first = true;
  }
  DrainResult result;
  try {
    Task<DrainResult> draining = drain(group, options, where);
    result = co_await std::move(draining);
  } catch (const Cancelled&) {
    if (!failure) {
      failure = std::current_exception();
    }
  }
  if (!failure) {
    failure = group.first_failure();
  }
  if (failure) {
    std::rethrow_exception(std::move(failure));
  }
  co_return result;
}

// Keeps the result of the task given to run() where run() finds it.
template <typename T>
Task<void> deliver(Task<T> task, std::optional<typename Promise<T>::Stored>& result) {
  if constexpr (std::is_reference_v<T>) {
    T value = co_await std::move(task);
    result.emplace(std::addressof(value));
  } else {
    result.emplace(co_await std::move(task));
  }
}

}  // namespace detail

template <typename T>
T EventLoop::run(Task<T> task) {
  if (!task.valid()) {
    detail::contract_broken("run() of a Task that was moved from, awaited or started before");
  }
  std::optional<typename detail::Promise<T>::Stored> result;
  run(detail::deliver(std::move(task), result));
  if constexpr (std::is_reference_v<T>) {
    return static_cast<T>(**result);
  } else {
    return std::move(*result);
  }
}

}  // namespace soak

#endif  // SOAK_TASK_H_
