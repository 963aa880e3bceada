// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_SUPERVISE_H_
#define SOAK_SUPERVISE_H_

// Notices when a group of tasks has come to its end, so that its cleanup begins.
//
// A wait for all of a session's tasks ends with the slowest of them: one hung upload, and the cleanup is never
// reached. supervise() ends with the first end that matters; drain() ends the rest.
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

// In the order in which they win when they come in one round.
enum class ExitReason {
  kDisconnect,    // A TaskKind::kReceive task ended, however it did.
  kCrash,         // A task threw. Cancelled is no crash.
  kLifetimeDone,  // A TaskKind::kLifetime task ended normally.
  kAllDone,       // No task is left.
};

// "disconnect", "crash", "lifetime_done", "all_done".
std::string_view to_string(ExitReason reason);

struct SupervisorExit {
  ExitReason reason = ExitReason::kAllDone;
  std::string task;          // Whose end it was; empty for kAllDone.
  std::exception_ptr error;  // What it threw, in a crash, or in a disconnect that was one.
  std::string what;          // Its text; empty without an error.
};

struct SuperviseOptions {
  Label label = "default";
};
static_assert(std::is_trivially_destructible_v<SuperviseOptions>);  // For g++ 12, see task.h.

// Waits for the first end that matters among the tasks of `group`, those that came before the call included. It owns
// nothing and cancels nothing. A finite task that ends normally, and a task that was cancelled, are waited past.
// Each end is told once, so that a caller who restarts what crashed can supervise again; a crash that was told is
// not thrown by with_group() any more. Counts async_supervisor_exit_total{label,reason}, and logs each crash of the
// group from now on. Aborts when called by a task that the group owns.
[[nodiscard]] Task<SupervisorExit> supervise(TaskGroup& group, SuperviseOptions options = {},
                                             std::source_location where = std::source_location::current());

}  // namespace soak

#endif  // SOAK_SUPERVISE_H_
