// SPDX-License-Identifier: Apache-2.0
#include "lib/run/traffic.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <numeric>
#include <utility>

namespace soak {
namespace {

bool on_rate(std::uint64_t due, std::uint64_t met) {
  const std::uint64_t off = due > met ? due - met : met - due;
  return off <= std::max<std::uint64_t>(due / 100, 2);
}

}  // namespace

std::size_t TrafficLedger::third(std::chrono::nanoseconds at) const {
  const auto third = static_cast<std::size_t>(std::max<std::int64_t>(at.count(), 0) / (duration_.count() / 3 + 1));
  return std::min<std::size_t>(third, 2);
}

report::Traffic& TrafficLedger::entry(std::string_view counter) {
  for (report::Traffic& entry : entries_) {
    if (entry.counter == counter) {
      return entry;
    }
  }
  entries_.push_back({std::string(counter), {}, {}, {}});
  return entries_.back();
}

void judge_traffic(const std::vector<report::Traffic>& traffic, probe::Verdict& verdict) {
  constexpr std::array<const char*, 3> kThirds = {"first third", "second third", "last third"};
  for (const report::Traffic& stream : traffic) {
    const std::uint64_t due = std::accumulate(stream.due.begin(), stream.due.end(), std::uint64_t{0});
    const std::uint64_t met = std::accumulate(stream.met.begin(), stream.met.end(), std::uint64_t{0});
    probe::Finding finding{stream.counter, {}, {}};
    for (std::size_t i = 0; i < kThirds.size(); ++i) {
      if (!on_rate(stream.due[i], stream.met[i])) {
        finding.evidence.push_back({kThirds[i], fmt::format("{} of {}", stream.met[i], stream.due[i])});
      }
    }
    if (!finding.evidence.empty() || !on_rate(due, met)) {
      finding.text = fmt::format("{}: {} of {} due while a session was open, allowed +-1%", stream.counter, met, due);
      verdict.findings.push_back(std::move(finding));
    }
  }
}

void explain_lateness(const std::vector<report::Traffic>& traffic, probe::Verdict& verdict) {
  for (const report::Traffic& stream : traffic) {
    if (stream.late.count() > 0) {
      const auto ms = [](std::chrono::nanoseconds time) {
        return std::chrono::duration<double, std::milli>(time).count();
      };
      verdict.remarks.push_back(fmt::format("{} were late by: p50 {:.1f} ms, p99 {:.1f} ms, max {:.1f} ms",
                                            stream.counter, ms(stream.late.percentile(0.5)),
                                            ms(stream.late.percentile(0.99)), ms(stream.late.max())));
    }
  }
}

}  // namespace soak
