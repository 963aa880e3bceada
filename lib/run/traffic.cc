// SPDX-License-Identifier: Apache-2.0
#include "lib/run/traffic.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <numeric>
#include <utility>

#include "lib/text/format.h"

namespace soak {
namespace {

using std::chrono::nanoseconds;

bool on_rate(std::uint64_t due, std::uint64_t met) {
  const std::uint64_t off = due > met ? due - met : met - due;
  return off <= std::max<std::uint64_t>(due / 100, 2);
}

void add(std::array<std::uint64_t, 3>& to, const std::array<std::uint64_t, 3>& more) {
  for (std::size_t i = 0; i < to.size(); ++i) {
    to[i] += more[i];
  }
}

std::uint64_t sum(const std::array<std::uint64_t, 3>& thirds) {
  return std::accumulate(thirds.begin(), thirds.end(), std::uint64_t{0});
}

}  // namespace

std::size_t EventsOverTime::stretch(nanoseconds at) const {
  const double share = std::max(text::seconds(at), 0.0) / text::seconds(duration_);
  return std::min(static_cast<std::size_t>(share * static_cast<double>(counts_.size())), counts_.size() - 1);
}

std::array<std::uint64_t, 3> EventsOverTime::by_third(const std::vector<Stop>& stops, Which which) const {
  std::vector<bool> stopped(counts_.size());
  for (const Stop& stop : stops) {
    std::fill(stopped.begin() + static_cast<std::ptrdiff_t>(stretch(stop.from)),
              stopped.begin() + static_cast<std::ptrdiff_t>(stretch(stop.covered_to()) + 1), true);
  }
  std::array<std::uint64_t, 3> thirds{};
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    if (stopped[i] == (which == Which::kWhileStopped)) {
      thirds[i / kStretches] += counts_[i];
    }
  }
  return thirds;
}

TrafficLedger::Stream& TrafficLedger::stream(std::string_view counter) {
  for (Stream& stream : streams_) {
    if (stream.counter == counter) {
      return stream;
    }
  }
  return streams_.emplace_back(counter, duration_);
}

std::vector<report::Traffic> TrafficLedger::entries(const std::vector<Stop>& stops) const {
  using Which = EventsOverTime::Which;
  std::vector<report::Traffic> entries;
  for (const Stream& stream : streams_) {
    report::Traffic& entry = entries.emplace_back(stream.before);
    entry.counter = stream.counter;
    add(entry.due, stream.due.by_third(stops, Which::kWhileRunning));
    add(entry.met, stream.met.by_third(stops, Which::kWhileRunning));
    entry.stopped_due += sum(stream.due.by_third(stops, Which::kWhileStopped));
    entry.stopped_met += sum(stream.met.by_third(stops, Which::kWhileStopped));
    entry.late = stream.late;
  }
  return entries;
}

std::vector<Creep::Late> TrafficLedger::take_lateness() {
  std::vector<Creep::Late> taken;
  for (Stream& stream : streams_) {
    if (stream.recently_late.count() > 0) {
      taken.push_back({stream.counter, stream.recently_late.percentile(0.5)});
      stream.recently_late = {};
    }
  }
  return taken;
}

void TrafficLedger::go_on_from(const std::vector<report::Traffic>& before) {
  for (const report::Traffic& entry : before) {
    Stream& goes_on = stream(entry.counter);
    goes_on.before = entry;
    goes_on.late = entry.late;
  }
}

void judge_traffic(const std::vector<report::Traffic>& traffic, probe::Verdict& verdict) {
  constexpr std::array<const char*, 3> kThirds = {"first third", "second third", "last third"};
  for (const report::Traffic& stream : traffic) {
    const std::uint64_t due = sum(stream.due);
    const std::uint64_t met = sum(stream.met);
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
    if (!on_rate(stream.stopped_due, stream.stopped_met)) {
      verdict.inconclusive.push_back({stream.counter,
                                      fmt::format("{}: {} of {} due while this process did not run", stream.counter,
                                                  stream.stopped_met, stream.stopped_due),
                                      {}});
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
