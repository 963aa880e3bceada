// SPDX-License-Identifier: Apache-2.0
#include "soak/metrics/metrics.h"

#include <prometheus/text_serializer.h>

#include "lib/metrics/registry.h"
#include "soak/metrics/collectable.h"

namespace soak::metrics {

void Counter::increment(double by) const noexcept { metric_->Increment(by); }

double Counter::value() const noexcept { return metric_->Value(); }

void Gauge::increment(double by) const noexcept { metric_->Increment(by); }

void Gauge::decrement(double by) const noexcept { metric_->Decrement(by); }

void Gauge::set(double value) const noexcept { metric_->Set(value); }

double Gauge::value() const noexcept { return metric_->Value(); }

void Histogram::observe(std::chrono::nanoseconds duration) const noexcept {
  metric_->Observe(std::chrono::duration<double>(duration).count());
}

std::uint64_t Histogram::count() const { return metric_->Collect().histogram.sample_count; }

double Histogram::sum_seconds() const { return metric_->Collect().histogram.sample_sum; }

Counter counter(Label name, Label help, std::initializer_list<LabelPair> labels) {
  return Counter(Registry::instance().counter(name, help, labels));
}

Gauge gauge(Label name, Label help, std::initializer_list<LabelPair> labels) {
  return Gauge(Registry::instance().gauge(name, help, labels));
}

Histogram histogram(Label name, Label help, std::initializer_list<LabelPair> labels) {
  return Histogram(Registry::instance().histogram(name, help, labels));
}

std::shared_ptr<prometheus::Collectable> collectable() { return Registry::shared(); }

std::string exposition() { return prometheus::TextSerializer().Serialize(Registry::instance().Collect()); }

}  // namespace soak::metrics
