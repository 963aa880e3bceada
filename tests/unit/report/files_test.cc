// SPDX-License-Identifier: Apache-2.0
#include "soak/report/files.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "conftest/scratch_folder.h"
#include "conftest/subprocess.h"
#include "sample_record.h"
#include "soak/error.h"

namespace soak::report {
namespace {

TEST(FilesTest, ThePathNamesTheTestAndTheMode) {
  Record record = a_record();

  EXPECT_EQ(report_path(record, "out", ".json"), "out/Soak-Voice.OpenAiRealtime-virtual.json");
  record.mode = "real";
  EXPECT_EQ(report_path(record, "out", ".html"), "out/Soak-Voice.OpenAiRealtime.html");
}

TEST(FilesTest, WritingMakesTheDirectoriesAndReplacesTheFile) {
  const conftest::ScratchFolder folder;
  const std::string path = folder / "a/b/report.json";

  EXPECT_EQ(write_file(path, "old and longer"), "");
  EXPECT_EQ(write_file(path, "new"), "");

  EXPECT_EQ(conftest::read_file(path), "new");
}

TEST(FilesTest, TryingLeavesOnlyTheDirectoriesBehind) {
  const conftest::ScratchFolder scratch;

  EXPECT_EQ(try_file(scratch / "a/b.json"), "");

  EXPECT_TRUE(std::filesystem::is_empty(scratch / "a"));
}

TEST(FilesTest, TryingFindsWhatWritingWould) {
  const conftest::ScratchFolder scratch;
  const std::string occupied = scratch / "occupied";
  write_file(occupied, "a file where a directory is needed");
  std::filesystem::create_directories(scratch / "page.html");

  EXPECT_NE(try_file(occupied + "/b.json").find(occupied + "/b.json: "), std::string::npos);
  EXPECT_NE(try_file("/proc/b.json").find("/proc/b.json: "), std::string::npos);
  EXPECT_EQ(try_file(scratch / "page.html"), scratch / "page.html" + ": Is a directory");
}

TEST(FilesTest, AFileThatCannotBeReadIsNamed) {
  EXPECT_THROW(read_file("/nowhere/report.json"), Error);
  EXPECT_THROW(read_file("/proc"), Error);
  EXPECT_EQ(read_file("/proc/sys/kernel/ostype"), "Linux\n");
}

TEST(FilesTest, AFileThatCannotBeWrittenIsNamed) {
  EXPECT_EQ(write_file("/proc/nowhere/report.json", "text").find("/proc/nowhere/report.json: "), 0u);
}

}  // namespace
}  // namespace soak::report
