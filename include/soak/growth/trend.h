// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_GROWTH_TREND_H_
#define SOAK_GROWTH_TREND_H_

// How a series grows, per operation or per second, and how sure that is. A value: what judging found, what reports
// show and what two runs are compared by.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "soak/series/series.h"

namespace soak::probe {

struct Trend {
  std::string series;  // "heap", "rss", "fds".
  Unit unit = Unit::kCount;
  // The operation, "reconnect" or "frame", "reconnect or frame" where this run cannot tell them apart, the numbers
  // being of the first; empty where it is a second.
  std::string per;
  std::string not_judged;  // Why nothing below is known; empty when it is.

  // In the series' unit for each operation or second.
  double growth = 0;         // The estimate.
  double low = 0;            // Its interval at `confidence`.
  double high = 0;           //
  double excluded = 0;       // The smallest growth that the data rule out; a leak below it would not have been seen.
  double confidence = 0.99;  // Of the interval. How often a leak is said where there is none: docs/verdict.md.
  double per_day = 0;        // What the growth is in a day at the pace of this run.
  bool leak = false;         // Growth is certain.

  // Times since the start of the run.
  std::chrono::nanoseconds warm_up{};                  // Where the judged part begins; what came before is warm-up.
  std::chrono::nanoseconds since{};                    // Where the growth began, if it is a leak.
  std::uint64_t since_cycle = 0;                       // The cycle at that time.
  std::optional<std::chrono::nanoseconds> certain_at;  // The look at which it became certain.
};

// "+15.0 MiB", "+0.25 B", "-3", "+1.2e-05", with its sign. "any" for what has no end.
std::string amount_text(double amount, Unit unit);

// "+15.0 MiB per reconnect, 99% CI +14.7 MiB to +15.2 MiB". Of a trend that was judged.
std::string growth_text(const Trend& trend);

// "more than 1.3 KiB per reconnect is excluded at 99%".
std::string excluded_text(const Trend& trend);

}  // namespace soak::probe

#endif  // SOAK_GROWTH_TREND_H_
