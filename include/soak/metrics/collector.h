// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_METRICS_COLLECTOR_H_
#define SOAK_METRICS_COLLECTOR_H_

// Metrics that are read when somebody asks for them, instead of being set: what a probe or a run knows already.
//
// Their label values may be made at run time, so whoever writes a Collector sees to it that they are few: one a counter
// or a gauge that code named, never one a user or a session.

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

// The samples of one name. A family without samples is left out.
struct Family {
  Label name;
  Label help;
  Kind kind = Kind::kGauge;
  std::vector<Sample> samples;
};

// Adds families to what exposition() and every endpoint give, as long as it lives. Where a name is there already, from
// a metric or an older Collector, the older one stands.
class Collector {
 public:
  // `read` is called on the thread that asks, one call at a time.
  explicit Collector(std::function<std::vector<Family>()> read);
  ~Collector();  // Waits for a call under way.
  Collector(const Collector&) = delete;
  Collector& operator=(const Collector&) = delete;

 private:
  std::function<std::vector<Family>()> read_;
};

}  // namespace soak::metrics

#endif  // SOAK_METRICS_COLLECTOR_H_
