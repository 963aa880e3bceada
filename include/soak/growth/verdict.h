// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_GROWTH_VERDICT_H_
#define SOAK_GROWTH_VERDICT_H_

// The verdict on what a process held, as a value.
//
// Judged from Measurements alone, during the run or after it:
// - Trends (trend.h): at the quiescent points, against each operation that the run counts; of RSS and of what else has
//   no quiescent points, against time. A trend that is certainly a leak is a finding, however small. growth.h has the
//   method, and its rate of false alarms.
// - RSS at the end less RSS at the baseline, against a budget. A higher peak on the way is a remark.
// - Descriptors, sockets, threads and gauges are back where they were at the baseline.
// - Heap per cycle, against a budget: the median heap in use at the quiescent points of the last third less that of the
//   first third, divided by the number of cycles between the middles of the two thirds.
// - Ghosts: a gauge that stands for sockets and says more than the kernel holds.
// The baseline is the first quiescent point. One cause is one finding: what rises in step with a socket, a
// thread or a task, and the heap and RSS these hold, is listed under it. What could not be judged is said
// in a remark, never counted as clean.

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

// Something that is wrong, said once, with what shows it.
struct Finding {
  std::string subject;  // The series or property that failed: "sockets", "rss", "frames", "cycles".
  std::string text;     // "sockets rose 12 -> 224 in 6h00m, allowed +0"
  std::vector<Evidence> evidence;
};

struct Verdict {
  std::vector<Finding> findings;
  std::vector<std::string> remarks;  // What was not judged and why, and what was seen but allowed.
  std::vector<Trend> trends = {};    // How each judged series grows, the clean ones too.

  bool passed() const { return findings.empty(); }
  const Finding* find(const std::string& subject) const;
};

struct Budgets {
  std::int64_t rss_growth_bytes_max = 0;
  std::int64_t heap_per_cycle_bytes_max = 0;
};

// RSS in bytes: at the baseline (the first of several quiescent points; otherwise the first sample after a cycle, or
// the start of a run of one cycle), at its highest, at the end. Empty with fewer than two points.
struct RssGrowth {
  std::int64_t start = 0;
  std::int64_t peak = 0;
  std::int64_t end = 0;
};
std::optional<RssGrowth> rss_growth(const Measurements& measured);

// How the messages speak of the run.
struct JudgeWords {
  std::string cycle = "cycle";                   // What one cycle is called: "reconnect".
  std::vector<std::string> socket_holders = {};  // Rows of describe_sockets(), for a finding about sockets.
  std::string rss_not_judged = {};               // Why RSS means nothing here; empty when it does.
  bool virtual_clock = false;                    // Times are virtual: what the process holds is not judged by them.
  bool budgets_only = false;                     // A smoke run: no trends.
  bool latest_look = false;                      // See GrowthOptions: for early stop.
};

Verdict judge(const Measurements& measured, const Budgets& budgets, const JudgeWords& words = {});

}  // namespace soak::probe

#endif  // SOAK_GROWTH_VERDICT_H_
