// SPDX-License-Identifier: Apache-2.0
#include "soak/task.h"

#include <fmt/format.h>

#include <vector>

#include "lib/async/log_lines.h"

namespace soak {

TaskGroup::TaskGroup(EventLoop& loop) : state_(loop.core()) {}

TaskGroup::~TaskGroup() {
  for (detail::WaitList* const waiters : {&state_.joining, &state_.watching}) {
    if (waiters->empty()) {
      continue;
    }
    if (!state_.owner_is_unwinding()) {
      detail::contract_broken(fmt::format("TaskGroup destroyed while it is drained or supervised by {}; end them first",
                                          detail::names_of(*waiters)));
    }
    // The owner of the group is about to end these too; until then nothing but a cancellation can wake them.
    while (!waiters->empty()) {
      waiters->front().leave_queue();
    }
  }
  if (state_.size > 0) {
    if (!state_.owner_is_unwinding()) {
      detail::contract_broken(fmt::format("TaskGroup destroyed while it owns {}: {}; drain() it first{}",
                                          detail::count_of_tasks(state_.size), state_.names(), state_.reports()));
    }
    state_.abandon("task group");
  }
  if (state_.crash.happened && !state_.failures_asked && !state_.logs_crashes) {
    detail::log_text(LogLevel::kError, state_.loop.now(), "task group", state_.label, [&] {
      return fmt::format("{} failed, and nothing checked the failures; the first: {}: {}",
                         detail::count_of_tasks(state_.failed), to_string(state_.crash.name),
                         detail::shown(state_.crash.failure));
    });
  }
  state_.leave_family();
}

void TaskGroup::start(TaskName name, Task<> task, TaskKind kind, std::source_location where) {
  state_.loop.require_own_thread("TaskGroup::start()");
  if (!task.valid()) {
    detail::contract_broken("start() of a Task that was moved from, awaited or started before");
  }
  if (state_.draining) {
    throw Error(Errc::kDraining, fmt::format("{} not started: its group is being drained", to_string(name)));
  }
  detail::Promise<void>& promise = task.handle_.promise();
  promise.PromiseBase::root = &promise;
  state_.loop.admit(promise, &state_, name, kind, where);
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
  state_.failures_asked = true;
  return state_.failed;
}

std::exception_ptr TaskGroup::first_failure() noexcept {
  state_.failures_asked = true;
  return state_.crash.failure;
}

namespace detail {

GroupState& state_of(TaskGroup& group) noexcept { return group.state_; }

// The waits

namespace {

Task<> as_task(Sleep sleep) { co_await std::move(sleep); }
Task<> as_task(Yield yield) { co_await std::move(yield); }

}  // namespace

void Sleep::await_suspend(std::coroutine_handle<> frame) noexcept {
  const Instant now = root().loop->now();
  const Instant at = deadline(now);
  if (at > now) {
    park_until(frame, at);
  } else {
    park(frame);
    root().make_ready(Wake::kEvent);
  }
}

Yield::operator Task<>() && { return Promise<void>::as_one_wait(as_task(*this)); }

Sleep::operator Task<>() && { return Promise<void>::as_one_wait(as_task(*this)); }

}  // namespace detail
}  // namespace soak
