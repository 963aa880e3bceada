// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TESTS_UNIT_ASYNC_MODEL_REFERENCE_H_
#define SOAK_TESTS_UNIT_ASYNC_MODEL_REFERENCE_H_

// What must come of a tree, by the words of the headers: a queue of times and plain functions, no coroutine, nothing
// of the library.
//
// Where a grace is zero, a child that needs several turns to unwind may or may not get them; then the prediction
// allows both, and so for whatever follows. When everything ends is certain always.

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
inline constexpr unsigned kTimedOut = 16;  // Of a child, to the gather that runs it.

// A failure is the id of the node that threw, or, of a with_timeout(), that and this.
inline constexpr int kOfTimeout = 1000;

struct Counts {
  std::size_t completed = 0;
  std::size_t cancelled = 0;
  std::size_t forced = 0;
  std::size_t failed = 0;
  std::size_t unresponsive = 0;
  bool operator==(const Counts&) const = default;
};

struct Prediction {
  unsigned ends = kNothing;
  std::set<int> failures;  // Any of these, if it failed.
  Nanoseconds start{};
  Nanoseconds end{};
  Counts drained;                 // Of a group.
  bool exact = true;              // Whether `drained` is.
  unsigned exits = 0;             // Of a session: the ExitReasons it may give, as bits.
  std::vector<unsigned> results;  // Of a gather: what it may say of each child.
};

struct Forecast {
  std::vector<Prediction> nodes;
  Nanoseconds end{};           // When the root is drained.
  std::size_t stragglers = 0;  // Then.
};

Forecast predict(const Tree& tree);

}  // namespace soak::model

#endif  // SOAK_TESTS_UNIT_ASYNC_MODEL_REFERENCE_H_
