// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_PROBE_PROBE_H_
#define SOAK_PROBE_PROBE_H_

// Records what processes hold, as series over the time of a run: this process, others by id, or a group of others as
// one.
//
// sample() takes the cheap readings (RSS, open fds, threads, gauges); a separate thread may call it. rest() takes all
// readings, including the heap and the kinds of descriptors. Call it at a quiescent point, where the process should
// hold what it held at the previous one. Neither allocates, except that rest() maps memory when it first sees a new
// operation.
//
// The probe may use a thousandth of a core, and measures the processor time of each reading. A reading that exceeds its
// part of that share is taken less often. An expensive one is always taken at the first and at the last quiescent
// point; at others, and in between when the number of descriptors has changed by more than 5%, only as the share
// allows. So a track may have fewer points at rest than there were quiescent points. Each point has the time of its
// quiescent point.

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "soak/probe/process.h"
#include "soak/probe/process_group.h"
#include "soak/series/measurements.h"
#include "soak/series/series.h"

namespace soak::probe {

// The current count of an operation.
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

struct GaugeOptions {
  std::string_view stands_for = {};  // See Track.
  Unit unit = Unit::kCount;
};

// The share of a core that a probe may use.
inline constexpr double kShare = 0.001;

struct ProbeOptions {
  double share = kShare;  // 0: take every reading, whatever it costs.
  // The clock for the cost of readings; by default the processor time of the calling thread.
  std::function<std::chrono::nanoseconds()> cpu_time = {};
};

class Pace;

class Probe {
 public:
  // Records this process.
  explicit Probe(ProbeOptions options = {});
  // Records another process. Throws Error like Process.
  explicit Probe(ProcessId id, ProbeOptions options = {});
  // Records a group of processes, which outlives the probe, as one: the tracks "memory" (Memory::held(), or what a
  // cgroup holds), "fds", "sockets", "threads" and "processes". When another process takes the place of the group, all
  // tracks go on with a new segment. Until then, they have no values. With nullptr, records this process.
  explicit Probe(ProcessGroup* group, ProbeOptions options = {});
  ~Probe();
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

  // Adds a count of your own (sessions, tasks), judged like the built-in ones. Every sample() calls `read`, so `read`
  // must be safe on the sampling thread. It may return nothing: the track then has no value at that time. Call this
  // before the first sample only. Throws Error(Errc::kInvalidArgument), listing the existing counts, if
  // options.stands_for names none of them.
  void add_gauge(std::string name, std::function<std::optional<std::int64_t>()> read, GaugeOptions options = {});

  // Also records another process, as tracks "<name>.rss", "<name>.fds" and so on. Call this before the first sample
  // only, unless the process of this name has ended: then the new one takes its place, and its tracks go on with a new
  // segment. Throws Error like Process, and Error(Errc::kInvalidArgument) if the name is taken.
  void watch_process(ProcessId id, std::string name);

  // Sets the source of the run's counts. rest() calls `read`, which fills the front of `counts` (with room for `most`),
  // always in the same order, and returns how many there are. Call this once, before the first rest().
  void watch_operations(std::size_t most, std::function<std::size_t(std::span<OperationCount> counts)> read);

  // From now on takes every reading, whatever it costs. For a virtual clock, where processor time means nothing.
  void take_every_reading();

  void sample(std::chrono::nanoseconds at, std::uint64_t cycle);

  // `unsettled_by` names the count that was still changing if settling ran out of time.
  void rest(std::chrono::nanoseconds at, std::uint64_t cycle, std::string_view unsettled_by = {});

  // Like rest(), at the end of a pass of a loop whose body does not say when it is at rest: a candidate for a quiescent
  // point. Candidates count only until the first rest(), which forgets them.
  void end_pass(std::chrono::nanoseconds at, std::uint64_t cycle);

  // Call it if the last rest() or end_pass() was the run's last and nothing has happened since. Takes the readings that
  // were left out for their cost.
  void complete_rest();

  // The newest value of a track; nullopt before its first sample. Safe while another thread samples.
  std::optional<Point> latest(std::string_view name) const;

  // The newest value of each track that has one. Safe on any thread.
  std::vector<Reading> latest() const;

  Measurements measurements() const;

  // Calls `look` with the measurements so far, without a copy. Measuring waits meanwhile, and `look` must not call the
  // probe.
  template <typename Look>
  void inspect(Look look) const {
    const std::lock_guard lock(mutex_);
    look(measured_);
  }

 private:
  explicit Probe(ProcessId id, ProcessGroup* group, ProbeOptions options);

  struct Source;
  struct Watched;
  class Meter;
  enum class Cost { kCheap, kDear };
  struct Part;
  using Read = std::function<bool(std::span<std::int64_t> values)>;

  void watch(std::unique_ptr<Watched> owned, const std::string& prefix);
  void watch(ProcessGroup& group);
  void refresh_group(std::chrono::nanoseconds at);
  Source& add(std::vector<Part> parts, Cost cost, std::string unavailable, Read read);
  void share_out();
  void replace(Watched& watched, ProcessId id);
  void look_at_processes(std::chrono::nanoseconds at);
  void take_at_rest(const Point& point);
  void forget_candidates();
  bool has_moved(const Source& source) const;
  void take(Source& source, const Point& point, bool at_rest, Meter& meter);
  void rest_operations(const Point& point);

  mutable std::mutex mutex_;
  ProbeOptions options_;
  Measurements measured_;
  std::vector<std::unique_ptr<Watched>> watched_;
  ProcessGroup* group_ = nullptr;
  std::unique_ptr<Pace> group_pace_;
  std::vector<Source> sources_;
  std::function<std::size_t(std::span<OperationCount>)> read_operations_;
  std::vector<OperationCount> counts_;  // Room for what read_operations_ says.
  std::vector<std::string> names_;      // Room for the names of operations to come.
  Series rests_;                        // Every quiescent point, with the value 0.
};

// Calls `tick` once per `period` on its own thread, until it is destroyed. The destructor waits for a tick in progress.
// The thread receives no signals.
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
