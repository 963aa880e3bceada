// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_RUN_OPEN_TIME_H_
#define SOAK_LIB_RUN_OPEN_TIME_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "soak/growth/verdict.h"
#include "soak/report/answers.h"

namespace soak {

// Sums up for how long sessions are open while the schedule wants them open. What is open at other times (while all of
// them connect, or close) does not count. The thread that owns the Run only; times are since the start of the run.
class OpenTime {
 public:
  // From `from` until `to`, this many are wanted. Ends the period that was wanted before.
  void want(std::uint64_t sessions, std::chrono::nanoseconds from, std::chrono::nanoseconds to);

  // One of them was open from `from` until `to`. Said before the period in which that was is followed by another one.
  void open(std::chrono::nanoseconds from, std::chrono::nanoseconds to);
  // Somebody will say open(), though there may never be anything to say.
  void report() { reported_ = true; }

  // What there is of it by `now`; nothing if nobody reports.
  std::optional<report::OpenTime> at(std::chrono::nanoseconds now) const;

  // What the parts of the run before this one had.
  void go_on_from(const std::optional<report::OpenTime>& before);

 private:
  double wanted_until(std::chrono::nanoseconds now) const;  // In seconds, of all sessions, with all periods.

  report::OpenTime sum_;  // The wanted time of the periods before; the open time of all.
  std::uint64_t wanted_ = 0;
  std::chrono::nanoseconds from_{};
  std::chrono::nanoseconds to_{};
  bool reported_ = false;
};

// Adds a finding if the share of the time that sessions were open is below `floor`. `sessions` is how many were to be
// open at once.
void judge_open_time(const std::optional<report::OpenTime>& time, double floor, std::uint64_t sessions,
                     probe::Verdict& verdict);

}  // namespace soak

#endif  // SOAK_LIB_RUN_OPEN_TIME_H_
