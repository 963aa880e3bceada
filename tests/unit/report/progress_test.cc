// SPDX-License-Identifier: Apache-2.0
#include "soak/report/progress.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace soak::report {
namespace {

using namespace std::chrono_literals;

// What a Progress wrote, asked once a second for `asked`.
std::string shown(bool terminal, std::chrono::nanoseconds asked, const char* words = "cycles=1") {
  char* text = nullptr;
  std::size_t size = 0;
  std::FILE* file = ::open_memstream(&text, &size);
  Progress progress(file, terminal, asked);
  for (std::chrono::nanoseconds now = 0s; now <= asked; now += 1s) {
    if (progress.due(now)) {
      progress.show("T", now, words);
    }
  }
  progress.clear();
  std::fclose(file);
  std::string result(text, size);
  std::free(text);
  return result;
}

TEST(ProgressTest, IsALineAMinuteWithoutATerminal) {
  EXPECT_EQ(shown(false, 5min),
            "[T] 00:01:00 of 00:05:00, 00:04:00 left: cycles=1\n[T] 00:02:00 of 00:05:00, 00:03:00 left: cycles=1\n"
            "[T] 00:03:00 of 00:05:00, 00:02:00 left: cycles=1\n[T] 00:04:00 of 00:05:00, 00:01:00 left: cycles=1\n");
}

TEST(ProgressTest, AShortRunStillShowsThatItIsAlive) {
  EXPECT_EQ(shown(false, 30s),
            "[T] 00:00:10 of 00:00:30, 00:00:20 left: cycles=1\n[T] 00:00:20 of 00:00:30, 00:00:10 left: cycles=1\n");
  EXPECT_EQ(shown(false, 5s), "");
}

TEST(ProgressTest, OfARunWithoutADurationSaysHowLongItHasLasted) {
  char* text = nullptr;
  std::size_t size = 0;
  std::FILE* file = ::open_memstream(&text, &size);
  Progress progress(file, false, 0s);

  EXPECT_FALSE(progress.due(59s));
  EXPECT_TRUE(progress.due(60s));
  progress.show("T", 60s, "seconds=60");

  std::fclose(file);
  EXPECT_EQ(std::string(text, size), "[T] 00:01:00: seconds=60\n");
  std::free(text);
}

TEST(ProgressTest, ShowsNoTextFromOutsideAsItCame) {
  EXPECT_EQ(shown(true, 2s, "a\n[  SKIPPED ]\x1b[2J"),
            "\r[T] 00:00:01 of 00:00:02, 00:00:01 left: a\\n[SKIPPED]\\x1b[2J\033[K\r\033[K");
}

TEST(ProgressTest, RewritesOneLineOnATerminalAndTakesItAway) {
  EXPECT_EQ(shown(true, 3s),
            "\r[T] 00:00:01 of 00:00:03, 00:00:02 left: cycles=1\033[K"
            "\r[T] 00:00:02 of 00:00:03, 00:00:01 left: cycles=1\033[K\r\033[K");
}

}  // namespace
}  // namespace soak::report
