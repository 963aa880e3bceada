// SPDX-License-Identifier: Apache-2.0
#include "lib/voice/playback.h"

#include <gtest/gtest.h>

#include <chrono>

namespace soak::voice {
namespace {

using namespace std::chrono_literals;

constexpr Instant kStart{};

class PlaybackTest : public testing::Test {
 protected:
  Playback playback_{48'000};  // A millisecond is 48 bytes.
};

TEST_F(PlaybackTest, AudioThatCameAtOnceIsPlayedAtItsPace) {
  playback_.add("a", 48'000, kStart);
  playback_.add("a", 48'000, kStart + 10ms);

  const auto cut = playback_.stop(kStart + 700ms);

  ASSERT_EQ(cut.size(), 1u);
  EXPECT_EQ(cut[0].item_id, "a");
  EXPECT_EQ(cut[0].ms, 700);
}

TEST_F(PlaybackTest, TimeInWhichAnItemHadNoAudioIsNotPlayed) {
  playback_.add("a", 4'800, kStart);
  playback_.add("a", 48'000, kStart + 500ms);  // 400 ms after it had run out.

  const auto cut = playback_.stop(kStart + 600ms);

  ASSERT_EQ(cut.size(), 1u);
  EXPECT_EQ(cut[0].ms, 200);
}

TEST_F(PlaybackTest, ItemWaitsForTheOneBefore) {
  playback_.add("a", 48'000, kStart);
  playback_.add("b", 48'000, kStart + 100ms);

  const auto cut = playback_.stop(kStart + 300ms);

  ASSERT_EQ(cut.size(), 2u);
  EXPECT_EQ(cut[0].ms, 300);
  EXPECT_EQ(cut[1].item_id, "b");
  EXPECT_EQ(cut[1].ms, 0);
}

TEST_F(PlaybackTest, WhatHasBeenPlayedIsNotCut) {
  playback_.add("a", 48'000, kStart);
  EXPECT_TRUE(playback_.stop(kStart + 1s).empty());

  playback_.add("b", 48'000, kStart + 2s);
  playback_.add("c", 48'000, kStart + 2s);
  const auto cut = playback_.stop(kStart + 3500ms);
  ASSERT_EQ(cut.size(), 1u);
  EXPECT_EQ(cut[0].item_id, "c");
  EXPECT_EQ(cut[0].ms, 500);
  EXPECT_TRUE(playback_.stop(kStart + 3500ms).empty());  // It is gone.
}

}  // namespace
}  // namespace soak::voice
