// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "conftest/scratch_folder.h"
#include "soak/audio/file.h"
#include "soak/error.h"

namespace soak::audio {
namespace {

using testing::HasSubstr;

class RecordingTest : public testing::Test {
 protected:
  static std::vector<std::byte> some_pcm(std::size_t samples) {
    std::vector<std::byte> pcm;
    for (std::size_t i = 0; i < 2 * samples; ++i) {
      pcm.push_back(static_cast<std::byte>(i * 7));
    }
    return pcm;
  }

  const conftest::ScratchFolder folder_;
  const std::string path_ = folder_ / "heard.wav";
};

TEST_F(RecordingTest, WhatWasAppendedIsReadBack) {
  const std::vector<std::byte> pcm = some_pcm(1000);
  {
    Recording recording(path_, 24'000);
    recording.append(std::span(pcm).first(500));
    recording.append(std::span(pcm).subspan(500));
  }

  EXPECT_EQ(read_file(path_, 24'000).bytes, pcm);
}

TEST_F(RecordingTest, CanBePlayedBeforeItIsClosed) {
  const std::vector<std::byte> pcm = some_pcm(1000);
  Recording recording(path_, 16'000);
  recording.append(pcm);

  EXPECT_EQ(read_file(path_, 16'000).bytes, pcm);
}

TEST_F(RecordingTest, HalfASampleIsRefusedAndNothingIsLost) {
  const std::vector<std::byte> pcm = some_pcm(10);
  Recording recording(path_, 24'000);
  recording.append(pcm);

  EXPECT_THROW(recording.append(std::span(pcm).first(3)), Error);

  EXPECT_EQ(read_file(path_, 24'000).bytes, pcm);
}

TEST_F(RecordingTest, APathThatCannotBeWrittenIsNamed) {
  try {
    const Recording recording("/proc/nowhere/heard.wav", 24'000);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::kSystem);
    EXPECT_THAT(error.what(), HasSubstr("/proc/nowhere/heard.wav: "));
  }
}

}  // namespace
}  // namespace soak::audio
