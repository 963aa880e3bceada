// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_REPORT_SESSION_COST_H_
#define SOAK_REPORT_SESSION_COST_H_

// What one session costs, from a run in which the number of sessions changed: the slope of memory, and of processor
// use, over the number of open sessions, with its interval.
//
// Such a run has a series that counts the open sessions, and opens them in steps or one after the other. Its processor
// use is a gauge of probe::ProcessorUse. Only the part until the sessions were last at their peak is used, because an
// allocator keeps memory of sessions that have ended.

#include <cstddef>
#include <optional>
#include <string>

#include "soak/report/record.h"

namespace soak::report {

// Of one resource, in its unit: bytes, or cores.
struct ResourceCost {
  double per_session = 0;
  double low = 0;  // The interval of per_session, at 99 %.
  double high = 0;
  double base = 0;         // Without any session.
  double above = 0;        // The most that a value was above base + sessions * per_session.
  double peak = 0;         // The highest value of all.
  std::size_t points = 0;  // Independent ones: means over parts of the run.
};

struct SessionCost {
  std::optional<ResourceCost> memory;
  std::string memory_missing;  // Why it is not known; empty if it is.
  std::optional<ResourceCost> processor;
  std::string processor_missing;
  std::int64_t sessions_peak = 0;
};

// The names of the series. Those that are empty are "sessions", "rss" and "cpu_millicores", or, of a watched process,
// these behind its name: "listen.sessions", "listen.rss" and "listen.cpu_millicores".
struct SessionCostSeries {
  std::string sessions;
  std::string memory;
  std::string processor;
};

SessionCost session_cost(const Record& record, const SessionCostSeries& series = {});

}  // namespace soak::report

#endif  // SOAK_REPORT_SESSION_COST_H_
