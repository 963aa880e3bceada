// SPDX-License-Identifier: Apache-2.0
#include "soak/report/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include <chrono>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "conftest/subprocess.h"
#include "sample_record.h"

namespace soak::report {
namespace {

using testing::ElementsAre;
using namespace std::chrono_literals;
using testing::HasSubstr;

rapidjson::Document parsed(const Record& record) {
  rapidjson::Document json;
  json.Parse(to_json(record).c_str());
  EXPECT_FALSE(json.HasParseError());
  return json;
}

std::vector<std::string> keys(const rapidjson::Value& object) {
  std::vector<std::string> names;
  for (const auto& member : object.GetObject()) {
    names.emplace_back(member.name.GetString());
  }
  return names;
}

// Every key at any depth; but for those of counters and figures, which are the run's own.
void collect_keys(const rapidjson::Value& value, std::set<std::string>& all) {
  if (value.IsArray()) {
    for (const auto& element : value.GetArray()) {
      collect_keys(element, all);
    }
  } else if (value.IsObject()) {
    for (const auto& member : value.GetObject()) {
      all.insert(member.name.GetString());
      const std::string name = member.name.GetString();
      if (name != "counters" && name != "figures") {
        collect_keys(member.value, all);
      }
    }
  }
}

TEST(JsonTest, HoldsTheRunTheVerdictAndEverySeries) {
  const rapidjson::Document json = parsed(a_record());

  EXPECT_STREQ(json["schema"].GetString(), "soak.report");
  EXPECT_EQ(json["version"].GetInt(), 3);
  EXPECT_STREQ(json["title"].GetString(), "VOICE \"SOAK\" / openai");
  EXPECT_STREQ(json["clock"].GetString(), "virtual");
  EXPECT_THAT(json["summary"].GetString(), HasSubstr("FAIL: success_rate=0.9993 elapsed=60.0s"));
  EXPECT_STREQ(json["started"].GetString(), "2025-11-24T16:00:00Z");
  EXPECT_EQ(json["seed"].GetUint64(), 18446744073709551615u);
  EXPECT_EQ(json["counters"]["frames"].GetInt(), 1500);
  EXPECT_STREQ(json["figures"]["success_rate"].GetString(), "0.9993");
  EXPECT_EQ(json["traffic"][0]["met_by_third"][1].GetInt(), 499);
  EXPECT_NEAR(json["traffic"][0]["late_p50_s"].GetDouble(), 0.0015, 0.00005);
  EXPECT_NEAR(json["traffic"][0]["late_p99_s"].GetDouble(), 0.031, 0.001);
  EXPECT_DOUBLE_EQ(json["traffic"][0]["late_max_s"].GetDouble(), 0.031);
  EXPECT_EQ(json["traffic"][0]["late_buckets"][0][1].GetInt(), 1400);
  EXPECT_DOUBLE_EQ(json["open_time"]["wanted_s"].GetDouble(), 120);
  EXPECT_DOUBLE_EQ(json["open_time"]["share"].GetDouble(), 114.5 / 120);
  EXPECT_EQ(json["answers"]["asked"].GetInt(), 12);
  EXPECT_EQ(json["answers"]["received"].GetInt(), 7);
  EXPECT_EQ(json["answers"]["invalid_events"].GetInt(), 4);
  EXPECT_DOUBLE_EQ(json["answers"]["first_audio_max_s"].GetDouble(), 0.31);
  EXPECT_DOUBLE_EQ(json["answers"]["gap_max_s"].GetDouble(), 0.02);
  EXPECT_FALSE(json["verdict"]["passed"].GetBool());
  EXPECT_STREQ(json["verdict"]["findings"][0]["subject"].GetString(), "heap");
  EXPECT_STREQ(json["verdict"]["findings"][0]["evidence"][0]["text"].GetString(), "00:00:10");
  EXPECT_STREQ(json["settings"][0]["source"].GetString(), "flag");
  EXPECT_STREQ(json["series"][0]["unit"].GetString(), "bytes");
  EXPECT_DOUBLE_EQ(json["series"][0]["at_rest"][0][0].GetDouble(), 1.5);
  EXPECT_EQ(json["series"][0]["at_rest"][0][2].GetInt64(), 4096);
  EXPECT_EQ(json["series"][0]["peak"][2].GetInt64(), 8192);
  EXPECT_EQ(json["series"][0]["samples"].GetInt(), 3);
  EXPECT_EQ(json["operations"][0]["at_rest"][0][2].GetInt(), 375);
  EXPECT_DOUBLE_EQ(json["marks"][0]["at_s"].GetDouble(), 12);
}

TEST(JsonTest, ASeriesSaysWhatItIsAPartOfAndWhatItStandsFor) {
  Record record = a_record();
  record.measured.tracks[0].part_of = "rss";
  record.measured.tracks[1].stands_for = "fds";
  record.measured.probe_cpu = 250ms;

  const rapidjson::Document json = parsed(record);

  EXPECT_STREQ(json["series"][0]["part_of"].GetString(), "rss");
  EXPECT_FALSE(json["series"][0].HasMember("stands_for"));
  EXPECT_STREQ(json["series"][1]["stands_for"].GetString(), "fds");
  EXPECT_FALSE(json["series"][1].HasMember("part_of"));
  EXPECT_DOUBLE_EQ(json["probe_cpu_s"].GetDouble(), 0.25);
}

TEST(JsonTest, APointOfSeveralValuesHasItsLowestAndItsHighest) {
  Record record = a_record();
  probe::Series& series = record.measured.tracks[0].timeline;
  series = probe::Series(2);
  for (const std::int64_t value : {5, 1, 9, 2}) {
    series.add({static_cast<std::int64_t>(series.added()) * 1s, 0, value});
  }

  const rapidjson::Document json = parsed(record);
  const rapidjson::Value& track = json["series"][0];

  ASSERT_EQ(track["timeline"].Size(), 2u);
  ASSERT_EQ(track["timeline"][0].Size(), 5u);
  EXPECT_DOUBLE_EQ(track["timeline"][0][0].GetDouble(), 0.5);
  EXPECT_EQ(track["timeline"][0][2].GetInt(), 3);
  EXPECT_EQ(track["timeline"][0][3].GetInt(), 1);
  EXPECT_EQ(track["timeline"][0][4].GetInt(), 5);
  EXPECT_EQ(track["ends"][0][2].GetInt(), 5);
  EXPECT_EQ(track["ends"][1][2].GetInt(), 2);
  EXPECT_EQ(track["at_rest"][0].Size(), 3u);
  EXPECT_FALSE(track.HasMember("rest_ends"));
}

TEST(JsonTest, ASegmentBeginsWithARestart) {
  Record record = a_record();
  record.measured.restarts = {{2500ms, "process 7 (fake) was replaced by process 8"}};
  record.measured.tracks[0].restarts.clear();
  record.measured.tracks[0].restart(2500ms);

  const rapidjson::Document json = parsed(record);

  EXPECT_STREQ(json["restarts"][0]["text"].GetString(), "process 7 (fake) was replaced by process 8");
  EXPECT_DOUBLE_EQ(json["restarts"][0]["at_s"].GetDouble(), 2.5);
  ASSERT_EQ(json["series"][0]["restarts_s"].Size(), 1u);
  EXPECT_DOUBLE_EQ(json["series"][0]["restarts_s"][0].GetDouble(), 2.5);
  EXPECT_FALSE(json["series"][1].HasMember("restarts_s"));
}

TEST(JsonTest, ATrendHasNumbersOnlyWhereItWasJudged) {
  const rapidjson::Document json = parsed(a_record());
  const rapidjson::Value& trends = json["verdict"]["trends"];

  ASSERT_EQ(trends.Size(), 3u);
  EXPECT_STREQ(trends[0]["per"].GetString(), "reconnect");
  EXPECT_STREQ(trends[0]["state"].GetString(), "certain");
  EXPECT_DOUBLE_EQ(trends[0]["growth"].GetDouble(), 10300.5);
  EXPECT_TRUE(trends[0]["leak"].GetBool());
  EXPECT_DOUBLE_EQ(trends[0]["since_earliest_s"].GetDouble(), 8);
  EXPECT_DOUBLE_EQ(trends[0]["since_latest_s"].GetDouble(), 11);
  EXPECT_DOUBLE_EQ(trends[0]["excluded_later"][1][1].GetDouble(), 900);
  EXPECT_STREQ(trends[0]["bound"]["state"].GetString(), "exceeded");
  EXPECT_TRUE(trends[0]["limit_reached"]["latest_s"].IsNull()) << "never";
  EXPECT_STREQ(trends[1]["state"].GetString(), "at rest");
  EXPECT_FALSE(trends[1].HasMember("since_s"));
  EXPECT_DOUBLE_EQ(trends[1]["rest"]["since_s"].GetDouble(), 20);
  EXPECT_DOUBLE_EQ(trends[1]["rest"]["grown"].GetDouble(), 24e6);
  EXPECT_THAT(keys(trends[2]), ElementsAre("series", "unit", "per", "not_judged"));
  EXPECT_STREQ(trends[2]["per"].GetString(), "second");
}

TEST(JsonTest, TheSameRecordGivesTheSameBytesInTheSameOrder) {
  EXPECT_EQ(to_json(a_record()), to_json(a_record()));
  EXPECT_THAT(keys(parsed(a_record())),
              ElementsAre("schema", "version", "name", "file", "line", "title", "mode", "clock", "summary",
                          "interrupted", "ended_early", "ended_early_s", "killed", "started", "asked_s", "elapsed_s",
                          "seed", "cycle_noun", "sessions", "memory_limit_bytes", "session_rss_bytes", "cycles",
                          "failed_cycles", "failures", "counters", "figures", "traffic", "open_time", "answers",
                          "verdict", "rerun", "parts", "parts_left", "settings", "marks", "marks_dropped",
                          "quiescent_points", "unsettled_points", "unsettled_by", "candidates", "baseline_unsettled",
                          "last_unsettled", "probe_cpu_s", "restarts", "series", "operations"));
}

TEST(JsonTest, EveryKeyIsInTheDocument) {
  const std::string document = conftest::read_file(SOAK_REPORT_DOCUMENT);
  std::set<std::string> all;
  collect_keys(parsed(a_record()), all);

  ASSERT_GT(all.size(), 50u);
  for (const std::string& key : all) {
    EXPECT_THAT(document, HasSubstr("`" + key + "`"));
  }
}

TEST(JsonTest, NumbersThatJsonCannotSayAreNull) {
  Record record = a_record();
  record.verdict.trends[0].high = std::numeric_limits<double>::infinity();

  EXPECT_TRUE(parsed(record)["verdict"]["trends"][0]["high"].IsNull());
}

TEST(JsonTest, TextThatIsNoUtf8IsStillJson) {
  Record record = a_record();
  record.failures = {"bad \xC0\xAF, cut \xE2\x82, surrogate \xED\xA0\x80, good \xE2\x82\xAC \xF0\x9F\x8E\x99"};

  rapidjson::Document json;
  json.Parse<rapidjson::kParseValidateEncodingFlag>(to_json(record).c_str());
  ASSERT_FALSE(json.HasParseError());
  EXPECT_STREQ(json["failures"][0].GetString(),
               "bad \xEF\xBF\xBD\xEF\xBF\xBD, cut \xEF\xBF\xBD\xEF\xBF\xBD, surrogate "
               "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD, good \xE2\x82\xAC \xF0\x9F\x8E\x99");
}

}  // namespace
}  // namespace soak::report
