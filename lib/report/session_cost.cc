// SPDX-License-Identifier: Apache-2.0
#include "soak/report/session_cost.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>
#include <vector>

#include "soak/probe/probe.h"

namespace soak::report {
namespace {

constexpr std::size_t kPartsMax = 24;  // Neighbouring samples are not independent; means over longer parts nearly are.
constexpr std::size_t kPartsMin = 6;
constexpr double kMillicores = 1000;

struct Sample {
  double sessions = 0;
  double value = 0;
};

// The quantile of Student's t distribution that 0.5 % are above, by Cornish and Fisher's expansion.
double t_quantile(double freedom) {
  constexpr double z = 2.5758293035489;
  const double z3 = z * z * z;
  const double z5 = z3 * z * z;
  const double z7 = z5 * z * z;
  return z + (z3 + z) / (4 * freedom) + (5 * z5 + 16 * z3 + 3 * z) / (96 * freedom * freedom) +
         (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * freedom * freedom * freedom);
}

// The values of `track` beside the number of sessions at the time, until these were last at their peak.
std::vector<Sample> samples_of(const probe::Track& sessions, const probe::Track& track) {
  const std::vector<probe::Point> counts = sessions.timeline.points();
  const std::vector<probe::Point> values = track.timeline.points();
  std::int64_t most = 0;
  for (const probe::Point& count : counts) {
    most = std::max(most, count.value);
  }
  const auto last = std::find_if(counts.rbegin(), counts.rend(), [&](const auto& of) { return of.value == most; });
  std::vector<Sample> samples;
  auto count = counts.begin();
  for (const probe::Point& value : values) {
    if (last == counts.rend() || value.at > last->at) {
      break;
    }
    while (std::next(count) != counts.end() && std::next(count)->at <= value.at) {
      ++count;
    }
    if (count->at <= value.at) {
      samples.push_back({static_cast<double>(count->value), static_cast<double>(value.value)});
    }
  }
  return samples;
}

std::vector<Sample> means_of(const std::vector<Sample>& samples) {
  const std::size_t parts = std::min(kPartsMax, samples.size());
  std::vector<Sample> means;
  for (std::size_t part = 0; part < parts; ++part) {
    const std::size_t from = samples.size() * part / parts;
    const std::size_t to = samples.size() * (part + 1) / parts;
    Sample mean;
    for (std::size_t i = from; i < to; ++i) {
      mean.sessions += samples[i].sessions / static_cast<double>(to - from);
      mean.value += samples[i].value / static_cast<double>(to - from);
    }
    means.push_back(mean);
  }
  return means;
}

// Least squares. Nullopt, and why, if there is too little to go by.
std::optional<ResourceCost> cost_of(const probe::Track* sessions, const std::string& sessions_name,
                                    const probe::Track* track, const std::string& name, std::string& missing) {
  for (const auto& [found, of] : {std::pair(sessions, &sessions_name), std::pair(track, &name)}) {
    if (found == nullptr) {
      missing = fmt::format("the report has no series \"{}\"", *of);
      return std::nullopt;
    }
    if (!found->unavailable.empty()) {
      missing = fmt::format("the series \"{}\" is {}", *of, found->unavailable);
      return std::nullopt;
    }
  }
  const std::vector<Sample> samples = samples_of(*sessions, *track);
  const std::vector<Sample> means = means_of(samples);
  if (means.size() < kPartsMin) {
    missing =
        fmt::format("the series \"{}\" has {} values until the sessions were last at their peak, expected at least {}",
                    name, samples.size(), kPartsMin);
    return std::nullopt;
  }
  const double count = static_cast<double>(means.size());
  double mean_sessions = 0;
  double mean_value = 0;
  for (const Sample& mean : means) {
    mean_sessions += mean.sessions / count;
    mean_value += mean.value / count;
  }
  double spread = 0;
  double together = 0;
  for (const Sample& mean : means) {
    spread += (mean.sessions - mean_sessions) * (mean.sessions - mean_sessions);
    together += (mean.sessions - mean_sessions) * (mean.value - mean_value);
  }
  if (spread < 1) {
    missing = fmt::format("the number of sessions (\"{}\") did not change: open them in steps", sessions_name);
    return std::nullopt;
  }
  ResourceCost cost;
  cost.points = means.size();
  cost.per_session = together / spread;
  cost.base = mean_value - cost.per_session * mean_sessions;
  double squares = 0;
  for (const Sample& mean : means) {
    const double off = mean.value - cost.base - cost.per_session * mean.sessions;
    squares += off * off;
  }
  const double half = t_quantile(count - 2) * std::sqrt(squares / (count - 2) / spread);
  cost.low = cost.per_session - half;
  cost.high = cost.per_session + half;
  for (const Sample& sample : samples) {
    cost.above = std::max(cost.above, sample.value - cost.base - cost.per_session * sample.sessions);
  }
  if (const std::optional<probe::Point> peak = track->timeline.peak()) {
    cost.peak = static_cast<double>(peak->value);
  }
  return cost;
}

// The names that are not given. The process that has the sessions is the first that counts any.
SessionCostSeries named(const Record& record, SessionCostSeries series) {
  constexpr std::string_view kSessions = "sessions";
  if (series.sessions.empty()) {
    series.sessions = kSessions;
    if (record.measured.find(series.sessions) == nullptr) {
      const auto& tracks = record.measured.tracks;
      const auto found = std::find_if(tracks.begin(), tracks.end(),
                                      [](const probe::Track& track) { return track.name.ends_with(".sessions"); });
      series.sessions = found == tracks.end() ? series.sessions : found->name;
    }
  }
  const std::string process =
      series.sessions.ends_with(kSessions) ? series.sessions.substr(0, series.sessions.size() - kSessions.size()) : "";
  for (const auto& [name, standard] :
       {std::pair(&series.memory, "rss"), std::pair(&series.processor, "cpu_millicores")}) {
    if (name->empty()) {
      *name = process + standard;
    }
  }
  return series;
}

}  // namespace

SessionCost session_cost(const Record& record, const SessionCostSeries& asked) {
  const SessionCostSeries series = named(record, asked);
  const probe::Track* const sessions = record.measured.find(series.sessions);
  SessionCost cost;
  cost.memory =
      cost_of(sessions, series.sessions, record.measured.find(series.memory), series.memory, cost.memory_missing);
  if (record.virtual_clock) {
    cost.processor_missing = "the run's clock is virtual, so processor time by it means nothing";
  } else {
    cost.processor = cost_of(sessions, series.sessions, record.measured.find(series.processor), series.processor,
                             cost.processor_missing);
  }
  if (cost.processor) {
    ResourceCost& of = *cost.processor;
    for (double* value : {&of.per_session, &of.low, &of.high, &of.base, &of.above, &of.peak}) {
      *value /= kMillicores;
    }
  }
  if (sessions != nullptr) {
    if (const std::optional<probe::Point> peak = sessions->timeline.peak()) {
      cost.sessions_peak = peak->value;
    }
  }
  return cost;
}

}  // namespace soak::report
