// SPDX-License-Identifier: Apache-2.0
#include "soak/detail/frame_cache.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <thread>
#include <vector>

#include "soak/event_loop.h"
#include "soak/gather.h"
#include "soak/task.h"

namespace soak::detail {
namespace {

class FrameCacheTest : public testing::Test {
 protected:
  FrameCacheTest() {
    release_frames();
    void* const frame = allocate_frame(64);
    free_frame(frame, 64);
    kept_ = kept_frame_bytes() > 0;
    release_frames();
  }
  ~FrameCacheTest() override {
    keep_frames(true);
    release_frames();
  }

  bool kept_ = false;  // Not under a sanitizer.
};

#define SKIP_WHERE_NOTHING_IS_KEPT() \
  if (!kept_)                        \
  GTEST_SKIP() << "under a sanitizer each frame comes from operator new"

TEST_F(FrameCacheTest, GivesAFreedFrameToTheNextOneOfItsSize) {
  SKIP_WHERE_NOTHING_IS_KEPT();
  void* const first = allocate_frame(100);
  free_frame(first, 100);
  EXPECT_EQ(kept_frame_bytes(), 104u);

  void* const other_size = allocate_frame(200);
  void* const second = allocate_frame(97);

  EXPECT_EQ(second, first);
  EXPECT_NE(other_size, first);
  EXPECT_EQ(kept_frame_bytes(), 0u);
  free_frame(second, 97);
  free_frame(other_size, 200);
}

TEST_F(FrameCacheTest, ReleasesAllThatItKeeps) {
  SKIP_WHERE_NOTHING_IS_KEPT();
  std::vector<void*> frames;
  for (std::size_t size = 1; size <= 700; ++size) {
    frames.push_back(allocate_frame(size));
  }
  for (std::size_t size = 1; size <= 700; ++size) {
    free_frame(frames[size - 1], size);
  }
  EXPECT_GT(kept_frame_bytes(), 0u);

  release_frames();

  EXPECT_EQ(kept_frame_bytes(), 0u);
}

TEST_F(FrameCacheTest, KeepsNoMoreThanItsBound) {
  SKIP_WHERE_NOTHING_IS_KEPT();
  constexpr std::size_t kSize = 512 - 8;
  constexpr std::size_t kBound = std::size_t{16} << 20U;
  std::vector<void*> frames;
  for (std::size_t bytes = 0; bytes < 2 * kBound; bytes += kSize) {
    frames.push_back(allocate_frame(kSize));
  }

  for (void* const frame : frames) {
    free_frame(frame, kSize);
  }

  EXPECT_LE(kept_frame_bytes(), kBound + kSize);
  EXPECT_GT(kept_frame_bytes(), kBound - kSize);
}

TEST_F(FrameCacheTest, ALargeFrameIsNotKept) {
  free_frame(allocate_frame(100'000), 100'000);

  EXPECT_EQ(kept_frame_bytes(), 0u);
}

TEST_F(FrameCacheTest, KeepsNothingWhileItIsOff) {
  void* const before = allocate_frame(64);
  keep_frames(false);

  free_frame(before, 64);

  EXPECT_EQ(kept_frame_bytes(), 0u);
}

TEST_F(FrameCacheTest, AFrameMayBeFreedByAnotherThread) {
  void* const frame = allocate_frame(64);
  std::size_t kept_there = 0;

  std::thread([&] {
    free_frame(frame, 64);
    kept_there = kept_frame_bytes();
  }).join();

  EXPECT_EQ(kept_there, kept_ ? 72u : 0u);
  EXPECT_EQ(kept_frame_bytes(), 0u);
}

Task<int> one() {
  co_await yield();
  co_return 1;
}

TEST_F(FrameCacheTest, TheFramesOfTasksComeFromIt) {
  SKIP_WHERE_NOTHING_IS_KEPT();
  {
    VirtualLoop loop;
    std::vector<Task<int>> tasks;
    for (int i = 0; i < 1'000; ++i) {
      tasks.push_back(one());
    }

    loop.run(gather(std::move(tasks)));

    EXPECT_GT(kept_frame_bytes(), 64'000u);
  }
  EXPECT_EQ(kept_frame_bytes(), 0u) << "a loop that is gone leaves nothing behind";
}

}  // namespace
}  // namespace soak::detail
