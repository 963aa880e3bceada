// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TESTS_UNIT_ASYNC_MODEL_TREE_H_
#define SOAK_TESTS_UNIT_ASYNC_MODEL_TREE_H_

// A random tree of tasks, and what is done to it from outside. It is plain data: one part of the test runs it with the
// real library, another predicts the outcome.
//
// Times are random to the nanosecond. So two events share an instant only if one causes the other, and the order within
// an instant does not matter. Each task begins with a sleep, so a task that is cancelled at the instant it starts ends
// the same way whether or not it had its first turn.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "soak/detail/task_name.h"

namespace soak::model {

using Nanoseconds = std::chrono::nanoseconds;

enum class Kind {
  kSleep,           // Sleeps `duration`, returns.
  kThrow,           // Sleeps `duration`, throws.
  kThrowCancelled,  // Sleeps `duration`, throws Cancelled without having been cancelled.
  kForever,         // Waits for something that never happens.
  kEvent,           // Waits for an event that is set from outside, then sleeps `duration`.
  kPoll,            // Like kEvent, but calls wait_for(`period`) in a loop.
  kSwallow,         // Sleeps `duration`, and swallows the first `swallows` cancellations.
  kSwallowAll,      // Waits forever, and swallows every cancellation.
  kThrowOnCancel,   // Sleeps `duration`; when cancelled, throws an exception of its own.
  kCleanup,         // Sleeps `duration`; when cancelled, cleans up for `period`.
  kBlocking,        // A blocking call of `duration`, or without end; then sleeps `period`, or returns if that is 0.
  kHold,            // Takes a permit of the limit for `duration`.
  kListen,          // In a session: ends when the session shuts down.
  kProduce,         // In a pipe: pushes an item every `duration`.
  kConsume,         // In a pipe: pops items, and takes `duration` for each.
  kGroup,           // with_group().
  kPipe,            // with_group() around a producer, a consumer, and a queue between them.
  kSession,         // Session.
  kAbandon,         // A TaskGroup whose scope is left by an exception.
  kGather,          // gather().
  kChunked,         // gather_chunked().
  kTimeout,         // with_timeout().
};

// What the body of a group does after it has started its children.
enum class Tail { kReturn, kSleep, kThrow, kForever, kDrain };

struct Node {
  int id = 0;
  int parent = -1;
  Kind kind = Kind::kSleep;
  Nanoseconds delay{};  // Each task begins with a sleep of this length.
  Nanoseconds duration{};
  Nanoseconds period{};
  int swallows = 0;
  int event = 0;
  int items = 0;
  std::size_t capacity = 1;
  bool endless = false;  // Whether the blocking call never returns.
  TaskKind task_kind = TaskKind::kLifetime;

  Tail tail = Tail::kReturn;
  Nanoseconds gap{};  // Between the starts of its children.
  std::optional<Nanoseconds> timeout;
  std::optional<Nanoseconds> task_timeout;
  std::optional<Nanoseconds> deadline;  // Since the loop began.
  Nanoseconds grace{};
  bool cancel_first = false;
  std::size_t concurrency = 1;
  bool limited = false;
  bool of_void = false;  // A gather of Task<> instead of Task<int>.
  std::vector<int> children;
};

struct Step {
  enum class What { kCancel, kEndInPlace, kSetEvent, kDrain };
  Nanoseconds at{};
  What what = What::kSetEvent;
  int target = 0;         // The id of a node with a group, or the number of an event. kDrain always drains the root.
  Nanoseconds timeout{};  // For kDrain.
  Nanoseconds grace{};    // For kDrain.
};

inline constexpr int kEvents = 3;

struct Tree {
  std::uint64_t seed = 0;
  std::vector<Node> nodes;  // The first is the root: a group that is drained after its `duration`.
  std::vector<Step> steps;
  std::size_t permits = 1;
};

Tree grow(std::uint64_t seed);

bool has_group(Kind kind);

std::string to_string(const Tree& tree);

}  // namespace soak::model

#endif  // SOAK_TESTS_UNIT_ASYNC_MODEL_TREE_H_
