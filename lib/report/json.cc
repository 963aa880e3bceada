// SPDX-License-Identifier: Apache-2.0
#include "soak/report/json.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/json/writer.h"
#include "lib/report/totals.h"
#include "lib/text/format.h"
#include "soak/detail/secrets.h"
#include "soak/report/session_cost.h"
#include "soak/report/summary.h"

namespace soak::report {
namespace {

using json::Writer;
using text::seconds;

std::string utc(std::chrono::system_clock::time_point time) {
  return fmt::format("{:%FT%TZ}", fmt::gmtime(std::chrono::system_clock::to_time_t(time)));
}

void field(Writer& json, std::string_view key, std::string_view value) { json.key(key).text(value); }

// A string literal would rather be a bool.
void field(Writer& json, std::string_view key, const char* value) { json.key(key).text(value); }

void field(Writer& json, std::string_view key, std::uint64_t value) { json.key(key).integer(value); }

void field(Writer& json, std::string_view key, double value) { json.key(key).number(value); }

void field(Writer& json, std::string_view key, bool value) { json.key(key).boolean(value); }

void field(Writer& json, std::string_view key, const std::vector<std::string>& values) {
  json.key(key).array();
  for (const std::string& value : values) {
    json.text(value);
  }
  json.end_array();
}

const char* to_text(probe::Unit unit) { return unit == probe::Unit::kBytes ? "bytes" : "count"; }

void write_point(Writer& json, const probe::Point& point) {
  json.row().number(seconds(point.at)).integer(point.cycle).integer(point.value);
  if (point.low != point.value || point.high != point.value) {
    json.integer(point.low).integer(point.high);
  }
  json.end_array();
}

// The values that the points of a series no longer have.
void write_ends(Writer& json, std::string_view key, const probe::Series& series) {
  if (series.stride() > 1) {
    json.key(key).row();
    write_point(json, *series.first());
    write_point(json, *series.last());
    json.end_array();
  }
}

void write_points(Writer& json, std::string_view key, const probe::Series& series) {
  json.key(key).row();
  for (const probe::Point& point : series.points()) {
    write_point(json, point);
  }
  json.end_array();
}

// What only some trends have.
void write_growth_details(Writer& json, const probe::Trend& trend) {
  if (trend.rest) {
    json.key("rest").object();
    field(json, "since_s", seconds(trend.rest->since));
    field(json, "grown", trend.rest->grown);
    json.end_object();
  }
  if (!trend.operation.empty()) {
    field(json, "operation", trend.operation);
    field(json, "per_operation", trend.per_operation);
  }
  if (trend.bound) {
    json.key("bound").object();
    field(json, "bytes", trend.bound->asked.bytes);
    field(json, "per", trend.bound->asked.per);
    field(json, "allowed", trend.bound->allowed);
    field(json, "state", probe::to_string(trend.bound->state));
    if (trend.bound->run_needed) {
      field(json, "run_needed_s", seconds(*trend.bound->run_needed));
    }
    json.end_object();
  }
  if (trend.limit_reached) {
    json.key("limit_reached").object();
    field(json, "expected_s", seconds(trend.limit_reached->expected));
    field(json, "earliest_s", seconds(trend.limit_reached->earliest));
    json.key("latest_s");
    if (trend.limit_reached->latest) {
      json.number(seconds(*trend.limit_reached->latest));
    } else {
      json.null();
    }
    json.end_object();
  }
}

void write_trend(Writer& json, const probe::Trend& trend) {
  json.object();
  field(json, "series", trend.series);
  field(json, "unit", to_text(trend.unit));
  field(json, "per", trend.per.empty() ? "second" : trend.per);
  if (!trend.not_judged.empty()) {
    field(json, "not_judged", trend.not_judged);
    json.end_object();
    return;
  }
  field(json, "state", probe::to_string(trend.state));
  field(json, "leak", trend.leak);
  field(json, "growth", trend.growth);
  field(json, "low", trend.low);
  field(json, "high", trend.high);
  field(json, "confidence", trend.confidence);
  field(json, "per_day", trend.per_day);
  field(json, "excluded", trend.excluded);
  json.key("excluded_later").row();
  for (const probe::Trend::Exclusion& exclusion : trend.excluded_later) {
    json.row().number(seconds(exclusion.onset)).number(exclusion.rate).end_array();
  }
  json.end_array();
  field(json, "end_s", seconds(trend.end));
  field(json, "warm_up_s", seconds(trend.warm_up));
  if (trend.state != probe::GrowthState::kAtRest) {
    field(json, "since_s", seconds(trend.since));
    field(json, "since_earliest_s", seconds(trend.since_earliest));
    field(json, "since_latest_s", seconds(trend.since_latest));
    field(json, "since_cycle", trend.since_cycle);
  }
  write_growth_details(json, trend);
  json.end_object();
}

void write_findings(Writer& json, const char* key, const std::vector<probe::Finding>& findings) {
  json.key(key).array();
  for (const probe::Finding& finding : findings) {
    json.object();
    field(json, "subject", finding.subject);
    field(json, "text", finding.text);
    json.key("evidence").array();
    for (const probe::Evidence& evidence : finding.evidence) {
      json.object();
      field(json, "label", evidence.label);
      field(json, "text", evidence.text);
      json.end_object();
    }
    json.end_array();
    json.end_object();
  }
  json.end_array();
}

void write_verdict(Writer& json, const Record& record) {
  const probe::Verdict& verdict = record.verdict;
  json.key("verdict").object();
  field(json, "passed", verdict.passed());
  field(json, "bound_asked", record.bound_asked);
  write_findings(json, "findings", verdict.findings);
  write_findings(json, "inconclusive", verdict.inconclusive);
  field(json, "remarks", verdict.remarks);
  json.key("trends").array();
  for (const probe::Trend& trend : verdict.trends) {
    write_trend(json, trend);
  }
  json.end_array();
  json.end_object();
}

void write_counts(Writer& json, const Record& record) {
  json.key("counters").object();
  for (const Counter& counter : record.counters) {
    field(json, counter.name, counter.value);
  }
  json.end_object();
  write_totals(json, record);
}

void write_parts(Writer& json, const Record& record) {
  json.key("parts").array();
  for (const Part& part : record.parts) {
    json.object();
    field(json, "started", utc(part.started));
    field(json, "from_s", seconds(part.from));
    field(json, "to_s", seconds(part.to));
    field(json, "cycles", part.cycles);
    field(json, "cycles_due", part.cycles_due);
    field(json, "interrupted", part.interrupted);
    json.end_object();
  }
  json.end_array();
  field(json, "parts_left", record.parts_left);
}

void write_settings(Writer& json, const Record& record) {
  json.key("settings").array();
  for (const Setting& setting : record.settings) {
    json.object();
    field(json, "name", setting.name);
    field(json, "value", setting.value);
    field(json, "source", setting.source);
    json.end_object();
  }
  json.end_array();
}

void write_marks(Writer& json, const Record& record) {
  json.key("marks").array();
  for (const Mark& mark : record.marks) {
    json.object();
    field(json, "at_s", seconds(mark.at));
    field(json, "kind", mark.kind);
    field(json, "text", mark.text);
    json.end_object();
  }
  json.end_array();
  field(json, "marks_dropped", record.marks_dropped);
}

void write_restarts(Writer& json, const std::vector<probe::Restart>& restarts) {
  json.key("restarts").array();
  for (const probe::Restart& restart : restarts) {
    json.object();
    field(json, "at_s", seconds(restart.at));
    field(json, "text", restart.text);
    json.end_object();
  }
  json.end_array();
}

void write_measurements(Writer& json, const probe::Measurements& measured) {
  field(json, "quiescent_points", measured.quiescent_points);
  field(json, "unsettled_points", measured.unsettled_points);
  field(json, "unsettled_by", measured.unsettled_by);
  field(json, "candidates", measured.candidates);
  field(json, "baseline_unsettled", measured.baseline_unsettled);
  field(json, "last_unsettled", measured.last_unsettled);
  field(json, "probe_cpu_s", seconds(measured.probe_cpu));
  write_restarts(json, measured.restarts);
  json.key("series").array();
  for (const probe::Track& track : measured.tracks) {
    json.object();
    field(json, "name", track.name);
    field(json, "unit", to_text(track.unit));
    field(json, "available", track.unavailable.empty());
    if (!track.unavailable.empty()) {
      field(json, "unavailable", track.unavailable);
    }
    if (!track.part_of.empty()) {
      field(json, "part_of", track.part_of);
    }
    if (!track.stands_for.empty()) {
      field(json, "stands_for", track.stands_for);
    }
    field(json, "samples", track.timeline.added());
    if (const std::optional<probe::Point> peak = track.timeline.peak()) {
      json.key("peak");
      write_point(json, *peak);
    }
    write_ends(json, "ends", track.timeline);
    write_points(json, "timeline", track.timeline);
    field(json, "rests", track.at_rest.added());
    write_ends(json, "rest_ends", track.at_rest);
    write_points(json, "at_rest", track.at_rest);
    if (!track.restarts.empty()) {
      json.key("restarts_s").row();
      for (const std::chrono::nanoseconds at : track.restarts) {
        json.number(seconds(at));
      }
      json.end_array();
    }
    json.end_object();
  }
  json.end_array();
  json.key("operations").array();
  for (const probe::Operation& operation : measured.operations) {
    json.object();
    field(json, "name", operation.name);
    field(json, "rests", operation.at_rest.added());
    write_ends(json, "rest_ends", operation.at_rest);
    write_points(json, "at_rest", operation.at_rest);
    json.end_object();
  }
  json.end_array();
}

void write_cost(Writer& json, const char* name, const std::optional<ResourceCost>& cost) {
  if (!cost) {
    return;
  }
  json.key(name).object();
  json.key("per_session").number(cost->per_session);
  json.key("low").number(cost->low);
  json.key("high").number(cost->high);
  json.key("base").number(cost->base);
  json.key("above").number(cost->above);
  json.key("peak").number(cost->peak);
  json.end_object();
}

// Only of a run that shows it.
void write_session_cost(Writer& json, const Record& record) {
  const SessionCost cost = session_cost(record);
  if (!cost.memory && !cost.processor) {
    return;
  }
  json.key("session_cost").object();
  json.key("sessions_peak").integer(cost.sessions_peak);
  write_cost(json, "memory_bytes", cost.memory);
  write_cost(json, "processor_cores", cost.processor);
  json.end_object();
}

}  // namespace

std::string to_json(const Record& record) {
  Writer json(Writer::Layout::kIndented);
  json.set_filter(text::without_secrets);
  json.object();
  field(json, "schema", "soak.report");
  field(json, "version", std::uint64_t{kJsonVersion});
  field(json, "name", record.name);
  if (!record.file.empty()) {
    field(json, "file", record.file);
    field(json, "line", std::uint64_t{record.line});
  }
  field(json, "title", record.title);
  field(json, "mode", record.mode);
  field(json, "clock", record.virtual_clock ? "virtual" : "real");
  field(json, "summary", summary_line(record));
  field(json, "interrupted", record.interrupted);
  field(json, "ended_early", record.ended_early.has_value());
  if (record.ended_early) {
    field(json, "ended_early_s", seconds(*record.ended_early));
  }
  field(json, "killed", record.killed);
  field(json, "started", utc(record.started));
  field(json, "asked_s", seconds(record.asked));
  field(json, "elapsed_s", seconds(record.elapsed));
  field(json, "seed", record.seed);
  field(json, "cycle_noun", record.cycle_noun);
  field(json, "sessions", std::uint64_t{record.sessions});
  if (record.memory_limit_bytes) {
    json.key("memory_limit_bytes").integer(*record.memory_limit_bytes);
  }
  if (record.session_rss_bytes) {
    json.key("session_rss_bytes").integer(*record.session_rss_bytes);
  }
  field(json, "cycles", record.cycles);
  field(json, "failed_cycles", record.failed_cycles);
  field(json, "failures", record.failures);
  write_counts(json, record);
  write_verdict(json, record);
  field(json, "rerun", record.rerun);
  write_parts(json, record);
  write_settings(json, record);
  write_marks(json, record);
  write_session_cost(json, record);
  write_measurements(json, record.measured);
  json.end_object();
  return json.take() + "\n";
}

}  // namespace soak::report
