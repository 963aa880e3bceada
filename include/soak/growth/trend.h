// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_GROWTH_TREND_H_
#define SOAK_GROWTH_TREND_H_

// Whether a series still grows at its end, how fast, per operation or per second, and how certain that is. This value
// is the result of judging; reports show it, and two runs are compared by it.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "soak/growth/growth.h"
#include "soak/growth/leak_max.h"
#include "soak/series/series.h"

namespace soak::probe {

// The bound that was asked for, and what the series says of it.
struct Bound {
  enum class State {
    kMet,       // More growth than this is excluded, or growth is certain and wholly below it.
    kExceeded,  // Growth is certain and above it.
    kNotShown,  // Neither.
  };
  LeakMax asked;
  double allowed = 0;  // `asked` in the unit of the trend: per its `per`.
  State state = State::kNotShown;
  // If it was not shown: how long a run would have to be to show it. Empty if that cannot be said.
  std::optional<std::chrono::nanoseconds> run_needed;
};

const char* to_string(Bound::State state);  // "met", "exceeded", "not shown"

struct Trend {
  std::string series;  // "heap", "rss", "fds".
  Unit unit = Unit::kCount;
  // The operation: "reconnect" or "frame". If this run cannot tell two apart, "reconnect or frame", and the numbers are
  // for the first one. Empty for growth per second.
  std::string per;
  std::string not_judged;  // Why the fields below are unknown; empty if they are known.

  GrowthState state = GrowthState::kAtRest;
  // Growth is certain, and a bound that was asked for does not allow it. A leak is a finding.
  bool leak = false;

  // In the series' unit, per operation or second, at the end of the run.
  double growth = 0;         // The estimate.
  double low = 0;            // Its interval at `confidence`.
  double high = 0;           //
  double confidence = 0.99;  // Of the interval. docs/verdict.md has the rate of false alarms.
  double per_day = 0;        // Growth per day at the pace of this run.

  // The smallest leak since the start of the run that the data rule out; a smaller one would not have been seen.
  double excluded = 0;
  // The same for leaks that began later, at `onset` or before; by onset, ascending. The rates do not fall.
  struct Exclusion {
    std::chrono::nanoseconds onset{};
    double rate = 0;
  };
  std::vector<Exclusion> excluded_later;

  // Times since the start of the run.
  std::chrono::nanoseconds end{};      // Of the series: all that was seen until then was judged.
  std::chrono::nanoseconds warm_up{};  // Where warm-up ends.
  // When the growth began that still goes on, unless the series is at rest, and its earliest and latest possible time.
  std::chrono::nanoseconds since{};
  std::chrono::nanoseconds since_earliest{};
  std::chrono::nanoseconds since_latest{};
  std::uint64_t since_cycle = 0;  // The cycle at `since`.
  // Growth that is over: a series that grew and came to rest. Empty if it never grew, or still grows.
  struct Rest {
    std::chrono::nanoseconds since{};
    double grown = 0;  // In the series' unit, from the start of the run until then.
  };
  std::optional<Rest> rest;

  // The operation that explains growth per second, and the growth per one of it. Empty without one, and for a trend
  // that is per operation by itself.
  std::string operation;
  double per_operation = 0;

  std::optional<Bound> bound;  // Empty unless a bound was asked for.

  // How long after the end of the run a memory limit is reached at this growth; `latest` is empty for never. Set if a
  // limit was asked for and the series grows.
  struct Forecast {
    std::chrono::nanoseconds expected{};
    std::chrono::nanoseconds earliest{};
    std::optional<std::chrono::nanoseconds> latest;
  };
  std::optional<Forecast> limit_reached;
};

// "+15.0 MiB", "+0.25 B", "-3", "+1.2e-05", always with a sign. "any" for infinity.
std::string amount_text(double amount, Unit unit);

// "+15.0 MiB per reconnect, 99% CI +14.7 MiB to +15.2 MiB". For a trend that was judged.
std::string growth_text(const Trend& trend);

// "more than 60 B per second since the start, 210 B in the last 12h00m, 1.9 KiB in the last 2h00m is excluded at 99%".
std::string excluded_text(const Trend& trend);

// "grew by 24.0 MiB until 00:20:00, then rested"; without a rest "no growth", or "no certain growth" if growth explains
// the series best. For a trend at rest.
std::string rest_text(const Trend& trend);

// "00:41:10, between 00:38:00 and 00:44:00", and no interval where it is known to within a minute.
std::string since_text(const Trend& trend);

// "in 41h, 36h to 48h", of Trend::limit_reached.
std::string forecast_text(const Trend::Forecast& forecast);

}  // namespace soak::probe

#endif  // SOAK_GROWTH_TREND_H_
