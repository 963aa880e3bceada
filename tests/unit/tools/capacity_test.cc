// SPDX-License-Identifier: Apache-2.0
// soak capacity, from outside.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "conftest/scratch_folder.h"
#include "conftest/subprocess.h"
#include "soak/report/files.h"
#include "soak/report/json.h"

namespace soak::conftest {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr std::int64_t kMiB = 1 << 20;

class CapacityCommandTest : public testing::Test {
 protected:
  // A run of ten minutes that opens `sessions` in steps; a session holds 2 MiB and takes 0.5 thousandths of a core, the
  // process 100 MiB and 20 thousandths.
  static report::Record record(int sessions) {
    report::Record record;
    record.name = "Soak/Listen.Capacity";
    record.title = "LISTEN";
    record.mode = "real";
    record.cycle_noun = "cycle";
    record.elapsed = 600s;
    probe::Track open;
    open.name = "sessions";
    probe::Track rss;
    rss.name = "rss";
    rss.unit = probe::Unit::kBytes;
    probe::Track cpu;
    cpu.name = "cpu_millicores";
    for (int second = 0; second < 600; ++second) {
      const int count = sessions * (second / 60) / 9;
      const int noise = (second * 7919) % 13 - 6;
      const auto at = std::chrono::seconds(second);
      open.timeline.add({at, 0, count});
      rss.timeline.add({at, 0, 100 * kMiB + count * 2 * kMiB + noise * kMiB / 8});
      cpu.timeline.add({at, 0, 20 + count / 2 + noise});
    }
    record.measured.tracks = {open, rss, cpu};
    return record;
  }

  std::string write(const report::Record& of) const {
    const std::string path = folder_ / "report.json";
    EXPECT_EQ(report::write_file(path, report::to_json(of)), "");
    return path;
  }

  static ProgramResult capacity(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {SOAK_COMMAND, "capacity"});
    return run_program(arguments);
  }

  const ScratchFolder folder_;
};

// The figures of the incident.
TEST_F(CapacityCommandTest, ThreeGiBAnd350mAre4ANode48InAllWithRoomFor40And2) {
  const ProgramResult result = capacity({"--memory", "3GiB", "--cores", "350m", "--nodes", "12", "--node-memory",
                                         "12362MiB", "--node-cores", "1.571", "--pods-max", "40", "--surge", "2"});
  EXPECT_EQ(result.exit_status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("4 a node (memory 4, processor 4), 48 in all: room for 40 and 2 of surge"));
}

TEST_F(CapacityCommandTest, FourAndAHalfGiBAnd700mAre2ANode24InAllAndNoRoom) {
  const ProgramResult result = capacity({"--memory", "4.5GiB", "--cores", "0.7", "--nodes", "12", "--node-memory",
                                         "12362MiB", "--node-cores", "1571m", "--pods-max", "40", "--surge", "2"});
  EXPECT_EQ(result.exit_status, 1) << result.output;
  EXPECT_THAT(result.output, HasSubstr("2 a node (memory 2, processor 2), 24 in all: NO ROOM for 40 and 2 of surge"));
}

TEST_F(CapacityCommandTest, SaysWhatASessionCostsAndHowManyAPodHolds) {
  const ProgramResult result =
      capacity({"--sessions", "1800", "--memory", "1124MiB", "--cores", "0.7", write(record(900))});
  EXPECT_EQ(result.exit_status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("2.0 MiB to 2.0 MiB"));
  // (1124 - 100) / 2 less the noise.
  EXPECT_THAT(result.output, testing::ContainsRegex("a pod holds 51[0-2] \\(5[01][0-9] to 51[0-9]\\) sessions"));
  EXPECT_THAT(result.output, HasSubstr("1800 sessions need 4 pods, with 450 sessions each"));
  EXPECT_THAT(result.output, testing::ContainsRegex("observed peak: 100[0-9]MiB and 25[0-9]m a pod"));
}

TEST_F(CapacityCommandTest, TheScarcerResourceDecides) {
  const ProgramResult result = capacity({"--memory", "100GiB", "--cores", "120m", write(record(900))});
  EXPECT_EQ(result.exit_status, 0) << result.output;
  EXPECT_THAT(result.output, testing::ContainsRegex("a pod holds 1[89][0-9] "));
}

TEST_F(CapacityCommandTest, APodThatHoldsNothingIsNotEnough) {
  const ProgramResult result = capacity({"--sessions", "10", "--memory", "50MiB", write(record(900))});
  EXPECT_EQ(result.exit_status, 1) << result.output;
  EXPECT_THAT(result.output, HasSubstr("NOT ENOUGH"));
}

TEST_F(CapacityCommandTest, MemoryThatStaysAfterTheSessionsIsNotTakenForTheirs) {
  report::Record of = record(900);
  for (int second = 600; second < 1200; ++second) {
    const auto at = std::chrono::seconds(second);
    of.measured.tracks[0].timeline.add({at, 0, 0});
    of.measured.tracks[1].timeline.add({at, 0, 1900 * kMiB});
    of.measured.tracks[2].timeline.add({at, 0, 20});
  }
  const ProgramResult result = capacity({"--memory", "1124MiB", write(of)});
  EXPECT_THAT(result.output, HasSubstr("2.0 MiB to 2.0 MiB")) << result.output;
}

TEST_F(CapacityCommandTest, TheReportHoldsTheCosts) {
  const std::string json = report::to_json(record(900));
  EXPECT_THAT(json,
              AllOf(HasSubstr("\"session_cost\""), HasSubstr("\"memory_bytes\""), HasSubstr("\"processor_cores\"")));
  report::Record without = record(900);
  without.measured.tracks.erase(without.measured.tracks.begin());
  EXPECT_THAT(report::to_json(without), Not(HasSubstr("session_cost")));
}

TEST_F(CapacityCommandTest, TheSeriesOfAWatchedProcessAreFoundByItsName) {
  report::Record of = record(900);
  of.measured.tracks.push_back(of.measured.tracks[1]);  // The memory of the process that watches.
  for (std::size_t i = 0; i < 3; ++i) {
    of.measured.tracks[i].name.insert(0, "listen.");
  }

  const ProgramResult result = capacity({"--memory", "1124MiB", "--cores", "0.7", write(of)});

  EXPECT_EQ(result.exit_status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("2.0 MiB to 2.0 MiB"));
  EXPECT_THAT(report::to_json(of), HasSubstr("\"processor_cores\""));
}

TEST_F(CapacityCommandTest, ARunThatDoesNotShowItIsRefusedWithTheReason) {
  report::Record same = record(900);
  for (probe::Track& track : same.measured.tracks) {
    if (track.name == "sessions") {
      track.timeline = probe::Series();
      for (int second = 0; second < 600; ++second) {
        track.timeline.add({std::chrono::seconds(second), 0, 5});
      }
    }
  }
  const ProgramResult steady = capacity({"--memory", "1GiB", write(same)});
  EXPECT_EQ(steady.exit_status, 2);
  EXPECT_THAT(steady.output, HasSubstr("the number of sessions (\"sessions\") did not change: open them in steps"));

  report::Record no_cpu = record(900);
  no_cpu.measured.tracks.pop_back();
  const ProgramResult missing = capacity({"--cores", "1", write(no_cpu)});
  EXPECT_EQ(missing.exit_status, 2);
  EXPECT_THAT(missing.output, HasSubstr("the report has no series \"cpu_millicores\""));

  report::Record in_virtual = record(900);
  in_virtual.virtual_clock = true;
  const ProgramResult virtual_time = capacity({"--cores", "1", write(in_virtual)});
  EXPECT_EQ(virtual_time.exit_status, 2);
  EXPECT_THAT(virtual_time.output, HasSubstr("virtual"));

  const ProgramResult named = capacity({"--memory", "1GiB", "--memory-series", "listen.rss", write(record(9))});
  EXPECT_EQ(named.exit_status, 2);
  EXPECT_THAT(named.output, HasSubstr("the report has no series \"listen.rss\""));
}

TEST_F(CapacityCommandTest, BadInputIsExitStatus2AndSaysWhatIsExpected) {
  for (const auto& [arguments, expected] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{}, "expected --memory, --cores or both"},
           {{"--memory", "4.5"}, "expected a size such as 4.5GiB"},
           {{"--memory", "0GiB"}, "expected a size such as 4.5GiB"},
           {{"--cores", "-1"}, "expected a number of processors"},
           {{"--cores", "many"}, "expected a number of processors"},
           {{"--memory", "1GiB"}, "expected a report, or --nodes"},
           {{"--memory", "1GiB", "--cores", "1", "--nodes", "2"}, "--node-memory and --node-cores together"},
           {{"--memory", "1GiB", "--nodes", "2", "--node-memory", "1GiB", "--node-cores", "1"}, "--memory and --cores"},
           {{"--memory", "1GiB", "--cores", "1", "--nodes", "2", "--node-memory", "1GiB", "--node-cores", "1"},
            "expected a report or --pods-max"},
           {{"--memory", "1GiB", "--surge", "2", "x.json"}, "need --nodes"},
           {{"--memory", "1GiB", "/no/such.json"}, "/no/such.json"}}) {
    const ProgramResult result = capacity(arguments);
    EXPECT_EQ(result.exit_status, 2) << result.output;
    EXPECT_THAT(result.output, HasSubstr(expected));
  }
}

}  // namespace
}  // namespace soak::conftest
