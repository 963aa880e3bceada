// SPDX-License-Identifier: Apache-2.0
#include "lib/run/early_stop.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "lib/text/format.h"

namespace soak {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

// A level is that of the last minute; of a run of less than ten minutes, of its last tenth.
constexpr nanoseconds kLevelOver = 1min;
constexpr int kLevelShare = 10;

}  // namespace

std::optional<std::int64_t> level_above_baseline(const probe::Track& track) {
  const std::vector<probe::Point> points = track.timeline.points();
  if (points.empty()) {
    return std::nullopt;
  }
  const auto after_a_cycle =
      std::find_if(points.begin(), points.end(), [](const probe::Point& point) { return point.cycle > 0; });
  const probe::Point& first = after_a_cycle == points.end() ? points.front() : *after_a_cycle;
  const std::int64_t baseline = track.at_rest.empty() ? first.value : track.at_rest.first()->value;
  const nanoseconds over = std::min(kLevelOver, points.back().at / kLevelShare);
  std::vector<std::int64_t> late;
  for (const probe::Point& point : points) {
    if (point.at >= points.back().at - over) {
      late.push_back(point.value);
    }
  }
  const auto middle = late.begin() + static_cast<std::ptrdiff_t>((late.size() - 1) / 2);
  std::nth_element(late.begin(), middle, late.end());
  return *middle - baseline;
}

EarlyStop::Series& EarlyStop::series(const std::string& name) {
  const auto found =
      std::find_if(series_.begin(), series_.end(), [&name](const Series& seen) { return seen.name == name; });
  return found != series_.end() ? *found : series_.emplace_back(Series{name, std::nullopt, std::nullopt});
}

void EarlyStop::look(nanoseconds at, const std::function<Seen()>& see) {
  if (ended_ || at < next_) {
    return;
  }
  next_ = at + at / 10;
  const Seen seen = see();
  for (const probe::Trend& trend : seen.trends) {
    const std::string why = why_to_end(at, trend, seen.measured);
    if (limits_.may_end && !ended_ && !why.empty()) {
      ended_ = at;
      leak_ = trend;
      why_ = why;
    }
  }
}

// Empty where there is no reason.
std::string EarlyStop::why_to_end(nanoseconds at, const probe::Trend& trend, const probe::Measurements& measured) {
  Series& before = series(trend.series);
  const auto note = [at](std::optional<nanoseconds>& since, bool is_so) {
    since = is_so ? std::optional(since.value_or(at)) : std::nullopt;
  };
  const auto for_half = [&](const std::optional<nanoseconds>& since) {
    return since && at - *since >= limits_.asked / 2;
  };
  note(before.certain_since, trend.leak);
  if (trend.unit != probe::Unit::kBytes) {
    return for_half(before.certain_since) ? "its growth was certain for half of the asked time" : "";
  }
  const probe::Track* const track = measured.find(trend.series);
  const std::int64_t level = track == nullptr ? 0 : level_above_baseline(*track).value_or(0);
  note(before.over_since, level > limits_.memory_growth_max);
  if (!trend.leak) {
    return "";
  }
  const std::string text =
      fmt::format("its growth was certain, and it was {} above its baseline", text::format_bytes(level));
  const std::string allowed = text::format_bytes(limits_.memory_growth_max);
  if (level / 2 > limits_.memory_growth_max) {
    return fmt::format("{}, more than twice the {} allowed", text, allowed);
  }
  return for_half(before.over_since) ? fmt::format("{}, above the {} allowed for half of the asked time", text, allowed)
                                     : "";
}

void EarlyStop::explain(probe::Verdict& verdict) const {
  if (!ended_) {
    return;
  }
  auto finding = std::find_if(verdict.findings.begin(), verdict.findings.end(),
                              [this](const probe::Finding& about) { return about.subject == leak_.series; });
  if (finding == verdict.findings.end() && verdict.findings.empty()) {
    finding = verdict.findings.insert(
        finding, {leak_.series, fmt::format("{} grew {}", leak_.series, probe::growth_text(leak_)), {}});
  } else if (finding == verdict.findings.end()) {
    finding = verdict.findings.begin();  // Under which what grew is listed.
  }
  finding->evidence.push_back(
      {"ended",
       fmt::format("early, at {}{}: {}; use --soak_early_stop=0 to run to the end", text::format_clock(*ended_),
                   limits_.endless ? "" : " of " + text::format_clock(limits_.asked), why_)});
}

}  // namespace soak
