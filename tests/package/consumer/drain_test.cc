// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <soak/event_loop.h>
#include <soak/matchers.h>
#include <soak/task.h>

#include <chrono>

namespace {

using namespace std::chrono_literals;

TEST(Drain, EndsClean) {
  soak::VirtualLoop loop;
  soak::TaskGroup group(loop);
  group.start("pause", soak::sleep_for(1s));

  const soak::DrainResult result = loop.run(soak::drain(group, {.timeout = 5s}));

  EXPECT_THAT(result, soak::DrainedClean());
}

}  // namespace
