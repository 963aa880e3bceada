// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_DETAIL_PROMISE_H_
#define SOAK_DETAIL_PROMISE_H_

#include <concepts>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <memory>
#include <type_traits>
#include <utility>
#include <variant>

#include "soak/detail/frame_cache.h"
#include "soak/detail/loop_core.h"
#include "soak/detail/throw_cancelled.h"
#include "soak/error.h"

namespace soak {

template <typename T>
class Task;

namespace detail {

template <typename T>
struct Promise;

template <typename T>
class TaskAwaiter;

template <typename T>
class GatherOf;

struct ThisLoop {};

struct ThisLoopAwaiter {
  explicit ThisLoopAwaiter(LoopCore& core) noexcept : loop(&core.self) {}
  bool await_ready() const noexcept { return true; }
  void await_suspend(std::coroutine_handle<>) const noexcept {}
  EventLoop& await_resume() const noexcept { return *loop; }
  EventLoop* loop;
};

template <typename T>
struct IsTask : std::false_type {};
template <typename T>
struct IsTask<Task<T>> : std::true_type {};

struct PromiseBase {
  struct FinalAwaiter {
    bool await_ready() const noexcept { return false; }
    template <typename P>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<P> ended) const noexcept {
      const std::coroutine_handle<> next = ended.promise().continuation;
      return next ? next : std::noop_coroutine();
    }
    void await_resume() const noexcept {}
  };

  std::coroutine_handle<> continuation;  // Null in a started task, and while the frame runs inside its awaiter.
  Root* root = nullptr;                  // Of the started task that this frame is part of.

  static void* operator new(std::size_t size) { return allocate_frame(size); }
  static void operator delete(void* frame, std::size_t size) noexcept { free_frame(frame, size); }

  std::suspend_always initial_suspend() const noexcept { return {}; }
  FinalAwaiter final_suspend() const noexcept { return {}; }

  template <typename A>
  decltype(auto) await_transform(A&& awaited) {
    using Plain = std::remove_cvref_t<A>;
    if constexpr (IsTask<Plain>::value) {
      static_assert(!std::is_lvalue_reference_v<A>, "a Task is awaited once: write co_await std::move(task)");
      return TaskAwaiter(std::move(awaited));
    } else if constexpr (std::same_as<Plain, ThisLoop>) {
      return ThisLoopAwaiter(*root->loop);
    } else {
      static_assert(std::derived_from<Plain, Awaitable>,
                    "a soak::Task awaits only soak's own awaitables (another Task, sleep_for, an Event, ...), so that "
                    "a task can be cancelled, and destroyed, wherever it waits");
      awaited.attach(*root);
      return std::forward<A>(awaited);
    }
  }
};

// What a task left: nothing yet, its value, what it threw, or that it threw Cancelled. That is thrown anew to whoever
// awaits the task, which costs less than to keep it.
template <typename T>
struct Promise : PromiseBase {
  using Stored = std::conditional_t<std::is_reference_v<T>, std::add_pointer_t<T>, T>;

  std::variant<std::monostate, Stored, std::exception_ptr, Cancelled> result;

  Task<T> get_return_object() noexcept;

  template <std::convertible_to<T> U>
  void return_value(U&& value) {
    if constexpr (std::is_reference_v<T>) {
      T target = std::forward<U>(value);
      result.template emplace<1>(std::addressof(target));
    } else {
      result.template emplace<1>(std::forward<U>(value));
    }
  }

  void unhandled_exception() noexcept {
    if (!handling_cancelled()) {
      result.template emplace<2>(std::current_exception());
    } else if (is_child()) {
      root->ended_cancelled = true;
    } else {
      result.template emplace<3>();
    }
  }

  // Whether it is the outermost frame of a task, as a child of gather() is.
  bool is_child() noexcept {
    return root->is_external && static_cast<ExternalRoot*>(root)->outermost.address() ==
                                    std::coroutine_handle<Promise>::from_promise(*this).address();
  }

  T take() {
    if (auto* failure = std::get_if<2>(&result)) {
      std::rethrow_exception(std::move(*failure));
    }
    if (result.index() == 3) {
      throw_cancelled();
    }
    if constexpr (std::is_reference_v<T>) {
      return static_cast<T>(*std::get<1>(result));
    } else {
      return std::move(std::get<1>(result));
    }
  }
};

// A Task<> can be started, so its promise holds a Root. That Cancelled left it is in there, whoever waits for it.
template <>
struct Promise<void> : PromiseBase, Root {
  std::exception_ptr failure;

  Task<void> get_return_object() noexcept;

  void return_void() const noexcept {}

  // Started, `task` is a wait and nothing else.
  static Task<void> as_one_wait(Task<void> task) noexcept;

  void unhandled_exception() noexcept {
    if (handling_cancelled()) {
      ended_cancelled = true;
    } else {
      failure = std::current_exception();
    }
  }

  void take() {
    if (ended_cancelled) {
      throw_cancelled();
    }
    if (failure) {
      std::rethrow_exception(std::move(failure));
    }
  }
};

// Runs the awaited task inside await_suspend until it first waits. One that ends without waiting so never
// suspends its caller, and a loop over such tasks needs no stack, also where the compiler makes no tail calls.
template <typename T>
class TaskAwaiter {
 public:
  explicit TaskAwaiter(Task<T>&& task) noexcept : task_(std::move(task)) {}

  bool await_ready() const noexcept {
    if (!task_.valid()) {
      contract_broken("co_await of a Task that was moved from, awaited or started before");
    }
    return false;
  }

  template <typename P>
  bool await_suspend(std::coroutine_handle<P> caller) {
    Promise<T>& promise = task_.handle_.promise();
    promise.PromiseBase::root = caller.promise().PromiseBase::root;
    task_.handle_.resume();
    if (task_.handle_.done()) {
      return false;
    }
    if (promise.PromiseBase::root->state == RootState::kRunning) {
      frame_went_astray(*promise.PromiseBase::root);
    }
    promise.continuation = caller;
    return true;
  }

  T await_resume() { return task_.handle_.promise().take(); }

 private:
  Task<T> task_;
};

template <typename T>
TaskAwaiter(Task<T>&&) -> TaskAwaiter<T>;

}  // namespace detail
}  // namespace soak

#endif  // SOAK_DETAIL_PROMISE_H_
