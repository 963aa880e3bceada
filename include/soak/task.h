// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TASK_H_
#define SOAK_TASK_H_

// Tasks, and the groups that own them.
//
// A Task is lazy: it runs when you await it, or when you start it in a TaskGroup. A started task has exactly one owner,
// and the owner outlives it. Everything here must be used on the thread that runs the EventLoop.
//
// Cancellation is a request. The co_await that the task is suspended at throws Cancelled, once per request. A task that
// is ready to run gets the request at its next co_await, and a task that has not begun is dropped. While it unwinds, a
// task can await as usual. If a wake-up and a request come together, the first one counts: a task that was woken first
// sees its wait succeed, and gets the request at its next co_await. The same holds for the calls that wait for other
// tasks (gather(), with_timeout(), drain(), supervise()): what has ended is returned or thrown, and the request comes
// next.
//
//   co_await with_group({.timeout = 10s}, [&](TaskGroup& group) -> Task<> {
//     group.start({"session", 3}, serve(socket));
//     co_await closed.wait();
//   });
//
// g++ 12 miscompiles these coroutines:
// - In an awaited expression, it destroys twice a temporary aggregate with a non-trivial member, and a lambda that
//   captures such an object by copy. Capture by reference, or give the object a name first.
// - It evaluates `c ? a : b + co_await f()` as if the branch were always taken.
// - Before 12.3, it generates no code for a coroutine that declares no variable in its outermost block and awaits in
//   the condition of an if or a loop. Give the result a name: const bool closed = co_await event.wait_for(1s);

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

// A coroutine that returns a T, or throws. Its one owner awaits it once (`co_await std::move(task)`) or starts it. If
// it is destroyed before that, it never runs. It may await only soak's own awaitables.
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

  // False after the task was moved from, awaited or started.
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

// Owns running tasks. If its scope is left normally while tasks are running, it aborts and names them: call drain()
// first. If an exception unwinds it, or its owner is destroyed by force, its tasks are destroyed where they stand, and
// the drain of the enclosing group counts them as forced. with_group() drains on every path.
class TaskGroup {
 public:
  explicit TaskGroup(EventLoop& loop);
  ~TaskGroup();
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  // Starts `task` on the loop's next turn. Reports and failures use `name`: "poller", {"session", 3}. When the task
  // ends, it leaves the group and its frame is freed at once. An exception that it throws is counted in failed(), or,
  // if it is a TaskKind::kBackground task, only logged and counted in async_background_crashes_total{label,task}.
  // Throws Error(Errc::kDraining) once drain() has begun.
  void start(TaskName name, Task<> task, TaskKind kind = TaskKind::kLifetime,
             std::source_location where = std::source_location::current());

  // Requests cancellation of each task once. Returns at once; the tasks unwind on the loop's next turn.
  void cancel();

  // Destroys each task where it stands, newest first: destructors of its locals run, and no other code of it. Meant for
  // the destructor of an object that owns a group and promises to end its tasks; no drain counts them as forced. Aborts
  // if called by a task that the group owns, directly or through a nested group.
  void end_in_place() noexcept;

  std::size_t size() const noexcept { return state_.size; }
  bool empty() const noexcept { return state_.size == 0; }
  EventLoop& loop() const noexcept { return state_.loop.self; }
  std::vector<TaskReport> tasks() const;

  // How many tasks, not counting background ones, have thrown anything but Cancelled, and the first such exception that
  // no supervise() has returned. If a group is destroyed with a failure that nobody asked for and drain() did not
  // report, it logs the failure. Later failures are logged when they happen.
  std::size_t failed() noexcept;
  std::exception_ptr first_failure() noexcept;

 private:
  friend detail::GroupState& detail::state_of(TaskGroup& group) noexcept;

  detail::GroupState state_;
};

struct DrainOptions {
  std::chrono::nanoseconds timeout = std::chrono::seconds{30};  // For tasks to finish by themselves.
  std::chrono::nanoseconds grace = std::chrono::seconds{5};     // For cancelled tasks to unwind.
  std::optional<Instant> deadline = std::nullopt;               // Ends the timeout and the grace if it comes first.
  bool cancel_first = false;                                    // Skip the timeout: cancel at once.
  bool carry_on = false;    // Of with_group(): the failure of a task ends neither the body nor the other tasks.
  Label label = "default";  // For its metrics and its log.
};
static_assert(std::is_trivially_destructible_v<DrainOptions>);  // For g++ 12, see above.

struct DrainResult {
  std::size_t completed = 0;             // Ended by themselves.
  std::size_t cancelled = 0;             // Unwound when cancelled, or never ran.
  std::size_t forced = 0;                // Destroyed where they stood, nested ones included, in the group's lifetime.
  std::size_t failed = 0;                // Threw, in the group's whole lifetime, so that no crash goes unnoticed.
  std::size_t background_failed = 0;     // The same of TaskKind::kBackground tasks: reported, and still clean.
  std::vector<TaskReport> unresponsive;  // In a blocking call that is still on a pool thread, now a straggler.
  bool clean() const { return cancelled == 0 && forced == 0 && failed == 0 && unresponsive.empty(); }
};

// Closes `group` to new tasks and empties it, whatever happens. Tasks still running after `timeout` are cancelled and
// get `grace` to unwind, and at least one turn. Tasks still running then are destroyed where they stand, newest first
// (destructors of their locals run, and no other code of them). If drain() itself is cancelled, it cancels the tasks at
// once, and throws Cancelled when the group is empty; if no task was left to cancel, it returns the result, and the
// caller gets the request at its next co_await. Aborts if called by a task that the group owns, directly or
// through a nested group. Metrics: async_drain_duration_seconds{label}, and async_drain_timeout_total{label} counts
// timeouts that were too short. The log names the tasks that it cancelled, destroyed or could not end, and what they
// awaited.
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

// Wait until the given time. Even if that time has passed, all other ready tasks get a turn first. You can await each
// of these, or start it as a task.
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

// `co_await this_loop()` returns the EventLoop that runs the caller. It neither waits nor throws Cancelled.
[[nodiscard]] inline detail::ThisLoop this_loop() noexcept { return {}; }

// Runs `body(group)`, a Task<>, then drains the group: with `options` if the body returned, or cancelling at once if it
// threw or was cancelled. If a task that is no background task throws anything but Cancelled, the body is cancelled at
// once, or, if it has returned, the other tasks are. Then rethrows the body's exception or, if there was none, the
// exception of the first task that failed; a request that came meanwhile is still due, at the caller's next co_await.
// If the caller is destroyed while the tasks unwind, the body's exception is logged instead.
// With `.carry_on`, the other tasks and the body go on after a failure, which is thrown at the end. If the body has
// called supervise() on the group, that call throws the failure, and the body is not cancelled. Keeps `body` alive
// until the end. Without a `loop`, it uses the caller's.
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
  GroupState& state = state_of(group);
  state.begin_body(options.carry_on);
  BodyFailure failure(state);
  try {
    Task<> running = std::invoke(body, group);
    co_await std::move(running);
  } catch (...) {
    failure.thrown = std::current_exception();
  }
  failure.thrown = state.end_body(std::move(failure.thrown), options.carry_on);
  if (failure.thrown) {
    options.cancel_first = true;
  }
  DrainResult result;
  const bool delivered = state.loop.current->cancel_delivered;
  try {
    Task<DrainResult> draining = drain(group, options, where);
    result = co_await std::move(draining);
  } catch (const Cancelled&) {
    if (!failure.thrown) {
      failure.thrown = std::current_exception();
    }
    state.keep_request(failure.thrown, delivered);
  }
  if (!failure.thrown) {
    failure.thrown = group.first_failure();
  }
  if (failure.thrown) {
    std::rethrow_exception(std::exchange(failure.thrown, nullptr));
  }
  co_return result;
}

// Stores the result of the task given to run() where run() finds it.
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
