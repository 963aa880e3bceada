// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "conftest/captured_log.h"
#include "sample_tasks.h"
#include "soak/event.h"
#include "soak/run_blocking.h"
#include "soak/task.h"
#include "witness.h"

namespace soak {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""s;

class DrainTest : public testing::Test {
 protected:
  int alive_ = 0;
  int swallowed_ = 0;
  bool unwound_ = false;
  VirtualLoop loop_;

  Task<> stubborn() {
    const Witness witness(alive_);
    for (;;) {
      try {
        co_await sleep_for(1h);
      } catch (const Cancelled&) {
        ++swallowed_;
      }
    }
  }

  // Needs `time` to unwind.
  Task<> slow(std::chrono::nanoseconds time) {
    const Witness witness(alive_);
    try {
      co_await sleep_for(1h);
    } catch (const Cancelled&) {
    }
    co_await sleep_for(time);
    unwound_ = true;
  }
};

using DrainDeathTest = DrainTest;

TEST_F(DrainTest, CancelsTasksStillRunningAtTheTimeout) {
  TaskGroup group(loop_);
  group.start("short", sleep_for(1s));
  group.start("long", sleep_for(1h));

  const DrainResult result = loop_.run(drain(group, {.timeout = 5s}));

  EXPECT_EQ(result.completed, 1u);
  EXPECT_EQ(result.cancelled, 1u);
  EXPECT_EQ(result.forced, 0u);
  EXPECT_FALSE(result.clean());
  EXPECT_EQ(loop_.elapsed(), 5s);
}

TEST_F(DrainTest, EndsWithTheLastTask) {
  TaskGroup group(loop_);
  group.start("a", sleep_for(1s));
  group.start("b", sleep_for(2s));

  const DrainResult result = loop_.run(drain(group));

  EXPECT_EQ(result.completed, 2u);
  EXPECT_TRUE(result.clean());
  EXPECT_EQ(loop_.elapsed(), 2s);
}

TEST_F(DrainTest, OfAnEmptyGroupTakesNoTime) {
  TaskGroup group(loop_);

  EXPECT_TRUE(loop_.run(drain(group)).clean());
  EXPECT_EQ(loop_.elapsed(), 0s);
}

TEST_F(DrainTest, CountsATaskThatEndsAtTheVeryTimeoutAsCompleted) {
  TaskGroup group(loop_);
  group.start("a", sleep_for(5s));
  loop_.run(yield());

  const DrainResult result = loop_.run(drain(group, {.timeout = 5s}));

  EXPECT_EQ(result.completed, 1u);
  EXPECT_TRUE(result.clean());
}

TEST_F(DrainTest, WaitsTheGraceForTasksThatUnwind) {
  TaskGroup group(loop_);
  group.start("slow", slow(3s));

  const DrainResult result = loop_.run(drain(group, {.timeout = 10s, .grace = 4s}));

  EXPECT_EQ(result.cancelled, 1u);
  EXPECT_TRUE(unwound_);
  EXPECT_EQ(loop_.elapsed(), 13s);
}

TEST_F(DrainTest, DestroysWhatOutlastsTheGrace) {
  TaskGroup group(loop_);
  group.start("slow", slow(6s));
  group.start("stubborn", stubborn());
  group.start("polite", sleep_for(1h));

  const DrainResult result = loop_.run(drain(group, {.timeout = 10s, .grace = 5s}));

  EXPECT_EQ(result.cancelled, 1u);
  EXPECT_EQ(result.forced, 2u);
  EXPECT_EQ(swallowed_, 1);
  EXPECT_FALSE(unwound_);
  EXPECT_EQ(alive_, 0);
  EXPECT_TRUE(group.empty());
  EXPECT_EQ(loop_.live_tasks(), 0u);
  EXPECT_EQ(loop_.elapsed(), 15s);
}

TEST_F(DrainTest, NeverOutlastsTimeoutAndGraceWhateverTheyAre) {
  for (const bool shuffle : {false, true}) {
    for (const auto timeout : {-1s, 0s, 7s}) {
      for (const auto grace : {-1s, 0s, 3s}) {
        VirtualLoop loop({.shuffle = shuffle});
        TaskGroup group(loop);
        group.start("stubborn", stubborn());
        group.start("polite", sleep_for(1h));
        loop.run(sleep_for(1s));

        const DrainResult result = loop.run(drain(group, {.timeout = timeout, .grace = grace}));

        EXPECT_EQ(result.cancelled, 1u);
        EXPECT_EQ(result.forced, 1u);
        EXPECT_EQ(alive_, 0);
        EXPECT_EQ(loop.elapsed(), 1s + std::max(timeout, 0s) + std::max(grace, 0s));
      }
    }
  }
}

// Where the order is shuffled, drain() may come before the tasks that it cancelled.
TEST_F(DrainTest, GivesEachTaskTheTurnItIsDueAlsoWithoutAnyGrace) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    VirtualLoop loop({.seed = seed, .shuffle = true});
    TaskGroup group(loop);
    for (int i = 0; i < 10; ++i) {
      group.start({"parked", i}, sleep_for(1h));
    }

    const DrainResult result = loop.run(drain(group, {.timeout = 1s, .grace = 0s}));

    EXPECT_EQ(result.cancelled, 10u);
    EXPECT_EQ(result.forced, 0u);
  }
}

TEST_F(DrainTest, EndsTheTimeoutAtTheDeadline) {
  TaskGroup group(loop_);
  group.start("polite", sleep_for(1h));

  EXPECT_EQ(loop_.run(drain(group, {.timeout = 20s, .deadline = loop_.now() + 8s})).cancelled, 1u);
  EXPECT_EQ(loop_.elapsed(), 8s);
}

TEST_F(DrainTest, EndsTheGraceAtTheDeadline) {
  const conftest::CapturedLog log;
  TaskGroup group(loop_);
  group.start("stubborn", stubborn());

  EXPECT_EQ(loop_.run(drain(group, {.timeout = 6s, .grace = 5s, .deadline = loop_.now() + 8s})).forced, 1u);

  EXPECT_EQ(loop_.elapsed(), 8s);
  EXPECT_THAT(log.text(), testing::HasSubstr("did not unwind within 2.000 s of being cancelled"));
}

TEST_F(DrainTest, LeavesTasksOneTurnToUnwindPastTheDeadline) {
  TaskGroup group(loop_);
  group.start("stubborn", stubborn());
  group.start("polite", sleep_for(1h));
  loop_.run(sleep_for(1s));

  const DrainResult result = loop_.run(drain(group, {.deadline = loop_.now() - 5s}));

  EXPECT_EQ(result.forced, 1u);
  EXPECT_EQ(result.cancelled, 1u);
  EXPECT_EQ(swallowed_, 1);
  EXPECT_EQ(loop_.elapsed(), 1s);
}

TEST_F(DrainTest, CancelsAtOnceWhenTheDeadlineIsPast) {
  loop_.run(sleep_for(10s));
  TaskGroup group(loop_);
  group.start("polite", sleep_for(1h));

  EXPECT_EQ(loop_.run(drain(group, {.deadline = loop_.now() - 5s})).cancelled, 1u);
  EXPECT_EQ(loop_.elapsed(), 10s);
}

TEST_F(DrainTest, CancelsAtOnceWhenAskedTo) {
  TaskGroup group(loop_);
  group.start("polite", sleep_for(1h));
  loop_.run(yield());

  EXPECT_EQ(loop_.run(drain(group, {.cancel_first = true})).cancelled, 1u);
  EXPECT_EQ(loop_.elapsed(), 0s);
}

TEST_F(DrainTest, ClosesTheGroupToNewTasks) {
  TaskGroup group(loop_);
  std::optional<Errc> code;
  const auto late = [&]() -> Task<> {
    co_await sleep_for(1s);
    try {
      group.start("new", sleep_for(1s));
    } catch (const Error& error) {
      code = error.code();
    }
  };
  group.start("late", late());

  EXPECT_EQ(loop_.run(drain(group)).completed, 1u);

  EXPECT_EQ(code, Errc::kDraining);
  EXPECT_THROW(group.start("later", sleep_for(1s)), Error);
}

TEST_F(DrainTest, CountsFailuresApart) {
  TaskGroup group(loop_);
  const auto fails = [](std::chrono::nanoseconds time) -> Task<> {
    try {
      co_await sleep_for(time);
    } catch (const Cancelled&) {
    }
    throw std::runtime_error("broken");
  };
  group.start("before", fails(0s));
  loop_.run(sleep_for(1s));
  group.start("during", fails(1s));
  group.start("unwinding", fails(1h));

  const DrainResult result = loop_.run(drain(group, {.timeout = 5s}));

  EXPECT_EQ(result.failed, 3u);
  EXPECT_EQ(result.completed + result.cancelled + result.forced, 0u);
  EXPECT_FALSE(result.clean());
}

TEST_F(DrainTest, CancelsItsTasksAtOnceWhenItIsCancelled) {
  TaskGroup group(loop_);
  group.start("slow", slow(2s));
  TaskGroup drainers(loop_);
  bool cancelled = false;
  const auto drainer = [&]() -> Task<> {
    try {
      (void)co_await drain(group, {.timeout = 60s});
    } catch (const Cancelled&) {
      cancelled = true;
      EXPECT_TRUE(group.empty());
      throw;
    }
  };
  drainers.start("drainer", drainer());
  loop_.run(sleep_for(10s));

  EXPECT_EQ(loop_.run(drain(drainers, {.cancel_first = true})).cancelled, 1u);

  EXPECT_TRUE(cancelled);
  EXPECT_TRUE(unwound_);
  EXPECT_EQ(loop_.elapsed(), 12s);
}

TEST_F(DrainTest, ReturnsItsResultWhenTheLastTaskEndsInTheTurnInWhichItIsCancelled) {
  TaskGroup group(loop_);
  Event event;
  const auto crash = [&]() -> Task<> {
    co_await event.wait();
    throw std::runtime_error("401");
  };
  group.start("upload", crash());
  TaskGroup drainers(loop_);
  std::size_t failed = 0;
  bool went_on = false;
  const auto drainer = [&]() -> Task<> {
    const DrainResult result = co_await drain(group, {.timeout = 60s});
    failed = result.failed;
    co_await yield();
    went_on = true;
  };
  drainers.start("drainer", drainer());
  loop_.run(sleep_for(1s));
  event.set();
  drainers.cancel();

  EXPECT_EQ(loop_.run(drain(drainers)).cancelled, 1u);

  EXPECT_EQ(failed, 1u);
  EXPECT_FALSE(went_on);
}

TEST_F(DrainTest, LeavesTheGroupEmptyAlsoWhenItIsCancelledTwice) {
  TaskGroup group(loop_);
  group.start("stubborn", stubborn());
  TaskGroup drainers(loop_);
  const auto drainer = [&]() -> Task<> { (void)co_await drain(group, {.timeout = 60s, .grace = 5s}); };
  drainers.start("drainer", drainer());
  loop_.run(sleep_for(10s));

  drainers.cancel();
  loop_.run(sleep_for(1s));
  drainers.cancel();
  loop_.run(sleep_for(1s));
  EXPECT_EQ(group.size(), 1u);  // The second one does not cut the grace short.
  loop_.run(sleep_for(4s));

  EXPECT_TRUE(group.empty());
  EXPECT_TRUE(drainers.empty());
  EXPECT_EQ(swallowed_, 1);
  EXPECT_EQ(alive_, 0);
}

TEST_F(DrainTest, CountsTheTasksOfNestedGroupsThatItForced) {
  TaskGroup group(loop_);
  const auto nested = [&](TaskGroup& inner) -> Task<> {
    inner.start("grandchild", stubborn());
    co_await stubborn();
  };
  const auto parent = [&]() -> Task<> { co_await with_group(nested); };
  group.start("parent", parent());
  const conftest::CapturedLog log;

  const DrainResult result = loop_.run(drain(group, {.timeout = 1s, .grace = 1s}));

  EXPECT_THAT(log.text(),
              testing::HasSubstr("warning task group 'default': ended 1 task where it stood, its owner is gone:\n"
                                 "  grandchild awaits sleep at drain_test.cc since 0.000 s\n"));
  EXPECT_EQ(result.forced, 2u);
  EXPECT_EQ(alive_, 0);
  EXPECT_EQ(loop_.elapsed(), 2s);
}

TEST_F(DrainTest, ForcesATaskInTheMiddleOfADrainOfItsOwn) {
  TaskGroup group(loop_);
  const auto nested = [&](TaskGroup& inner) -> Task<> {
    inner.start("grandchild", stubborn());
    co_return;
  };
  const auto parent = [&]() -> Task<> { co_await with_group({.timeout = 1h, .grace = 1h}, nested); };
  group.start("parent", parent());
  const conftest::CapturedLog log;

  const DrainResult result = loop_.run(drain(group, {.timeout = 1s, .grace = 1s}));

  EXPECT_EQ(result.forced, 2u);
  EXPECT_EQ(alive_, 0);
}

TEST_F(DrainTest, ForcesWaitersWhoseEventDiesInAnotherFrame) {
  TaskGroup group(loop_);
  const auto wait_on = [&](Event& event) -> Task<> {
    const Witness witness(alive_);
    try {
      for (;;) {
        co_await event.wait_for(1h);
      }
    } catch (const Cancelled&) {
    }
    co_await event.wait();
  };
  const auto parent = [&]() -> Task<> {
    TaskGroup inner(loop_);
    Event event;  // Goes before the group whose tasks wait on it.
    inner.start("waiter", wait_on(event));
    inner.start("waiter", wait_on(event));
    co_await stubborn();
  };
  group.start("parent", parent());
  const conftest::CapturedLog log;

  const DrainResult result = loop_.run(drain(group, {.timeout = 1s, .grace = 1s}));

  EXPECT_EQ(result.forced, 3u);
  EXPECT_EQ(alive_, 0);
}

TEST_F(DrainTest, ForcesNewestFirst) {
  TaskGroup group(loop_);
  std::vector<int> order;
  struct Last {
    std::vector<int>& order;
    int number;
    Last(std::vector<int>& log, int n) : order(log), number(n) {}
    ~Last() { order.push_back(number); }
  };
  const auto task = [&](int number) -> Task<> {
    const Last last(order, number);
    co_await stubborn();
  };
  for (int i = 1; i <= 3; ++i) {
    group.start({"task", i}, task(i));
  }

  EXPECT_EQ(loop_.run(drain(group, {.timeout = 1s})).forced, 3u);

  EXPECT_THAT(order, testing::ElementsAre(3, 2, 1));
}

// A task that never waits for anything is ready when the force comes.
TEST_F(DrainTest, ForcesATaskThatYieldsForEver) {
  for (const bool shuffle : {false, true}) {
    VirtualLoop loop({.shuffle = shuffle});
    TaskGroup group(loop);
    const auto busy = [&]() -> Task<> {
      const Witness witness(alive_);
      for (;;) {
        try {
          co_await yield();
        } catch (const Cancelled&) {
        }
      }
    };
    group.start("busy", busy());
    for (int turn = 0; turn < 3; ++turn) {
      loop.run(yield());
    }

    EXPECT_EQ(loop.run(drain(group, {.timeout = 0s, .grace = 0s})).forced, 1u);
    EXPECT_EQ(alive_, 0);
  }
}

TEST_F(DrainTest, TwoMayWaitForTheSameGroup) {
  TaskGroup group(loop_);
  group.start("a", sleep_for(2s));
  TaskGroup drainers(loop_);
  const auto drainer = [&]() -> Task<> {
    const DrainResult result = co_await drain(group);
    EXPECT_EQ(result.completed, 1u);
  };
  drainers.start("one", drainer());
  drainers.start("two", drainer());

  EXPECT_TRUE(loop_.run(drain(drainers)).clean());
  EXPECT_EQ(loop_.elapsed(), 2s);
}

TEST_F(DrainTest, ItsResultMayBeUsedInTheExpressionThatAwaitsIt) {
  const auto body = [&]() -> Task<std::size_t> {
    TaskGroup first(loop_);
    TaskGroup second(loop_);
    first.start("a", sleep_for(1s));
    second.start("b", sleep_for(2s));
    (void)co_await drain(first, {.timeout = 2s});
    co_return (co_await drain(second, {.timeout = 2s})).completed;
  };

  EXPECT_EQ(loop_.run(body()), 1u);
}

TEST_F(DrainTest, HasNoTimeoutAtTheGreatestDuration) {
  TaskGroup group(loop_);
  group.start("long", sleep_for(24h));

  const DrainResult result =
      loop_.run(drain(group, {.timeout = std::chrono::nanoseconds::max(), .grace = std::chrono::nanoseconds::max()}));

  EXPECT_EQ(result.completed, 1u);
  EXPECT_EQ(loop_.elapsed(), 24h);
}

TEST_F(DrainTest, CountsAsCompletedOnlyWhatEndsMeanwhile) {
  TaskGroup group(loop_);
  group.start("before", sleep_for(1s));
  group.start("meanwhile", sleep_for(5s));
  loop_.run(sleep_for(2s));

  EXPECT_EQ(loop_.run(drain(group)).completed, 1u);
}

TEST_F(DrainTest, MayBeCalledAgain) {
  TaskGroup group(loop_);
  group.start("a", sleep_for(1s));

  EXPECT_EQ(loop_.run(drain(group)).completed, 1u);
  EXPECT_EQ(loop_.run(drain(group)).completed, 0u);
}

// Blocking calls

TEST_F(DrainTest, LeavesABlockingCallBehindWhenItsGraceIsOver) {
  TaskGroup group(loop_);
  group.start("hung", run_blocking([] {}, {.virtual_duration = std::chrono::nanoseconds::max()}));
  group.start("polite", sleep_for(1h));
  const conftest::CapturedLog log;

  const DrainResult result = loop_.run(drain(group, {.timeout = 10s, .grace = 5s}));

  ASSERT_EQ(result.unresponsive.size(), 1u);
  EXPECT_EQ(result.unresponsive[0].name, "hung");
  EXPECT_EQ(result.unresponsive[0].awaiting, "blocking call");
  EXPECT_EQ(result.unresponsive[0].since, Instant(0s));
  EXPECT_EQ(result.cancelled, 1u);
  EXPECT_EQ(result.forced, 0u);
  EXPECT_FALSE(result.clean());
  EXPECT_TRUE(group.empty());
  EXPECT_EQ(loop_.elapsed(), 15s);
}

TEST_F(DrainTest, WaitsTheGraceForABlockingCallToReturn) {
  TaskGroup group(loop_);
  const auto caller = [&]() -> Task<> {
    co_await run_blocking([] {}, {.virtual_duration = 12s});
    co_await yield();
  };
  group.start("caller", caller());

  const DrainResult result = loop_.run(drain(group, {.timeout = 10s, .grace = 5s}));

  EXPECT_EQ(result.cancelled, 1u);
  EXPECT_TRUE(result.unresponsive.empty());
  EXPECT_EQ(loop_.elapsed(), 12s);
}

// The log

TEST_F(DrainTest, LogsWhomItCancelledAndWhomItDestroyedAndWhatTheyAwaited) {
  TaskGroup group(loop_);
  Event event;
  group.start({"polite", 1}, event.wait());
  group.start({"stubborn", 2}, stubborn());
  const conftest::CapturedLog log;

  (void)loop_.run(drain(group, {.timeout = 10s, .grace = 5s, .label = "pusher"}));

  EXPECT_THAT(log.lines(),
              testing::ElementsAre("warning drain 'pusher': 2 tasks still running after 10.000 s are cancelled:\n"
                                   "  polite-1 awaits event at drain_test.cc since 0.000 s\n"
                                   "  stubborn-2 awaits sleep at drain_test.cc since 0.000 s",
                                   "error drain 'pusher': 1 task did not unwind within 5.000 s of being cancelled and "
                                   "is destroyed in place:\n"
                                   "  stubborn-2 awaits sleep at drain_test.cc since 10.000 s"));
}

TEST_F(DrainTest, LogsNothingWhenAllEndInTime) {
  TaskGroup group(loop_);
  group.start("short", sleep_for(1s));
  const conftest::CapturedLog log;

  (void)loop_.run(drain(group));

  EXPECT_THAT(log.lines(), testing::IsEmpty());
}

TEST_F(DrainTest, LogsACancellationThatWasAskedForAsInformation) {
  TaskGroup group(loop_);
  group.start("polite", sleep_for(1h));
  loop_.run(yield());
  const conftest::CapturedLog log;

  (void)loop_.run(drain(group, {.cancel_first = true, .label = "pusher"}));

  EXPECT_THAT(log.lines(), testing::ElementsAre("info drain 'pusher': 1 task is cancelled:\n"
                                                "  polite awaits sleep at drain_test.cc since 0.000 s"));
}

TEST_F(DrainTest, LogsThatItWasCancelledItself) {
  TaskGroup group(loop_);
  group.start("polite", sleep_for(1h));
  const auto drainer = [&]() -> Task<> { (void)co_await drain(group, {.label = "pusher"}); };
  const conftest::CapturedLog log;

  EXPECT_TRUE(loop_.run(cancelled_after(loop_, 2s, drainer)));

  EXPECT_THAT(log.text(), testing::HasSubstr("info drain 'pusher': 1 task still running after 2.000 s is cancelled "
                                             "because drain() was:\n"));
}

TEST_F(DrainTest, LogsTheFirstTwentyOfMany) {
  TaskGroup group(loop_);
  for (int i = 0; i < 25; ++i) {
    group.start({"polite", i}, sleep_for(1h));
  }
  const conftest::CapturedLog log;

  (void)loop_.run(drain(group, {.timeout = 1s}));

  ASSERT_EQ(log.lines().size(), 1u);
  EXPECT_THAT(log.lines()[0], testing::HasSubstr("  polite-19 awaits "));
  EXPECT_THAT(log.lines()[0], testing::Not(testing::HasSubstr("  polite-20 awaits ")));
  EXPECT_THAT(log.lines()[0], testing::EndsWith("\n  and 5 more"));
}

TEST_F(DrainTest, LogsCrashesOfBeforeAndMeanwhileOnceEach) {
  TaskGroup group(loop_);
  const auto throws = []() -> Task<> {
    co_await sleep_for(3s);
    throw 42;
  };
  group.start("before", crash_after(1s));
  group.start("meanwhile", throws());
  loop_.run(sleep_for(2s));
  const conftest::CapturedLog log;

  EXPECT_EQ(loop_.run(drain(group, {.label = "pusher"})).failed, 2u);

  EXPECT_THAT(log.lines(), testing::ElementsAre(
                               "error drain 'pusher': before crashed: disk full",
                               "error drain 'pusher': meanwhile crashed: an exception that is not a std::exception"));
}

TEST_F(DrainDeathTest, AbortsWhenATaskDrainsItsOwnGroup) {
  TaskGroup group(loop_);
  const auto drainer = [&]() -> Task<> { (void)co_await drain(group); };
  group.start({"session", 3}, drainer());

  EXPECT_DEATH(loop_.run(sleep_for(1s)), "drain\\(\\) called by task session-3, which the TaskGroup owns");
  group.cancel();  // Before it runs here as well.
  (void)loop_.run(drain(group));
}

TEST_F(DrainDeathTest, AbortsWhenATaskOfANestedGroupDrainsTheOuterOne) {
  TaskGroup group(loop_);
  const auto drainer = [&]() -> Task<> {
    co_await sleep_for(2s);
    (void)co_await drain(group);
  };
  const auto nested = [&](TaskGroup& inner) -> Task<> {
    inner.start("grandchild", drainer());
    co_return;
  };
  const auto parent = [&]() -> Task<> { co_await with_group(nested); };
  group.start("parent", parent());
  loop_.run(sleep_for(1s));

  EXPECT_DEATH(loop_.run(sleep_for(5s)), "drain\\(\\) called by task grandchild, which the TaskGroup owns");
  (void)loop_.run(drain(group, {.cancel_first = true}));
}

}  // namespace
}  // namespace soak
