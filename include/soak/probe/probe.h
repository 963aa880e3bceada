// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_PROBE_PROBE_H_
#define SOAK_PROBE_PROBE_H_

// Watches what this process holds, as series over the time of a run.
//
// Two kinds of reading: sample() takes what is cheap (RSS, open fds, threads, gauges) and may be called
// from a thread of the probe's own; rest() takes everything, the heap and the sockets too, and belongs
// at a quiescent point, where the process should hold what it held at the one before. Neither allocates, but that the
// first rest() which sees a new operation maps memory for it.

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "soak/probe/series.h"
#include "soak/probe/trend.h"

namespace soak::probe {

// One quantity: what sample() saw of it over time, and what rest() saw at the quiescent points.
struct Track {
  std::string name;  // "rss", "heap", "fds", "sockets", "threads", or the gauge's.
  Unit unit = Unit::kCount;
  std::string unavailable;  // Why it could not be read; empty when it was.
  Series timeline;
  Series at_rest;
};

// Something the run counts (frames, messages), as the count stood at the quiescent points: at the same points as every
// track's at_rest, so that residue can be told per operation. A cycle is an operation too, and stands in each Point.
struct Operation {
  std::string name;
  Series at_rest;
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

  const Track* find(std::string_view name) const;
};

// A count of operations as it stands.
struct OperationCount {
  std::string_view name;
  std::uint64_t count = 0;
};

// The newest value of a track.
struct Reading {
  std::string name;
  Unit unit = Unit::kCount;
  Point point;
};

class Probe {
 public:
  Probe();
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

  // Adds a count of the program's own (sessions, tasks), judged as the built-in ones are. `read` is called
  // by every sample(), so it must be safe on the thread that samples. Before the first sample only.
  void add_gauge(std::string name, std::function<std::int64_t()> read);

  // Says what the run has counted: `read` fills the front of `counts`, which has room for `most`, always in the same
  // order, and returns how many there are. Called by rest(). Before the first rest() only, once.
  void watch_operations(std::size_t most, std::function<std::size_t(std::span<OperationCount> counts)> read);

  void sample(std::chrono::nanoseconds at, std::uint64_t cycle);

  // `unsettled_by` names the count that still moved, if settling ran out of time.
  void rest(std::chrono::nanoseconds at, std::uint64_t cycle, std::string_view unsettled_by = {});

  // The newest value of a track, also while another thread samples; empty when there is none yet.
  std::optional<Point> latest(std::string_view name) const;

  // The newest value of each track that has one. On any thread.
  std::vector<Reading> latest() const;

  Measurements measurements() const;

 private:
  using Reader = std::function<std::optional<std::int64_t>()>;
  enum class Cost { kCheap, kDear };
  void add(std::string name, Unit unit, Cost cost, std::string unavailable, Reader read);
  void rest_operations(std::chrono::nanoseconds at, std::uint64_t cycle);

  mutable std::mutex mutex_;
  Measurements measured_;
  std::vector<Reader> readers_;  // Beside measured_.tracks.
  std::vector<Cost> costs_;
  std::function<std::size_t(std::span<OperationCount>)> read_operations_;
  std::vector<OperationCount> counts_;  // Room for what read_operations_ says.
  std::vector<std::string> names_;      // Room for the names of operations to come.
  Series rests_;                        // Every quiescent point, with the value 0.
};

// Calls `tick` from a thread of its own, once a `period`, until it is destroyed, which waits for a tick
// under way. The thread takes no signals.
class Sampler {
 public:
  Sampler(std::chrono::nanoseconds period, std::function<void()> tick);
  ~Sampler();
  Sampler(const Sampler&) = delete;
  Sampler& operator=(const Sampler&) = delete;

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopped_ = false;
  std::thread thread_;
};

}  // namespace soak::probe

#endif  // SOAK_PROBE_PROBE_H_
