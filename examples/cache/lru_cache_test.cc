// SPDX-License-Identifier: Apache-2.0
#include "lru_cache.h"

#include <gtest/gtest.h>
#include <soak/soak_test.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <thread>

namespace {

using namespace std::chrono_literals;

TEST(LruCache, ForgetsTheEntryThatWasNotUsedForLongest) {
  LruCache cache(2);
  cache.put("a", "1");
  cache.put("b", "2");
  cache.get("a");
  cache.put("c", "3");

  EXPECT_EQ(cache.get("a"), "1");
  EXPECT_EQ(cache.get("b"), std::nullopt);
  EXPECT_EQ(cache.get("c"), "3");
  EXPECT_EQ(cache.size(), 2u);
}

TEST(LruCache, ReplacesAValue) {
  LruCache cache(2);
  cache.put("a", "1");
  cache.put("a", "2");

  EXPECT_EQ(cache.get("a"), "2");
  EXPECT_EQ(cache.size(), 1u);
}

// The unit tests above pass with CACHE_LEAK=1 too: size() is right. This one fails.
SOAK_TEST(LruCache, SurvivesChurn) {
  LruCache cache(1000, std::getenv("CACHE_LEAK") == nullptr);
  soak::Run run;
  std::mt19937_64 random(run.seed());
  for (auto cycle : run) {
    for (int i = 0; i < 1000; ++i) {
      cache.put("user:" + std::to_string(random()), std::string(100, 'x'));
      run.count("puts");
    }
    std::this_thread::sleep_for(10ms);
    cycle.quiescent();  // What the process holds now is compared with the other cycles.
  }
  EXPECT_SOAK(run);
}

}  // namespace
