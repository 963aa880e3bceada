// SPDX-License-Identifier: Apache-2.0
#include "lib/report/totals.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "lib/text/format.h"

namespace soak::report {
namespace {

using json::Writer;
using text::seconds;

void field(Writer& json, std::string_view key, std::string_view value) { json.key(key).text(value); }

void field(Writer& json, std::string_view key, std::uint64_t value) { json.key(key).integer(value); }

void field(Writer& json, std::string_view key, double value) { json.key(key).number(value); }

// "late_p50_s" and so on, unless there was no event.
void write_times(Writer& json, const std::string& of, const Lateness& times) {
  if (times.count() == 0) {
    return;
  }
  field(json, of + "_p50_s", seconds(times.percentile(0.5)));
  field(json, of + "_p99_s", seconds(times.percentile(0.99)));
  field(json, of + "_max_s", seconds(times.max()));
  json.key(of + "_buckets").row();
  times.for_each_bucket([&json](std::chrono::nanoseconds from, std::uint64_t count) {
    json.array().number(seconds(from)).integer(count).end_array();
  });
  json.end_array();
}

void write_answers(Writer& json, const Answers& answers) {
  json.key("answers").object();
  field(json, "turns", answers.turns);
  field(json, "asked", answers.asked);
  field(json, "received", answers.received);
  field(json, "failed", answers.failed);
  field(json, "lost", answers.lost);
  field(json, "unanswered", answers.unanswered);
  field(json, "cut_off", answers.cut_off);
  field(json, "errors", answers.errors);
  field(json, "invalid_events", answers.invalid_events);
  write_times(json, "first_audio", answers.first_audio);
  write_times(json, "gap", answers.gaps);
  json.end_object();
}

void write_open_time(Writer& json, const OpenTime& time) {
  json.key("open_time").object();
  field(json, "wanted_s", time.wanted_s);
  field(json, "open_s", time.open_s);
  field(json, "share", time.share());
  json.end_object();
}

void read_thirds(const JsonValue& json, std::array<std::uint64_t, 3>& thirds) {
  for (std::size_t i = 0; i < thirds.size(); ++i) {
    thirds[i] = json.element(i, thirds.size()).count();
  }
}

// What write_times() wrote.
Lateness read_times(const JsonValue& json, const std::string& of) {
  Lateness times;
  const std::string buckets = of + "_buckets";
  if (json.has(buckets.c_str())) {
    json[buckets.c_str()].for_each(
        [&times](const JsonValue& bucket) { times.add(bucket.element(0, 2).seconds(), bucket.element(1, 2).count()); });
    times.raise_max(json[(of + "_max_s").c_str()].seconds());
  }
  return times;
}

Answers read_answers(const JsonValue& json) {
  Answers answers;
  answers.turns = json["turns"].count();
  answers.asked = json["asked"].count();
  answers.received = json["received"].count();
  answers.failed = json["failed"].count();
  answers.lost = json["lost"].count();
  answers.unanswered = json["unanswered"].count();
  answers.cut_off = json["cut_off"].count();
  answers.errors = json["errors"].count();
  answers.invalid_events = json["invalid_events"].count();
  answers.first_audio = read_times(json, "first_audio");
  answers.gaps = read_times(json, "gap");
  return answers;
}

}  // namespace

void write_totals(Writer& json, const Record& record) {
  json.key("figures").object();
  for (const Figure& figure : record.figures) {
    field(json, figure.name, figure.value);
  }
  json.end_object();
  json.key("traffic").array();
  for (const Traffic& traffic : record.traffic) {
    json.object();
    field(json, "counter", traffic.counter);
    for (const auto& [key, thirds] :
         {std::pair{"due_by_third", &traffic.due}, std::pair{"met_by_third", &traffic.met}}) {
      json.key(key).array();
      for (const std::uint64_t count : *thirds) {
        json.integer(count);
      }
      json.end_array();
    }
    if (traffic.stopped_due > 0 || traffic.stopped_met > 0) {
      field(json, "stopped_due", traffic.stopped_due);
      field(json, "stopped_met", traffic.stopped_met);
    }
    write_times(json, "late", traffic.late);
    json.end_object();
  }
  json.end_array();
  if (record.open_time) {
    write_open_time(json, *record.open_time);
  }
  if (record.answers) {
    write_answers(json, *record.answers);
  }
}

void read_totals(const JsonValue& json, Record& record) {
  record.figures.clear();
  record.traffic.clear();
  record.open_time.reset();
  record.answers.reset();
  if (json.has("figures")) {  // Not in those of older versions.
    json["figures"].for_each_field([&](const std::string& name, const JsonValue& value) {
      record.figures.push_back({name, value.text()});
    });
  }
  json["traffic"].for_each([&](const JsonValue& stream) {
    Traffic traffic;
    traffic.counter = stream["counter"].text();
    read_thirds(stream["due_by_third"], traffic.due);
    read_thirds(stream["met_by_third"], traffic.met);
    if (stream.has("stopped_due")) {
      traffic.stopped_due = stream["stopped_due"].count();
      traffic.stopped_met = stream["stopped_met"].count();
    }
    traffic.late = read_times(stream, "late");
    record.traffic.push_back(std::move(traffic));
  });
  if (json.has("open_time")) {
    record.open_time = OpenTime{json["open_time"]["wanted_s"].number(), json["open_time"]["open_s"].number()};
  }
  if (json.has("answers")) {
    record.answers = read_answers(json["answers"]);
  }
}

}  // namespace soak::report
