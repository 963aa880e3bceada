// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_RUN_TRAFFIC_H_
#define SOAK_LIB_RUN_TRAFFIC_H_

#include <chrono>
#include <cstdint>
#include <string_view>
#include <vector>

#include "soak/growth/verdict.h"
#include "soak/report/record.h"

namespace soak {

// Counts what was due and what was met, by third of a run of `duration`, and how late that was. The thread that owns
// the Run only. Allocates only for a new counter.
class TrafficLedger {
 public:
  explicit TrafficLedger(std::chrono::nanoseconds duration) : duration_(duration) {}

  void due(std::string_view counter, std::chrono::nanoseconds at) { ++entry(counter).due[third(at)]; }
  void met(std::string_view counter, std::chrono::nanoseconds at, std::chrono::nanoseconds now) {
    report::Traffic& stream = entry(counter);
    ++stream.met[third(at)];
    stream.late.add(now - at);
  }
  const std::vector<report::Traffic>& entries() const { return entries_; }

  // What was counted in the parts of the run before this one.
  void go_on_from(const std::vector<report::Traffic>& before) { entries_ = before; }

 private:
  std::size_t third(std::chrono::nanoseconds at) const;
  report::Traffic& entry(std::string_view counter);

  std::chrono::nanoseconds duration_;
  std::vector<report::Traffic> entries_;
};

// Adds a finding for each stream that is off its rate by more than 1% (and by more than two events), in the
// whole run or in a third of it.
void judge_traffic(const std::vector<report::Traffic>& traffic, probe::Verdict& verdict);

// Adds a remark for each stream that says how late its events were.
void explain_lateness(const std::vector<report::Traffic>& traffic, probe::Verdict& verdict);

}  // namespace soak

#endif  // SOAK_LIB_RUN_TRAFFIC_H_
