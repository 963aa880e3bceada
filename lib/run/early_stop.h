// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_RUN_EARLY_STOP_H_
#define SOAK_LIB_RUN_EARLY_STOP_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "soak/growth/trend.h"
#include "soak/growth/verdict.h"
#include "soak/series/measurements.h"

namespace soak {

// Looks at a run while it goes on, and ends it when more time would only make the same verdict dearer.
//
// Growth alone ends nothing, however certain: a cache that fills does grow at that moment, and a leak within its budget
// fails the run at its end all the same. What ends a run is a level: growth that is certain, and memory above its
// baseline by more than twice the budget, or by more than the budget for half of the asked time. Counts have no budget
// of a level: their growth has to be certain for half of the asked time.
//
// Looking costs a verdict, so each look comes after a tenth more time than the one before: some hundred in a day.
class EarlyStop {
 public:
  struct Limits {
    bool may_end = true;  // Otherwise it only looks.
    std::chrono::nanoseconds asked{};
    bool endless = false;                // No duration was asked for.
    std::int64_t memory_growth_max = 0;  // In bytes.
  };
  struct Seen {
    std::vector<probe::Trend> trends;
    probe::Measurements measured;
  };

  explicit EarlyStop(Limits limits) : limits_(limits) {}

  // Calls `see`, if it is time to look at this time since the start of the run.
  void look(std::chrono::nanoseconds at, const std::function<Seen()>& see);

  // When it ended the run, if it did.
  std::optional<std::chrono::nanoseconds> ended() const { return ended_; }

  // Says in the finding about the leak that the run ended early. There is a finding from then on, also where the whole
  // of the data says less than the look did: a run that ended early never passes.
  void explain(probe::Verdict& verdict) const;

 private:
  // What earlier looks saw of a series, without a look between that did not.
  struct Series {
    std::string name;
    std::optional<std::chrono::nanoseconds> certain_since;
    std::optional<std::chrono::nanoseconds> over_since;
  };
  Series& series(const std::string& name);
  std::string why_to_end(std::chrono::nanoseconds at, const probe::Trend& trend, const probe::Measurements& measured);

  Limits limits_;
  std::chrono::nanoseconds next_ = std::chrono::seconds{5};
  std::vector<Series> series_;
  std::optional<std::chrono::nanoseconds> ended_;
  probe::Trend leak_;  // That ended it,
  std::string why_;    // and why.
};

// How far the values of the last minute (their median; in a short run, of its last tenth) lie above the baseline: the
// first quiescent point, or without one the first value after a cycle. Empty without values.
std::optional<std::int64_t> level_above_baseline(const probe::Track& track);

}  // namespace soak

#endif  // SOAK_LIB_RUN_EARLY_STOP_H_
