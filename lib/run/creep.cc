// SPDX-License-Identifier: Apache-2.0
#include "lib/run/creep.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "lib/text/format.h"
#include "soak/growth/growth.h"

namespace soak {
namespace {

using std::chrono::nanoseconds;

constexpr double kFull = 0.9;         // Of a core.
constexpr int kFullShare = 10;        // Of the run: for longer than that part of it, nothing is judged.
constexpr double kMoods = 0.1;        // Of the first value: clocks, caches and neighbours change by as much.
constexpr double kSlowSeconds = 600;  // As for memory over time.
constexpr double kFloor = 1000;       // A microsecond, in which no machine repeats itself.

std::string ms_text(double ns) { return fmt::format("{:.2g} ms", ns / 1e6); }

}  // namespace

probe::Series& Creep::series(const std::string& stream) {
  const auto found =
      std::find_if(kept_.begin(), kept_.end(), [&stream](const Kept& kept) { return kept.stream == stream; });
  return found != kept_.end() ? found->points : kept_.emplace_back(Kept{stream, probe::Series()}).points;
}

void Creep::rest(nanoseconds at, std::uint64_t cycle, nanoseconds cpu, const std::vector<Late>& late) {
  if (last_rest_ && cycle > last_rest_->cycle) {
    const auto cycles = static_cast<std::int64_t>(cycle - last_rest_->cycle);
    series("").add({at, cycle, (cpu - last_rest_->cpu).count() / cycles});
  }
  for (const Late& one : late) {
    series(one.stream).add({at, cycle, one.median.count()});
  }
  last_rest_ = Seen{at, cycle, cpu};
}

void Creep::see_driver(nanoseconds at, nanoseconds cpu) {
  if (last_of_driver_) {
    const nanoseconds over = at - last_of_driver_->at;
    if (text::seconds(cpu - last_of_driver_->cpu) > kFull * text::seconds(over)) {
      full_ns_.fetch_add(over.count(), std::memory_order_relaxed);
    }
  }
  last_of_driver_ = Seen{at, 0, cpu};
}

void Creep::judge(const std::string& cycle_noun, nanoseconds lasted, probe::Verdict& verdict) const {
  const nanoseconds full{full_ns_.load(std::memory_order_relaxed)};
  for (const Kept& kept : kept_) {
    std::vector<probe::Observation> observations;
    for (const probe::Point& point : kept.points.points()) {
      if (observations.empty() || text::seconds(point.at) > observations.back().x) {
        observations.push_back({text::seconds(point.at), static_cast<double>(point.value)});
      }
    }
    probe::GrowthOptions options;
    options.slow_scale = kSlowSeconds;
    options.noise_floor = kFloor;
    options.noisy_series = kept_.size();
    const std::optional<probe::Growth> growth = probe::find_growth(observations, options);
    if (!growth || growth->state == probe::GrowthState::kAtRest) {
      continue;
    }
    const double first = observations.front().value;
    const double grown = growth->slope * (observations.back().x - std::max(growth->since, observations.front().x));
    if (grown < kMoods * first) {
      continue;
    }
    const std::string subject = kept.stream.empty() ? "processor time" : kept.stream + " lateness";
    if (full * kFullShare > lasted) {
      verdict.remarks.push_back(
          fmt::format("inconclusive: {} not judged: the driver used more than {:.0f}% of its core for {} of {}",
                      subject, kFull * 100, text::format_duration(full), text::format_duration(lasted)));
      continue;
    }
    const std::string more = ms_text(growth->slope * 3600);
    std::string text = kept.stream.empty() ? fmt::format("{}s cost {} of processor more each hour", cycle_noun, more)
                                           : fmt::format("{} come {} later each hour", kept.stream, more);
    text += fmt::format(", 99% CI {} to {}, since {}", ms_text(growth->low * 3600), ms_text(growth->high * 3600),
                        text::format_clock(text::from_seconds(growth->since)));
    (growth->state == probe::GrowthState::kCertain ? verdict.findings : verdict.inconclusive)
        .push_back({subject, text, {}});
  }
}

}  // namespace soak
