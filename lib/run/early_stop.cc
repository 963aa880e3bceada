// SPDX-License-Identifier: Apache-2.0
#include "lib/run/early_stop.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "lib/text/format.h"

namespace soak {
namespace {

probe::Finding finding_about(const probe::Trend& leak) {
  return {leak.series, fmt::format("{} grew {}", leak.series, probe::growth_text(leak)), {}};
}

}  // namespace

void EarlyStop::look(std::chrono::nanoseconds at, const Trends& trends) {
  if (!on_ || ended_ || at < next_) {
    return;
  }
  next_ = at + at / 10;
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
  if (finding == verdict.findings.end() && verdict.findings.empty()) {
    finding = verdict.findings.insert(finding, finding_about(leaks_.front()));
  } else if (finding == verdict.findings.end()) {
    finding = verdict.findings.begin();  // Under which what grew is listed.
  }
  finding->evidence.push_back(
      {"ended", fmt::format("early, at {} of {}: the leak was certain; use --soak_early_stop=0 to run to the end",
                            text::format_clock(*ended_), text::format_clock(asked))});
}

}  // namespace soak
