// SPDX-License-Identifier: Apache-2.0
#include "soak/report/growth_text.h"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <cmath>

#include "soak/detail/format.h"

namespace soak::report {

std::string growth_text(double growth, probe::Unit unit) {
  if (!std::isfinite(growth)) {
    return "any";
  }
  if (unit == probe::Unit::kCount) {
    return fmt::format("{:+.3g}", growth + 0.0);  // Minus zero is zero.
  }
  constexpr std::array<const char*, 4> kUnits = {"B", "KiB", "MiB", "GiB"};
  std::size_t step = 0;
  double value = growth;
  while (std::abs(value) >= 1024 && step + 1 < kUnits.size()) {
    value /= 1024;
    ++step;
  }
  return std::abs(value) >= 1000 ? fmt::format("{:+.0f} {}", value, kUnits[step])
                                 : fmt::format("{:+.3g} {}", value + 0.0, kUnits[step]);
}

std::string per_text(const probe::Trend& trend) { return trend.per.empty() ? "a second" : "per " + trend.per; }

std::string trend_text(const probe::Trend& trend) {
  if (!trend.not_judged.empty()) {
    return "inconclusive: " + trend.not_judged;
  }
  std::string text = probe::growth_text(trend);
  if (trend.leak) {
    text +=
        fmt::format("; {} a day; since {}", growth_text(trend.per_day, trend.unit), detail::format_clock(trend.since));
    if (trend.certain_at) {
      text += fmt::format(", certain at {}", detail::format_clock(*trend.certain_at));
    }
  } else if (std::isfinite(trend.excluded)) {
    text += "; " + probe::excluded_text(trend);
  } else {
    text += "; a leak of any size could have been missed";
  }
  text += trend.warm_up > std::chrono::nanoseconds{0}
              ? fmt::format("; warm-up until {}", detail::format_clock(trend.warm_up))
              : std::string("; no warm-up");
  return text;
}

}  // namespace soak::report
