// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TESTS_UNIT_ASYNC_MODEL_TREE_H_
#define SOAK_TESTS_UNIT_ASYNC_MODEL_TREE_H_

// A random tree of tasks, and what an outsider does to it: plain data, which is run in earnest and predicted apart.
//
// Times are drawn to the nanosecond, so that two of them meet only where one is the cause of the other, and the order
// within an instant decides nothing. Each task begins with a sleep, so that one cancelled in the instant of its start
// ends in the same way whether it had its first turn or not.

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
  kThrowCancelled,  // Sleeps `duration`, throws Cancelled though nobody asked.
  kForever,         // Waits for what never comes.
  kEvent,           // Waits for an event of the outsider, then sleeps `duration`.
  kPoll,            // As kEvent, with wait_for(`period`) in a loop.
  kSwallow,         // Sleeps `duration`, and swallows the first `swallows` cancellations.
  kSwallowAll,      // Waits for ever, and swallows every cancellation.
  kThrowOnCancel,   // Answers a cancellation with an exception of its own.
  kCleanup,         // Cancelled, it cleans up for `period`.
  kBlocking,        // A blocking call of `duration`, maybe without end; then sleeps `period`, or returns if that is 0.
  kHold,            // Takes a permit of the limit for `duration`.
  kListen,          // In a session: ends when that shuts down.
  kProduce,         // In a pipe: pushes an item every `duration`.
  kConsume,         // In a pipe: pops items, and needs `duration` for each.
  kGroup,           // with_group().
  kPipe,            // with_group() of a producer, a consumer, and a queue between them.
  kSession,         // Session.
  kAbandon,         // A TaskGroup that is left by an exception.
  kGather,          // gather().
  kChunked,         // gather_chunked().
  kTimeout,         // with_timeout().
};

// What the body of a group does when it has started its children.
enum class Tail { kReturn, kSleep, kThrow, kForever, kDrain };

struct Node {
  int id = 0;
  int parent = -1;
  Kind kind = Kind::kSleep;
  Nanoseconds delay{};  // The sleep with which it begins.
  Nanoseconds duration{};
  Nanoseconds period{};
  int swallows = 0;
  int event = 0;
  int items = 0;
  std::size_t capacity = 1;
  bool endless = false;  // The blocking call.
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
  bool of_void = false;  // A gather of Task<>.
  std::vector<int> children;
};

struct Step {
  enum class What { kCancel, kEndInPlace, kSetEvent, kDrain };
  Nanoseconds at{};
  What what = What::kSetEvent;
  int target = 0;         // A node with a group, or an event. kDrain is of the root.
  Nanoseconds timeout{};  // Of kDrain.
  Nanoseconds grace{};
};

inline constexpr int kEvents = 3;

struct Tree {
  std::uint64_t seed = 0;
  std::vector<Node> nodes;  // The first is a group that is drained when its `duration` is over.
  std::vector<Step> steps;
  std::size_t permits = 1;
};

Tree grow(std::uint64_t seed);

bool has_group(Kind kind);

std::string to_string(const Tree& tree);

}  // namespace soak::model

#endif  // SOAK_TESTS_UNIT_ASYNC_MODEL_TREE_H_
