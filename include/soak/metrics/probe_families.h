// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_METRICS_PROBE_FAMILIES_H_
#define SOAK_METRICS_PROBE_FAMILIES_H_

// What a probe saw last, as metrics:
//
//   soak_rss_bytes, soak_open_fds, soak_threads   by its newest sample
//   soak_heap_bytes, soak_open_sockets            at the last quiescent point
//   soak_watched{name="tasks"}                    a count that the program watches, one series each
//   soak_watched_bytes{name="fake.rss"}           the same for what is measured in bytes

#include <vector>

#include "soak/metrics/collector.h"
#include "soak/probe/probe.h"

namespace soak::metrics {

std::vector<Family> probe_families(const std::vector<probe::Reading>& readings);

}  // namespace soak::metrics

#endif  // SOAK_METRICS_PROBE_FAMILIES_H_
