// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_SESSION_H_
#define SOAK_SESSION_H_

// Owns the tasks of one connection. However they end, all of them end, and the session leaves the gauge.
//
//   Session session(loop, {.label = "pusher"});
//   session.start({"receive", id}, receive(socket), TaskKind::kReceive);
//   session.start({"heartbeat", id}, heartbeat(socket, session.shutdown()));
//   const SessionResult result = co_await session.run();
//
// run() supervises the tasks, sets shutdown() at the first end that matters, cancels the receive task, which waits for
// a peer and not for the shutdown, and drains: the other tasks have the timeout to finish. The gauge
// async_sessions{label} goes up once when the session is built, and down once when it ends, on every path.

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "soak/detail/session_count.h"
#include "soak/event.h"
#include "soak/metrics/label.h"
#include "soak/supervise.h"
#include "soak/task.h"

namespace soak {

struct SessionOptions {
  Label label = "default";
  std::chrono::nanoseconds timeout = std::chrono::seconds{30};  // For tasks to finish by themselves.
  std::chrono::nanoseconds grace = std::chrono::seconds{5};     // For cancelled tasks to unwind.
  std::optional<Instant> deadline = std::nullopt;               // Ends the timeout and the grace if it comes first.
};
static_assert(std::is_trivially_destructible_v<SessionOptions>);  // For g++ 12, see task.h.

struct SessionResult {
  SupervisorExit exit;
  DrainResult drained;
};

class Session {
 public:
  explicit Session(EventLoop& loop, SessionOptions options = {});
  // Like ~TaskGroup(): aborts if its scope is left normally while tasks are running; otherwise destroys them in place.
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Like TaskGroup::start().
  void start(TaskName name, Task<> task, TaskKind kind = TaskKind::kLifetime,
             std::source_location where = std::source_location::current()) {
    tasks_.start(name, std::move(task), kind, where);
  }

  // Set when the session begins to end. Let its tasks sleep on it: while (!co_await shutdown.wait_for(10s)) ping();
  Event& shutdown() noexcept { return shutdown_; }
  TaskGroup& tasks() noexcept { return tasks_; }

  // If the drain is not clean, its log includes how many items `queue` held. `queue` must outlive the session.
  template <typename Queue>
  void watch_queue(Label name, const Queue& queue) {
    queues_.push_back({name, &queue, [](const void* of) { return static_cast<const Queue*>(of)->size(); }});
  }

  // Call it once. Supervises, sets shutdown(), cancels the tasks of TaskKind::kReceive, and drains. If it is cancelled,
  // it cancels the tasks at once, drains, and then throws Cancelled.
  [[nodiscard]] Task<SessionResult> run(std::source_location where = std::source_location::current());

 private:
  SessionOptions options_;
  detail::SessionCount count_;
  Event shutdown_;
  std::vector<detail::QueueDepth> queues_;
  TaskGroup tasks_;
};

}  // namespace soak

#endif  // SOAK_SESSION_H_
