// SPDX-License-Identifier: Apache-2.0
#include "soak/report/read_json.h"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "lib/json/reader.h"
#include "lib/report/json_fields.h"
#include "lib/report/totals.h"
#include "soak/report/files.h"
#include "soak/report/json.h"

namespace soak::report {
namespace {

constexpr const char* kSchema = "soak.report";
constexpr std::uint64_t kNewest = kJsonVersion;

// As many values as a report has: a series has a thousand points and more.
constexpr json::Limits kLimits{.values_max = std::numeric_limits<std::size_t>::max()};

[[noreturn]] void refuse(const json::Failure& failure, std::string_view text, const std::string& name) {
  if (text.empty()) {
    throw ReadError(Errc::kInvalidArgument, fmt::format("{}: is empty", name));
  }
  const std::string_view before = text.substr(0, failure.at);
  const std::size_t line_start = before.rfind('\n') + 1;  // 0 where there is no line break.
  throw ReadError(Errc::kInvalidArgument,
                  fmt::format("{}:{}:{}: not JSON: {}", name, std::count(before.begin(), before.end(), '\n') + 1,
                              before.size() - line_start + 1, failure.what));
}

std::uint64_t check_schema(const JsonValue& json, const std::string& name) {
  const std::string schema = json["schema"].text();
  if (schema != kSchema) {
    json["schema"].refuse(fmt::format("\"{}\"", kSchema));
  }
  const std::uint64_t version = json["version"].count();
  if (version < 1 || version > kNewest) {
    throw ReadError(Errc::kInvalidArgument,
                    fmt::format("{}: version {} of {} is unknown to this version of soak: expected 1 to {}", name,
                                version, kSchema, kNewest));
  }
  return version;
}

// "2026-11-24T08:37:27Z"
std::chrono::system_clock::time_point read_time(const JsonValue& json) {
  const std::string text = json.text();
  std::tm parts{};
  const char* end = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  if (end == nullptr || *end != '\0') {
    json.refuse("a time such as 2026-01-31T12:00:00Z");
  }
  return std::chrono::system_clock::from_time_t(::timegm(&parts));
}

std::vector<std::string> read_texts(const JsonValue& json) {
  std::vector<std::string> texts;
  json.for_each([&texts](const JsonValue& text) { texts.push_back(text.text()); });
  return texts;
}

// [time_s, cycle, value], or [time_s, cycle, median, lowest, highest] of several values.
probe::Point read_point(const JsonValue& json) {
  const std::size_t size = json.size() == 5 ? 5 : 3;
  probe::Point point{json.element(0, size).seconds(), json.element(1, size).count(), json.element(2, size).whole()};
  if (size == 5) {
    point.low = json.element(3, size).whole();
    point.high = json.element(4, size).whole();
  }
  if (point.low > point.value || point.high < point.value) {
    json.refuse("a median between the lowest and the highest value");
  }
  return point;
}

std::vector<probe::Point> read_points(const JsonValue& json) {
  std::vector<probe::Point> points;
  json.for_each([&points](const JsonValue& element) {
    const probe::Point point = read_point(element);
    // Two threads measured: until version 2 one of them could come a moment late.
    if (!points.empty() && point.at + std::chrono::seconds{1} < points.back().at) {
      element.element(0, 3).refuse("a time that is not before the point above");
    }
    points.push_back(point);
  });
  return points;
}

// What a series keeps exactly besides its points; absent where these are all of its values.
probe::Ends read_ends(const JsonValue& json, const char* key) {
  if (!json.has(key)) {
    return {};
  }
  return {read_point(json[key].element(0, 2)), read_point(json[key].element(1, 2)), {}};
}

// Of the values at the quiescent points; until version 3, their number was that of the quiescent points.
probe::Series read_at_rest(const JsonValue& json, std::uint64_t version, std::uint64_t quiescent_points) {
  const std::uint64_t added = version >= 3 ? json["rests"].count() : quiescent_points;
  return probe::Series::of(read_points(json["at_rest"]), added, read_ends(json, "rest_ends"));
}

probe::Track read_track(const JsonValue& json, std::uint64_t version, std::uint64_t quiescent_points) {
  probe::Track track;
  track.name = json["name"].text();
  track.unit = read_unit(json["unit"]);
  if (!json["available"].boolean()) {
    track.unavailable = json["unavailable"].text();
  }
  track.part_of = json.has("part_of") ? json["part_of"].text() : "";
  track.stands_for = json.has("stands_for") ? json["stands_for"].text() : "";
  const std::vector<probe::Point> timeline = read_points(json["timeline"]);
  std::uint64_t samples = timeline.size();
  probe::Ends ends = read_ends(json, "ends");
  if (version >= 2) {
    samples = json["samples"].count();
    if (!timeline.empty()) {
      ends.peak = read_point(json["peak"]);
    }
  }
  track.timeline = probe::Series::of(timeline, samples, ends);
  track.at_rest = read_at_rest(json, version, quiescent_points);
  if (json.has("restarts_s")) {
    json["restarts_s"].for_each([&track](const JsonValue& at) { track.restart(at.seconds()); });
  }
  return track;
}

probe::Measurements read_measurements(const JsonValue& json, std::uint64_t version) {
  probe::Measurements measured;
  measured.quiescent_points = json["quiescent_points"].count();
  measured.unsettled_points = json["unsettled_points"].count();
  json["series"].for_each([&](const JsonValue& track) {
    measured.tracks.push_back(read_track(track, version, measured.quiescent_points));
  });
  if (version >= 3) {
    json["restarts"].for_each([&measured](const JsonValue& restart) {
      measured.restarts.push_back({restart["at_s"].seconds(), restart["text"].text()});
    });
  }
  if (version >= 2) {
    measured.unsettled_by = json["unsettled_by"].text();
    measured.candidates = json.has("candidates") && json["candidates"].boolean();
    measured.baseline_unsettled = json["baseline_unsettled"].boolean();
    measured.last_unsettled = json["last_unsettled"].boolean();
    measured.probe_cpu = json["probe_cpu_s"].seconds();
    json["operations"].for_each([&](const JsonValue& operation) {
      measured.operations.push_back(
          {operation["name"].text(), read_at_rest(operation, version, measured.quiescent_points)});
    });
  }
  return measured;
}

// Until version 3 a trend was a leak or at rest, and had one time of its beginning.
void read_growth_state(const JsonValue& json, std::uint64_t version, probe::Trend& trend) {
  using State = probe::GrowthState;
  trend.leak = json["leak"].boolean();
  trend.state = trend.leak ? State::kCertain : State::kAtRest;
  if (version >= 3) {
    trend.state = choice<State, 3>(json["state"], {{{to_string(State::kAtRest), State::kAtRest},
                                                    {to_string(State::kLikely), State::kLikely},
                                                    {to_string(State::kCertain), State::kCertain}}});
    trend.end = json["end_s"].seconds();
    json["excluded_later"].for_each([&trend](const JsonValue& exclusion) {
      trend.excluded_later.push_back({exclusion.element(0, 2).seconds(), exclusion.element(1, 2).number_or_infinity()});
    });
  }
  trend.warm_up = json["warm_up_s"].seconds();
  if (trend.state != State::kAtRest) {
    trend.since = json["since_s"].seconds();
    trend.since_earliest = version >= 3 ? json["since_earliest_s"].seconds() : trend.since;
    trend.since_latest = version >= 3 ? json["since_latest_s"].seconds() : trend.since;
    trend.since_cycle = json["since_cycle"].count();
  }
}

probe::Bound read_bound(const JsonValue& json) {
  using State = probe::Bound::State;
  probe::Bound bound;
  bound.asked = {json["bytes"].number(), json["per"].text()};
  bound.allowed = json["allowed"].number();
  bound.state = choice<State, 3>(json["state"], {{{to_string(State::kMet), State::kMet},
                                                  {to_string(State::kExceeded), State::kExceeded},
                                                  {to_string(State::kNotShown), State::kNotShown}}});
  if (json.has("run_needed_s")) {
    bound.run_needed = json["run_needed_s"].seconds();
  }
  return bound;
}

void read_growth_details(const JsonValue& json, probe::Trend& trend) {
  if (json.has("rest")) {
    trend.rest = {json["rest"]["since_s"].seconds(), json["rest"]["grown"].number()};
  }
  if (json.has("operation")) {
    trend.operation = json["operation"].text();
    trend.per_operation = json["per_operation"].number();
  }
  if (json.has("bound")) {
    trend.bound = read_bound(json["bound"]);
  }
  if (json.has("limit_reached")) {
    const JsonValue reached = json["limit_reached"];
    probe::Trend::Forecast forecast;
    forecast.expected = reached["expected_s"].seconds();
    forecast.earliest = reached["earliest_s"].seconds();
    if (!reached["latest_s"].is_null()) {
      forecast.latest = reached["latest_s"].seconds();
    }
    trend.limit_reached = forecast;
  }
}

probe::Trend read_trend(const JsonValue& json, std::uint64_t version) {
  probe::Trend trend;
  trend.series = json["series"].text();
  trend.unit = read_unit(json["unit"]);
  trend.per = json["per"].text();
  if (trend.per == "second") {
    trend.per.clear();
  }
  if (json.has("not_judged")) {
    trend.not_judged = json["not_judged"].text();
    return trend;
  }
  trend.growth = json["growth"].number();
  trend.low = json["low"].number_or_infinity();
  trend.high = json["high"].number_or_infinity();
  trend.low = trend.low > trend.growth ? -trend.low : trend.low;  // Without an end, it is below.
  trend.excluded = json["excluded"].number_or_infinity();
  trend.confidence = json["confidence"].number();
  trend.per_day = json["per_day"].number();
  read_growth_state(json, version, trend);
  read_growth_details(json, trend);
  return trend;
}

std::vector<probe::Finding> read_findings(const JsonValue& json) {
  std::vector<probe::Finding> findings;
  json.for_each([&findings](const JsonValue& finding) {
    probe::Finding read{finding["subject"].text(), finding["text"].text(), {}};
    finding["evidence"].for_each([&](const JsonValue& evidence) {
      read.evidence.push_back({evidence["label"].text(), evidence["text"].text()});
    });
    findings.push_back(std::move(read));
  });
  return findings;
}

probe::Verdict read_verdict(const JsonValue& json, std::uint64_t version) {
  probe::Verdict verdict;
  json["passed"].boolean();
  verdict.findings = read_findings(json["findings"]);
  if (json.has("inconclusive")) {  // Not in those of older versions.
    verdict.inconclusive = read_findings(json["inconclusive"]);
  }
  verdict.remarks = read_texts(json["remarks"]);
  if (version >= 2) {
    json["trends"].for_each([&](const JsonValue& trend) { verdict.trends.push_back(read_trend(trend, version)); });
  }
  return verdict;
}

void read_counts(const JsonValue& json, Record& record) {
  json["counters"].for_each_field([&](const std::string& name, const JsonValue& value) {
    record.counters.push_back({name, value.count()});
  });
  read_totals(json, record);
  json["settings"].for_each([&](const JsonValue& setting) {
    record.settings.push_back({setting["name"].text(), setting["value"].text(), setting["source"].text()});
  });
}

}  // namespace

Record read_json(std::string_view text, const std::string& name) {
  const json::Document document(std::string(text), kLimits);
  if (!document.is_json()) {
    refuse(document.failure(), text, name);
  }
  const JsonValue json(document.value(), name, "");
  const std::uint64_t version = check_schema(json, name);

  Record record;
  record.name = json["name"].text();
  if (json.has("file")) {
    record.file = json["file"].text();
    record.line = static_cast<std::uint32_t>(json["line"].count());
  }
  record.title = json["title"].text();
  record.mode = read_mode(json["mode"]);
  record.virtual_clock = choice<bool, 2>(json["clock"], {{{"real", false}, {"virtual", true}}});
  record.interrupted = json["interrupted"].boolean();
  record.started = read_time(json["started"]);
  record.asked = json["asked_s"].seconds();
  record.elapsed = json["elapsed_s"].seconds();
  record.seed = json["seed"].count();
  record.cycle_noun = json["cycle_noun"].text();
  if (json.has("sessions")) {
    record.sessions = static_cast<std::uint32_t>(json["sessions"].count());
  }
  if (json.has("memory_limit_bytes")) {
    record.memory_limit_bytes = json["memory_limit_bytes"].whole();
  }
  if (json.has("session_rss_bytes")) {
    record.session_rss_bytes = json["session_rss_bytes"].whole();
  }
  record.cycles = json["cycles"].count();
  record.failed_cycles = json["failed_cycles"].count();
  record.failures = read_texts(json["failures"]);
  read_counts(json, record);
  if (version >= 2) {
    record.killed = json["killed"].boolean();
    if (json["ended_early"].boolean()) {
      record.ended_early = json["ended_early_s"].seconds();
    }
    json["marks"].for_each([&record](const JsonValue& mark) {
      record.marks.push_back({mark["at_s"].seconds(), mark["kind"].text(), mark["text"].text()});
    });
    record.marks_dropped = json["marks_dropped"].count();
  }
  if (version >= 2) {
    json["parts"].for_each([&record](const JsonValue& part) {
      record.parts.push_back({read_time(part["started"]), part["from_s"].seconds(), part["to_s"].seconds(),
                              part["cycles"].count(), part["cycles_due"].count(), part["interrupted"].boolean()});
    });
    record.parts_left = json["parts_left"].count();
  }
  record.verdict = read_verdict(json["verdict"], version);
  record.bound_asked = json["verdict"].has("bound_asked") && json["verdict"]["bound_asked"].boolean();
  record.rerun = json["rerun"].text();
  record.measured = read_measurements(json, version);
  return record;
}

Record read_json_file(const std::string& path) {
  std::string text;
  try {
    text = read_file(path);
  } catch (const Error& error) {
    throw ReadError(error.code(), error.what());
  }
  return read_json(text, path);
}

}  // namespace soak::report
