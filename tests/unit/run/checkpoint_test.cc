// SPDX-License-Identifier: Apache-2.0
#include "lib/run/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <utility>

#include "conftest/scratch_folder.h"
#include "conftest/subprocess.h"
#include "soak/detail/run_context.h"
#include "soak/report/files.h"

namespace soak {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;

class CheckpointTest : public testing::Test {
 protected:
  std::string file(const std::string& name) const { return folder_ / name; }

  static SoakIdentity a_soak() {
    return {"Soak/Voice.OpenAi", "real", 24h, std::nullopt, {{"reconnect_every", "1m30s", "default"}}};
  }

  // Two parts of 6 h are done.
  static report::Record a_record(std::uint64_t parts_left = 2) {
    report::Record record;
    record.name = "Soak/Voice.OpenAi";
    record.mode = "real";
    record.asked = 24h;
    record.elapsed = 12h;
    record.seed = 7;
    record.settings = {{"reconnect_every", "1m30s", "default"}, {"report_dir", "somewhere", "flag"}};
    record.parts = {{{}, 0s, 6h, 240, 240, false}, {{}, 6h, 12h, 238, 240, false}};
    record.parts_left = parts_left;
    return record;
  }

  std::string refusal(const std::string& path, const SoakIdentity& identity) const {
    try {
      Checkpoint checkpoint(path, identity, 6h);
    } catch (const detail::RunRefused& refused) {
      return refused.what();
    }
    return "not refused";
  }

  std::string save(const report::Record& record) const {
    EXPECT_EQ(Checkpoint(file("day.json"), a_soak(), 6h).save(record), "");
    return file("day.json");
  }

  const conftest::ScratchFolder folder_;
};

TEST_F(CheckpointTest, WithoutAFileTheFirstPartBegins) {
  const Checkpoint checkpoint(file("day.json"), a_soak(), 6h);

  EXPECT_TRUE(checkpoint.first());
  EXPECT_EQ(checkpoint.from(), 0s);
  EXPECT_EQ(checkpoint.to(), 6h);
  EXPECT_EQ(checkpoint.parts_after(6h), 3u);
  EXPECT_EQ(checkpoint.parts_after(5h), 4u);
  EXPECT_EQ(checkpoint.parts_after(24h), 0u);
  EXPECT_FALSE(std::filesystem::exists(file("day.json")));
}

TEST_F(CheckpointTest, GoesOnWhereTheLastPartEnded) {
  const Checkpoint checkpoint(save(a_record()), a_soak(), 6h);

  EXPECT_FALSE(checkpoint.first());
  EXPECT_EQ(checkpoint.from(), 12h);
  EXPECT_EQ(checkpoint.to(), 18h);
  EXPECT_EQ(checkpoint.seed(), 7u);
  EXPECT_EQ(checkpoint.cycles_due_before(), 480u);
}

TEST_F(CheckpointTest, TheLastPartEndsWithTheSoak) {
  const Checkpoint checkpoint(save(a_record()), a_soak(), 20h);

  EXPECT_EQ(checkpoint.to(), 24h);
}

TEST_F(CheckpointTest, NoTwoPartsDrawTheSame) {
  const Checkpoint first(file("none.json"), a_soak(), 6h);
  const Checkpoint third(save(a_record()), a_soak(), 6h);

  EXPECT_EQ(first.part_seed(7), 7u);
  EXPECT_NE(third.part_seed(7), 7u);
}

TEST_F(CheckpointTest, AStartThatWasKilledBeginsAgainWithItsSeed) {
  report::Record record = a_record();
  record.parts.clear();
  EXPECT_EQ(Checkpoint(file("day.json"), a_soak(), 6h).save_start(record), "");

  const Checkpoint again(file("day.json"), a_soak(), 6h);

  EXPECT_TRUE(again.first());
  EXPECT_EQ(again.from(), 0s);
  EXPECT_EQ(again.seed(), 7u);
}

TEST_F(CheckpointTest, InADirectoryEachSoakHasAFileOfItsOwn) {
  std::filesystem::create_directories(file("there"));
  SoakIdentity virtual_soak = a_soak();
  virtual_soak.mode = "virtual";

  EXPECT_EQ(Checkpoint(file("there"), a_soak(), 6h).path(), file("there/Soak-Voice.OpenAi.checkpoint.json"));
  EXPECT_EQ(Checkpoint(file("new/"), virtual_soak, 6h).path(), file("new/Soak-Voice.OpenAi-virtual.checkpoint.json"));
}

TEST_F(CheckpointTest, AnotherSoakIsRefusedByWhatDiffers) {
  const std::string path = save(a_record());
  SoakIdentity other = a_soak();
  other.name = "Soak/Voice.Gemini";
  SoakIdentity mode = a_soak();
  mode.mode = "virtual";
  SoakIdentity longer = a_soak();
  longer.duration = 48h;
  SoakIdentity seed = a_soak();
  seed.seed = 8;
  SoakIdentity setting = a_soak();
  setting.settings[0].value = "15.0s";
  const std::string text = conftest::read_file(path);

  EXPECT_THAT(refusal(path, other), AllOf(HasSubstr("is for Soak/Voice.OpenAi (mode real)"),
                                          HasSubstr("this is Soak/Voice.Gemini"), HasSubstr("a directory")));
  EXPECT_THAT(refusal(path, mode), HasSubstr("this is Soak/Voice.OpenAi (mode virtual)"));
  EXPECT_THAT(refusal(path, longer), HasSubstr("was made with duration 24h00m, but here it is 48h00m"));
  EXPECT_THAT(refusal(path, seed), HasSubstr("was made with seed 7, but here it is 8"));
  EXPECT_THAT(refusal(path, setting), HasSubstr("was made with reconnect_every 1m30s, but here it is 15.0s"));
  EXPECT_EQ(conftest::read_file(path), text) << "nothing is lost";
}

TEST_F(CheckpointTest, ARunThatGoesOnHasItToItself) {
  const std::string path = save(a_record());
  std::optional<Checkpoint> running(std::in_place, path, a_soak(), 6h);

  EXPECT_THAT(refusal(path, a_soak()), AllOf(HasSubstr(path), HasSubstr("is in use by another run")));

  running.reset();
  EXPECT_EQ(refusal(path, a_soak()), "not refused");
}

TEST_F(CheckpointTest, WhatCodeSaidOfADriversOptionIsComparedWhenItSaysItAgain) {
  report::Record record = a_record();
  record.settings.push_back({"message_interval", "10.0s", "code"});
  const std::string path = save(record);
  SoakIdentity not_yet = a_soak();
  not_yet.driver_settings = {{"message_interval", "30.0s", "default"}};
  SoakIdentity by_flag = a_soak();
  by_flag.driver_settings = {{"message_interval", "30.0s", "flag"}};

  EXPECT_THAT(refusal(path, by_flag), HasSubstr("was made with message_interval 10.0s, but here it is 30.0s"));
  const Checkpoint checkpoint(path, not_yet, 6h);
  EXPECT_NO_THROW(checkpoint.refuse_unless_same({"message_interval", "10.0s", "code"}));
  EXPECT_THROW(checkpoint.refuse_unless_same({"message_interval", "20.0s", "code"}), detail::RunRefused);
}

TEST_F(CheckpointTest, AFinishedSoakIsNotRunAgain) {
  EXPECT_THAT(refusal(save(a_record(0)), a_soak()),
              HasSubstr("is finished: PASS after 12h00m in 2 parts; delete it to start over"));
}

TEST_F(CheckpointTest, AFileThatIsNoCheckpointIsKept) {
  const std::string path = file("day.json");
  ASSERT_EQ(report::write_file(path, "{\"schema\":"), "");

  EXPECT_THAT(refusal(path, a_soak()), AllOf(HasSubstr("the checkpoint cannot be read: " + path + ":1:11: not JSON"),
                                             HasSubstr("delete it to start over")));
  EXPECT_EQ(conftest::read_file(path), "{\"schema\":");
}

TEST_F(CheckpointTest, AFileThatCannotBeWrittenIsNamed) {
  EXPECT_THAT(refusal("/proc/nowhere/day.json", a_soak()), HasSubstr("cannot be written: /proc/nowhere/day.json"));

  const Checkpoint checkpoint(file("there/day.json"), a_soak(), 6h);
  std::filesystem::remove_all(file("there"));
  std::ofstream(file("there")) << "a file where the directory was";
  EXPECT_THAT(checkpoint.save_start(a_record()), HasSubstr(file("there/day.json")));
}

}  // namespace
}  // namespace soak
