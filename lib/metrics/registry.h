// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_METRICS_REGISTRY_H_
#define SOAK_LIB_METRICS_REGISTRY_H_

// The one registry of this process. It refuses what prometheus-cpp lets pass: the same name with another help, a help
// of several lines, and one name in a list of labels twice.

#include <prometheus/collectable.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/labels.h>
#include <prometheus/registry.h>

#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "soak/metrics/collector.h"
#include "soak/metrics/metrics.h"

namespace soak::metrics {

class Registry : public prometheus::Collectable {
 public:
  // Never destroyed: static objects use their handles in their destructors too.
  static const std::shared_ptr<Registry>& shared();
  static Registry& instance() { return *shared(); }

  prometheus::Counter& counter(Label name, Label help, std::initializer_list<LabelPair> labels);
  prometheus::Gauge& gauge(Label name, Label help, std::initializer_list<LabelPair> labels);
  prometheus::Histogram& histogram(Label name, Label help, std::initializer_list<LabelPair> labels);

  // What is read when somebody collects; `read` stays where it is until it is detached.
  using Read = std::function<std::vector<Family>()>;
  void attach(const Read& read);
  void detach(const Read& read);

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  struct Known {
    const char* kind;
    std::string help;
  };

  // Aborts for a name that Prometheus does not accept, or that is another metric's already.
  void check(Label name, const char* kind, Label help, std::initializer_list<LabelPair> labels);

  std::mutex mutex_;  // Of the look-ups.
  std::map<std::string, Known> known_;
  prometheus::Registry registry_;

  mutable std::mutex reads_mutex_;  // Held while one is called, so that detach() waits for it.
  std::vector<const Read*> reads_;
};

}  // namespace soak::metrics

#endif  // SOAK_LIB_METRICS_REGISTRY_H_
