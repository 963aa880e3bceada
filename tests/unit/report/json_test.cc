// SPDX-License-Identifier: Apache-2.0
#include "soak/report/json.h"

#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include <chrono>
#include <string>

#include "conftest/subprocess.h"

namespace soak::report {
namespace {

using namespace std::chrono_literals;

Record a_record() {
  Record record;
  record.name = "Soak/Voice.OpenAiRealtime";
  record.title = "VOICE \"SOAK\" / openai";
  record.cycle_noun = "reconnect";
  record.mode = "virtual";
  record.virtual_clock = true;
  record.asked = 60s;
  record.elapsed = 60s;
  record.seed = 18446744073709551615u;
  record.cycles = 4;
  record.counters = {{"frames", 1500}};
  record.traffic = {{"frames", {500, 500, 500}, {500, 499, 500}}};
  record.settings = {{"duration", "1m00s", "flag"}};
  record.verdict.findings.push_back({"heap", "heap grew", {{"since", "00:00:10"}}});
  record.verdict.remarks.push_back("rss not judged");
  probe::Track track;
  track.name = "heap";
  track.unit = probe::Unit::kBytes;
  track.at_rest.add({1500ms, 1, 4096});
  record.measured.tracks.push_back(track);
  return record;
}

TEST(JsonTest, HoldsTheRunTheVerdictAndEverySeries) {
  rapidjson::Document json;
  json.Parse(to_json(a_record()).c_str());

  ASSERT_FALSE(json.HasParseError());
  EXPECT_STREQ(json["schema"].GetString(), "soak.report");
  EXPECT_EQ(json["version"].GetInt(), 1);
  EXPECT_STREQ(json["title"].GetString(), "VOICE \"SOAK\" / openai");
  EXPECT_STREQ(json["clock"].GetString(), "virtual");
  EXPECT_EQ(json["seed"].GetUint64(), 18446744073709551615u);
  EXPECT_EQ(json["counters"]["frames"].GetInt(), 1500);
  EXPECT_EQ(json["traffic"][0]["met_by_third"][1].GetInt(), 499);
  EXPECT_FALSE(json["verdict"]["passed"].GetBool());
  EXPECT_STREQ(json["verdict"]["findings"][0]["subject"].GetString(), "heap");
  EXPECT_STREQ(json["verdict"]["findings"][0]["evidence"][0]["text"].GetString(), "00:00:10");
  EXPECT_STREQ(json["settings"][0]["source"].GetString(), "flag");
  EXPECT_STREQ(json["series"][0]["unit"].GetString(), "bytes");
  EXPECT_DOUBLE_EQ(json["series"][0]["at_rest"][0][0].GetDouble(), 1.5);
  EXPECT_EQ(json["series"][0]["at_rest"][0][2].GetInt64(), 4096);
}

TEST(JsonTest, ThePathNamesTheTestAndTheMode) {
  Record record = a_record();

  EXPECT_EQ(json_path(record, "out"), "out/Soak-Voice.OpenAiRealtime-virtual.json");
  record.mode = "real";
  EXPECT_EQ(json_path(record, "out"), "out/Soak-Voice.OpenAiRealtime.json");
}

TEST(JsonTest, WritingMakesTheDirectoriesAndReplacesTheFile) {
  const std::string path = testing::TempDir() + "/json_test/a/b/report.json";

  EXPECT_EQ(write_file(path, "old and longer"), "");
  EXPECT_EQ(write_file(path, "new"), "");

  EXPECT_EQ(conftest::read_file(path), "new");
}

TEST(JsonTest, AFileThatCannotBeWrittenIsNamed) {
  EXPECT_EQ(write_file("/proc/nowhere/report.json", "text").find("/proc/nowhere/report.json: "), 0u);
}

}  // namespace
}  // namespace soak::report
