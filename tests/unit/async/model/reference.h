// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TESTS_UNIT_ASYNC_MODEL_REFERENCE_H_
#define SOAK_TESTS_UNIT_ASYNC_MODEL_REFERENCE_H_

// Predicts the outcome of a tree, from what the public headers promise. It is a queue of timers and plain functions: it
// uses no coroutine and nothing from the library.
//
// With a grace of zero, a child that needs several turns to unwind may or may not get them. The prediction then allows
// both outcomes, and both for everything that follows from them. The times at which tasks end are always exact.

#include <cstddef>
#include <set>
#include <vector>

#include "model/tree.h"

namespace soak::model {

// How a task may end, as bits.
inline constexpr unsigned kNothing = 0;  // It was never started.
inline constexpr unsigned kValue = 1;
inline constexpr unsigned kFailed = 2;
inline constexpr unsigned kCancelled = 4;
inline constexpr unsigned kForced = 8;     // Destroyed where it stood.
inline constexpr unsigned kTimedOut = 16;  // Only as the result of a child in its gather.

// A failure is identified by the node that threw: its id, or its id plus this for the timeout of a with_timeout().
inline constexpr int kOfTimeout = 1000;

struct Counts {
  std::size_t completed = 0;
  std::size_t cancelled = 0;
  std::size_t forced = 0;
  std::size_t failed = 0;
  std::size_t background_failed = 0;
  std::size_t unresponsive = 0;
  bool operator==(const Counts&) const = default;
};

struct Prediction {
  unsigned ends = kNothing;
  std::set<int> failures;  // If it failed, the failure is one of these.
  Nanoseconds start{};
  Nanoseconds end{};
  Counts drained;                 // For a group.
  bool exact = true;              // Whether `drained` is exact.
  unsigned exits = 0;             // For a session: the possible ExitReasons, as bits.
  std::vector<unsigned> results;  // For a gather: the possible results of each child, as bits.
};

struct Forecast {
  std::vector<Prediction> nodes;
  Nanoseconds end{};           // When the root has been drained.
  std::size_t stragglers = 0;  // How many blocking calls are still running then.
};

Forecast predict(const Tree& tree);

}  // namespace soak::model

#endif  // SOAK_TESTS_UNIT_ASYNC_MODEL_REFERENCE_H_
