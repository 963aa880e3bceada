// SPDX-License-Identifier: Apache-2.0
#include "soak/supervise.h"

#include <fmt/format.h>

#include <utility>

#include "lib/async/async_metrics.h"
#include "lib/async/log_lines.h"
#include "soak/detail/enum_names.h"

namespace soak {

namespace {

constexpr detail::EnumNames<ExitReason> kReasonNames({{ExitReason::kDisconnect, "disconnect"},
                                                      {ExitReason::kCrash, "crash"},
                                                      {ExitReason::kLifetimeDone, "lifetime_done"},
                                                      {ExitReason::kAllDone, "all_done"}});

using detail::GroupState;

bool has_end(const GroupState& group) {
  return group.receive_end.happened || group.crash.happened || group.lifetime_end.happened || group.all_done();
}

class EndWait final : public detail::Awaitable {
 public:
  EndWait(GroupState& group, std::source_location where) noexcept : Awaitable(where), group_(&group) {}

  bool await_ready() noexcept { return cancelled_on_arrival() || has_end(*group_); }
  void await_suspend(std::coroutine_handle<> frame) noexcept {
    park(frame);
    group_->watching.push_back(root());
  }
  void await_resume() { outcome(); }
  const char* awaiting() const noexcept override { return "supervise"; }
  void unlink() noexcept override { root().leave_queue(); }

 private:
  GroupState* group_;
};

SupervisorExit told(ExitReason reason, detail::TaskEnd& end) {
  SupervisorExit exit{.reason = reason, .task = to_string(end.name), .error = std::move(end.failure), .what = {}};
  if (exit.error) {
    exit.what = detail::what_of(exit.error);
  }
  end = {};
  return exit;
}

SupervisorExit take_end(GroupState& group) {
  if (group.receive_end.happened) {
    // What the receive task threw is told with it, and not once more as a crash.
    if (group.crash.failure == group.receive_end.failure) {
      group.crash = {};
    }
    return told(ExitReason::kDisconnect, group.receive_end);
  }
  if (group.crash.happened) {
    return told(ExitReason::kCrash, group.crash);
  }
  if (group.lifetime_end.happened) {
    return told(ExitReason::kLifetimeDone, group.lifetime_end);
  }
  return {};
}

}  // namespace

std::string_view to_string(ExitReason reason) { return kReasonNames[reason]; }

Task<SupervisorExit> supervise(TaskGroup& owner, SuperviseOptions options, std::source_location where) {
  GroupState& group = detail::state_of(owner);
  EventLoop& own_loop = co_await this_loop();
  if (&own_loop != &group.loop.self) {
    detail::contract_broken("supervise() of a TaskGroup that belongs to another EventLoop");
  }
  if (group.contains(group.loop.current)) {
    detail::contract_broken(fmt::format(
        "supervise() called by task {}, which the TaskGroup owns: its own end would be waited for; supervise from "
        "outside the group",
        to_string(group.loop.current->name)));
  }
  group.label = options.label;
  group.supervised = true;
  if (!std::exchange(group.logs_crashes, true) && group.crash.happened) {
    detail::log_crash(group, group.crash.name, group.crash.failure);
  }

  const bool delivered_before = group.loop.current->cancel_delivered;
  const bool late = group.loop.current->cancel_pending;
  EndWait wait(group, where);
  try {
    co_await std::move(wait);
  } catch (const Cancelled&) {
    if (late || !has_end(group)) {
      throw;
    }
    group.loop.current->put_off_cancel(delivered_before);
  }
  const detail::SupervisorMetrics& metrics = detail::metrics_of<detail::SupervisorMetrics>(options.label);
  SupervisorExit exit = take_end(group);
  metrics.exits[static_cast<std::size_t>(exit.reason)].increment();
  co_return exit;
}

}  // namespace soak
