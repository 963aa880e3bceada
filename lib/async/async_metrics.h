// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_ASYNC_ASYNC_METRICS_H_
#define SOAK_LIB_ASYNC_ASYNC_METRICS_H_

// The metrics of the primitives, looked up once for each label on each thread.

#include <array>

#include "soak/detail/enum_names.h"
#include "soak/metrics/label.h"
#include "soak/metrics/metrics.h"
#include "soak/supervise.h"

namespace soak::detail {

struct DrainMetrics {
  explicit DrainMetrics(Label label);
  metrics::Counter timeouts;
  metrics::Histogram duration;
};

struct GatherMetrics {
  explicit GatherMetrics(Label label);
  metrics::Counter failures;
  metrics::Histogram duration;
};

struct SupervisorMetrics {
  explicit SupervisorMetrics(Label label);
  std::array<metrics::Counter, kEnumerators<ExitReason>> exits;  // By ExitReason.
};

struct SessionMetrics {
  explicit SessionMetrics(Label label);
  metrics::Gauge sessions;
};

struct CircuitMetrics {
  explicit CircuitMetrics(Label label);
  metrics::Counter opened;
  metrics::Counter rejected;
  metrics::Gauge open;
};

// A label is a literal, so its address is a key; two literals of one text are two keys of the same metrics.
template <typename Metrics>
const Metrics& metrics_of(Label label);

// Looked up each time: a crash is rare.
void count_background_crash(Label label, Label task);

}  // namespace soak::detail

#endif  // SOAK_LIB_ASYNC_ASYNC_METRICS_H_
