// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_GROWTH_VERDICT_H_
#define SOAK_GROWTH_VERDICT_H_

// The verdict on what a process held, as a value.
//
// It is computed from Measurements alone, during the run or after it:
// - Trends (trend.h): values at the quiescent points against each operation that the run counts; RSS, and other series
//   without quiescent points, against time. A certain leak is a finding, however small. growth.h has the method.
// - RSS at the end minus RSS at the baseline, against a budget. A higher peak in between is a remark.
// - Descriptors, sockets, threads and gauges must be back at their baseline.
// - Heap per cycle, against a budget: the median heap in use at the quiescent points of the last third, minus that of
//   the first third, divided by the number of cycles between the middles of the two thirds.
// - Ghosts: a gauge that counts sockets and shows more than the kernel holds.
// The baseline is the first quiescent point. One cause is one finding: counts that rise in step with a socket, a thread
// or a task, and the heap and RSS that these hold, are listed under it. A remark lists what could not be judged; it
// never counts as clean.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "soak/growth/trend.h"
#include "soak/series/measurements.h"

namespace soak::probe {

// A line under a finding: "since", "00:41:10, reconnect 37".
struct Evidence {
  std::string label;
  std::string text;
};

// One thing that is wrong, with its evidence.
struct Finding {
  std::string subject;  // The series or property that failed: "sockets", "rss", "frames", "cycles".
  std::string text;     // "sockets rose 12 -> 224 in 6h00m, allowed +0"
  std::vector<Evidence> evidence;
};

struct Verdict {
  std::vector<Finding> findings;
  std::vector<std::string> remarks;  // What was not judged, and why; what was seen but allowed.
  std::vector<Trend> trends = {};    // How each judged series grows, including clean ones.

  bool passed() const { return findings.empty(); }
  const Finding* find(const std::string& subject) const;
};

struct Budgets {
  std::int64_t rss_growth_bytes_max = 0;
  std::int64_t heap_per_cycle_bytes_max = 0;
};

// RSS in bytes at the baseline, at its peak and at the end. The baseline is the first of several quiescent points;
// without them, the first sample after a cycle, or the start of a run of one cycle. nullopt with fewer than two points.
struct RssGrowth {
  std::int64_t start = 0;
  std::int64_t peak = 0;
  std::int64_t end = 0;
};
std::optional<RssGrowth> rss_growth(const Measurements& measured);

// Words for the messages, and what to judge.
struct JudgeWords {
  std::string cycle = "cycle";                   // The name of a cycle: "reconnect".
  std::vector<std::string> socket_holders = {};  // Lines of describe_sockets(), for a finding about sockets.
  std::string rss_not_judged = {};               // Why RSS is not judged; empty if it is.
  bool virtual_clock = false;                    // Times are virtual: do not judge memory against them.
  bool budgets_only = false;                     // For a smoke run: no trends.
  bool latest_look = false;                      // For early stop; see GrowthOptions.
};

Verdict judge(const Measurements& measured, const Budgets& budgets, const JudgeWords& words = {});

}  // namespace soak::probe

#endif  // SOAK_GROWTH_VERDICT_H_
