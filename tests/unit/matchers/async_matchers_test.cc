// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <source_location>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "failure_text.h"
#include "soak/error.h"
#include "soak/event_loop.h"
#include "soak/gather.h"
#include "soak/matchers.h"
#include "soak/supervise.h"
#include "soak/task.h"

namespace soak {
namespace {

using namespace std::chrono_literals;
using testing::_;
using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

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

TEST(EndedByTest, MatchesTheReason) {
  const SupervisorExit crash{ExitReason::kCrash, "session-3", nullptr, "connection reset"};

  EXPECT_THAT(crash, EndedBy(ExitReason::kCrash));
  EXPECT_EQ(failure_text(crash, Not(EndedBy(ExitReason::kCrash))),
            "Value of: value\n"
            "Expected: did not end by crash\n"
            "  Actual: crash (of type soak::SupervisorExit), which came from session-3: connection reset");
}

TEST(EndedByTest, SaysWhoEndedItInstead) {
  const SupervisorExit disconnect{ExitReason::kDisconnect, "receive", nullptr, ""};
  const SupervisorExit all_done{ExitReason::kAllDone, "", nullptr, ""};

  EXPECT_EQ(failure_text(disconnect, EndedBy(ExitReason::kLifetimeDone)),
            "Value of: value\n"
            "Expected: ended by lifetime_done\n"
            "  Actual: disconnect (of type soak::SupervisorExit), which came from receive");
  EXPECT_EQ(failure_text(all_done, EndedBy(ExitReason::kDisconnect)),
            "Value of: value\n"
            "Expected: ended by disconnect\n"
            "  Actual: all_done (of type soak::SupervisorExit), with no task left");
}

TEST(EndedByTest, MatchesWhatSuperviseReturns) {
  VirtualLoop loop;
  TaskGroup group(loop);
  group.start("receive", sleep_for(1s), TaskKind::kReceive);

  const SupervisorExit exit = loop.run(supervise(group));

  EXPECT_THAT(exit, EndedBy(ExitReason::kDisconnect));
}

Task<int> returns() {
  co_await sleep_for(1ms);
  co_return 42;
}
Task<int> throws(const char* what) {
  co_await sleep_for(1ms);
  throw std::runtime_error(what);
}
Task<int> hangs() {
  co_await sleep_for(1h);
  co_return 0;
}
Task<int> is_cancelled() {
  co_await sleep_for(1ms);
  throw Cancelled{};
}

class GatherMatchersTest : public testing::Test {
 protected:
  GatherMatchersTest() {
    std::vector<Task<int>> tasks;
    tasks.push_back(returns());
    tasks.push_back(throws("connection reset"));
    tasks.push_back(hangs());
    tasks.push_back(is_cancelled());
    results_ = loop_.run(gather(std::move(tasks), {.timeout = 1s}));
  }

  VirtualLoop loop_;
  std::vector<GatherResult<int>> results_;
};

TEST_F(GatherMatchersTest, TimedOutMatchesATimeoutAlone) {
  EXPECT_THAT(results_, ElementsAre(Not(TimedOut()), Not(TimedOut()), TimedOut(), Not(TimedOut())));
}

TEST_F(GatherMatchersTest, TimedOutSaysWhatCameInstead) {
  EXPECT_THAT(failure_text(results_[0], TimedOut()),
              AllOf(StartsWith("Value of: value\nExpected: timed out\n  Actual: value"), Not(HasSubstr("which"))));
  EXPECT_THAT(failure_text(results_[1], TimedOut()),
              AllOf(StartsWith("Value of: value\nExpected: timed out\n  Actual: failed"),
                    EndsWith(", which threw: connection reset")));
  EXPECT_THAT(failure_text(results_[2], Not(TimedOut())),
              StartsWith("Value of: value\nExpected: did not time out\n  Actual: timed out"));
  EXPECT_THAT(failure_text(results_[3], TimedOut()),
              StartsWith("Value of: value\nExpected: timed out\n  Actual: cancelled"));
}

TEST_F(GatherMatchersTest, FailedWithMatchesTheMessageOfAFailure) {
  EXPECT_THAT(results_,
              ElementsAre(Not(FailedWith(_)), FailedWith("connection reset"), Not(FailedWith("")), Not(FailedWith(_))));
  EXPECT_THAT(results_[1], AllOf(FailedWith(HasSubstr("reset")), Not(FailedWith("reset"))));
}

TEST_F(GatherMatchersTest, FailedWithSaysWhatWasThrownInstead) {
  EXPECT_THAT(failure_text(results_[1], FailedWith(HasSubstr("closed"))),
              AllOf(StartsWith("Value of: value\n"
                               "Expected: failed with a message that has substring \"closed\"\n"
                               "  Actual: failed"),
                    EndsWith(", which threw: connection reset")));
  EXPECT_THAT(failure_text(results_[1], Not(FailedWith(HasSubstr("reset")))),
              StartsWith("Value of: value\n"
                         "Expected: did not fail with a message that has substring \"reset\"\n"));
  EXPECT_THAT(failure_text(results_[0], FailedWith("")),
              StartsWith("Value of: value\n"
                         "Expected: failed with a message that is equal to \"\"\n"
                         "  Actual: value"));
}

}  // namespace
}  // namespace soak
