// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_GROWTH_VERDICT_H_
#define SOAK_GROWTH_VERDICT_H_

// The verdict on what a process held, as a value.
//
// It is computed from Measurements alone, during the run or after it:
// - Trends (trend.h): values at the quiescent points against each operation that the run counts; RSS, and other series
//   without quiescent points, against time. Growth that is certain is a finding, however small, unless a bound allows
//   it. Growth that has come to rest is a remark. Growth that is likely makes the verdict inconclusive.
//   Of a group of other processes, what they held before the first cycle is left out: they were starting.
// - RSS at the end minus RSS at the baseline, against a budget. A higher peak in between is a remark.
// - Counts (descriptors, sockets, threads, gauges): one that goes on rising is a finding. One that rose once is a
// remark,
//   because libraries open a file or start a thread when they first need it. With `counts_exact`, each must be back at
//   its baseline.
// - Heap per cycle, against a budget: the median heap in use at the quiescent points of the last third, minus that of
//   the first third, divided by the number of cycles between the middles of the two thirds.
// - Ghosts: a gauge that counts sockets and shows more than the kernel holds.
// The baseline is the first quiescent point. One cause is one finding: counts that rise in step with a socket, a thread
// or a task, and the heap and RSS that these hold, are listed under it. A remark lists what could not be judged; it
// never counts as clean.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
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
  // What keeps the run from passing without being wrong: growth that is likely but not certain, and a bound that could
  // be neither shown nor refuted.
  std::vector<Finding> inconclusive = {};

  // Nothing is wrong. A run that passed may still be inconclusive.
  bool passed() const { return findings.empty(); }
  bool is_inconclusive() const { return findings.empty() && !inconclusive.empty(); }
  const Finding* find(const std::string& subject) const;  // Among the findings.
};

struct Budgets {
  std::int64_t rss_growth_bytes_max = 0;
  std::int64_t heap_per_cycle_bytes_max = 0;
  // What may leak, of every series in bytes. Growth that is certainly below it is a remark. Where neither that nor more
  // is shown, the verdict is inconclusive.
  std::optional<LeakMax> leak_max = {};
  std::optional<std::int64_t> memory_limit_bytes = {};  // Findings and remarks say when it would be reached.
  bool counts_exact = false;                            // Every count must be back at its baseline.
};

// RSS in bytes at the baseline, at its peak and at the end. The baseline is the first of several quiescent points;
// without them, the first sample after a cycle, or the start of a run of one cycle. nullopt with fewer than two points.
struct RssGrowth {
  std::string_view series = "rss";  // "memory" of a group of processes: without the pages of files.
  std::int64_t start = 0;
  std::int64_t peak = 0;
  std::int64_t end = 0;
};
std::optional<RssGrowth> rss_growth(const Measurements& measured);

// Words for the messages, and what to judge.
struct JudgeWords {
  std::string cycle = "cycle";                   // The name of a cycle: "reconnect".
  std::vector<std::string> socket_holders = {};  // Lines of describe_sockets(), for sockets that rose.
  std::vector<std::string> thread_holders = {};  // Lines of describe_threads(), for threads that did.
  std::string rss_not_judged = {};               // Why RSS is not judged; empty if it is.
  bool per_cycle = false;      // Judge memory against cycles where it was read at rest, not against time.
  bool virtual_clock = false;  // Times are virtual: do not judge memory against them.
  bool budgets_only = false;   // For a smoke run: no trends.
};

Verdict judge(const Measurements& measured, const Budgets& budgets, const JudgeWords& words = {});

// The part of the verdict that needs no baseline and no budget for RSS or heap: growth and counts. For a recording.
Verdict judge_growth(const Measurements& measured, const Budgets& budgets, const JudgeWords& words = {});

}  // namespace soak::probe

#endif  // SOAK_GROWTH_VERDICT_H_
