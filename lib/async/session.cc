// SPDX-License-Identifier: Apache-2.0
#include "soak/session.h"

#include "lib/async/async_metrics.h"

namespace soak {

namespace detail {

SessionCount::SessionCount(Label label) : label_(label) { metrics_of<SessionMetrics>(label_).sessions.increment(); }

void SessionCount::end() noexcept {
  if (!counted_) {
    return;
  }
  counted_ = false;
  metrics_of<SessionMetrics>(label_).sessions.decrement();
}

}  // namespace detail

Session::Session(EventLoop& loop, SessionOptions options) : options_(options), count_(options.label), tasks_(loop) {
  detail::GroupState& group = detail::state_of(tasks_);
  group.label = options.label;
  group.queues = &queues_;
}

Session::~Session() = default;

Task<SessionResult> Session::run(std::source_location where) {
  DrainOptions draining;
  draining.timeout = options_.timeout;
  draining.grace = options_.grace;
  draining.deadline = options_.deadline;
  draining.label = options_.label;

  SessionResult result;
  bool interrupted = false;
  try {
    SuperviseOptions supervising;
    supervising.label = options_.label;
    Task<SupervisorExit> supervised = supervise(tasks_, supervising, where);
    result.exit = co_await std::move(supervised);
  } catch (const Cancelled&) {
    interrupted = true;
    draining.cancel_first = true;
  }
  shutdown_.set();
  if (!interrupted) {
    detail::state_of(tasks_).members.for_each([](detail::Root& task) {
      if (task.kind == TaskKind::kReceive) {
        task.request_cancel();
      }
    });
  }
  try {
    Task<DrainResult> drained = drain(tasks_, draining, where);
    result.drained = co_await std::move(drained);
  } catch (const Cancelled&) {
    interrupted = true;
  }
  count_.end();
  if (interrupted) {
    throw Cancelled{};
  }
  co_return result;
}

}  // namespace soak
