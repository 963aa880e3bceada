// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_SERIES_MEASUREMENTS_H_
#define SOAK_SERIES_MEASUREMENTS_H_

// The measurements of a run, as a value. They can come from a running run, a report or a CSV file, and can be judged
// anywhere.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "soak/series/series.h"

namespace soak::probe {

// One quantity: its values over time from sample(), and at the quiescent points from rest().
struct Track {
  std::string name;  // "rss", "heap", "fds", "sockets", "threads", a gauge's; "fake.rss" of a process called "fake".
  Unit unit = Unit::kCount;
  std::string unavailable;  // Why it could not be read, or no longer could; empty if it was read.
  Series timeline;
  Series at_rest;
  // The track that this one is part of and explains: the descriptors of one kind, the sockets in one state. It is not
  // judged by itself.
  std::string part_of = {};
  // For a gauge: the kernel's track that counts the same thing. If a gauge of sessions stands for "sockets" and shows
  // more than the kernel holds, the difference is ghosts.
  std::string stands_for = {};
  // When the process that this is about was replaced by another one: the first times of the later segments, ascending.
  // A fall of the level alone is no restart.
  std::vector<std::chrono::nanoseconds> restarts = {};

  // From now on the values are those of another process.
  void restart(std::chrono::nanoseconds at);
};

// Something the run counts (frames, messages), with its count at every quiescent point, so that residue can be given
// per operation. A cycle is an operation too; each Point has its number.
struct Operation {
  std::string name;
  Series at_rest;
};

// The id of a process, as a type of its own so that other numbers do not convert to it.
struct ProcessId {
  int value = 0;
};

// A watched process that ended while it was watched.
struct Vanished {
  std::string name;
  ProcessId id;
  std::chrono::nanoseconds at{};  // When that was noticed.
};

// A process took the place of another one: a segment begins in the tracks that are about it.
struct Restart {
  std::chrono::nanoseconds at{};  // The first time of the new segment.
  std::string text;               // "process 4711 (fake) was replaced by process 4712".
};

// Everything that a probe recorded. Judging it needs no process.
struct Measurements {
  std::vector<Track> tracks;
  std::vector<Operation> operations;
  std::uint64_t quiescent_points = 0;
  // They are candidates: ends of passes of a plain loop, whose body did not say when it was at rest.
  bool candidates = false;
  // Quiescent points at which a count was still changing after the time for settling, and the last such count.
  std::uint64_t unsettled_points = 0;
  bool baseline_unsettled = false;
  bool last_unsettled = false;
  std::string unsettled_by;
  std::vector<Vanished> vanished;
  std::vector<Restart> restarts;         // In order of time.
  std::chrono::nanoseconds probe_cpu{};  // Processor time spent on measuring.

  const Track* find(std::string_view name) const;
};

}  // namespace soak::probe

#endif  // SOAK_SERIES_MEASUREMENTS_H_
