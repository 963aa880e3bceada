// SPDX-License-Identifier: Apache-2.0
#include "soak/report/json.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

#include <cmath>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/report/utf8.h"
#include "soak/report/summary.h"

namespace soak::report {
namespace {

using Writer = rapidjson::PrettyWriter<rapidjson::StringBuffer>;

double seconds(std::chrono::nanoseconds time) { return std::chrono::duration<double>(time).count(); }

std::string utc(std::chrono::system_clock::time_point time) {
  return fmt::format("{:%FT%TZ}", fmt::gmtime(std::chrono::system_clock::to_time_t(time)));
}

void write_text(Writer& json, std::string_view text) {
  const std::string valid = valid_utf8(text);
  json.String(valid.data(), static_cast<rapidjson::SizeType>(valid.size()));
}

void field(Writer& json, const char* key, std::string_view value) {
  json.Key(key);
  write_text(json, value);
}

// A string literal would rather be a bool.
void field(Writer& json, const char* key, const char* value) { field(json, key, std::string_view(value)); }

void field(Writer& json, const char* key, std::uint64_t value) {
  json.Key(key);
  json.Uint64(value);
}

// JSON has no infinity.
void field(Writer& json, const char* key, double value) {
  json.Key(key);
  if (std::isfinite(value)) {
    json.Double(value);
  } else {
    json.Null();
  }
}

void field(Writer& json, const char* key, bool value) {
  json.Key(key);
  json.Bool(value);
}

void field(Writer& json, const char* key, const std::vector<std::string>& values) {
  json.Key(key);
  json.StartArray();
  for (const std::string& value : values) {
    write_text(json, value);
  }
  json.EndArray();
}

const char* to_text(probe::Unit unit) { return unit == probe::Unit::kBytes ? "bytes" : "count"; }

void write_point(Writer& json, const probe::Point& point) {
  json.StartArray();
  json.Double(seconds(point.at));
  json.Uint64(point.cycle);
  json.Int64(point.value);
  json.EndArray();
}

void write_points(Writer& json, const char* key, const probe::Series& series) {
  json.Key(key);
  json.StartArray();
  json.SetFormatOptions(rapidjson::kFormatSingleLineArray);
  for (const probe::Point& point : series.points()) {
    write_point(json, point);
  }
  json.EndArray();
  json.SetFormatOptions(rapidjson::kFormatDefault);
}

void write_trend(Writer& json, const probe::Trend& trend) {
  json.StartObject();
  field(json, "series", trend.series);
  field(json, "unit", to_text(trend.unit));
  field(json, "per", trend.per.empty() ? "second" : trend.per);
  if (!trend.not_judged.empty()) {
    field(json, "not_judged", trend.not_judged);
    json.EndObject();
    return;
  }
  field(json, "growth", trend.growth);
  field(json, "low", trend.low);
  field(json, "high", trend.high);
  field(json, "excluded", trend.excluded);
  field(json, "confidence", trend.confidence);
  field(json, "per_day", trend.per_day);
  field(json, "leak", trend.leak);
  field(json, "warm_up_s", seconds(trend.warm_up));
  if (trend.leak) {
    field(json, "since_s", seconds(trend.since));
    field(json, "since_cycle", trend.since_cycle);
  }
  if (trend.certain_at) {
    field(json, "certain_at_s", seconds(*trend.certain_at));
  }
  json.EndObject();
}

void write_verdict(Writer& json, const probe::Verdict& verdict) {
  json.Key("verdict");
  json.StartObject();
  field(json, "passed", verdict.passed());
  json.Key("findings");
  json.StartArray();
  for (const probe::Finding& finding : verdict.findings) {
    json.StartObject();
    field(json, "subject", finding.subject);
    field(json, "text", finding.text);
    json.Key("evidence");
    json.StartArray();
    for (const probe::Evidence& evidence : finding.evidence) {
      json.StartObject();
      field(json, "label", evidence.label);
      field(json, "text", evidence.text);
      json.EndObject();
    }
    json.EndArray();
    json.EndObject();
  }
  json.EndArray();
  field(json, "remarks", verdict.remarks);
  json.Key("trends");
  json.StartArray();
  for (const probe::Trend& trend : verdict.trends) {
    write_trend(json, trend);
  }
  json.EndArray();
  json.EndObject();
}

void write_lateness(Writer& json, const Lateness& late) {
  field(json, "late_p50_s", seconds(late.percentile(0.5)));
  field(json, "late_p99_s", seconds(late.percentile(0.99)));
  field(json, "late_max_s", seconds(late.max()));
  json.Key("late_buckets");
  json.StartArray();
  json.SetFormatOptions(rapidjson::kFormatSingleLineArray);
  late.for_each_bucket([&json](std::chrono::nanoseconds from, std::uint64_t count) {
    json.StartArray();
    json.Double(seconds(from));
    json.Uint64(count);
    json.EndArray();
  });
  json.EndArray();
  json.SetFormatOptions(rapidjson::kFormatDefault);
}

void write_counts(Writer& json, const Record& record) {
  json.Key("counters");
  json.StartObject();
  for (const Counter& counter : record.counters) {
    field(json, valid_utf8(counter.name).c_str(), counter.value);
  }
  json.EndObject();
  json.Key("figures");
  json.StartObject();
  for (const Figure& figure : record.figures) {
    field(json, valid_utf8(figure.name).c_str(), figure.value);
  }
  json.EndObject();
  json.Key("traffic");
  json.StartArray();
  for (const Traffic& traffic : record.traffic) {
    json.StartObject();
    field(json, "counter", traffic.counter);
    for (const auto& [key, thirds] :
         {std::pair{"due_by_third", &traffic.due}, std::pair{"met_by_third", &traffic.met}}) {
      json.Key(key);
      json.StartArray();
      for (const std::uint64_t count : *thirds) {
        json.Uint64(count);
      }
      json.EndArray();
    }
    if (traffic.late.count() > 0) {
      write_lateness(json, traffic.late);
    }
    json.EndObject();
  }
  json.EndArray();
}

void write_parts(Writer& json, const Record& record) {
  json.Key("parts");
  json.StartArray();
  for (const Part& part : record.parts) {
    json.StartObject();
    field(json, "started", utc(part.started));
    field(json, "from_s", seconds(part.from));
    field(json, "to_s", seconds(part.to));
    field(json, "cycles", part.cycles);
    field(json, "cycles_due", part.cycles_due);
    field(json, "interrupted", part.interrupted);
    json.EndObject();
  }
  json.EndArray();
  field(json, "parts_left", record.parts_left);
}

void write_settings(Writer& json, const Record& record) {
  json.Key("settings");
  json.StartArray();
  for (const Setting& setting : record.settings) {
    json.StartObject();
    field(json, "name", setting.name);
    field(json, "value", setting.value);
    field(json, "source", setting.source);
    json.EndObject();
  }
  json.EndArray();
}

void write_marks(Writer& json, const Record& record) {
  json.Key("marks");
  json.StartArray();
  for (const Mark& mark : record.marks) {
    json.StartObject();
    field(json, "at_s", seconds(mark.at));
    field(json, "kind", mark.kind);
    field(json, "text", mark.text);
    json.EndObject();
  }
  json.EndArray();
  field(json, "marks_dropped", record.marks_dropped);
}

void write_measurements(Writer& json, const probe::Measurements& measured) {
  field(json, "quiescent_points", measured.quiescent_points);
  field(json, "unsettled_points", measured.unsettled_points);
  field(json, "unsettled_by", measured.unsettled_by);
  field(json, "baseline_unsettled", measured.baseline_unsettled);
  field(json, "last_unsettled", measured.last_unsettled);
  field(json, "probe_cpu_s", seconds(measured.probe_cpu));
  json.Key("series");
  json.StartArray();
  for (const probe::Track& track : measured.tracks) {
    json.StartObject();
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
      json.Key("peak");
      json.SetFormatOptions(rapidjson::kFormatSingleLineArray);
      write_point(json, *peak);
      json.SetFormatOptions(rapidjson::kFormatDefault);
    }
    write_points(json, "timeline", track.timeline);
    write_points(json, "at_rest", track.at_rest);
    json.EndObject();
  }
  json.EndArray();
  json.Key("operations");
  json.StartArray();
  for (const probe::Operation& operation : measured.operations) {
    json.StartObject();
    field(json, "name", operation.name);
    write_points(json, "at_rest", operation.at_rest);
    json.EndObject();
  }
  json.EndArray();
}

}  // namespace

std::string to_json(const Record& record) {
  rapidjson::StringBuffer buffer;
  Writer json(buffer);
  json.SetIndent(' ', 1);
  json.StartObject();
  field(json, "schema", "soak.report");
  field(json, "version", std::uint64_t{kJsonVersion});
  field(json, "name", record.name);
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
  if (record.session_rss_bytes) {
    json.Key("session_rss_bytes");
    json.Int64(*record.session_rss_bytes);
  }
  field(json, "cycles", record.cycles);
  field(json, "failed_cycles", record.failed_cycles);
  field(json, "failures", record.failures);
  write_counts(json, record);
  write_verdict(json, record.verdict);
  field(json, "rerun", record.rerun);
  write_parts(json, record);
  write_settings(json, record);
  write_marks(json, record);
  write_measurements(json, record.measured);
  json.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

}  // namespace soak::report
