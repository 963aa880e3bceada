// SPDX-License-Identifier: Apache-2.0
#include "soak/report/growth_text.h"

#include <fmt/format.h>

#include <chrono>
#include <cmath>

#include "lib/text/format.h"

namespace soak::report {

std::string per_text(const probe::Trend& trend) { return trend.per.empty() ? "per second" : "per " + trend.per; }

std::string trend_text(const probe::Trend& trend) {
  if (!trend.not_judged.empty()) {
    return "inconclusive: " + trend.not_judged;
  }
  std::string text;
  if (trend.state != probe::GrowthState::kAtRest) {
    text = fmt::format("{}; {} per day; since {}", probe::growth_text(trend),
                       probe::amount_text(trend.per_day, trend.unit), probe::since_text(trend));
    if (!trend.operation.empty()) {
      text += fmt::format("; {} per {}", probe::amount_text(trend.per_operation, trend.unit), trend.operation);
    }
  } else {
    text = probe::rest_text(trend);
    text += std::isfinite(trend.excluded) ? "; " + probe::excluded_text(trend)
                                          : std::string("; a leak of any size could have been missed");
  }
  if (trend.bound) {
    text += fmt::format("; {} is {}", probe::to_string(trend.bound->asked), probe::to_string(trend.bound->state));
    if (trend.bound->run_needed) {
      text += fmt::format(", a run of about {} would show it", text::format_duration(*trend.bound->run_needed));
    }
  }
  if (trend.limit_reached) {
    text += "; the limit is reached " + probe::forecast_text(*trend.limit_reached);
  }
  return text;
}

}  // namespace soak::report
