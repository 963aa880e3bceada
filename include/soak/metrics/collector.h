// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_METRICS_COLLECTOR_H_
#define SOAK_METRICS_COLLECTOR_H_

// Metrics that are read on each scrape instead of being set, for values that a probe or a run already has.
//
// Label values may be built at run time here, so when you write a Collector, keep them few: one per counter or gauge
// named in code, never one per user or session.

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "soak/metrics/label.h"

namespace soak::metrics {

enum class Kind { kCounter, kGauge };

struct Sample {
  std::vector<std::pair<std::string, std::string>> labels;
  double value = 0;
};

// All samples of one metric name. A family without samples is left out.
struct Family {
  Label name;
  Label help;
  Kind kind = Kind::kGauge;
  std::vector<Sample> samples;
};

// While it exists, adds families to the output of exposition() and of every endpoint. If a metric or an older Collector
// already has a name, the older one is kept.
class Collector {
 public:
  // `read` is called on the thread of the scrape, one call at a time.
  explicit Collector(std::function<std::vector<Family>()> read);
  ~Collector();  // Waits for a call in progress.
  Collector(const Collector&) = delete;
  Collector& operator=(const Collector&) = delete;

 private:
  std::function<std::vector<Family>()> read_;
};

}  // namespace soak::metrics

#endif  // SOAK_METRICS_COLLECTOR_H_
