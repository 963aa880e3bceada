// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_METRICS_COLLECTABLE_H_
#define SOAK_METRICS_COLLECTABLE_H_

// All of soak's metrics for a program that has its own prometheus::Exposer. If yours has none, use
// soak/metrics/endpoint.h.

#include <memory>

namespace prometheus {
class Collectable;
}  // namespace prometheus

namespace soak::metrics {

// It lives as long as the process, so an Exposer's weak pointer to it stays valid.
std::shared_ptr<prometheus::Collectable> collectable();

}  // namespace soak::metrics

#endif  // SOAK_METRICS_COLLECTABLE_H_
