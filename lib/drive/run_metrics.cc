// SPDX-License-Identifier: Apache-2.0
#include "lib/drive/run_metrics.h"

#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <exception>
#include <utility>

#include "soak/detail/run_context.h"
#include "soak/metrics/probe_families.h"
#include "soak/option_table.h"

namespace soak {
namespace {

constexpr std::array kOptions = {
    Option{.name = "metrics_port",
           .kind = OptionKind::kPort,
           .default_value = "",
           .help = "where an AsyncRun on the real clock serves Prometheus metrics, on 127.0.0.1",
           .changes_the_run = false,
           .no_value = "off"}};
constexpr const Option& kMetricsPort = kOptions[0];
[[gnu::init_priority(kOptionPriority)]] OptionTable g_options("drive", kOptions);

double as_value(std::uint64_t count) { return static_cast<double>(count); }

}  // namespace

RunMetrics::RunMetrics(Run& run)
    : run_(run), driver_(run), name_(detail::run_context().name), mode_(to_string(run.mode())) {}

std::vector<metrics::Family> RunMetrics::families() const {
  using metrics::Kind;
  std::vector<metrics::Family> all = metrics::probe_families(driver_.held());
  all.push_back({"soak_run_info", "The running soak.", Kind::kGauge, {{{{"name", name_}, {"mode", mode_}}, 1}}});
  all.push_back({"soak_cycles_total", "Finished cycles.", Kind::kCounter, {{{}, as_value(driver_.cycles())}}});
  all.push_back({"soak_failed_cycles_total",
                 "Cycles that ended with an error from outside.",
                 Kind::kCounter,
                 {{{}, as_value(driver_.failed_cycles())}}});
  metrics::Family events{"soak_events_total", "What the run counted, such as frames.", Kind::kCounter, {}};
  for (const report::Counter& counter : driver_.counters()) {
    events.samples.push_back({{{"event", counter.name}}, as_value(counter.value)});
  }
  all.push_back(std::move(events));
  return all;
}

void RunMetrics::serve_if_asked(std::optional<std::uint16_t> in_code) {
  RunDriver driver(run_);
  const auto port = driver.find_setting(kMetricsPort, in_code);
  if (!port) {
    return;
  }
  if (run_.mode() == Mode::kVirtual) {
    run_.add_note("metrics_port: a run on the virtual clock serves no metrics");
    return;
  }
  if (detail::run_context().quiet) {
    return;
  }
  try {
    endpoint_.emplace(metrics::EndpointOptions{.port = *port});
  } catch (const std::exception& error) {
    driver.refuse(error.what());
  }
  fmt::print("metrics at {}\n", url());
  std::fflush(stdout);
}

}  // namespace soak
