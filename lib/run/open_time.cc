// SPDX-License-Identifier: Apache-2.0
#include "lib/run/open_time.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "lib/text/format.h"

namespace soak {

using std::chrono::nanoseconds;

double OpenTime::wanted_until(nanoseconds now) const {
  const nanoseconds lasted = std::max(std::min(now, to_) - from_, nanoseconds::zero());
  return sum_.wanted_s + static_cast<double>(wanted_) * text::seconds(lasted);
}

void OpenTime::want(std::uint64_t sessions, nanoseconds from, nanoseconds to) {
  sum_.wanted_s = wanted_until(from);
  wanted_ = sessions;
  from_ = from;
  to_ = to;
}

void OpenTime::open(nanoseconds from, nanoseconds to) {
  sum_.open_s += text::seconds(std::max(std::min(to, to_) - std::max(from, from_), nanoseconds::zero()));
}

std::optional<report::OpenTime> OpenTime::at(nanoseconds now) const {
  if (!reported_) {
    return std::nullopt;
  }
  return report::OpenTime{wanted_until(now), sum_.open_s};
}

void OpenTime::go_on_from(const std::optional<report::OpenTime>& before) {
  if (before) {
    sum_ = *before;
    reported_ = true;
  }
}

void judge_open_time(const std::optional<report::OpenTime>& time, double floor, std::uint64_t sessions,
                     probe::Verdict& verdict) {
  if (!time || time->wanted_s <= 0 || time->share() >= floor) {
    return;
  }
  const auto shown = [](double seconds) { return text::format_duration(text::from_seconds(std::min(seconds, 9e9))); };
  verdict.findings.push_back(
      {"open",
       fmt::format("{} open for {:.1f}% of the time in which the schedule wants {} open, expected at least {:g}%",
                   sessions > 1 ? "sessions were" : "a session was", std::floor(time->share() * 1000) / 10,
                   sessions > 1 ? "them" : "one", floor * 100),
       {{"open", fmt::format("{} of {}{}", shown(time->open_s), shown(time->wanted_s),
                             sessions > 1 ? fmt::format(", summed over {} sessions", sessions) : "")}}});
}

}  // namespace soak
