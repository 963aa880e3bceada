// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_SERIES_MEASUREMENTS_H_
#define SOAK_SERIES_MEASUREMENTS_H_

// What was measured of a run, as a value: whoever has it (a run that goes on, a report, a CSV file) can judge it.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "soak/series/series.h"

namespace soak::probe {

// One quantity: what sample() saw of it over time, and what rest() saw at the quiescent points.
struct Track {
  std::string name;  // "rss", "heap", "fds", "sockets", "threads", a gauge's; "fake.rss" of a process called "fake".
  Unit unit = Unit::kCount;
  std::string unavailable;  // Why it could not be read, or why not any more; empty when it was.
  Series timeline;
  Series at_rest;
  // The track that this one is a part of, which it explains: the descriptors of a kind, the sockets in a state. It is
  // not judged by itself.
  std::string part_of = {};
  // The track that counts the same from outside: a gauge of sessions that stands for "sockets" is a ghost where it says
  // more than the kernel.
  std::string stands_for = {};
};

// Something the run counts (frames, messages), as the count stood at the quiescent points: at all of them, so that
// residue can be told per operation. A cycle is an operation too, and stands in each Point.
struct Operation {
  std::string name;
  Series at_rest;
};

// A process by its number, so that no other number is taken for one.
struct ProcessId {
  int value = 0;
};

// A watched process that ended while it was watched.
struct Vanished {
  std::string name;
  ProcessId id;
  std::chrono::nanoseconds at{};  // When that was seen.
};

// Everything a probe saw. A value: judging it needs no process.
struct Measurements {
  std::vector<Track> tracks;
  std::vector<Operation> operations;
  std::uint64_t quiescent_points = 0;
  // Quiescent points at which a count still moved after the time for settling, and the last such count.
  std::uint64_t unsettled_points = 0;
  bool baseline_unsettled = false;
  bool last_unsettled = false;
  std::string unsettled_by;
  std::vector<Vanished> vanished;
  std::chrono::nanoseconds probe_cpu{};  // Processor time that all of this took.

  const Track* find(std::string_view name) const;
};

}  // namespace soak::probe

#endif  // SOAK_SERIES_MEASUREMENTS_H_
