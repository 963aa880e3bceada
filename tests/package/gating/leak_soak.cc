// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <soak/soak_test.h>

#include <chrono>
#include <memory>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;

// 64 KiB of every cycle stay, of which there are a hundred a second.
SOAK_TEST(Records, Leak) {
  std::vector<std::unique_ptr<std::vector<char>>> kept;
  soak::Run run({.duration = 3s, .heap_per_cycle_max = 16 * soak::kKiB});
  for (auto cycle : run) {
    kept.push_back(std::make_unique<std::vector<char>>(64 * soak::kKiB, 'x'));
    run.count("records");
    std::this_thread::sleep_for(10ms);
    cycle.quiescent();
  }
  EXPECT_SOAK(run);
}

}  // namespace
