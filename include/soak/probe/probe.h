// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_PROBE_PROBE_H_
#define SOAK_PROBE_PROBE_H_

// Watches what a process holds, as series over the time of a run: this one, and others by their id.
//
// Two kinds of reading: sample() takes what is cheap (RSS, open fds, threads, gauges) and may be called
// from a thread of the probe's own; rest() takes everything, the heap and the kinds of descriptors too, and belongs
// at a quiescent point, where the process should hold what it held at the one before. Neither allocates, but that the
// first rest() which sees a new operation maps memory for it.
//
// The probe has a share of one core (a thousandth), and looks at the processor time of each reading. One that costs
// more than its part of the share is taken less often: a dear one at the first quiescent point and at the last always,
// at others and, when the descriptors have moved by more than 5%, in between as the share allows. So a track may have
// fewer points at rest than there were quiescent points; each has the time of its quiescent point.

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
#include "soak/series/measurements.h"
#include "soak/series/series.h"

namespace soak::probe {

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

struct GaugeOptions {
  std::string_view stands_for = {};  // See Track.
};

// The part of a core that a probe may take.
inline constexpr double kShare = 0.001;

struct ProbeOptions {
  double share = kShare;  // 0: every reading, whatever it costs.
  // The clock of what readings cost; the processor time of the calling thread, unless set.
  std::function<std::chrono::nanoseconds()> cpu_time = {};
};

class Probe {
 public:
  // Of this process.
  explicit Probe(ProbeOptions options = {});
  // Of another one. Throws std::runtime_error as Process does.
  explicit Probe(ProcessId id, ProbeOptions options = {});
  ~Probe();
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

  // Adds a count of the program's own (sessions, tasks), judged as the built-in ones are. `read` is called
  // by every sample(), so it must be safe on the thread that samples. Before the first sample only. Throws
  // std::invalid_argument where there is no count of the name that it stands for, and names those there are.
  void add_gauge(std::string name, std::function<std::int64_t()> read, GaugeOptions options = {});

  // Watches another process besides, as tracks "<name>.rss", "<name>.fds" and so on. Before the first sample only.
  // Throws std::runtime_error as Process does, and std::invalid_argument for a name that is taken.
  void watch_process(ProcessId id, std::string name);

  // Says what the run has counted: `read` fills the front of `counts`, which has room for `most`, always in the same
  // order, and returns how many there are. Called by rest(). Before the first rest() only, once.
  void watch_operations(std::size_t most, std::function<std::size_t(std::span<OperationCount> counts)> read);

  // From now on every reading is taken, whatever it costs: for a clock that the processor's has nothing to do with.
  void take_every_reading();

  void sample(std::chrono::nanoseconds at, std::uint64_t cycle);

  // `unsettled_by` names the count that still moved, if settling ran out of time.
  void rest(std::chrono::nanoseconds at, std::uint64_t cycle, std::string_view unsettled_by = {});

  // The last rest() was the run's last, and nothing has happened since: takes what it left out for its cost.
  void complete_rest();

  // The newest value of a track, also while another thread samples; empty when there is none yet.
  std::optional<Point> latest(std::string_view name) const;

  // The newest value of each track that has one. On any thread.
  std::vector<Reading> latest() const;

  Measurements measurements() const;

  // Calls `look` with what was measured so far, without a copy. Nothing is measured meanwhile; `look` asks the probe
  // nothing.
  template <typename Look>
  void inspect(Look look) const {
    const std::lock_guard lock(mutex_);
    look(measured_);
  }

 private:
  struct Source;
  struct Watched;
  class Meter;
  enum class Cost { kCheap, kDear };
  struct Part;
  using Read = std::function<bool(std::span<std::int64_t> values)>;

  void watch(std::unique_ptr<Watched> owned, const std::string& prefix);
  Source& add(std::vector<Part> parts, Cost cost, std::string unavailable, Read read);
  void share_out();
  void look_at_processes(std::chrono::nanoseconds at);
  bool has_moved(const Source& source) const;
  void take(Source& source, const Point& point, bool at_rest, Meter& meter);
  void rest_operations(const Point& point);

  mutable std::mutex mutex_;
  ProbeOptions options_;
  Measurements measured_;
  std::vector<std::unique_ptr<Watched>> watched_;
  std::vector<Source> sources_;
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
