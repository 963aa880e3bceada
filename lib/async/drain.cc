// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "lib/async/async_metrics.h"
#include "lib/async/log_lines.h"
#include "lib/text/format.h"
#include "soak/session.h"
#include "soak/task.h"

namespace soak {

namespace {

using detail::GroupState;

// Waits until the group is empty: true, or false when the time ran out first.
class EmptyWait final : public detail::TimedAwaitable {
 public:
  EmptyWait(GroupState& group, Instant until, std::source_location where) noexcept
      : TimedAwaitable(until, where), group_(&group) {}

  bool await_ready() noexcept { return cancelled_on_arrival() || group_->size == 0; }
  void await_suspend(std::coroutine_handle<> frame) noexcept {
    park_until(frame, deadline());
    group_->joining.push_back(root());
  }
  bool await_resume() { return outcome() == detail::Wake::kEvent; }
  const char* awaiting() const noexcept override { return "drain"; }

 private:
  GroupState* group_;
};

// "; queues: uploads 17, audio 0", of the session whose group it is.
std::string queues_text(const GroupState& group) {
  if (group.queues == nullptr || group.queues->empty()) {
    return {};
  }
  std::string text;
  for (const detail::QueueDepth& queue : *group.queues) {
    text += fmt::format("{}{} {}", text.empty() ? "\n  queues: " : ", ", queue.name.view(), queue.depth(queue.queue));
  }
  return text;
}

// One a drain; its place in the metrics and the log.
class DrainLog {
 public:
  DrainLog(const GroupState& group, const DrainOptions& options, Instant began)
      : group_(group),
        options_(options),
        began_(began),
        metrics_(detail::metrics_of<detail::DrainMetrics>(options.label)) {}

  void cancels(bool interrupted) {
    if (!interrupted && !group_.ended_by_failure && !options_.cancel_first) {
      metrics_.timeouts.increment();
    }
    detail::log_text(level(interrupted), group_.loop.now(), "drain", options_.label, [&] {
      const char* verb = group_.size == 1 ? "is" : "are";
      const std::string what = detail::count_of_tasks(group_.size);
      if (options_.cancel_first) {
        return fmt::format("{} {} cancelled:{}{}", what, verb, group_.reports(), queues_text(group_));
      }
      return fmt::format("{} still running after {:.3f} s {} cancelled{}:{}{}", what,
                         text::seconds(group_.loop.now() - began_), verb,
                         interrupted               ? " because drain() was"
                         : group_.ended_by_failure ? " because a task failed"
                                                   : "",
                         group_.reports(), queues_text(group_));
    });
  }

  // Before the force: what it is about to meet.
  void forces(std::chrono::nanoseconds grace) {
    detail::log_text(LogLevel::kError, group_.loop.now(), "drain", options_.label, [&] {
      return fmt::format("{} did not unwind within {:.3f} s of being cancelled and {} destroyed in place:{}{}",
                         detail::count_of_tasks(group_.size), text::seconds(grace), group_.size == 1 ? "is" : "are",
                         group_.reports(), queues_text(group_));
    });
  }

  void leaves_behind() {
    detail::log_text(LogLevel::kError, group_.loop.now(), "drain", options_.label, [&] {
      std::string text = fmt::format("{} cannot be ended, its thread is in a blocking call:",
                                     detail::count_of_tasks(group_.unresponsive.size()));
      for (const TaskReport& report : group_.unresponsive) {
        text += "\n  " + to_string(report);
      }
      return text;
    });
  }

  void ends() { metrics_.duration.observe(group_.loop.now() - began_); }

 private:
  LogLevel level(bool interrupted) const {
    return options_.cancel_first || interrupted || group_.ended_by_failure ? LogLevel::kInfo : LogLevel::kWarning;
  }

  const GroupState& group_;
  const DrainOptions& options_;
  Instant began_;
  const detail::DrainMetrics& metrics_;
};

}  // namespace

Task<DrainResult> drain(TaskGroup& owner, DrainOptions options, std::source_location where) {
  GroupState& group = detail::state_of(owner);
  detail::LoopCore& loop = group.loop;
  EventLoop& own_loop = co_await this_loop();
  if (&own_loop != &loop.self) {
    detail::contract_broken("drain() of a TaskGroup that belongs to another EventLoop");
  }
  if (group.contains(loop.current)) {
    detail::contract_broken(fmt::format(
        "drain() called by task {}, which the TaskGroup owns: it would wait for itself; drain from outside the group",
        to_string(loop.current->name)));
  }

  group.draining = true;
  group.label = options.label;
  if (group.crash.happened && !group.logs_crashes) {
    detail::log_crash(group, group.crash.name, group.crash.failure);
  }
  group.logs_crashes = true;
  const std::size_t completed = group.completed;
  const std::size_t cancelled = group.cancelled;
  const Instant began = loop.now();
  DrainLog log(group, options, began);
  const bool delivered_before = loop.current->cancel_delivered;
  bool interrupted = false;  // drain() itself was cancelled.
  bool cut_short = false;    // And there was still a task to end.

  Instant until = detail::later(began, options.timeout);
  if (options.deadline) {
    until = std::min(until, *options.deadline);
  }
  if (!options.cancel_first && until > began && group.size > 0) {
    try {
      co_await EmptyWait(group, until, where);
    } catch (const Cancelled&) {
      interrupted = true;
      cut_short = group.size > 0;
    }
  }

  if (group.size > 0) {
    log.cancels(interrupted);
    if (group.on_failure == GroupState::OnFailure::kTasks) {
      group.on_failure = GroupState::OnFailure::kNothing;  // All are asked now: another failure must not end the grace.
    }
    group.cancel();
    const Instant cancelled_at = loop.now();
    until = detail::later(cancelled_at, options.grace);
    std::chrono::nanoseconds grace = options.grace;
    if (options.deadline && *options.deadline < until) {
      until = *options.deadline;
      grace = std::max(until - cancelled_at, std::chrono::nanoseconds::zero());
    }
    for (bool waiting = true; waiting && group.size > 0;) {
      try {
        co_await EmptyWait(group, until, where);
        waiting = false;
      } catch (const Cancelled&) {
        interrupted = true;
        cut_short |= group.size > 0;
      }
    }
    // Without any grace, and where the order is shuffled, some may not have had the turn they are due.
    while (group.has_undelivered()) {
      try {
        co_await yield(where);
      } catch (const Cancelled&) {
        interrupted = true;
        cut_short |= group.size > 0;
      }
    }
    if (group.size > 0) {
      log.forces(grace);
    }
    loop.force(group, &group);
  }
  if (!group.unresponsive.empty()) {
    log.leaves_behind();
  }
  log.ends();

  DrainResult result;
  result.completed = group.completed - completed;
  result.cancelled = group.cancelled - cancelled;
  result.forced = group.forced;
  result.failed = group.failed;
  result.background_failed = group.background_failed;
  result.unresponsive = std::move(group.unresponsive);
  if (cut_short) {
    throw Cancelled{};
  }
  if (interrupted) {
    loop.current->put_off_cancel(delivered_before);
  }
  co_return result;
}

}  // namespace soak
