// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "conftest/captured_log.h"
#include "sample_tasks.h"
#include "soak/event.h"
#include "soak/task.h"
#include "soak/timeout.h"
#include "witness.h"

namespace soak {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

class TaskGroupTest : public testing::Test {
 protected:
  // What the tasks below write down, in the order of its happening.
  std::vector<std::string> log_;
  int alive_ = 0;
  VirtualLoop loop_;

  Task<> say(std::string what) {
    log_.push_back(what);
    co_return;
  }

  Task<> fail(std::string what) {
    co_await sleep_for(1s);
    throw std::runtime_error(what);
  }

  // Waits for `event`, and says how that ended.
  Task<> wait_on(Event& event) {
    const Witness witness(alive_);
    try {
      co_await event.wait();
      log_.push_back("woken");
    } catch (const Cancelled&) {
      log_.push_back("cancelled");
      throw;
    }
    co_await sleep_for(1ms);
    log_.push_back("went on");
  }

  // Swallows every cancellation.
  Task<> stubborn() {
    const Witness witness(alive_);
    for (;;) {
      try {
        co_await sleep_for(1h);
      } catch (const Cancelled&) {
        log_.push_back("swallowed");
      }
    }
  }

  Task<> nothing() { co_return; }
};

using TaskGroupDeathTest = TaskGroupTest;
using CancelTest = TaskGroupTest;
using WithGroupTest = TaskGroupTest;

TEST_F(TaskGroupTest, RunsWhatItStartedOnTheNextTurnInOrder) {
  TaskGroup group(loop_);
  group.start("a", say("a"));
  group.start("b", say("b"));
  EXPECT_THAT(log_, testing::IsEmpty());
  EXPECT_EQ(group.size(), 2u);

  loop_.run(yield());

  EXPECT_THAT(log_, testing::ElementsAre("a", "b"));
  EXPECT_TRUE(group.empty());
}

TEST_F(TaskGroupTest, ForgetsATaskAndFreesItsFrameAsSoonAsItEnds) {
  TaskGroup group(loop_);
  const auto task = [&](std::unique_ptr<Witness>) -> Task<> { co_await sleep_for(1s); };
  group.start("short", task(std::make_unique<Witness>(alive_)));
  group.start("long", sleep_for(1h));

  loop_.run(sleep_for(2s));

  EXPECT_EQ(alive_, 0);
  ASSERT_EQ(group.size(), 1u);
  EXPECT_EQ(group.tasks()[0].name, "long");
  EXPECT_EQ(loop_.live_tasks(), 1u);
  (void)loop_.run(drain(group, {.cancel_first = true}));
}

TEST_F(TaskGroupTest, KeepsTheFirstFailureAndCountsTheOthers) {
  TaskGroup group(loop_);
  group.start({"upload", 1}, fail("disk full"));
  group.start({"upload", 2}, fail("also full"));

  loop_.run(sleep_for(2s));

  EXPECT_TRUE(group.empty());
  EXPECT_EQ(group.failed(), 2u);
  EXPECT_THROW(std::rethrow_exception(group.first_failure()), std::runtime_error);
}

TEST_F(TaskGroupTest, LogsTheFailuresAfterTheFirstBecauseNobodyCanAskForThem) {
  const conftest::CapturedLog log;
  TaskGroup group(loop_);
  group.start({"upload", 1}, fail("disk full"));
  group.start({"upload", 2}, fail("quota"));

  loop_.run(sleep_for(2s));

  EXPECT_EQ(group.failed(), 2u);
  EXPECT_NE(group.first_failure(), nullptr);
  EXPECT_THAT(log.lines(), testing::ElementsAre("error task group 'default': upload-2 crashed: quota"));
}

TEST_F(TaskGroupTest, SaysAFailureThatNobodyAskedFor) {
  const conftest::CapturedLog log;
  {
    TaskGroup group(loop_);
    group.start("upload", fail("disk full"));
    loop_.run(sleep_for(2s));
  }

  EXPECT_THAT(
      log.lines(),
      testing::ElementsAre(
          "error task group 'default': 1 task failed, and nothing checked the failures; the first: upload: disk full"));
}

TEST_F(TaskGroupTest, MayBeDestroyedByTheTaskThatEndsLast) {
  struct Owner {
    explicit Owner(EventLoop& loop) : group(loop) {}
    TaskGroup group;
  };
  auto owner = std::make_shared<Owner>(loop_);
  const auto holder = [](std::shared_ptr<Owner>) -> Task<> { co_await sleep_for(1s); };
  owner->group.start("holder", holder(owner));
  const std::weak_ptr<Owner> watch = owner;
  owner.reset();

  loop_.run(sleep_for(2s));

  EXPECT_TRUE(watch.expired());
}

TEST_F(TaskGroupTest, OutlivesTheTaskThatBuiltIt) {
  std::unique_ptr<TaskGroup> group;
  const auto build = [&]() -> Task<> {
    group = std::make_unique<TaskGroup>(loop_);
    group->start("left", sleep_for(1h));
    co_return;
  };
  TaskGroup builders(loop_);
  builders.start("builder", build());
  loop_.run(sleep_for(1s));

  const std::vector<TaskReport> reports = loop_.tasks();
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_EQ(reports[0].name, "left");
  EXPECT_EQ(loop_.run(drain(*group, {.cancel_first = true})).cancelled, 1u);
}

TEST_F(TaskGroupTest, HoldsAHundredThousandTasks) {
  TaskGroup group(loop_);
  Event go;
  int ended = 0;
  const auto task = [&]() -> Task<> {
    co_await go.wait();
    ++ended;
  };
  for (int i = 0; i < 100'000; ++i) {
    group.start({"task", i}, task());
  }
  loop_.run(yield());
  EXPECT_EQ(loop_.live_tasks(), 100'000u);

  go.set();
  const DrainResult result = loop_.run(drain(group));

  EXPECT_EQ(result.completed, 100'000u);
  EXPECT_EQ(ended, 100'000);
  EXPECT_EQ(loop_.elapsed(), 0s);
}

TEST_F(TaskGroupDeathTest, AbortsAndNamesItsTasksWhenLeftUndrained) {
  EXPECT_DEATH(
      {
        Event never;
        TaskGroup group(loop_);
        group.start({"session", 3}, never.wait());
        group.start({"session", 7}, sleep_for(1h));
        loop_.run(sleep_for(12s));
      },
      "^TaskGroup destroyed while it owns 2 tasks: session-3, session-7; drain\\(\\) it first\n"
      "  session-3 awaits event at .*task_group_test.cc:[0-9]+ since 0.000 s\n"
      "  session-7 awaits sleep at .*task_group_test.cc:[0-9]+ since 0.000 s\n");
}

TEST_F(TaskGroupDeathTest, AbortsWhenATaskDestroysItsOwnGroup) {
  const auto suicide = [](std::unique_ptr<TaskGroup>& group) -> Task<> {
    try {
      co_await yield();
      throw std::runtime_error("any");
    } catch (const std::runtime_error&) {
    }
    group.reset();
  };

  EXPECT_DEATH(
      {
        auto group = std::make_unique<TaskGroup>(loop_);
        group->start("worker", suicide(group));
        loop_.run(sleep_for(1s));
      },
      "TaskGroup destroyed while it owns 1 task: worker");
}

TEST_F(TaskGroupDeathTest, AbortsWhenStartedFromAnotherThread) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        TaskGroup group(loop_);
        std::thread([&] { group.start("stray", nothing()); }).join();
      },
      "TaskGroup::start\\(\\) called from a thread that is not its EventLoop's");
}

TEST_F(TaskGroupTest, EndsItsTasksWhereTheyStandWhileAnExceptionUnwinds) {
  Event never;
  const conftest::CapturedLog log;

  const auto leave = [&] {
    TaskGroup group(loop_);
    group.start({"session", 3}, wait_on(never));
    group.start("late", stubborn());
    loop_.run(yield());
    group.start("unborn", say("unborn"));
    throw std::runtime_error("first");
  };

  EXPECT_THROW(leave(), std::runtime_error);
  EXPECT_THAT(log.lines(), testing::ElementsAre(testing::HasSubstr("ended 3 tasks where they stood")));
  EXPECT_THAT(log_, testing::IsEmpty());
  EXPECT_EQ(alive_, 0);
  EXPECT_EQ(loop_.live_tasks(), 0u);
}

TEST_F(TaskGroupTest, CountsWhatUnwindingEndedInTheDrainAroundIt) {
  TaskGroup group(loop_);
  const auto parent = [&]() -> Task<> {
    TaskGroup nested(loop_);
    nested.start("child", stubborn());
    co_await sleep_for(1s);
    throw std::runtime_error("lost");
  };
  group.start("parent", parent());
  const conftest::CapturedLog log;

  const DrainResult result = loop_.run(drain(group));

  EXPECT_THAT(log.text(), testing::HasSubstr("ended 1 task where it stood, its owner is gone:\n  child awaits "));
  EXPECT_EQ(result.forced, 1u);
  EXPECT_EQ(result.failed, 1u);
  EXPECT_EQ(alive_, 0);
}

TEST_F(CancelTest, EndsASleep) {
  TaskGroup group(loop_);
  group.start("sleeper", sleep_for(1h));
  loop_.run(yield());

  group.cancel();
  EXPECT_EQ(group.size(), 1u);
  loop_.run(yield());

  EXPECT_TRUE(group.empty());
  EXPECT_EQ(loop_.elapsed(), 0s);
}

TEST_F(CancelTest, EndsAWaitForAnEventAndLeavesTheEventUsable) {
  Event event;
  TaskGroup cancelled(loop_);
  TaskGroup kept(loop_);
  cancelled.start("a", wait_on(event));
  kept.start("b", wait_on(event));
  loop_.run(yield());

  cancelled.cancel();
  loop_.run(yield());
  event.set();
  EXPECT_TRUE(loop_.run(drain(kept)).clean());

  EXPECT_THAT(log_, testing::ElementsAre("cancelled", "woken", "went on"));
}

TEST_F(CancelTest, EndsAWaitWithATimeoutAndItsTimer) {
  Event event;
  TaskGroup group(loop_);
  const auto task = [&]() -> Task<> {
    co_await event.wait_for(1h);
    log_.push_back("not cancelled");
  };
  group.start("a", task());
  loop_.run(yield());

  group.cancel();
  loop_.run(yield());

  EXPECT_TRUE(group.empty());
  EXPECT_THAT(log_, testing::IsEmpty());
  EXPECT_THROW(loop_.run(event.wait()), Error);  // No timer is left that could end it.
}

TEST_F(CancelTest, DropsATaskThatHasNotRun) {
  TaskGroup group(loop_);
  const auto task = [&](std::unique_ptr<Witness>) -> Task<> {
    log_.push_back("ran");
    co_return;
  };
  group.start("a", task(std::make_unique<Witness>(alive_)));

  const DrainResult result = loop_.run(drain(group, {.cancel_first = true}));

  EXPECT_EQ(result.cancelled, 1u);
  EXPECT_EQ(alive_, 0);
  EXPECT_THAT(log_, testing::IsEmpty());
}

TEST_F(CancelTest, GoesThroughNestedTasksAndTheirHandlers) {
  TaskGroup group(loop_);
  const auto inner = [&]() -> Task<int> {
    const Witness witness(alive_);
    co_await sleep_for(1h);
    co_return 1;
  };
  const auto outer = [&]() -> Task<> {
    try {
      co_await inner();
    } catch (const std::exception&) {
      log_.push_back("swallowed by a handler for failures");
    } catch (...) {
      log_.push_back("seen");
      throw;
    }
  };
  group.start("a", outer());
  loop_.run(yield());

  EXPECT_EQ(loop_.run(drain(group, {.cancel_first = true})).cancelled, 1u);
  EXPECT_THAT(log_, testing::ElementsAre("seen"));
  EXPECT_EQ(alive_, 0);
}

// A sleep that is started ends quietly; one that is awaited has to say so.
TEST_F(CancelTest, ThrowsOutOfASleepThatWasMadeATaskAndIsAwaited) {
  TaskGroup group(loop_);
  const auto task = [&]() -> Task<> {
    Task<> sleep = sleep_for(1h);
    co_await std::move(sleep);
    log_.push_back("not cancelled");
  };
  group.start("a", task());
  loop_.run(yield());

  EXPECT_EQ(loop_.run(drain(group, {.cancel_first = true})).cancelled, 1u);
  EXPECT_THAT(log_, testing::IsEmpty());
}

TEST_F(CancelTest, IsDeliveredOnceSoThatCleanupCanAwait) {
  TaskGroup group(loop_);
  const auto task = [&]() -> Task<> {
    try {
      co_await sleep_for(1h);
    } catch (const Cancelled&) {
      log_.push_back("closing");
    }
    co_await sleep_for(2s);
    log_.push_back("closed");
  };
  group.start("a", task());
  loop_.run(yield());

  const DrainResult result = loop_.run(drain(group, {.cancel_first = true}));

  EXPECT_THAT(log_, testing::ElementsAre("closing", "closed"));
  EXPECT_EQ(result.cancelled, 1u);
  EXPECT_EQ(result.completed, 0u);
  EXPECT_EQ(loop_.elapsed(), 2s);
}

TEST_F(CancelTest, ComesAtTheNextAwaitOfATaskThatWasWokenFirst) {
  Event event;
  TaskGroup group(loop_);
  group.start("a", wait_on(event));
  loop_.run(yield());

  event.set();
  group.cancel();
  loop_.run(yield());

  EXPECT_TRUE(group.empty());
  EXPECT_THAT(log_, testing::ElementsAre("woken"));
}

TEST_F(CancelTest, WinsOverAnEventThatComesLaterInTheSameTurn) {
  Event event;
  TaskGroup group(loop_);
  group.start("a", wait_on(event));
  loop_.run(yield());

  group.cancel();
  event.set();
  loop_.run(yield());

  EXPECT_TRUE(group.empty());
  EXPECT_THAT(log_, testing::ElementsAre("cancelled"));
}

TEST_F(CancelTest, ComesAtTheNextAwaitOfTheTaskThatAsksForIt) {
  TaskGroup group(loop_);
  Event set;
  set.set();
  const auto task = [&]() -> Task<> {
    group.cancel();
    log_.push_back("went on");
    co_await set.wait();  // Would not have waited at all.
    log_.push_back("not cancelled");
  };
  group.start("a", task());
  loop_.run(yield());

  EXPECT_TRUE(group.empty());
  EXPECT_THAT(log_, testing::ElementsAre("went on"));
}

TEST_F(CancelTest, OfMainEndsTheRun) {
  const auto task = []() -> Task<> {
    co_await yield();
    throw Cancelled{};
  };

  EXPECT_THROW(loop_.run(task()), Cancelled);
}

TEST_F(WithGroupTest, DrainsWhenTheBodyReturns) {
  int seen = 0;
  const auto body = [&](TaskGroup& group) -> Task<> {
    group.start("a", sleep_for(3s));
    ++seen;
    co_return;
  };

  const DrainResult result = loop_.run(with_group(loop_, {.timeout = 10s}, body));

  EXPECT_EQ(seen, 1);
  EXPECT_EQ(result.completed, 1u);
  EXPECT_EQ(loop_.elapsed(), 3s);
}

TEST_F(WithGroupTest, TakesTheLoopAndALambdaOfItsCaller) {
  int seen = 0;
  const auto caller = [&]() -> Task<> {
    co_await with_group({.timeout = 1s}, [&](TaskGroup& group) -> Task<> {
      group.start("a", sleep_for(1h));
      co_await sleep_for(1s);
      ++seen;
    });
    const DrainResult result = co_await with_group([&](TaskGroup& group) -> Task<> {
      group.start("b", sleep_for(1s));
      ++seen;
      co_return;
    });
    EXPECT_TRUE(result.clean());
  };

  loop_.run(caller());

  EXPECT_EQ(seen, 2);
  EXPECT_EQ(loop_.elapsed(), 3s);
}

TEST_F(WithGroupTest, CancelsAtOnceAndThrowsOnWhatTheBodyThrew) {
  const auto body = [&](TaskGroup& group) -> Task<> {
    group.start("a", sleep_for(1h));
    group.start("b", fail("of a task"));
    try {
      co_await sleep_for(2s);
    } catch (const Cancelled&) {
    }
    throw std::runtime_error("of the body");
  };

  EXPECT_THAT([&] { (void)loop_.run(with_group(body)); },
              testing::ThrowsMessage<std::runtime_error>(testing::StrEq("of the body")));
  EXPECT_LE(loop_.elapsed(), 2s);
  EXPECT_EQ(loop_.live_tasks(), 0u);
}

TEST_F(WithGroupTest, CancelsItsBodyAtOnceWhenATaskFailsAndThrowsWhatThatThrew) {
  const auto body = [&](TaskGroup& group) -> Task<> {
    group.start("slow", sleep_for(1h));
    group.start("crash", crash_after(1s, "of a task"));
    co_await sleep_for(1h);
  };

  EXPECT_THAT([&] { (void)loop_.run(with_group(body)); },
              testing::ThrowsMessage<std::runtime_error>(testing::StrEq("of a task")));
  EXPECT_EQ(loop_.elapsed(), 1s);
  EXPECT_EQ(loop_.live_tasks(), 0u);
}

TEST_F(WithGroupTest, CancelsTheOtherTasksAtOnceWhenOneFailsAfterTheBodyReturned) {
  const conftest::CapturedLog log;
  const auto body = [&](TaskGroup& group) -> Task<> {
    group.start("slow", sleep_for(10s));
    group.start("crash", crash_after(1s, "of a task"));
    co_return;
  };

  EXPECT_THAT([&] { (void)loop_.run(with_group(body)); },
              testing::ThrowsMessage<std::runtime_error>(testing::StrEq("of a task")));
  EXPECT_EQ(loop_.elapsed(), 1s);
  EXPECT_THAT(log.text(),
              testing::HasSubstr("info drain 'default': 1 task still running after 1.000 s is cancelled because "
                                 "a task failed:\n"));
}

TEST_F(WithGroupTest, LeavesTheOthersTheirGraceWhenASecondTaskFailsAsItUnwinds) {
  bool unwound = false;
  const auto cleanup = [&]() -> Task<> {
    try {
      co_await sleep_for(1h);
    } catch (const Cancelled&) {
    }
    co_await sleep_for(2s);
    unwound = true;
  };
  const auto fails_again = []() -> Task<> {
    try {
      co_await sleep_for(1h);
    } catch (const Cancelled&) {
    }
    throw std::runtime_error("of another");
  };
  const auto body = [&](TaskGroup& group) -> Task<> {
    group.start("cleanup", cleanup());
    group.start("again", fails_again());
    group.start("crash", crash_after(1s, "of a task"));
    co_return;
  };

  EXPECT_THAT([&] { (void)loop_.run(with_group(body)); },
              testing::ThrowsMessage<std::runtime_error>(testing::StrEq("of a task")));
  EXPECT_TRUE(unwound);
  EXPECT_EQ(loop_.elapsed(), 3s);
}

TEST_F(WithGroupTest, CarriesOnAfterAFailureWhenAskedToAndThrowsItLast) {
  bool returned = false;
  const auto body = [&](TaskGroup& group) -> Task<> {
    group.start("slow", sleep_for(10s));
    group.start("crash", crash_after(1s, "of a task"));
    co_await sleep_for(5s);
    returned = true;
  };

  EXPECT_THAT([&] { (void)loop_.run(with_group({.carry_on = true}, body)); },
              testing::ThrowsMessage<std::runtime_error>(testing::StrEq("of a task")));
  EXPECT_TRUE(returned);
  EXPECT_EQ(loop_.elapsed(), 10s);
}

TEST_F(WithGroupTest, TakesItsRequestBackWhenTheBodyEndsWithoutSeeingIt) {
  Event event;
  bool went_on = false;
  const auto body = [&](TaskGroup& group) -> Task<> {
    const auto crash = [&]() -> Task<> {
      co_await sleep_for(1s);
      event.set();  // The body is woken first.
      throw std::runtime_error("of a task");
    };
    group.start("crash", crash());
    co_await event.wait();
  };
  const auto caller = [&]() -> Task<> {
    try {
      (void)co_await with_group(body);
    } catch (const std::runtime_error&) {
    }
    co_await sleep_for(1s);
    went_on = true;
  };
  TaskGroup group(loop_);
  group.start("caller", caller());

  EXPECT_TRUE(loop_.run(drain(group)).clean());
  EXPECT_TRUE(went_on);
}

TEST_F(WithGroupTest, LeavesItsCallerUncancelledAfterTheBodyWasCancelledForAFailure) {
  bool went_on = false;
  const auto body = [&](TaskGroup& group) -> Task<> {
    group.start("crash", crash_after(1s));
    co_await sleep_for(1h);
  };
  const auto caller = [&]() -> Task<> {
    try {
      (void)co_await with_group(body);
    } catch (const std::runtime_error&) {
    }
    co_await sleep_for(1s);
    went_on = true;
  };
  TaskGroup group(loop_);
  group.start("caller", caller());

  EXPECT_TRUE(loop_.run(drain(group)).clean());  // Its caller counts as completed, and not as cancelled.
  EXPECT_TRUE(went_on);
}

// Its caller catches a failure and goes on to wait: the request that `ask(group)` made of it ends it, at that wait at
// the latest.
class WithGroupRequestTest : public TaskGroupTest {
 protected:
  // Returns whether there was a failure to catch.
  template <typename Body, typename Ask>
  static bool expect_the_request_kept(VirtualLoop& loop, const Body& body, const Ask& ask) {
    bool failed = false;
    bool went_on = false;
    const auto caller = [&]() -> Task<> {
      try {
        (void)co_await with_group(body);
      } catch (const std::runtime_error&) {
        failed = true;
      }
      co_await sleep_for(1s);
      went_on = true;
    };
    TaskGroup group(loop);
    group.start("caller", caller());
    ask(group);

    EXPECT_EQ(loop.run(drain(group)).cancelled, 1u);
    EXPECT_FALSE(went_on);
    return failed;
  }

  // In the order of their start, and shuffled.
  template <typename Test>
  static void in_many_orders(const Test& test) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      SCOPED_TRACE(seed);
      VirtualLoop loop({.seed = seed, .shuffle = seed > 0});
      test(loop);
    }
  }

  static Task<> crash_on(Event& event) {
    co_await event.wait();
    throw std::runtime_error("of a task");
  }
};

TEST_F(WithGroupRequestTest, OfTheCallersOwnerStaysWhenAFailureComesWithIt) {
  for (const bool failure_first : {false, true}) {
    Event crash_now;
    const auto body = [&](TaskGroup& group) -> Task<> {
      group.start("crash", crash_on(crash_now));
      co_await sleep_for(1h);
    };
    const auto ask = [&](TaskGroup& group) {
      loop_.run(sleep_for(1s));
      crash_now.set();
      if (failure_first) {
        const auto one_turn = []() -> Task<> { co_await yield(); };
        loop_.run(one_turn());
      }
      group.cancel();
    };

    EXPECT_TRUE(expect_the_request_kept(loop_, body, ask));
  }
}

TEST_F(WithGroupRequestTest, StaysWhenItComesWhileTheTasksUnwindAfterAFailure) {
  for (const bool of_the_body : {false, true}) {
    in_many_orders([&](VirtualLoop& loop) {
      int cancellations = 0;
      const auto body = [&](TaskGroup& group) -> Task<> {
        const auto cleans_up = [&]() -> Task<> {
          Task<int> unwinding = unwind_for(2s, cancellations);
          (void)co_await std::move(unwinding);
        };
        group.start("cleans up", cleans_up());
        co_await sleep_for(1s);
        if (of_the_body) {
          throw std::runtime_error("of the body");
        }
        group.start("crash", crash_after(0s, "of a task"));
        co_await sleep_for(1h);
      };
      const auto ask = [&](TaskGroup& group) {
        loop.run(sleep_for(2s));
        group.cancel();
      };

      EXPECT_TRUE(expect_the_request_kept(loop, body, ask));
      EXPECT_EQ(loop.elapsed(), 3s);
    });
  }
}

TEST_F(WithGroupRequestTest, StaysWhenItComesInTheTurnOfAFailureAndThereAreOtherTasks) {
  for (const bool request_first : {false, true}) {
    in_many_orders([&](VirtualLoop& loop) {
      Event crash_now;
      const auto body = [&](TaskGroup& group) -> Task<> {
        group.start("crash", crash_on(crash_now));
        group.start("other", sleep_for(1h));
        co_await sleep_for(1h);
      };
      const auto ask = [&](TaskGroup& group) {
        loop.run(sleep_for(1s));
        const auto at_once = [&]() -> Task<> {
          if (request_first) {
            group.cancel();
          }
          crash_now.set();
          if (!request_first) {
            group.cancel();
          }
          co_return;
        };
        loop.run(at_once());
      };

      expect_the_request_kept(loop, body, ask);
      EXPECT_EQ(loop.elapsed(), 1s);
    });
  }
}

// Its caller is destroyed at the end of a grace, while the tasks of the group still unwind.
class ForcedWithGroupTest : public WithGroupTest {
 protected:
  void force(Task<> caller) {
    TaskGroup group(loop_);
    group.start("caller", std::move(caller));
    EXPECT_EQ(loop_.run(drain(group, {.timeout = 2s, .grace = 1s})).forced, 2u);
    EXPECT_EQ(alive_, 0);
  }

  conftest::CapturedLog logged_;
};

TEST_F(ForcedWithGroupTest, LogsWhatItsBodyThrew) {
  const auto body = [&](TaskGroup& group) -> Task<> {
    group.start("hangs", swallow_for_ever(alive_));
    co_await sleep_for(1s);
    throw std::runtime_error("401\n[  SKIPPED ]");
  };
  const auto caller = [&]() -> Task<> {
    const DrainOptions options{.grace = 1h, .label = "upload"};
    (void)co_await with_group(options, body);
  };

  force(caller());

  EXPECT_THAT(logged_.lines(),
              testing::Contains("error with_group 'upload': the body failed, and its caller is not told: "
                                "401\\n[SKIPPED]"));
}

TEST_F(ForcedWithGroupTest, LogsTheFailureOfATaskOnce) {
  const auto body = [&](TaskGroup& group) -> Task<> {
    group.start("hangs", swallow_for_ever(alive_));
    group.start("crash", crash_after(1s, "of a task"));
    co_await sleep_for(1h);
  };
  const auto caller = [&]() -> Task<> {
    const DrainOptions options{.grace = 1h};
    (void)co_await with_group(options, body);
  };

  force(caller());

  EXPECT_THAT(logged_.lines(), testing::Contains(testing::HasSubstr("of a task")).Times(1));
  EXPECT_THAT(logged_.text(), testing::Not(testing::HasSubstr("with_group")));
}

TEST_F(ForcedWithGroupTest, DoesNotCallACancelledBodyAFailure) {
  const auto body = [&](TaskGroup& group) -> Task<> {
    group.start("hangs", swallow_for_ever(alive_));
    co_await sleep_for(1h);
  };
  const auto caller = [&]() -> Task<> {
    const DrainOptions options{.grace = 1h};
    (void)co_await with_group(options, body);
  };

  force(caller());

  EXPECT_THAT(logged_.text(), testing::Not(testing::HasSubstr("with_group")));
}

TEST_F(WithGroupTest, LogsNothingOfABodyWhoseCallerGetsWhatItThrew) {
  const conftest::CapturedLog log;
  const auto body = [&](TaskGroup& group) -> Task<> {
    group.start("a", sleep_for(1h));
    co_await sleep_for(1s);
    throw std::runtime_error("of the body");
  };

  EXPECT_THROW((void)loop_.run(with_group(body)), std::runtime_error);

  EXPECT_THAT(log.text(), testing::Not(testing::HasSubstr("of the body")));
}

TEST_F(WithGroupRequestTest, StaysWhenACallInTheBodyPutItOffTogetherWithThatOfTheFailure) {
  Event crash_now;
  Event answered;
  const auto body = [&](TaskGroup& group) -> Task<> {
    const auto answer = [&]() -> Task<> { co_await answered.wait(); };
    group.start("crash", crash_on(crash_now));
    co_await with_timeout(1h, answer());
  };
  const auto ask = [&](TaskGroup& group) {
    loop_.run(sleep_for(1s));
    group.cancel();
    crash_now.set();
    answered.set();
  };

  expect_the_request_kept(loop_, body, ask);
}

TEST_F(WithGroupTest, EndsTheBodyOfTheGroupWhoseTaskFailedAndOfTheGroupsWithinIt) {
  std::string what;
  bool went_on = false;
  const auto inner = [&](TaskGroup&) -> Task<> { co_await sleep_for(1h); };
  const auto outer = [&](TaskGroup& group) -> Task<> {
    group.start("crash", crash_after(1s, "of a task"));
    (void)co_await with_group(inner);
    went_on = true;
  };
  const auto caller = [&]() -> Task<> {
    try {
      (void)co_await with_group(outer);
    } catch (const std::runtime_error& error) {
      what = error.what();
    }
    co_await sleep_for(1s);
  };

  loop_.run(caller());

  EXPECT_EQ(what, "of a task");
  EXPECT_FALSE(went_on);
  EXPECT_EQ(loop_.elapsed(), 2s);
}

TEST_F(WithGroupTest, ThrowsTheFirstFailureOfATask) {
  const auto body = [&](TaskGroup& group) -> Task<> {
    group.start("b", fail("of a task"));
    co_return;
  };

  EXPECT_THAT([&] { (void)loop_.run(with_group(body)); },
              testing::ThrowsMessage<std::runtime_error>(testing::StrEq("of a task")));
}

TEST_F(WithGroupTest, DrainsWhenTheCallerIsCancelled) {
  Event never;
  TaskGroup group(loop_);
  const auto body = [&](TaskGroup& nested) -> Task<> {
    nested.start("child", wait_on(never));
    co_await sleep_for(1h);
  };
  const auto parent = [&]() -> Task<> { co_await with_group(body); };
  group.start("parent", parent());
  loop_.run(sleep_for(1s));

  const DrainResult result = loop_.run(drain(group, {.cancel_first = true}));

  EXPECT_EQ(result.cancelled, 1u);
  EXPECT_EQ(result.forced, 0u);
  EXPECT_THAT(log_, testing::ElementsAre("cancelled"));
  EXPECT_EQ(loop_.elapsed(), 1s);
}

TEST_F(WithGroupTest, KeepsItsBodyUntilTheTasksAreGone) {
  const auto caller = [&]() -> Task<> {
    auto kept = std::make_unique<Witness>(alive_);
    auto body = [this, kept = std::move(kept)](TaskGroup& group) -> Task<> {
      const auto look = [](int& alive, std::vector<std::string>& log) -> Task<> {
        co_await sleep_for(1s);
        log.push_back(alive == 1 ? "kept" : "gone");
      };
      group.start("a", look(alive_, log_));
      co_await yield();
    };
    Task<DrainResult> task = with_group({}, std::move(body));
    co_await std::move(task);
  };

  loop_.run(caller());

  EXPECT_THAT(log_, testing::ElementsAre("kept"));
  EXPECT_EQ(alive_, 0);
}

}  // namespace
}  // namespace soak
