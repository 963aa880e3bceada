// SPDX-License-Identifier: Apache-2.0
#include "soak/metrics/collector.h"

#include <utility>

#include "lib/metrics/registry.h"

namespace soak::metrics {

Collector::Collector(std::function<std::vector<Family>()> read) : read_(std::move(read)) {
  Registry::instance().attach(read_);
}

Collector::~Collector() { Registry::instance().detach(read_); }

}  // namespace soak::metrics
