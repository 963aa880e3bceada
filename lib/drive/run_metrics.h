// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_DRIVE_RUN_METRICS_H_
#define SOAK_LIB_DRIVE_RUN_METRICS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "soak/metrics/collector.h"
#include "soak/metrics/endpoint.h"
#include "soak/run.h"
#include "soak/run_driver.h"

namespace soak {

// The metrics of a run, read on any thread while it exists, and the endpoint that serves them.
class RunMetrics {
 public:
  explicit RunMetrics(Run& run);

  // Serves them where --soak_metrics_port, or else `in_code`, says, and prints the address. From the beginning, so that
  // the baseline holds the endpoint's threads and its socket. Refuses the run where that cannot be.
  void serve_if_asked(std::optional<std::uint16_t> in_code = {});

  std::string url() const { return endpoint_ ? endpoint_->url() : std::string{}; }

 private:
  std::vector<metrics::Family> families() const;

  Run& run_;
  const RunDriver driver_;
  const std::string name_;
  const std::string mode_;
  metrics::Collector collector_{[this] { return families(); }};
  std::optional<metrics::Endpoint> endpoint_;
};

}  // namespace soak

#endif  // SOAK_LIB_DRIVE_RUN_METRICS_H_
