// SPDX-License-Identifier: Apache-2.0
#include "soak/metrics/probe_families.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

namespace soak::metrics {
namespace {

struct Known {
  std::string_view track;
  Label name;
  Label help;
};
constexpr Known kKnown[] = {
    {"rss", "soak_rss_bytes", "Resident set size, by the newest sample."},
    {"heap", "soak_heap_bytes", "Heap in use, at the last quiescent point."},
    {"fds", "soak_open_fds", "Open file descriptors, by the newest sample."},
    {"sockets", "soak_open_sockets", "Open file descriptors that are sockets, at the last quiescent point."},
    {"threads", "soak_threads", "Threads, by the newest sample."},
};

}  // namespace

std::vector<Family> probe_families(const std::vector<probe::Reading>& readings) {
  std::vector<Family> families;
  Family counts{"soak_watched", "Gauges of the program that are counts, by the newest sample.", Kind::kGauge, {}};
  Family bytes{"soak_watched_bytes", "Gauges of the program in bytes, by the newest sample.", Kind::kGauge, {}};
  std::vector<std::string_view> names;
  for (const probe::Reading& reading : readings) {
    const auto value = static_cast<double>(reading.point.value);
    const auto* known =
        std::find_if(std::begin(kKnown), std::end(kKnown), [&](const Known& row) { return row.track == reading.name; });
    // Two gauges may have one name, or a built-in one's. Prometheus would refuse the whole scrape.
    if (std::find(names.begin(), names.end(), reading.name) != names.end()) {
      continue;
    }
    names.push_back(reading.name);
    if (known != std::end(kKnown)) {
      families.push_back({known->name, known->help, Kind::kGauge, {{{}, value}}});
    } else {
      Family& family = reading.unit == probe::Unit::kBytes ? bytes : counts;
      family.samples.push_back({{{"name", reading.name}}, value});
    }
  }
  families.push_back(std::move(counts));
  families.push_back(std::move(bytes));
  return families;
}

}  // namespace soak::metrics
