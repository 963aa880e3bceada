// SPDX-License-Identifier: Apache-2.0
#include "lib/run/status_line.h"

#include <cmath>
#include <iterator>

#include "lib/text/format.h"

namespace soak {

std::string_view StatusLine::text(const Now& now) {
  line_.clear();
  const auto out = std::back_inserter(line_);
  fmt::format_to(out, "{}s={}", now.cycle_noun, now.cycles);
  const double seconds = std::chrono::duration<double>(now.at - last_at_).count();
  for (std::size_t i = 0; i < now.counts.size(); ++i) {
    const auto& [name, count] = now.counts[i];
    fmt::format_to(out, " {}={}", name, count);
    if (seconds > 0) {
      fmt::format_to(out, " ({:.1f}/s)", static_cast<double>(count - last_counts_[i]) / seconds);
    }
    last_counts_[i] = count;
  }
  last_at_ = now.at;
  if (now.memory_bytes) {
    fmt::format_to(out, " memory={}", text::format_bytes(*now.memory_bytes));
  } else if (now.rss_bytes) {
    fmt::format_to(out, " rss={}", text::format_bytes(*now.rss_bytes));
  }
  if (now.fds) {
    fmt::format_to(out, " fds={}", *now.fds);
  }
  if (!now.so_far.empty()) {
    fmt::format_to(out, "; so far: {}", now.so_far);
  }
  return {line_.data(), line_.size()};
}

std::string verdict_so_far(const probe::Verdict& verdict) {
  for (const probe::Trend& trend : verdict.trends) {
    if (trend.leak) {
      const std::string grown = trend.unit == probe::Unit::kBytes ? text::format_bytes(std::llround(trend.growth))
                                                                  : fmt::format("{:.3g}", trend.growth);
      return fmt::format("{} +{} per {}", trend.series, grown, trend.per.empty() ? "second" : trend.per);
    }
  }
  if (!verdict.passed()) {
    return verdict.findings.front().text;
  }
  return verdict.inconclusive.empty() ? "no finding" : "not certain: " + verdict.inconclusive.front().text;
}

}  // namespace soak
