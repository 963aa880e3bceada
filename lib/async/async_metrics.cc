// SPDX-License-Identifier: Apache-2.0
#include "lib/async/async_metrics.h"

#include <map>

namespace soak::detail {

namespace {

metrics::Counter exits(Label label, Label reason) {
  return metrics::counter("async_supervisor_exit_total", "Returns of supervise(), by reason.",
                          {{"label", label}, {"reason", reason}});
}

}  // namespace

DrainMetrics::DrainMetrics(Label label)
    : timeouts(metrics::counter("async_drain_timeout_total", "Drains whose timeout passed while tasks were running.",
                                {{"label", label}})),
      duration(metrics::histogram("async_drain_duration_seconds", "Time that drain() took.", {{"label", label}})) {}

GatherMetrics::GatherMetrics(Label label)
    : failures(metrics::counter("async_gather_failures_total",
                                "Children of gather() that threw or timed out, not counting cancelled ones.",
                                {{"label", label}})),
      duration(metrics::histogram("async_gather_duration_seconds", "Time that gather() took.", {{"label", label}})) {}

SupervisorMetrics::SupervisorMetrics(Label label)
    : exits{detail::exits(label, "disconnect"), detail::exits(label, "crash"), detail::exits(label, "lifetime_done"),
            detail::exits(label, "all_done")} {}

SessionMetrics::SessionMetrics(Label label)
    : sessions(metrics::gauge("async_sessions", "Sessions that have started and not ended.", {{"label", label}})) {}

CircuitMetrics::CircuitMetrics(Label label)
    : opened(metrics::counter("async_circuit_breaker_opened_total", "Times that a CircuitBreaker opened.",
                              {{"label", label}})),
      rejected(metrics::counter("async_circuit_breaker_rejected_total",
                                "Calls that a CircuitBreaker did not let through.", {{"label", label}})),
      open(metrics::gauge("async_circuit_breakers_open", "Circuit breakers that are open or half open.",
                          {{"label", label}})) {}

template <typename Metrics>
const Metrics& metrics_of(Label label) {
  thread_local std::map<const char*, Metrics> by_label;
  return by_label.try_emplace(label.text(), label).first->second;
}

template const DrainMetrics& metrics_of(Label label);
template const GatherMetrics& metrics_of(Label label);
template const SupervisorMetrics& metrics_of(Label label);
template const SessionMetrics& metrics_of(Label label);
template const CircuitMetrics& metrics_of(Label label);

void count_background_crash(Label label, Label task) {
  metrics::counter("async_background_crashes_total", "Tasks of TaskKind::kBackground that threw.",
                   {{"label", label}, {"task", task}})
      .increment();
}

}  // namespace soak::detail
