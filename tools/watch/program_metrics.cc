// SPDX-License-Identifier: Apache-2.0
#include "tools/watch/program_metrics.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace soak::tools {
namespace {

constexpr std::string_view kTotal = "_total";
constexpr std::size_t kDeclaredMax = 8;
constexpr double kGaugeMax = 9e18;

bool is_with_total(const Selector& selector, std::string_view name) {
  return name.size() == selector.name.size() + kTotal.size() && name.starts_with(selector.name) &&
         name.ends_with(kTotal);
}

// A sample that outlives its page.
struct Kept {
  std::string name;
  std::string series;
  Labels labels;
  double value = 0;
};

}  // namespace

ProgramMetrics::ProgramMetrics(std::vector<Selector> counters, std::vector<Selector> gauges) {
  for (Selector& selector : counters) {
    counters_.push_back({std::move(selector), {}, 0});
  }
  for (Selector& selector : gauges) {
    gauges_.push_back({std::move(selector), {}, false});
  }
}

void ProgramMetrics::take_page(std::string_view page) {
  std::vector<Kept> samples;
  const auto wants = [this](std::string_view name) {
    return std::any_of(counters_.begin(), counters_.end(),
                       [name](const Counter& counter) {
                         return counter.selector.name == name || is_with_total(counter.selector, name);
                       }) ||
           std::any_of(gauges_.begin(), gauges_.end(),
                       [name](const Gauge& gauge) { return gauge.selector.name == name; });
  };
  read_page(page, wants, [&samples](const Sample& sample) {
    samples.push_back({std::string(sample.name), std::string(sample.series), sample.labels, sample.value});
  });
  for (Counter& counter : counters_) {
    const bool as_asked = std::any_of(samples.begin(), samples.end(),
                                      [&counter](const Kept& sample) { return sample.name == counter.selector.name; });
    counter.sum.begin_page();
    for (const Kept& sample : samples) {
      if ((as_asked ? sample.name == counter.selector.name : is_with_total(counter.selector, sample.name)) &&
          counter.selector.matches(sample.labels)) {
        counter.sum.add(sample.series, sample.value);
      }
    }
    counter.counted += counter.sum.end_page();
  }
  for (Gauge& gauge : gauges_) {
    double sum = 0;
    bool found = false;
    for (const Kept& sample : samples) {
      if (sample.name == gauge.selector.name && gauge.selector.matches(sample.labels)) {
        sum += sample.value;
        found = true;
      }
    }
    const bool is_number = found && std::abs(sum) < kGaugeMax;
    gauge.value = is_number ? std::optional<std::int64_t>(std::llround(sum)) : std::nullopt;
    gauge.was_seen |= is_number;
  }
  ++pages_;
  declared_ = counters_of(page, kDeclaredMax);
}

void ProgramMetrics::lose_page() {
  for (Gauge& gauge : gauges_) {
    gauge.value.reset();
  }
}

std::uint64_t ProgramMetrics::counted(std::size_t counter) const {
  return static_cast<std::uint64_t>(std::clamp(std::floor(counters_[counter].counted), 0.0, kGaugeMax));
}

}  // namespace soak::tools
