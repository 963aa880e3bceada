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

#include <initializer_list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "soak/metrics/metrics.h"

namespace soak::metrics {

class Registry : public prometheus::Collectable {
 public:
  // Never destroyed: static objects use their handles in their destructors too.
  static Registry& instance();

  prometheus::Counter& counter(Label name, Label help, std::initializer_list<LabelPair> labels);
  prometheus::Gauge& gauge(Label name, Label help, std::initializer_list<LabelPair> labels);
  prometheus::Histogram& histogram(Label name, Label help, std::initializer_list<LabelPair> labels);

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  struct Kind {
    const char* name;
    std::string help;
  };

  // Aborts for a name that Prometheus does not accept, or that is another metric's already.
  void check(Label name, const char* kind, Label help, std::initializer_list<LabelPair> labels);

  std::mutex mutex_;
  std::map<std::string, Kind, std::less<>> kinds_;
  prometheus::Registry registry_;
};

}  // namespace soak::metrics

#endif  // SOAK_LIB_METRICS_REGISTRY_H_
