// SPDX-License-Identifier: Apache-2.0
#include "lib/run/file_lock.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "conftest/scratch_folder.h"
#include "soak/error.h"

namespace soak {
namespace {

class FileLockTest : public testing::Test {
 protected:
  std::string path() const { return folder_ + "/day.json"; }

  const conftest::ScratchFolder scratch_;
  const std::string folder_ = scratch_ / "locks";
};

TEST_F(FileLockTest, OneHoldsItAtATime) {
  std::optional<FileLock> first = FileLock::take(path());
  ASSERT_TRUE(first);
  EXPECT_FALSE(FileLock::take(path()));

  first.reset();

  EXPECT_TRUE(FileLock::take(path()));
}

TEST_F(FileLockTest, NamesTheProcessThatHoldsIt) {
  EXPECT_FALSE(FileLock::holder(path()));
  EXPECT_FALSE(FileLock::is_held_here(path()));

  std::optional<FileLock> lock = FileLock::take(path());

  EXPECT_EQ(FileLock::holder(path()), ::getpid());
  EXPECT_TRUE(FileLock::is_held_here(path()));
  lock.reset();
  EXPECT_FALSE(FileLock::is_held_here(path()));
}

TEST_F(FileLockTest, LeavesNoFileBehind) {
  FileLock::take(path()).reset();

  EXPECT_TRUE(std::filesystem::exists(folder_));
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

TEST_F(FileLockTest, AFileThatADeadProcessLeftIsNoLock) {
  std::filesystem::create_directories(folder_);
  std::ofstream(path() + ".lock");

  EXPECT_TRUE(FileLock::take(path()));
}

TEST_F(FileLockTest, APlaceThatCannotBeWrittenIsNamed) {
  std::ofstream(folder_) << "a file where a directory is needed";

  EXPECT_THROW(
      {
        try {
          FileLock::take(path());
        } catch (const Error& error) {
          EXPECT_EQ(error.code(), Errc::kSystem);
          EXPECT_NE(std::string(error.what()).find(folder_), std::string::npos) << error.what();
          throw;
        }
      },
      Error);
}

}  // namespace
}  // namespace soak
