// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_RUN_TRAFFIC_H_
#define SOAK_LIB_RUN_TRAFFIC_H_

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/run/creep.h"
#include "lib/run/stops.h"
#include "soak/growth/verdict.h"
#include "soak/report/record.h"

namespace soak {

// How many events a run of `duration` had in each stretch of its time. Its size does not depend on how many there were.
class EventsOverTime {
 public:
  explicit EventsOverTime(std::chrono::nanoseconds duration) : duration_(duration), counts_(3 * kStretches) {}

  void add(std::chrono::nanoseconds at) { ++counts_[stretch(at)]; }

  // By third of the run. A stretch in which the process did not run is left out, or is all that is counted.
  enum class Which { kWhileRunning, kWhileStopped };
  std::array<std::uint64_t, 3> by_third(const std::vector<Stop>& stops, Which which) const;

 private:
  static constexpr std::size_t kStretches = 1024;  // Of a third: three to four seconds of a run of three hours.

  std::size_t stretch(std::chrono::nanoseconds at) const;

  std::chrono::nanoseconds duration_;
  std::vector<std::uint32_t> counts_;
};

// Counts what was due and what was met, by third of a run of `duration`, and how late that was. The thread that owns
// the Run only. Allocates only for a new counter.
class TrafficLedger {
 public:
  explicit TrafficLedger(std::chrono::nanoseconds duration) : duration_(duration) {}

  void due(std::string_view counter, std::chrono::nanoseconds at) { stream(counter).due.add(at); }
  void met(std::string_view counter, std::chrono::nanoseconds at, std::chrono::nanoseconds now) {
    Stream& met = stream(counter);
    met.met.add(at);
    met.late.add(now - at);
    met.recently_late.add(now - at);
  }

  // How late the events were since the last call, of each stream that had any.
  std::vector<Creep::Late> take_lateness();

  // What was counted so far. What was due while the process did not run is apart.
  std::vector<report::Traffic> entries(const std::vector<Stop>& stops) const;

  // What was counted in the parts of the run before this one.
  void go_on_from(const std::vector<report::Traffic>& before);

 private:
  struct Stream {
    explicit Stream(std::string_view named, std::chrono::nanoseconds duration)
        : counter(named), due(duration), met(duration) {}

    std::string counter;
    EventsOverTime due;
    EventsOverTime met;
    report::Lateness late = {};
    report::Lateness recently_late = {};
    report::Traffic before = {};
  };
  Stream& stream(std::string_view counter);

  std::chrono::nanoseconds duration_;
  std::vector<Stream> streams_;
};

// Adds a finding for each stream that is off its rate by more than 1% (and by more than two events), in the
// whole run or in a third of it. What was due while the process did not run is inconclusive.
void judge_traffic(const std::vector<report::Traffic>& traffic, probe::Verdict& verdict);

// Adds a remark for each stream that says how late its events were.
void explain_lateness(const std::vector<report::Traffic>& traffic, probe::Verdict& verdict);

}  // namespace soak

#endif  // SOAK_LIB_RUN_TRAFFIC_H_
