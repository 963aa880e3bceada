// SPDX-License-Identifier: Apache-2.0
#include "early_stop.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "soak/detail/format.h"

namespace soak {
namespace {

std::string amount(double value, probe::Unit unit) {
  return unit == probe::Unit::kBytes ? detail::format_bytes(std::llround(value)) : fmt::format("{:.2f}", value);
}

probe::Finding finding_about(const probe::Trend& leak) {
  const std::string per = leak.per.empty() ? "second" : leak.per;
  return {leak.series,
          fmt::format("{} grew {} per {}, {:.0f}% CI {} to {}", leak.series, amount(leak.growth, leak.unit), per,
                      leak.confidence * 100, amount(leak.low, leak.unit), amount(leak.high, leak.unit)),
          {}};
}

}  // namespace

void EarlyStop::look(std::chrono::nanoseconds at, const Trends& trends) {
  if (!on_ || ended_ || at < next_) {
    return;
  }
  next_ = at + at / 7;
  const std::vector<probe::Trend> seen = trends();
  std::copy_if(seen.begin(), seen.end(), std::back_inserter(leaks_),
               [](const probe::Trend& trend) { return trend.leak; });
  if (!leaks_.empty()) {
    ended_ = at;
  }
}

void EarlyStop::explain(std::chrono::nanoseconds asked, probe::Verdict& verdict) const {
  if (!ended_) {
    return;
  }
  const auto told = [this](const probe::Finding& finding) {
    return std::any_of(leaks_.begin(), leaks_.end(),
                       [&](const probe::Trend& leak) { return leak.series == finding.subject; });
  };
  auto finding = std::find_if(verdict.findings.begin(), verdict.findings.end(), told);
  if (finding == verdict.findings.end()) {
    finding = verdict.findings.insert(finding, finding_about(leaks_.front()));
  }
  finding->evidence.push_back(
      {"ended", fmt::format("early, at {} of {}: the leak was certain; --soak_early_stop=0 goes on to the end",
                            detail::format_clock(*ended_), detail::format_clock(asked))});
}

}  // namespace soak
