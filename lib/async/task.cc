// SPDX-License-Identifier: Apache-2.0
#include "soak/task.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <typeinfo>

namespace soak {

namespace {

std::string count_of_tasks(std::size_t count) { return fmt::format("{} task{}", count, count == 1 ? "" : "s"); }

std::string what_of(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& error) {
    return error.what();
  } catch (...) {
    return "threw something that is no std::exception";
  }
}

std::string failure_text(const detail::GroupState& group) {
  return to_string(group.first_failure_name) + ": " + what_of(group.first_failure);
}

}  // namespace

TaskGroup::TaskGroup(EventLoop& loop) : state_(loop.core()) {}

TaskGroup::~TaskGroup() {
  detail::LoopCore& loop = state_.loop;
  const bool unwinding = std::uncaught_exceptions() > state_.exceptions_when_built;
  if (state_.size > 0) {
    if (loop.force_depth == 0 && !unwinding) {
      std::string message = fmt::format("TaskGroup destroyed while it owns {}: {}; drain() it first",
                                        count_of_tasks(state_.size), state_.names());
      for (const TaskReport& report : tasks()) message += "\n  " + to_string(report);
      detail::contract_broken(message);
    }
    std::fprintf(stderr, "soak: TaskGroup ended %s where they stood: %s\n", count_of_tasks(state_.size).c_str(),
                 state_.names().c_str());
    detail::GroupState* const around = loop.current != nullptr ? loop.current->group : nullptr;
    loop.force(state_, loop.force_depth > 0 ? loop.forced_into : around);
  }
  if (!state_.failures_reported) {
    std::fprintf(stderr, "soak: %s of a TaskGroup failed, and nobody asked; the first: %s\n",
                 count_of_tasks(state_.failed).c_str(), failure_text(state_).c_str());
  }
  state_.leave_family();
}

void TaskGroup::start(TaskName name, Task<> task, TaskKind kind, std::source_location where) {
  state_.loop.require_own_thread("TaskGroup::start()");
  if (!task.valid()) detail::contract_broken("start() of a Task that was moved from, awaited or started before");
  if (state_.draining) {
    throw Error(Errc::kDraining, fmt::format("{} not started: its group is being drained", to_string(name)));
  }
  state_.loop.admit(task.handle_.promise(), &state_, name, kind, where);
  task.handle_ = nullptr;  // The group owns it now.
}

void TaskGroup::cancel() { state_.cancel(); }

void TaskGroup::end_in_place() noexcept {
  state_.loop.require_own_thread("TaskGroup::end_in_place()");
  state_.loop.force(state_, nullptr);
}

std::vector<TaskReport> TaskGroup::tasks() const {
  std::vector<TaskReport> reports;
  state_.members.for_each([&](const detail::Root& root) { reports.push_back(root.report()); });
  return reports;
}

std::size_t TaskGroup::failed() noexcept {
  state_.failures_reported = true;
  return state_.failed;
}

std::exception_ptr TaskGroup::first_failure() noexcept {
  state_.failures_reported = true;
  return state_.first_failure;
}

std::string TaskGroup::first_failure_text() {
  state_.failures_reported = true;
  return state_.failed == 0 ? std::string() : failure_text(state_);
}

// drain()

class DrainAccess {
 public:
  static detail::GroupState& state(TaskGroup& group) { return group.state_; }
};

namespace {

// Waits until the group is empty: true, or false when the time ran out first.
class EmptyWait final : public detail::TimedAwaitable {
 public:
  EmptyWait(detail::GroupState& group, Instant until, std::source_location where) noexcept
      : TimedAwaitable(until, where), group_(&group) {}

  bool await_ready() noexcept { return cancelled_on_arrival() || group_->size == 0; }
  void await_suspend(std::coroutine_handle<> frame) noexcept {
    park_until(frame, deadline());
    group_->joining.push_back(root());
  }
  bool await_resume() { return outcome() == detail::Wake::kEvent; }
  const char* awaiting() const noexcept override { return "drain"; }

 private:
  detail::GroupState* group_;
};

}  // namespace

Task<DrainResult> drain(TaskGroup& owner, DrainOptions options, std::source_location where) {
  detail::GroupState& group = DrainAccess::state(owner);
  detail::LoopCore& loop = group.loop;
  EventLoop& own_loop = co_await this_loop();
  if (&own_loop != &loop.self) detail::contract_broken("drain() of a TaskGroup that belongs to another EventLoop");
  if (group.contains(loop.current)) {
    detail::contract_broken(fmt::format(
        "drain() called by task {}, which the TaskGroup owns: it would wait for itself; drain from outside the group",
        to_string(loop.current->name)));
  }

  group.draining = true;
  const std::size_t completed = group.completed;
  const std::size_t cancelled = group.cancelled;
  bool interrupted = false;  // drain() itself was cancelled.

  Instant until = detail::later(loop.now(), options.timeout);
  if (options.deadline) until = std::min(until, *options.deadline);
  if (!options.cancel_first && until > loop.now()) {
    try {
      co_await EmptyWait(group, until, where);
    } catch (const Cancelled&) {
      interrupted = true;
    }
  }

  if (group.size > 0) {
    group.cancel();
    until = detail::later(loop.now(), options.grace);
    for (bool waiting = true; waiting && group.size > 0;) {
      try {
        co_await EmptyWait(group, until, where);
        waiting = false;
      } catch (const Cancelled&) {
        interrupted = true;
      }
    }
    // Without any grace, and where the order is shuffled, some may not have had the turn they are due.
    while (group.has_undelivered()) {
      try {
        co_await yield(where);
      } catch (const Cancelled&) {
        interrupted = true;
      }
    }
    loop.force(group, &group);
  }

  DrainResult result;
  result.completed = group.completed - completed;
  result.cancelled = group.cancelled - cancelled;
  result.forced = group.forced;
  result.failed = owner.failed();
  if (interrupted) throw Cancelled{};
  co_return result;
}

// The waits

namespace detail {

namespace {

Task<> as_task(Sleep sleep) { co_await std::move(sleep); }

}  // namespace

void Sleep::await_suspend(std::coroutine_handle<> frame) noexcept {
  const Instant at = deadline();
  if (at > root().loop->now()) {
    park_until(frame, at);
  } else {
    park(frame);
    root().wake(Wake::kEvent);
  }
}

Sleep::operator Task<>() && { return Promise<void>::as_one_wait(as_task(*this)); }

}  // namespace detail
}  // namespace soak
