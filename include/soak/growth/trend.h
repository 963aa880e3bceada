// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_GROWTH_TREND_H_
#define SOAK_GROWTH_TREND_H_

// How a series grows, per operation or per second, and how certain that is. This value is the result of judging;
// reports show it, and two runs are compared by it.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "soak/series/series.h"

namespace soak::probe {

struct Trend {
  std::string series;  // "heap", "rss", "fds".
  Unit unit = Unit::kCount;
  // The operation: "reconnect" or "frame". If this run cannot tell two apart, "reconnect or frame", and the numbers are
  // for the first one. Empty for growth per second.
  std::string per;
  std::string not_judged;  // Why the fields below are unknown; empty if they are known.

  // In the series' unit, per operation or second.
  double growth = 0;         // The estimate.
  double low = 0;            // Its interval at `confidence`.
  double high = 0;           //
  double excluded = 0;       // The smallest growth that the data rule out; a smaller leak would not have been seen.
  double confidence = 0.99;  // Of the interval. docs/verdict.md has the rate of false alarms.
  double per_day = 0;        // Growth per day at the pace of this run.
  bool leak = false;         // Growth is certain.

  // Times since the start of the run.
  std::chrono::nanoseconds warm_up{};                  // Where warm-up ends and judging begins.
  std::chrono::nanoseconds since{};                    // When the growth began, if it is a leak.
  std::uint64_t since_cycle = 0;                       // The cycle at that time.
  std::optional<std::chrono::nanoseconds> certain_at;  // When it became certain.
};

// "+15.0 MiB", "+0.25 B", "-3", "+1.2e-05", always with a sign. "any" for infinity.
std::string amount_text(double amount, Unit unit);

// "+15.0 MiB per reconnect, 99% CI +14.7 MiB to +15.2 MiB". For a trend that was judged.
std::string growth_text(const Trend& trend);

// "more than 1.3 KiB per reconnect is excluded at 99%".
std::string excluded_text(const Trend& trend);

}  // namespace soak::probe

#endif  // SOAK_GROWTH_TREND_H_
