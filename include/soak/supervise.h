// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_SUPERVISE_H_
#define SOAK_SUPERVISE_H_

// Detects when a group of tasks is over, so that its cleanup can begin.
//
// If you wait for all tasks of a session, one hung upload is enough to keep the cleanup from ever running. supervise()
// returns at the first end that matters, and drain() ends the rest.
//
//   const SupervisorExit exit = co_await supervise(tasks, {.label = "session"});
//   const DrainResult drained = co_await drain(tasks, {.timeout = 30s});

#include <exception>
#include <source_location>
#include <string>
#include <string_view>
#include <type_traits>

#include "soak/metrics/label.h"
#include "soak/task.h"

namespace soak {

// If several occur in one round, the first in this list wins.
enum class ExitReason {
  kDisconnect,    // A TaskKind::kReceive task ended, in any way.
  kCrash,         // A task threw something other than Cancelled.
  kLifetimeDone,  // A TaskKind::kLifetime task ended normally.
  kAllDone,       // No task is left, other than TaskKind::kBackground tasks.
};

// "disconnect", "crash", "lifetime_done", "all_done".
std::string_view to_string(ExitReason reason);

struct SupervisorExit {
  ExitReason reason = ExitReason::kAllDone;
  std::string task;          // The task that ended; empty for kAllDone.
  std::exception_ptr error;  // The exception of a crash, or of a disconnect caused by one.
  std::string what;          // The text of `error`; empty without one.
};

struct SuperviseOptions {
  Label label = "default";
};
static_assert(std::is_trivially_destructible_v<SuperviseOptions>);  // For g++ 12, see task.h.

// Waits for the first end that matters among the tasks of `group`. Ends from before the call count too. It owns nothing
// and cancels nothing. The normal end of a finite task, the end of a cancelled task, and any end of a background task
// do not matter. Each end is returned once, so you can restart a crashed task and supervise again; with_group() does
// not rethrow a crash that was returned here. Counts async_supervisor_exit_total{label,reason}, and logs every crash of
// the group from now on. If it is cancelled and an end that matters has happened meanwhile, it returns the end, and the
// caller gets the request at its next co_await. Aborts if called by a task that the group owns.
[[nodiscard]] Task<SupervisorExit> supervise(TaskGroup& group, SuperviseOptions options = {},
                                             std::source_location where = std::source_location::current());

}  // namespace soak

#endif  // SOAK_SUPERVISE_H_
