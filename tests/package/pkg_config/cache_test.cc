// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <soak/soak_test.h>

#include <chrono>
#include <map>
#include <string>

namespace {

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

}  // namespace
