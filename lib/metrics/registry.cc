// SPDX-License-Identifier: Apache-2.0
#include "lib/metrics/registry.h"

#include <fmt/format.h>
#include <prometheus/check_names.h>
#include <prometheus/client_metric.h>
#include <prometheus/metric_family.h>
#include <prometheus/metric_type.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <utility>

#include "soak/detail/secrets.h"

namespace soak::metrics {
namespace {

// In seconds. Frames and gathers take milliseconds, a drain up to its 30 s and 5 s; metrics.h states them.
constexpr std::array kBuckets = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                 0.5,   1.0,    2.5,   5.0,  10.0,  30.0, 60.0};

[[noreturn]] void contract_broken(const std::string& message) noexcept {
  std::fprintf(stderr, "%s\n", message.c_str());
  std::fflush(stderr);
  std::abort();
}

prometheus::Labels to_labels(std::initializer_list<LabelPair> labels) {
  prometheus::Labels result;
  for (const LabelPair& label : labels) {
    result.emplace(label.name.text(), label.value.text());
  }
  return result;
}

prometheus::MetricFamily to_prometheus(const Family& family) {
  prometheus::MetricFamily result;
  result.name = family.name.text();
  result.help = family.help.text();
  result.type = family.kind == Kind::kCounter ? prometheus::MetricType::Counter : prometheus::MetricType::Gauge;
  for (const Sample& sample : family.samples) {
    prometheus::ClientMetric metric;
    for (const auto& [name, value] : sample.labels) {
      metric.label.push_back({name, text::without_secrets(value)});
    }
    if (family.kind == Kind::kCounter) {
      metric.counter.value = sample.value;
    } else {
      metric.gauge.value = sample.value;
    }
    result.metric.push_back(std::move(metric));
  }
  return result;
}

}  // namespace

const std::shared_ptr<Registry>& Registry::shared() {
  static const auto* const registry = new std::shared_ptr<Registry>(std::make_shared<Registry>());
  return *registry;
}

void Registry::check(Label name, const char* kind, Label help, std::initializer_list<LabelPair> labels) {
  if (!prometheus::CheckMetricName(name.text())) {
    contract_broken(fmt::format(
        "'{}' is not a valid metric name: use letters, digits, _ and :, and begin with neither a digit nor __",
        name.view()));
  }
  // The serializer does not escape it.
  if (help.view().find('\n') != std::string_view::npos) {
    contract_broken(fmt::format("the help of the metric {} has more than one line", name.view()));
  }
  std::set<std::string_view> names;
  for (const LabelPair& label : labels) {
    // A histogram's buckets have the label le.
    if (!prometheus::CheckLabelName(label.name.text()) || label.name.view() == "le") {
      contract_broken(fmt::format(
          "'{}' is not a valid label name for the metric {}: use letters, digits and _, begin with neither a "
          "digit nor __, and do not use le",
          label.name.view(), name.view()));
    }
    if (!names.insert(label.name.view()).second) {
      contract_broken(fmt::format("the metric {} has its label {} twice", name.view(), label.name.view()));
    }
  }
  const auto [known, added] = known_.try_emplace(name.text(), Known{kind, help.text()});
  if (std::string_view(known->second.kind) != kind) {
    contract_broken(
        fmt::format("the metric {} is a {} already: it cannot be a {} too", name.view(), known->second.kind, kind));
  }
  if (known->second.help != help.view()) {
    contract_broken(fmt::format("the metric {} has the help '{}' already: it cannot have '{}' too", name.view(),
                                known->second.help, help.view()));
  }
}

prometheus::Counter& Registry::counter(Label name, Label help, std::initializer_list<LabelPair> labels) {
  const std::lock_guard lock(mutex_);
  check(name, "counter", help, labels);
  return prometheus::BuildCounter().Name(name.text()).Help(help.text()).Register(registry_).Add(to_labels(labels));
}

prometheus::Gauge& Registry::gauge(Label name, Label help, std::initializer_list<LabelPair> labels) {
  const std::lock_guard lock(mutex_);
  check(name, "gauge", help, labels);
  return prometheus::BuildGauge().Name(name.text()).Help(help.text()).Register(registry_).Add(to_labels(labels));
}

prometheus::Histogram& Registry::histogram(Label name, Label help, std::initializer_list<LabelPair> labels) {
  const std::lock_guard lock(mutex_);
  check(name, "histogram", help, labels);
  return prometheus::BuildHistogram()
      .Name(name.text())
      .Help(help.text())
      .Register(registry_)
      .Add(to_labels(labels), prometheus::Histogram::BucketBoundaries(kBuckets.begin(), kBuckets.end()));
}

void Registry::attach(const Read& read) {
  const std::lock_guard lock(reads_mutex_);
  reads_.push_back(&read);
}

void Registry::detach(const Read& read) {
  const std::lock_guard lock(reads_mutex_);
  std::erase(reads_, &read);
}

std::vector<prometheus::MetricFamily> Registry::Collect() const {
  std::vector<prometheus::MetricFamily> collected = registry_.Collect();
  std::set<std::string> names;
  for (const prometheus::MetricFamily& family : collected) {
    names.insert(family.name);
  }
  const std::lock_guard lock(reads_mutex_);
  for (const Read* read : reads_) {
    for (const Family& family : (*read)()) {
      if (!family.samples.empty() && names.insert(family.name.text()).second) {
        collected.push_back(to_prometheus(family));
      }
    }
  }
  return collected;
}

}  // namespace soak::metrics
