// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TOOLS_WATCH_PROMETHEUS_TEXT_H_
#define SOAK_TOOLS_WATCH_PROMETHEUS_TEXT_H_

// What a program says of itself at /metrics: Prometheus' text format, and OpenMetrics
// (prometheus.io/docs/instrumenting/exposition_formats).

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace soak::tools {

using Labels = std::vector<std::pair<std::string, std::string>>;

// Which samples of a page are meant: those with this name, and with at least these labels.
struct Selector {
  std::string name;
  Labels labels;

  bool matches(const Labels& others) const;
};

// "http_requests_total", or "http_requests_total{job=\"api\",code=\"200\"}". Throws Error(Errc::kInvalidArgument).
Selector parse_selector(std::string_view text);

struct Sample {
  std::string_view name;
  std::string_view series;  // Name and labels as they stand on the page.
  Labels labels;
  double value = 0;
};

// Calls `take` with each sample of `page` whose name `wants` accepts. Timestamps and exemplars are skipped. Throws
// Error(Errc::kProtocol), naming the line, for what is no such page.
void read_page(std::string_view page, const std::function<bool(std::string_view name)>& wants,
               const std::function<void(const Sample&)>& take);

// The names that a page declares as counters, at most `most` of them.
std::vector<std::string> counters_of(std::string_view page, std::size_t most);

// What a counter counted since it was first read, summed over its label sets. One that falls was reset, by a restart of
// the process, and counts from 0 again; one that appears later began at 0.
class CounterSum {
 public:
  void begin_page() { next_.clear(); }
  void add(const std::string& series, double value);
  // The page is complete: the increase since the one before. 0 for the first page.
  double end_page();

  bool was_seen() const { return seen_; }

 private:
  std::unordered_map<std::string, double> last_;
  std::unordered_map<std::string, double> next_;
  bool first_ = true;
  bool seen_ = false;
};

}  // namespace soak::tools

#endif  // SOAK_TOOLS_WATCH_PROMETHEUS_TEXT_H_
