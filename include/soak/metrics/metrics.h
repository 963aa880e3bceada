// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_METRICS_METRICS_H_
#define SOAK_METRICS_METRICS_H_

// Counters, gauges and histograms of this process, on prometheus-cpp.
//
// Look a handle up once, by name and labels, and keep it. The same name and labels give the same metric. Look-ups and
// handles work on any thread. A look-up takes a lock, and so does a histogram; counters and gauges do not. A metric
// lives as long as the process. A look-up aborts if the name already has another kind or help text, or if Prometheus
// does not accept it.

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

// A histogram of durations, exposed in seconds. Its buckets end at 1, 2.5, 5, 10, 25, 50, 100, 250 and 500 ms, and at
// 1, 2.5, 5, 10, 30 and 60 s.
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

// All metrics in Prometheus' text format, as served at /metrics.
std::string exposition();

}  // namespace soak::metrics

#endif  // SOAK_METRICS_METRICS_H_
