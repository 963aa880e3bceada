// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TOOLS_WATCH_PROGRAM_METRICS_H_
#define SOAK_TOOLS_WATCH_PROGRAM_METRICS_H_

// The counters and gauges of a program, page after page of its /metrics.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/watch/prometheus_text.h"

namespace soak::tools {

class ProgramMetrics {
 public:
  ProgramMetrics(std::vector<Selector> counters, std::vector<Selector> gauges);

  // Throws Error(Errc::kProtocol) for what is no such page, and takes nothing of it. A counter may also stand there
  // with
  // "_total" behind its name, as in OpenMetrics.
  void take_page(std::string_view page);
  // There is no page: the gauges have no value.
  void lose_page();

  // What a counter counted between the first page and the last one.
  std::uint64_t counted(std::size_t counter) const;
  bool counter_was_seen(std::size_t counter) const { return counters_[counter].sum.was_seen(); }

  // Summed over its label sets; empty if it is not on the last page, or is no number.
  std::optional<std::int64_t> gauge(std::size_t gauge) const { return gauges_[gauge].value; }
  bool gauge_was_seen(std::size_t gauge) const { return gauges_[gauge].was_seen; }

  std::uint64_t pages() const { return pages_; }
  // Counters that the last page declares, to choose from.
  const std::vector<std::string>& declared() const { return declared_; }

 private:
  struct Counter {
    Selector selector;
    CounterSum sum;
    double counted = 0;
  };
  struct Gauge {
    Selector selector;
    std::optional<std::int64_t> value;
    bool was_seen = false;
  };

  std::vector<Counter> counters_;
  std::vector<Gauge> gauges_;
  std::uint64_t pages_ = 0;
  std::vector<std::string> declared_;
};

}  // namespace soak::tools

#endif  // SOAK_TOOLS_WATCH_PROGRAM_METRICS_H_
