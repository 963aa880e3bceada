// SPDX-License-Identifier: Apache-2.0
#include "soak/backoff.h"

#include <gtest/gtest.h>

#include <set>

namespace soak {
namespace {

using namespace std::chrono_literals;

TEST(BackoffTest, DoublesUpToItsBoundWithJitterInTheUpperHalf) {
  std::mt19937_64 random(1);
  Backoff backoff({.initial = 100ms, .max = 1s});

  for (const auto ceiling : {100ms, 200ms, 400ms, 800ms, 1000ms, 1000ms, 1000ms}) {
    const auto delay = backoff.next(random);
    EXPECT_GE(delay, ceiling / 2);
    EXPECT_LE(delay, ceiling);
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
