// SPDX-License-Identifier: Apache-2.0
#include "soak/backoff.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <set>

namespace soak {
namespace {

using namespace std::chrono_literals;

TEST(BackoffTest, DoublesUpToItsBoundAndNeverComesBackAtOnce) {
  std::mt19937_64 random(1);
  for (int client = 0; client < 100; ++client) {
    Backoff backoff({.initial = 100ms, .max = 1s});
    for (const auto ceiling : {100ms, 200ms, 400ms, 800ms, 1000ms, 1000ms, 1000ms}) {
      const auto delay = backoff.next(random);
      EXPECT_GE(delay, ceiling / 10);
      EXPECT_LE(delay, ceiling);
    }
  }
}

TEST(BackoffTest, ResetBeginsAgain) {
  std::mt19937_64 random(1);
  Backoff backoff({.initial = 100ms, .max = 1h});
  for (int i = 0; i < 10; ++i) {
    backoff.next(random);
  }

  backoff.reset();

  EXPECT_LE(backoff.next(random), 100ms);
}

// Full jitter: as many in each tenth of the time, but for the first.
TEST(BackoffTest, ThoseThatFailTogetherComeBackSpreadOverTheWholeTime) {
  std::array<int, 10> tenths{};
  std::mt19937_64 random(1);
  for (int client = 0; client < 9000; ++client) {
    const auto delay = Backoff({.initial = 1s}).next(random);
    ++tenths.at(static_cast<std::size_t>(std::min(delay / 100ms, 9L)));
  }

  EXPECT_EQ(tenths[0], 0);
  for (std::size_t i = 1; i < tenths.size(); ++i) {
    EXPECT_NEAR(tenths[i], 1000, 150) << i;
  }
}

TEST(BackoffTest, ThoseThatFailTogetherDoNotComeBackTogether) {
  std::set<std::chrono::nanoseconds> delays;
  std::mt19937_64 random(1);
  for (int client = 0; client < 100; ++client) {
    delays.insert(Backoff({.initial = 1s}).next(random));
  }

  EXPECT_GT(delays.size(), 95u);
}

}  // namespace
}  // namespace soak
