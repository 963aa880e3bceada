// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_BENCH_DETECTOR_RANDOM_SERIES_H_
#define SOAK_BENCH_DETECTOR_RANDOM_SERIES_H_

// Random series of RSS with a known truth. They are simulated: caches that are asked, connections that come and go,
// collectors, pools and files that are paged in, and a leak of objects. No formula of theirs is one of the detector's
// forms.

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "generators.h"
#include "soak/growth/growth.h"

namespace soak::bench {

struct RandomSeries {
  std::string shape;  // "cache asked by Zipf's law"
  std::string noise;  // "AR(1)"
  double seconds = 0;
  double sampled_every_s = 0;
  std::vector<probe::Observation> points;  // Bytes over seconds.
  struct Leak {
    double bytes_per_second = 0;
    double onset_s = 0;
  };
  std::optional<Leak> leak;  // Empty if the series is clean: it is at rest, or in whole cycles, for its last tenth.
};

// The same for the same number.
RandomSeries random_series(std::size_t number);

}  // namespace soak::bench

#endif  // SOAK_BENCH_DETECTOR_RANDOM_SERIES_H_
