// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_RUN_EARLY_STOP_H_
#define SOAK_LIB_RUN_EARLY_STOP_H_

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "soak/growth/trend.h"
#include "soak/growth/verdict.h"

namespace soak {

// Ends a run once a leak is certain. Looking costs a verdict, so each look comes after a tenth more time than the one
// before, as the looks of growth.h do: some hundred in a day, and a leak is not waited for longer than that after it
// became certain.
class EarlyStop {
 public:
  using Trends = std::function<std::vector<probe::Trend>()>;

  explicit EarlyStop(bool on) : on_(on) {}

  // Looks at `trends`, if it is time to at this time since the start of the run.
  void look(std::chrono::nanoseconds at, const Trends& trends);

  // When it ended the run, if it did.
  std::optional<std::chrono::nanoseconds> ended() const { return ended_; }

  // Says in the finding about the leak that the run of `asked` ended early. There is a finding from then on, also where
  // the whole of the data says less than the look did: a run that ended early never passes.
  void explain(std::chrono::nanoseconds asked, probe::Verdict& verdict) const;

 private:
  bool on_;
  std::chrono::nanoseconds next_ = std::chrono::seconds{5};
  std::optional<std::chrono::nanoseconds> ended_;
  std::vector<probe::Trend> leaks_;  // Those that were certain then.
};

}  // namespace soak

#endif  // SOAK_LIB_RUN_EARLY_STOP_H_
