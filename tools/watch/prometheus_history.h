// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TOOLS_WATCH_PROMETHEUS_HISTORY_H_
#define SOAK_TOOLS_WATCH_PROMETHEUS_HISTORY_H_

// What a Prometheus has recorded of programs, as measurements to judge
// (prometheus.io/docs/prometheus/latest/querying/api/#range-queries).

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "soak/series/measurements.h"
#include "tools/watch/prometheus_text.h"

namespace soak::tools {

// A series of a range query: its value at each step at which it had one. Times are in seconds since 1970.
struct RangeSeries {
  Labels labels;  // With "__name__", unless the query is an expression that drops it.
  std::vector<std::pair<double, double>> points;
};

// The series in an answer of /api/v1/query_range. Throws Error(Errc::kProtocol), with Prometheus' own words if it
// refused the query.
std::vector<RangeSeries> parse_range(std::string body);

struct History {
  std::string query = {};
  std::vector<RangeSeries> values = {};
  // timestamp() of the values: when each was scraped. A step without a new sample repeats the one before.
  std::vector<RangeSeries> scraped = {};
  std::vector<RangeSeries> starts = {};  // process_start_time_seconds of the same jobs and instances.
  bool with_ops = false;
  std::string ops_query = {};
  std::vector<RangeSeries> ops = {};
};

// What is judged. With operations, every point has their number as its cycle.
struct Recorded {
  probe::Measurements measured;
  std::uint64_t rows = 0;  // Of the longest series.
  std::chrono::nanoseconds lasted{};
  std::string operation;         // "http_requests"; empty without operations.
  std::uint64_t operations = 0;  // Of the series that had most.
};

// Throws Error(Errc::kInvalidArgument) if there is nothing to judge, or operations cannot be matched with the series:
// one series of them counts for all, of several each needs one with the same instance and job.
Recorded to_recorded(const History& history);

// "http_requests" for "sum(rate(http_requests_total[5m]))": the first counter in it, or "operations".
std::string operation_in(std::string_view query);

struct HistoryRequest {
  std::string url;  // Of the Prometheus: http://127.0.0.1:9090
  std::string query;
  std::string ops_query;  // Empty: growth is judged over time.
  std::chrono::nanoseconds since{};
};

// Asks for it. Throws Error, naming the query that failed.
History fetch_history(const HistoryRequest& request);

}  // namespace soak::tools

#endif  // SOAK_TOOLS_WATCH_PROMETHEUS_HISTORY_H_
