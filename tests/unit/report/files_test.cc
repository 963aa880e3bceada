// SPDX-License-Identifier: Apache-2.0
#include "soak/report/files.h"

#include <gtest/gtest.h>

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
