// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_METRICS_COLLECTABLE_H_
#define SOAK_METRICS_COLLECTABLE_H_

// For a program that has a prometheus::Exposer of its own: all of soak's metrics, as prometheus-cpp takes them. Who has
// none uses soak/metrics/endpoint.h.

#include <memory>

namespace prometheus {
class Collectable;
}  // namespace prometheus

namespace soak::metrics {

// Lives as long as the process, so that an Exposer's weak pointer to it stays good.
std::shared_ptr<prometheus::Collectable> collectable();

}  // namespace soak::metrics

#endif  // SOAK_METRICS_COLLECTABLE_H_
