// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_METRICS_METRICS_H_
#define SOAK_METRICS_METRICS_H_

// Counters, gauges and histograms of this process, on prometheus-cpp.
//
// A handle is looked up once, by name and labels, and kept: the same name and labels give the same metric. Look-ups
// take a lock and may be made on any thread, as may every use of a handle, which takes none but a histogram's. A
// metric lives as long as the process. Aborts for a name that has another kind or help already, or that Prometheus
// does not accept.

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <string>

#include "soak/metrics/label.h"

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
}  // namespace prometheus

namespace soak::metrics {

struct LabelPair {
  Label name;
  Label value;
};

class Counter {
 public:
  explicit Counter(prometheus::Counter& metric) noexcept : metric_(&metric) {}
  void increment(double by = 1) const noexcept;
  double value() const noexcept;

 private:
  prometheus::Counter* metric_;
};

class Gauge {
 public:
  explicit Gauge(prometheus::Gauge& metric) noexcept : metric_(&metric) {}
  void increment(double by = 1) const noexcept;
  void decrement(double by = 1) const noexcept;
  void set(double value) const noexcept;
  double value() const noexcept;

 private:
  prometheus::Gauge* metric_;
};

// Of durations, exposed in seconds. Its buckets end at 1, 2.5, 5, 10, 25, 50, 100, 250 and 500 ms, and at 1, 2.5, 5,
// 10, 30 and 60 s.
class Histogram {
 public:
  explicit Histogram(prometheus::Histogram& metric) noexcept : metric_(&metric) {}
  void observe(std::chrono::nanoseconds duration) const noexcept;
  std::uint64_t count() const;
  double sum_seconds() const;

 private:
  prometheus::Histogram* metric_;
};

Counter counter(Label name, Label help, std::initializer_list<LabelPair> labels = {});
Gauge gauge(Label name, Label help, std::initializer_list<LabelPair> labels = {});
Histogram histogram(Label name, Label help, std::initializer_list<LabelPair> labels = {});

// All metrics in Prometheus' text format, as /metrics gives them.
std::string exposition();

}  // namespace soak::metrics

#endif  // SOAK_METRICS_METRICS_H_
