// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <source_location>
#include <string>
#include <vector>

#include "failure_text.h"
#include "soak/event.h"
#include "soak/event_loop.h"
#include "soak/matchers.h"
#include "soak/task.h"

namespace soak {
namespace {

using namespace std::chrono_literals;
using testing::Each;
using testing::Not;

TEST(DrainedCleanTest, MatchesADrainInWhichEveryTaskEndedByItself) {
  VirtualLoop loop;
  TaskGroup group(loop);
  group.start("short", sleep_for(1s));

  const DrainResult result = loop.run(drain(group, {.timeout = 5s}));

  EXPECT_THAT(result, DrainedClean());
  EXPECT_THAT(std::vector{result}, Each(DrainedClean()));
  EXPECT_EQ(failure_text(result, Not(DrainedClean())),
            "Value of: value\n"
            "Expected: did not drain clean\n"
            "  Actual: {completed 1, cancelled 0, forced 0, failed 0} (of type soak::DrainResult), "
            "which completed 1 task");
}

TEST(DrainedCleanTest, SaysWhatWasCancelled) {
  VirtualLoop loop;
  TaskGroup group(loop);
  group.start("short", sleep_for(1s));
  group.start("long", sleep_for(1h));
  group.start("longer", sleep_for(2h));

  const DrainResult result = loop.run(drain(group, {.timeout = 5s}));

  EXPECT_THAT(result, Not(DrainedClean()));
  EXPECT_EQ(failure_text(result, DrainedClean()),
            "Value of: value\n"
            "Expected: drained clean\n"
            "  Actual: {completed 1, cancelled 2, forced 0, failed 0} (of type soak::DrainResult), "
            "which cancelled 2 tasks");
}

TaskReport blocking_call() { return {"upload-4", "thread", std::source_location::current(), Instant(12500ms)}; }

TEST(DrainedCleanTest, SaysEverythingThatWentWrong) {
  DrainResult result;
  result.completed = 3;
  result.cancelled = 2;
  result.forced = 1;
  result.failed = 1;
  result.unresponsive = {blocking_call(), blocking_call()};

  EXPECT_EQ(failure_text(result, DrainedClean()),
            "Value of: value\n"
            "Expected: drained clean\n"
            "  Actual: {completed 3, cancelled 2, forced 1, failed 1} (of type soak::DrainResult), "
            "which cancelled 2 tasks, forced 1, saw 1 fail and left 2 blocking calls running: " +
                to_string(blocking_call()) + "; " + to_string(blocking_call()));
}

TEST(DrainedCleanTest, EachThingThatWentWrongIsEnough) {
  for (std::size_t DrainResult::*count : {&DrainResult::cancelled, &DrainResult::forced, &DrainResult::failed}) {
    DrainResult result;
    result.*count = 1;
    EXPECT_THAT(result, Not(DrainedClean()));
  }
  DrainResult result;
  result.unresponsive = {blocking_call()};
  EXPECT_THAT(result, Not(DrainedClean()));
}

}  // namespace
}  // namespace soak
