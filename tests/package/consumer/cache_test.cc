// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <soak/soak_test.h>

#include <chrono>
#include <map>
#include <string>

namespace {

TEST(Cache, Puts) {
  std::map<int, std::string> cache;
  cache[1] = "one";
  EXPECT_EQ(cache.size(), 1u);
}

SOAK_TEST(Cache, SurvivesChurn) {
  std::map<int, std::string> cache;
  soak::Run run({.duration = std::chrono::seconds{1}});
  for (auto cycle : run) {
    cache[1] = "one";
    cache.clear();
    run.count("puts");
    cycle.quiescent();
  }
  EXPECT_SOAK(run);
}

class Sized : public testing::TestWithParam<std::string> {};

SOAK_TEST_P(Sized, SurvivesChurn) {
  soak::Run run({.duration = std::chrono::seconds{1}});
  for (auto cycle : run) {
    run.count(GetParam());
    cycle.quiescent();
  }
  EXPECT_SOAK(run);
}
SOAK_INSTANTIATE_TEST_SUITE_P(Cache, Sized, testing::Values("a; b", "[c]"));
SOAK_INSTANTIATE_TEST_SUITE_P(DISABLED_Cache, Sized, testing::Values("never"));

}  // namespace
