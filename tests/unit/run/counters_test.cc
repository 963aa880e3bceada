// SPDX-License-Identifier: Apache-2.0
#include "lib/run/counters.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <thread>
#include <vector>

namespace soak {
namespace {

TEST(CountersTest, AreKeptInOrderOfFirstUse) {
  Counters counters;

  counters.add("sent", 2);
  counters.add("ok", 1);
  counters.add("sent", 3);

  const auto all = counters.all();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].name, "sent");
  EXPECT_EQ(all[0].value, 5u);
  EXPECT_EQ(all[1].name, "ok");
  EXPECT_EQ(counters.value("never"), 0u);
}

TEST(CountersTest, AreReadInTheSameOrder) {
  Counters counters;
  std::array<probe::OperationCount, Counters::kCountersMax> counts;
  EXPECT_EQ(counters.read(counts), 0u);

  counters.add("sent", 2);
  counters.add("ok", 1);

  ASSERT_EQ(counters.read(counts), 2u);
  EXPECT_EQ(counts[0].name, "sent");
  EXPECT_EQ(counts[0].count, 2u);
  EXPECT_EQ(counts[1].name, "ok");
}

TEST(CountersTest, ThreadsMayAddAtOnce) {
  Counters counters;
  std::vector<std::thread> threads;

  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&counters, i] {
      for (int n = 0; n < 10'000; ++n) {
        counters.add("all", 1);
        counters.add("thread-" + std::to_string(i), 1);
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }

  EXPECT_EQ(counters.value("all"), 40'000u);
  EXPECT_EQ(counters.value("thread-3"), 10'000u);
}

TEST(CountersDeathTest, ANameForEachUserAborts) {
  Counters counters;
  for (std::size_t i = 0; i < Counters::kCountersMax; ++i) {
    counters.add("user-" + std::to_string(i), 1);
  }

  EXPECT_DEATH(counters.add("user-32", 1), "'user-32' would be counter 33; the limit is 32 names");
}

}  // namespace
}  // namespace soak
