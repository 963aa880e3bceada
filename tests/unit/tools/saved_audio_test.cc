// SPDX-License-Identifier: Apache-2.0
#include "saved_audio.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <array>
#include <csignal>
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "conftest/scratch_folder.h"
#include "soak/audio/file.h"

namespace soak::tools {
namespace {

class SavedAudioTest : public testing::Test {
 protected:
  const conftest::ScratchFolder folder_;
  const std::string path_ = folder_ / "saved.wav";
};

TEST_F(SavedAudioTest, HalfASampleWaitsForTheNextPiece) {
  constexpr std::array kBytes{std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}, std::byte{5}};
  {
    SavedAudio saved(path_, 24'000);
    saved.take(std::span(kBytes).first(1));
    saved.take(std::span(kBytes).subspan(1, 2));
    saved.take(std::span(kBytes).subspan(3));
    EXPECT_EQ(saved.error(), "");
  }

  EXPECT_THAT(audio::read_file(path_, 24'000).bytes, testing::ElementsAreArray(std::span(kBytes).first(4)));
}

TEST_F(SavedAudioTest, WhatCannotBeWrittenIsNamedAndEndsTheRecording) {
  std::signal(SIGXFSZ, SIG_IGN);  // Then the write fails instead.
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  SavedAudio saved(path_, 24'000);
  rlimit tight = before;
  tight.rlim_cur = 100'000;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &tight), 0);

  const std::vector<std::byte> second(48'000);
  for (int i = 0; i < 10; ++i) {
    saved.take(second);
  }
  const std::string first_error = saved.error();
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  saved.take(second);

  EXPECT_THAT(first_error, testing::HasSubstr("audio file " + path_));
  EXPECT_EQ(saved.error(), first_error);
  EXPECT_LE(std::filesystem::file_size(path_), 100'000u);
}

}  // namespace
}  // namespace soak::tools
