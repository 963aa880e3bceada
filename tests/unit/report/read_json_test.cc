// SPDX-License-Identifier: Apache-2.0
#include "soak/report/read_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "sample_record.h"
#include "soak/report/json.h"

namespace soak::report {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

probe::Track a_track(const std::string& name, probe::Unit unit, int samples, int rests) {
  probe::Track track;
  track.name = name;
  track.unit = unit;
  for (int i = 0; i < samples; ++i) {
    track.timeline.add({i * 333333333ns, static_cast<std::uint64_t>(i / 90), i % 97 == 41 ? 1'000'000 - i : i});
  }
  for (int i = 0; i < rests; ++i) {
    track.at_rest.add({i * 90s, static_cast<std::uint64_t>(i), -i});
  }
  return track;
}

// As long as a day, so that the series have forgotten some of their points.
Record a_long_record() {
  Record record = a_record();
  record.title += " \xc3\xa9\n";
  record.interrupted = true;
  record.started = std::chrono::sys_days{std::chrono::year{2026} / 2 / 28} + 23h + 59min + 58s;
  record.elapsed = 24h + 1ns;
  record.verdict.trends.front().excluded = std::numeric_limits<double>::infinity();
  record.measured.tracks = {a_track("rss", probe::Unit::kBytes, 100'000, 10'001),
                            a_track("fds", probe::Unit::kCount, 4097, 10'001)};
  record.measured.operations.front().at_rest = a_track("frames", probe::Unit::kCount, 0, 10'001).at_rest;
  record.measured.quiescent_points = 10'001;
  record.measured.last_unsettled = true;
  return record;
}

// The message of the error, or that there was none.
std::string error_of(const std::string& text) {
  try {
    read_json(text, "old.json");
  } catch (const ReadError& error) {
    return error.what();
  }
  return "no error";
}

// The report with one thing in it changed.
std::string changed(const std::string& from, const std::string& to) {
  Record record = a_long_record();
  record.verdict.trends.clear();
  record.measured.tracks = {a_track("fds", probe::Unit::kCount, 3, 1)};
  std::string text = to_json(record);
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

TEST(ReadJsonTest, WhatWasReadIsWrittenAsTheSameText) {
  Record bare;
  bare.mode = "real";
  for (const Record& record : {a_record(), a_long_record(), bare}) {
    const std::string text = to_json(record);

    EXPECT_EQ(to_json(read_json(text, "new.json")), text);
  }
}

TEST(ReadJsonTest, GivesBackWhatTheRunHeld) {
  const Record written = a_long_record();

  const Record record = read_json(to_json(written), "new.json");

  EXPECT_EQ(record.started, written.started);
  EXPECT_EQ(record.elapsed, written.elapsed);
  EXPECT_EQ(record.seed, written.seed);
  EXPECT_EQ(record.counters[0].value, 1500u);
  EXPECT_EQ(record.traffic[0].met[1], 499u);
  EXPECT_EQ(record.traffic[0].late.count(), 1499u);
  EXPECT_EQ(record.traffic[0].late.max(), 31ms);
  EXPECT_EQ(record.traffic[0].stopped_due, 25u);
  EXPECT_EQ(record.traffic[0].stopped_met, 3u);
  EXPECT_EQ(record.marks[0].text, "reset");
  EXPECT_TRUE(record.bound_asked);
  ASSERT_EQ(record.verdict.inconclusive.size(), 1u);
  EXPECT_EQ(record.verdict.inconclusive[0].text, "rss may have grown");
  EXPECT_EQ(record.verdict.inconclusive[0].evidence[0].label, "needs");
  EXPECT_TRUE(record.measured.candidates);
  EXPECT_EQ(record.verdict.trends[0].low, 10240);
  EXPECT_EQ(record.verdict.trends[0].state, probe::GrowthState::kCertain);
  EXPECT_EQ(record.verdict.trends[0].excluded_later[1].rate, 900);
  EXPECT_EQ(record.verdict.trends[0].bound->run_needed, 2h);
  EXPECT_EQ(record.verdict.trends[0].limit_reached->latest, std::nullopt);
  EXPECT_EQ(record.verdict.trends[1].state, probe::GrowthState::kAtRest);
  EXPECT_EQ(record.verdict.trends[1].rest->since, 20s);
  EXPECT_EQ(record.verdict.trends[2].not_judged, "3 quiescent points, 8 are needed");
  EXPECT_EQ(record.measured.tracks[0].timeline.added(), 100'000u);
  EXPECT_EQ(record.measured.tracks[0].timeline.peak()->value, written.measured.tracks[0].timeline.peak()->value);
  EXPECT_EQ(record.measured.tracks[0].at_rest.added(), 10'001u);
  EXPECT_EQ(record.measured.tracks[0].at_rest.last()->value, -10'000);
  EXPECT_EQ(record.measured.operations[0].at_rest.added(), 10'001u);
  EXPECT_TRUE(record.measured.last_unsettled);
}

// Written by the first version of the schema: what it did not hold is empty.
TEST(ReadJsonTest, ReadsVersionOne) {
  const std::string text = R"({"schema": "soak.report", "version": 1, "name": "Soak/A.B", "title": "SOAK / A.B",
    "mode": "real", "clock": "real", "interrupted": false, "started": "2026-11-22T10:00:00Z", "asked_s": 60.0,
    "elapsed_s": 60.5, "seed": 7, "cycle_noun": "cycle", "cycles": 3, "failed_cycles": 0, "failures": [],
    "counters": {"puts": 5}, "traffic": [],
    "verdict": {"passed": false, "findings": [{"subject": "rss", "text": "rss grew", "evidence": []}], "remarks": []},
    "rerun": "", "settings": [], "quiescent_points": 1, "unsettled_points": 0,
    "series": [{"name": "rss", "unit": "bytes", "available": true, "timeline": [[0.5, 0, 9], [1.5, 1, 7]],
                "at_rest": [[1.5, 1, 7]]}]})";

  const Record record = read_json(text, "old.json");

  EXPECT_EQ(record.counters[0].value, 5u);
  EXPECT_EQ(record.verdict.findings[0].subject, "rss");
  EXPECT_EQ(record.measured.tracks[0].timeline.peak()->value, 9);
  EXPECT_EQ(record.measured.tracks[0].timeline.last()->at, 1500ms);
  EXPECT_TRUE(record.measured.operations.empty());
  EXPECT_TRUE(record.verdict.trends.empty());
}

// Of a series that was full, version two kept every so many values, and the newest.
TEST(ReadJsonTest, ReadsTheThinnedSeriesOfVersionTwo) {
  const std::string text = R"({"schema": "soak.report", "version": 2, "name": "Soak/A.B", "title": "SOAK / A.B",
    "mode": "real", "clock": "real", "interrupted": false, "ended_early": false, "killed": false,
    "started": "2026-11-22T10:00:00Z", "asked_s": 60.0, "elapsed_s": 60.5, "seed": 7, "cycle_noun": "cycle", "cycles": 3,
    "failed_cycles": 0, "failures": [], "counters": {"puts": 5}, "figures": {}, "traffic": [],
    "verdict": {"passed": true, "findings": [], "remarks": [], "trends": []},
    "rerun": "", "parts": [], "parts_left": 0, "settings": [], "marks": [], "marks_dropped": 0, "quiescent_points": 2,
    "unsettled_points": 0, "unsettled_by": "", "baseline_unsettled": false, "last_unsettled": false, "probe_cpu_s": 0.1,
    "series": [{"name": "rss", "unit": "bytes", "available": true, "samples": 6, "peak": [2, 0, 30],
                "timeline": [[0, 0, 9], [2, 0, 30], [4, 1, 7], [5, 1, 8]], "at_rest": [[4, 1, 7], [5, 1, 8]]}],
    "operations": [{"name": "puts", "at_rest": [[4, 1, 3], [5, 1, 5]]}]})";

  const Record record = read_json(text, "old.json");

  const probe::Track& rss = record.measured.tracks[0];
  EXPECT_EQ(rss.timeline.added(), 6u);
  EXPECT_EQ(rss.timeline.points().size(), 4u);
  EXPECT_EQ(rss.timeline.peak()->value, 30);
  EXPECT_EQ(rss.timeline.last()->value, 8);
  EXPECT_EQ(rss.at_rest.added(), 2u);
  EXPECT_EQ(record.measured.operations[0].at_rest.last()->value, 5);
  EXPECT_TRUE(record.measured.restarts.empty());
}

TEST(ReadJsonTest, GivesBackTheBandTheExactEndsAndTheSegmentsOfASeries) {
  Record written = a_long_record();
  written.measured.restarts = {{9000s, "process 7 (fake) was replaced by process 8"}};
  written.measured.tracks[0].restart(9000s);

  const Record record = read_json(to_json(written), "new.json");

  const probe::Series& was = written.measured.tracks[0].timeline;
  const probe::Series& is = record.measured.tracks[0].timeline;
  const std::vector<probe::Point> points = is.points();
  ASSERT_EQ(points.size(), was.points().size());
  for (std::size_t i = 0; i < points.size(); ++i) {
    ASSERT_EQ(points[i].value, was.points()[i].value);
    ASSERT_EQ(points[i].low, was.points()[i].low);
    ASSERT_EQ(points[i].high, was.points()[i].high);
  }
  EXPECT_GT(points[9].high, points[9].value);
  EXPECT_EQ(is.first()->value, was.first()->value);
  EXPECT_EQ(is.last()->at, was.last()->at);
  EXPECT_EQ(record.measured.tracks[0].restarts, std::vector<std::chrono::nanoseconds>{9000s});
  ASSERT_EQ(record.measured.restarts.size(), 1u);
  EXPECT_EQ(record.measured.restarts[0].text, "process 7 (fake) was replaced by process 8");
}

TEST(ReadJsonTest, WhatIsNoJsonIsNamedByLineAndColumn) {
  EXPECT_EQ(error_of(""), "old.json: is empty");
  EXPECT_THAT(error_of("{\n \"schema\": \"soak.report\"\n \"version\": 1}"), HasSubstr("old.json:3:2: not JSON: "));
  EXPECT_THAT(error_of(to_json(a_record()).substr(0, 500)), HasSubstr(": not JSON: "));
  EXPECT_THAT(error_of("{} {}"), HasSubstr("old.json:1:4: not JSON: "));
  EXPECT_THAT(error_of("\xff"), HasSubstr("old.json:1:1: not JSON: "));
}

TEST(ReadJsonTest, DepthIsAnErrorAndNoCrash) {
  EXPECT_THAT(error_of(std::string(1'000'000, '[')), HasSubstr("old.json:1:65: not JSON: It is nested too deep."));
}

TEST(ReadJsonTest, AnotherSchemaAndALaterVersionAreRefusedByName) {
  EXPECT_EQ(error_of("[]"), "old.json: the document is an array of 0: expected an object");
  EXPECT_EQ(error_of("{\"version\": 1}"), "old.json: schema is missing");
  EXPECT_EQ(error_of(changed("\"soak.report\"", "\"soak.checkpoint\"")),
            "old.json: schema is \"soak.checkpoint\": expected \"soak.report\"");
  EXPECT_EQ(error_of("{\"schema\": \"soak.report\", \"version\": 4}"),
            "old.json: version 4 of soak.report is unknown to this version of soak: expected 1 to 3");
}

TEST(ReadJsonTest, AFieldThatIsMissingOrWrongIsNamedWithItsPlace) {
  EXPECT_EQ(error_of(changed("\"seed\"", "\"sead\"")), "old.json: seed is missing");
  EXPECT_EQ(error_of(changed("\"unit\": \"count\"", "\"unit\": \"octets\"")),
            "old.json: series[0].unit is \"octets\": expected bytes or count");
  EXPECT_EQ(error_of(changed("[0.333333333, 0, 1]", "[0.333333333, 0]")),
            "old.json: series[0].timeline[1] is an array of 2: expected an array of 3");
  EXPECT_EQ(error_of(changed("[0.333333333, 0, 1]", "[0.333333333, -1, 1]")),
            "old.json: series[0].timeline[1][1] is -1: expected a whole number of 0 or more");
  EXPECT_EQ(error_of(changed("[0.333333333, 0, 1]", "[1e300, 0, 1]")),
            "old.json: series[0].timeline[1][0] is 1e+300: expected a time in seconds");
  EXPECT_EQ(error_of(changed("[0.333333333, 0, 1]", "[-5, 0, 1]")),
            "old.json: series[0].timeline[1][0] is -5: expected a time that is not before the point above");
  EXPECT_EQ(
      error_of(changed("[0.333333333, 0, 1]", "[0.333333333, 0, 1, 2, 3]")),
      "old.json: series[0].timeline[1] is an array of 5: expected a median between the lowest and the highest value");
  EXPECT_EQ(error_of(changed("\"mode\": \"virtual\"", "\"mode\": \"fast\"")),
            "old.json: mode is \"fast\": expected real or virtual or smoke");
  EXPECT_EQ(error_of(changed("2026-02-28T23:59:58Z", "yesterday")),
            "old.json: started is \"yesterday\": expected a time such as 2026-01-31T12:00:00Z");
  EXPECT_EQ(error_of(changed("\"interrupted\": true", "\"interrupted\": 1")),
            "old.json: interrupted is 1: expected true or false");
  EXPECT_EQ(error_of(changed("\"frames\": 1500", "\"frames\": 1.5")),
            "old.json: counters.frames is 1.5: expected a whole number of 0 or more");
}

TEST(ReadJsonTest, FieldsItDoesNotKnowArePassedOver) {
  const std::string text = changed("\"seed\"", "\"weather\": {\"sun\": [1, null]}, \"seed\"");

  EXPECT_EQ(error_of(text), "no error");
}

TEST(ReadJsonTest, AFileThatCannotBeReadIsNamed) {
  EXPECT_THROW(read_json_file("/nowhere/old.json"), ReadError);
  try {
    read_json_file("/nowhere/old.json");
  } catch (const ReadError& error) {
    EXPECT_STREQ(error.what(), "/nowhere/old.json: No such file or directory");
  }
}

}  // namespace
}  // namespace soak::report
