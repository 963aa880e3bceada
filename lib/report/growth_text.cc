// SPDX-License-Identifier: Apache-2.0
#include "soak/report/growth_text.h"

#include <fmt/format.h>

#include <chrono>
#include <cmath>

#include "lib/text/format.h"

namespace soak::report {

std::string per_text(const probe::Trend& trend) { return trend.per.empty() ? "a second" : "per " + trend.per; }

std::string trend_text(const probe::Trend& trend) {
  if (!trend.not_judged.empty()) {
    return "inconclusive: " + trend.not_judged;
  }
  std::string text = probe::growth_text(trend);
  if (trend.leak) {
    text +=
        fmt::format("; {} a day; since {}", probe::amount_text(trend.per_day, trend.unit), probe::since_text(trend));
  } else if (std::isfinite(trend.excluded)) {
    text += "; " + probe::excluded_text(trend);
  } else {
    text += "; a leak of any size could have been missed";
  }
  text += trend.warm_up > std::chrono::nanoseconds{0}
              ? fmt::format("; warm-up until {}", text::format_clock(trend.warm_up))
              : std::string("; no warm-up");
  return text;
}

}  // namespace soak::report
