// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_RUN_STOPS_H_
#define SOAK_LIB_RUN_STOPS_H_

// The times in which this process did not run: it was stopped (SIGSTOP), starved, or the machine was suspended. What
// was due then says nothing about the program under soak.
//
// They are seen by a thread that only sleeps. It wakes late when the process did not run, whatever the other threads
// do.

#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace soak {

struct Stop {
  std::chrono::nanoseconds from{};  // Since the start of the run.
  std::chrono::nanoseconds to{};
  std::chrono::nanoseconds lasted{};  // More than `to` - `from` if the clock of the run stood still meanwhile.

  // Until when it caught up. What was due before that is not held against it.
  std::chrono::nanoseconds covered_to() const;
};

class Stops {
 public:
  struct Clocks {
    std::chrono::nanoseconds at{};         // Since the start of the run.
    std::chrono::nanoseconds cpu{};        // Processor time of this process.
    std::chrono::nanoseconds suspended{};  // How long the machine was suspended, since some time before the run.
  };
  static Clocks clocks(std::chrono::nanoseconds at);

  Stops() { seen_.reserve(kStopsMax); }

  // Around every sleep of `period`. Whoever ends the run wakes too: the thread may have been told to end in its sleep.
  void sleeps(const Clocks& now, std::chrono::nanoseconds period);
  void wakes(const Clocks& now);

  std::vector<Stop> all() const;

 private:
  static constexpr std::size_t kStopsMax = 64;

  mutable std::mutex mutex_;
  std::optional<Clocks> slept_from_;
  std::chrono::nanoseconds period_{};
  std::vector<Stop> seen_;
};

// "this process did not run for 10.1 s from 00:00:08, for 3.0 s from 00:01:10". Empty without one.
std::string to_string(const std::vector<Stop>& stops);

}  // namespace soak

#endif  // SOAK_LIB_RUN_STOPS_H_
