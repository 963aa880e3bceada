// SPDX-License-Identifier: Apache-2.0
#include "soak/gather.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "conftest/captured_log.h"
#include "sample_tasks.h"
#include "soak/event.h"
#include "soak/run_blocking.h"
#include "soak/semaphore.h"

namespace soak {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;

class GatherTest : public testing::Test {
 protected:
  std::vector<Task<int>> many(int count, std::chrono::nanoseconds delay) {
    std::vector<Task<int>> tasks;
    for (int i = 0; i < count; ++i) {
      tasks.push_back(value_after(delay, i));
    }
    return tasks;
  }

  // Calls a gather of `count` children that never end, from a task that nothing but a force ends.
  Task<> gather_for_ever(int count, GatherOptions options) {
    for (;;) {
      std::vector<Task<int>> tasks;
      for (int i = 0; i < count; ++i) {
        tasks.push_back(no_value_ever(alive_));
      }
      try {
        (void)co_await gather(std::move(tasks), options);
      } catch (const Cancelled&) {
      }
    }
  }

  int alive_ = 0;
  VirtualLoop loop_;
  conftest::CapturedLog log_;
};

using GatherDeathTest = GatherTest;

// What the children come to

TEST_F(GatherTest, KeepsTheOrderOfItsTasks) {
  for (const bool shuffle : {false, true}) {
    VirtualLoop loop({.shuffle = shuffle});
    auto results = loop.run(gather(tasks_of(value_after(3s, 1), value_after(1s, 2), value_after(2s, 3))));

    ASSERT_EQ(results.size(), 3u);
    EXPECT_EQ(results[0].value(), 1);
    EXPECT_EQ(results[1].value(), 2);
    EXPECT_EQ(results[2].value(), 3);
    EXPECT_EQ(loop.elapsed(), 3s);
  }
}

TEST_F(GatherTest, TellsAValueAnExceptionATimeoutAndACancellationApart) {
  const auto gives_up = []() -> Task<int> {
    co_await sleep_for(1s);
    throw Cancelled{};
  };

  auto results = loop_.run(gather(
      tasks_of(value_after(1s, 1), no_value_after(1s, "disk full"), value_after(1h, 2), gives_up()), {.timeout = 5s}));

  EXPECT_EQ(results[0].outcome(), GatherOutcome::kValue);
  EXPECT_EQ(results[1].outcome(), GatherOutcome::kFailed);
  EXPECT_EQ(results[2].outcome(), GatherOutcome::kTimedOut);
  EXPECT_EQ(results[3].outcome(), GatherOutcome::kCancelled);
  EXPECT_EQ(results[0].value(), 1);
  EXPECT_THROW(results[1].value(), std::runtime_error);
  EXPECT_THROW(results[2].value(), Error);
  EXPECT_THROW(results[3].value(), Cancelled);
  EXPECT_EQ(results[0].error(), nullptr);
  EXPECT_EQ(results[1].what(), "disk full");
  EXPECT_EQ(results[2].what(), "");
  EXPECT_EQ(results[3].what(), "");
}

TEST_F(GatherTest, OfNothingIsNothingAndTakesNoTime) {
  for (const auto timeout : {std::optional<std::chrono::nanoseconds>(), {0s}, {-1s}, {1s}}) {
    EXPECT_TRUE(loop_.run(gather(std::vector<Task<int>>(), {.timeout = timeout})).empty());
    EXPECT_TRUE(loop_.run(gather(std::vector<Task<>>(), {.timeout = timeout})).empty());
  }
  EXPECT_EQ(loop_.elapsed(), 0s);
  EXPECT_THAT(log_.lines(), IsEmpty());
}

TEST_F(GatherTest, TakesNoFalseOrNullValueForAFailure) {
  const auto no = []() -> Task<bool> { co_return false; };
  const auto null = []() -> Task<std::shared_ptr<int>> { co_return nullptr; };
  const auto absent = []() -> Task<std::optional<int>> { co_return std::nullopt; };

  auto bools = loop_.run(gather(tasks_of(no())));
  auto pointers = loop_.run(gather(tasks_of(null())));
  auto optionals = loop_.run(gather(tasks_of(absent())));

  EXPECT_TRUE(bools[0].ok());
  EXPECT_FALSE(bools[0].value());
  EXPECT_TRUE(pointers[0].ok());
  EXPECT_EQ(pointers[0].value(), nullptr);
  EXPECT_TRUE(optionals[0].ok());
  EXPECT_THAT(log_.lines(), IsEmpty());
}

TEST_F(GatherTest, TakesAReturnedExceptionPointerForAValue) {
  const auto returns = []() -> Task<std::exception_ptr> {
    co_return std::make_exception_ptr(std::runtime_error("kept"));
  };

  auto results = loop_.run(gather(tasks_of(returns())));

  EXPECT_TRUE(results[0].ok());
  EXPECT_THROW(std::rethrow_exception(results[0].value()), std::runtime_error);
}

TEST_F(GatherTest, KeepsReferencesAndWhatCanOnlyBeMovedAndNothing) {
  int number = 1;
  const auto reference = [&]() -> Task<int&> { co_return number; };
  const auto move_only = []() -> Task<std::unique_ptr<int>> { co_return std::make_unique<int>(2); };
  const auto nothing = []() -> Task<> { co_await sleep_for(1s); };

  auto references = loop_.run(gather(tasks_of(reference())));
  auto pointers = loop_.run(gather(tasks_of(move_only())));
  auto nothings = loop_.run(gather(tasks_of(nothing(), crash_after(1s))));

  EXPECT_EQ(&references[0].value(), &number);
  const std::unique_ptr<int> moved = std::move(pointers[0].value());
  EXPECT_EQ(*moved, 2);
  EXPECT_TRUE(nothings[0].ok());
  nothings[0].value();
  EXPECT_EQ(nothings[1].what(), "disk full");
}

TEST_F(GatherTest, KeepsAnExceptionThatIsNoStdException) {
  const auto throws = []() -> Task<int> {
    co_await sleep_for(1s);
    throw 42;
  };

  auto results = loop_.run(gather(tasks_of(throws())));

  EXPECT_EQ(results[0].what(), "an exception that is not a std::exception");
  EXPECT_THROW(results[0].value(), int);
}

TEST_F(GatherTest, OneFailureDoesNotEndTheOthers) {
  auto results = loop_.run(gather(tasks_of(no_value_after(1s, "disk full"), value_after(5s, 2))));

  EXPECT_EQ(results[0].outcome(), GatherOutcome::kFailed);
  EXPECT_EQ(results[1].value(), 2);
}

TEST_F(GatherTest, LogsEachFailureWithItsIndexItsNameAndItsText) {
  (void)loop_.run(gather(tasks_of(value_after(1s, 1), no_value_after(1s, "disk full"), value_after(1h, 2)),
                         {.label = "mixed", .timeout = 5s}));

  EXPECT_THAT(log_.lines(),
              ElementsAre("error gather 'mixed': task 1 (mixed-1) failed: disk full",
                          "error gather 'mixed': task 2 (mixed-2) timed out with the call, after 5.000 s: "
                          "it awaits sleep at sample_tasks.h since 0.000 s"));
}

TEST_F(GatherTest, NamesItsChildrenInTheCensus) {
  TaskGroup group(loop_);
  const auto caller = [&]() -> Task<> { (void)co_await gather(many(2, 5s), {.label = "upload"}); };
  group.start("caller", caller());
  loop_.run(sleep_for(1s));

  const std::vector<TaskReport> reports = loop_.tasks();

  ASSERT_EQ(reports.size(), 3u);
  EXPECT_EQ(reports[0].awaiting, "gather");
  EXPECT_EQ(reports[1].name, "upload-0");
  EXPECT_EQ(reports[2].name, "upload-1");
  EXPECT_TRUE(loop_.run(drain(group)).clean());
}

TEST_F(GatherTest, WritesOutcomesAsWords) {
  EXPECT_EQ(to_string(GatherOutcome::kValue), "value");
  EXPECT_EQ(to_string(GatherOutcome::kFailed), "failed");
  EXPECT_EQ(to_string(GatherOutcome::kTimedOut), "timed out");
  EXPECT_EQ(to_string(GatherOutcome::kCancelled), "cancelled");
}

// How many at a time

TEST_F(GatherTest, RunsNoMoreThanItsConcurrencyAtATime) {
  int running = 0;
  int most = 0;
  const auto child = [&]() -> Task<> {
    most = std::max(most, ++running);
    co_await sleep_for(1s);
    --running;
  };
  std::vector<Task<>> tasks;
  for (int i = 0; i < 25; ++i) {
    tasks.push_back(child());
  }

  (void)loop_.run(gather(std::move(tasks), {.max_concurrency = 10}));

  EXPECT_EQ(most, 10);
  EXPECT_EQ(loop_.elapsed(), 3s);
}

TEST_F(GatherTest, RunsTenAtATimeUnlessToldOtherwise) {
  (void)loop_.run(gather(many(20, 1s)));

  EXPECT_EQ(loop_.elapsed(), 2s);
}

TEST_F(GatherTest, RunsAHundredThousandTasksAtATime) {
  auto results = loop_.run(gather(many(100'000, 1s), {.max_concurrency = kUnlimited}));

  EXPECT_EQ(results[99'999].value(), 99'999);
  EXPECT_EQ(loop_.elapsed(), 1s);
}

TEST_F(GatherTest, RunsAHundredThousandTasksTenAtATime) {
  auto results = loop_.run(gather(many(100'000, 1s), {.task_timeout = 5s}));

  EXPECT_EQ(results[99'999].value(), 99'999);
  EXPECT_EQ(loop_.elapsed(), 10'000s);
}

TEST_F(GatherTest, RunsAHundredThousandTasksThatEndAtOnce) {
  std::vector<Task<int>> tasks;
  const auto at_once = [](int value) -> Task<int> { co_return value; };
  for (int i = 0; i < 100'000; ++i) {
    tasks.push_back(at_once(i));
  }

  auto results = loop_.run(gather(std::move(tasks), {.max_concurrency = 1}));

  EXPECT_EQ(results[99'999].value(), 99'999);
}

TEST_F(GatherTest, RefusesAConcurrencyOfZero) {
  try {
    (void)loop_.run(gather(many(1, 1s), {.label = "upload", .max_concurrency = 0}));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::kInvalidArgument);
    EXPECT_STREQ(error.what(), "gather 'upload': max_concurrency is 0: expected 1 or more, or kUnlimited");
  }
}

TEST_F(GatherTest, SharesALimitBetweenCalls) {
  Semaphore limit(2);
  TaskGroup group(loop_);
  const auto call = [&]() -> Task<> {
    auto tasks = many(3, 1s);
    auto results = co_await gather(std::move(tasks), {.limit = &limit});
    EXPECT_TRUE(results[2].ok());
  };
  group.start("one", call());
  group.start("two", call());

  const DrainResult result = loop_.run(drain(group));

  EXPECT_TRUE(result.clean());
  EXPECT_EQ(loop_.elapsed(), 3s);
  EXPECT_EQ(limit.available(), 2u);
}

TEST_F(GatherTest, QueuesForItsLimitBehindThoseWhoCameBefore) {
  Semaphore limit(1);
  TaskGroup group(loop_);
  std::vector<std::string> order;
  const auto holder = [&](const char* name) -> Task<> {
    const Permit permit = co_await limit.acquire();
    order.push_back(name);
    co_await sleep_for(1s);
  };
  const auto child = [&]() -> Task<> {
    order.push_back("child");
    co_await sleep_for(1s);
  };
  const auto call = [&]() -> Task<> {
    auto tasks = tasks_of(child(), child());
    (void)co_await gather(std::move(tasks), {.limit = &limit});
  };
  group.start("holder", holder("first"));
  group.start("call", call());
  group.start("holder", holder("last"));

  EXPECT_TRUE(loop_.run(drain(group)).clean());

  EXPECT_THAT(order, ElementsAre("first", "child", "last", "child"));
}

TEST_F(GatherTest, CallsTasksThatGotNoPermitInTimeTimeouts) {
  Semaphore limit(1);
  const std::optional<Permit> held = limit.try_acquire();

  auto results = loop_.run(gather(many(2, 1s), {.label = "upload", .timeout = 5s, .limit = &limit}));

  EXPECT_EQ(results[0].outcome(), GatherOutcome::kTimedOut);
  EXPECT_EQ(results[1].outcome(), GatherOutcome::kTimedOut);
  EXPECT_EQ(loop_.elapsed(), 5s);
  EXPECT_THAT(log_.lines(), ElementsAre("error gather 'upload': 2 tasks never started within 5.000 s"));
}

// Timeouts

TEST_F(GatherTest, CallsTasksThatNeverStartedTimeouts) {
  auto results = loop_.run(gather(many(4, 2s), {.label = "upload", .max_concurrency = 1, .timeout = 3s}));

  EXPECT_EQ(results[0].outcome(), GatherOutcome::kValue);
  for (std::size_t i = 1; i < 4; ++i) {
    EXPECT_EQ(results[i].outcome(), GatherOutcome::kTimedOut);
  }
  EXPECT_EQ(loop_.elapsed(), 3s);
  EXPECT_THAT(log_.text(), HasSubstr("error gather 'upload': 2 tasks never started within 3.000 s\n"));
}

TEST_F(GatherTest, LeavesTheChildrenTheOneTurnTheyAreDueWhenTheTimeoutIsZeroOrLess) {
  for (const bool shuffle : {false, true}) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      for (const auto timeout : {0s, -5s}) {
        VirtualLoop loop({.seed = seed, .shuffle = shuffle});
        TaskGroup group(loop);
        const auto at_once = []() -> Task<int> { co_return 42; };
        const auto caller = [&]() -> Task<> {
          auto tasks = tasks_of(at_once(), value_after(1s, 1), at_once());
          auto results = co_await gather(std::move(tasks), {.timeout = timeout});
          EXPECT_EQ(results[0].outcome(), GatherOutcome::kValue);
          EXPECT_EQ(results[1].outcome(), GatherOutcome::kTimedOut);
          EXPECT_EQ(results[2].outcome(), GatherOutcome::kValue);
        };
        group.start("caller", caller());

        EXPECT_TRUE(loop.run(drain(group)).clean());
        EXPECT_EQ(loop.elapsed(), 0s);
      }
    }
  }
}

TEST_F(GatherTest, TimesEachChildApart) {
  auto results = loop_.run(gather(tasks_of(value_after(1s, 1), value_after(1h, 2), value_after(2s, 3)),
                                  {.label = "upload", .max_concurrency = 1, .task_timeout = 5s}));

  EXPECT_EQ(results[0].outcome(), GatherOutcome::kValue);
  EXPECT_EQ(results[1].outcome(), GatherOutcome::kTimedOut);
  EXPECT_EQ(results[2].outcome(), GatherOutcome::kValue);
  EXPECT_EQ(loop_.elapsed(), 8s);
  EXPECT_THAT(log_.lines(), ElementsAre("error gather 'upload': task 1 (upload-1) timed out after 5.000 s: it awaits "
                                        "sleep at sample_tasks.h since 1.000 s"));
}

TEST_F(GatherTest, DoesNotCountTheWaitForItsTurnAgainstAChild) {
  auto results = loop_.run(gather(many(3, 4s), {.max_concurrency = 1, .task_timeout = 5s}));

  for (auto& result : results) {
    EXPECT_TRUE(result.ok());
  }
  EXPECT_EQ(loop_.elapsed(), 12s);
}

TEST_F(GatherTest, CallsItATimeoutWhateverTheChildDoesAfterItsCancellation) {
  int cancellations = 0;
  const auto throws = []() -> Task<int> {
    try {
      co_await sleep_for(1h);
    } catch (const Cancelled&) {
    }
    throw std::runtime_error("could not close");
  };

  auto results = loop_.run(
      gather(tasks_of(unwind_for(1s, cancellations), throws(), no_value_ever(alive_)), {.timeout = 5s, .grace = 2s}));

  for (auto& result : results) {
    EXPECT_EQ(result.outcome(), GatherOutcome::kTimedOut);
  }
  EXPECT_EQ(alive_, 0);
  EXPECT_EQ(loop_.elapsed(), 7s);
  EXPECT_THAT(log_.text(),
              HasSubstr("error gather 'default': task 2 (default-2) did not unwind within 2.000 s of being "
                        "cancelled and is destroyed in place: it awaits sleep at sample_tasks.h since "
                        "5.000 s\n"));
  EXPECT_THAT(log_.text(),
              HasSubstr("error gather 'default': task 1 (default-1) failed as it unwound: could not close\n"));
}

TEST_F(GatherTest, ForcesOneChildThatSwallowsAndLetsTheOthersRun) {
  auto results =
      loop_.run(gather(tasks_of(no_value_ever(alive_), value_after(40s, 2)), {.task_timeout = 30s, .grace = 2s}));
  EXPECT_EQ(results[0].outcome(), GatherOutcome::kTimedOut);
  EXPECT_EQ(results[1].outcome(), GatherOutcome::kTimedOut);
  EXPECT_EQ(alive_, 0);
  EXPECT_EQ(loop_.elapsed(), 32s);

  results = loop_.run(gather(tasks_of(no_value_ever(alive_), value_after(20s, 2)), {.task_timeout = 30s, .grace = 2s}));
  EXPECT_EQ(results[0].outcome(), GatherOutcome::kTimedOut);
  EXPECT_EQ(results[1].value(), 2);
  EXPECT_EQ(loop_.elapsed(), 64s);
}

TEST_F(GatherTest, StartsTheNextInThePlaceOfAForcedChild) {
  auto results = loop_.run(gather(tasks_of(no_value_ever(alive_), value_after(1s, 2)),
                                  {.max_concurrency = 1, .task_timeout = 5s, .grace = 2s}));

  EXPECT_EQ(results[1].value(), 2);
  EXPECT_EQ(loop_.elapsed(), 8s);
}

TEST_F(GatherTest, AsksAChildOnceWhenBothTimeoutsRunOut) {
  int first = 0;
  int second = 0;

  (void)loop_.run(gather(tasks_of(unwind_for(3s, first)), {.timeout = 6s, .task_timeout = 5s}));
  EXPECT_EQ(loop_.elapsed(), 8s);
  (void)loop_.run(gather(tasks_of(unwind_for(3s, second)), {.timeout = 5s, .task_timeout = 6s}));
  EXPECT_EQ(loop_.elapsed(), 16s);

  EXPECT_EQ(first, 1);
  EXPECT_EQ(second, 1);
  EXPECT_EQ(log_.lines().size(), 2u);
}

TEST_F(GatherTest, LeavesABlockingCallBehindPastTheGrace) {
  const auto hangs = []() -> Task<int> {
    co_return co_await run_blocking([] { return 1; }, {.virtual_duration = std::chrono::nanoseconds::max()});
  };

  auto results = loop_.run(gather(tasks_of(hangs(), value_after(1s, 2)), {.label = "upload", .timeout = 5s}));

  EXPECT_EQ(results[0].outcome(), GatherOutcome::kTimedOut);
  EXPECT_EQ(results[1].value(), 2);
  EXPECT_EQ(loop_.elapsed(), 10s);
  EXPECT_THAT(log_.text(), HasSubstr("error gather 'upload': task 0 (upload-0) cannot be ended, its thread is in a "
                                     "blocking call: it awaits blocking call at gather_test.cc since 0.000 s\n"));
  ASSERT_EQ(loop_.stragglers().size(), 1u);
  EXPECT_EQ(loop_.stragglers()[0].name, "upload-0");
}

// Cancellation, and the end of the call

TEST_F(GatherTest, CancelsItsChildrenWhenItIsCancelled) {
  int cancellations = 0;
  bool ended = false;
  const auto caller = [&]() -> Task<> {
    auto tasks = tasks_of(unwind_for(2s, cancellations), value_after(1h, 1), value_after(1h, 2));
    try {
      (void)co_await gather(std::move(tasks), {.max_concurrency = 2});
    } catch (const Cancelled&) {
      ended = loop_.elapsed() == 3s && loop_.live_tasks() == 2;  // Main, and the caller.
      throw;
    }
  };

  EXPECT_TRUE(loop_.run(cancelled_after(loop_, 1s, caller)));

  EXPECT_TRUE(ended);
  EXPECT_EQ(cancellations, 1);
  EXPECT_THAT(log_.text(), testing::Not(HasSubstr("error")));
}

TEST_F(GatherTest, EndsAfterTheGraceWhenItIsCancelledAndAChildSwallowsIt) {
  const auto caller = [&]() -> Task<> {
    auto tasks = tasks_of(no_value_ever(alive_));
    (void)co_await gather(std::move(tasks), {.grace = 3s});
  };

  EXPECT_TRUE(loop_.run(cancelled_after(loop_, 1s, caller)));

  EXPECT_EQ(alive_, 0);
  EXPECT_EQ(loop_.elapsed(), 4s);
}

TEST_F(GatherTest, ReturnsItsResultsWhenEveryChildEndsInTheTurnInWhichItIsCancelled) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    VirtualLoop loop({.seed = seed, .shuffle = seed > 0});
    Event event;
    const auto wait = [&](int value) -> Task<int> {
      co_await event.wait();
      if (value == 2) {
        throw std::runtime_error("401");
      }
      co_return value;
    };
    std::vector<std::string> seen;
    bool went_on = false;
    const auto caller = [&]() -> Task<> {
      auto results = co_await gather(tasks_of(wait(1), wait(2), value_after(1s, 3)));
      for (auto& result : results) {
        seen.push_back(result.ok() ? std::to_string(result.value()) : result.what());
      }
      co_await yield();
      went_on = true;
    };
    TaskGroup group(loop);
    group.start("caller", caller());
    loop.run(sleep_for(2s));
    event.set();
    group.cancel();

    EXPECT_EQ(loop.run(drain(group)).cancelled, 1u);
    EXPECT_THAT(seen, ElementsAre("1", "401", "3"));
    EXPECT_FALSE(went_on);
  }
}

TEST_F(GatherTest, ThrowsCancelledWhenThatKeptAChildFromItsEndOrItsStart) {
  Event event;
  const auto wait = [&]() -> Task<int> {
    co_await event.wait();
    co_return 1;
  };
  int returned = 0;
  const auto running = [&]() -> Task<> {
    (void)co_await gather(tasks_of(wait(), value_after(1h, 2)));
    ++returned;
  };
  const auto waiting = [&]() -> Task<> {
    (void)co_await gather(tasks_of(value_after(1h, 1), wait()), {.max_concurrency = 1});
    ++returned;
  };
  TaskGroup group(loop_);
  group.start("running", running());
  group.start("waiting", waiting());
  loop_.run(sleep_for(1s));
  event.set();
  group.cancel();

  EXPECT_EQ(loop_.run(drain(group)).cancelled, 2u);
  EXPECT_EQ(returned, 0);
}

TEST_F(GatherTest, LogsWhatAChildThrowsAsItUnwindsWhenItIsCancelled) {
  const auto throws = []() -> Task<int> {
    try {
      co_await sleep_for(1h);
    } catch (const Cancelled&) {
    }
    throw std::runtime_error("401");
  };
  const auto caller = [&]() -> Task<> { (void)co_await gather(tasks_of(throws())); };

  EXPECT_TRUE(loop_.run(cancelled_after(loop_, 1s, caller)));

  EXPECT_THAT(log_.text(), HasSubstr("error gather 'default': task 0 (default-0) failed as it unwound: 401\n"));
}

// In some orders the gather is cancelled while it leaves a child, whose time and grace are over, the turn it is due.
TEST_F(GatherTest, IsCancelledAtOnceAlsoWhileAnOverdueChildHasItsLastTurn) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    VirtualLoop loop({.seed = seed, .shuffle = true});
    const auto caller = []() -> Task<> {
      std::vector<Task<int>> tasks = tasks_of(value_after(500ms, 1), value_after(1h, 2), value_after(1h, 3));
      const GatherOptions options{.max_concurrency = 2, .task_timeout = 1s, .grace = 0s};
      (void)co_await gather(std::move(tasks), options);
    };
    TaskGroup group(loop);
    group.start("caller", caller());
    const auto cancels = [&]() -> Task<> {
      co_await sleep_for(1s);
      group.cancel();
    };
    loop.run(cancels());

    EXPECT_EQ(loop.run(drain(group)).cancelled, 1u);
    EXPECT_EQ(loop.elapsed(), 1s) << "seed " << seed;
  }
}

TEST_F(GatherTest, LeavesTheQueueOfItsLimitWhenItIsCancelled) {
  Semaphore limit(1);
  std::optional<Permit> held = limit.try_acquire();
  const auto caller = [&]() -> Task<> {
    auto tasks = many(2, 1s);
    (void)co_await gather(std::move(tasks), {.limit = &limit});
  };

  EXPECT_TRUE(loop_.run(cancelled_after(loop_, 1s, caller)));
  held.reset();

  EXPECT_EQ(limit.available(), 1u);
  EXPECT_EQ(loop_.elapsed(), 1s);
}

TEST_F(GatherTest, EndsItsChildrenInPlaceWhenItIsForced) {
  TaskGroup group(loop_);
  group.start("caller", gather_for_ever(3, {.label = "upload", .max_concurrency = 2, .grace = 1h}));

  const DrainResult result = loop_.run(drain(group, {.timeout = 1s, .grace = 1s}));

  EXPECT_EQ(result.forced, 3u);  // Two children ran.
  EXPECT_EQ(alive_, 0);
  EXPECT_EQ(loop_.live_tasks(), 0u);
  EXPECT_THAT(log_.text(), HasSubstr("warning gather 'upload': ended 2 tasks where they stood, its owner is gone:\n"
                                     "  upload-0 awaits sleep at sample_tasks.h since 1.000 s\n"
                                     "  upload-1 awaits sleep at sample_tasks.h since 1.000 s\n"));
}

TEST_F(GatherTest, LeavesNoTimerOfAChildBehindWhenItIsForced) {
  TaskGroup group(loop_);
  group.start("caller", gather_for_ever(3, {.task_timeout = 10s, .grace = 1h}));

  const DrainResult result = loop_.run(drain(group, {.timeout = 1s, .grace = 1s}));
  loop_.run(sleep_for(1h));

  EXPECT_EQ(result.forced, 4u);
  EXPECT_EQ(alive_, 0);
}

TEST_F(GatherTest, GivesItsPermitsBackWhenItIsForced) {
  Semaphore limit(2);
  TaskGroup group(loop_);
  group.start("caller", gather_for_ever(3, {.grace = 1h, .limit = &limit}));

  const DrainResult result = loop_.run(drain(group, {.timeout = 1s, .grace = 1s}));

  EXPECT_EQ(result.forced, 3u);
  EXPECT_EQ(limit.available(), 2u);
}

TEST_F(GatherTest, MayBeForcedWithALimitThatDiesFirst) {
  TaskGroup group(loop_);
  const auto owner = [&]() -> Task<> {
    TaskGroup inner(loop_);
    Semaphore limit(2);  // Goes before the group whose task holds its permits and waits for another.
    inner.start("caller", gather_for_ever(3, {.grace = 1h, .limit = &limit}));
    co_await swallow_for_ever(alive_);
  };
  group.start("owner", owner());

  const DrainResult result = loop_.run(drain(group, {.timeout = 1s, .grace = 1s}));

  EXPECT_EQ(result.forced, 4u);
  EXPECT_EQ(alive_, 0);
}

TEST_F(GatherTest, CanBeGatheredItself) {
  const auto sum = [&]() -> Task<int> {
    auto tasks = tasks_of(value_after(1s, 1), value_after(2s, 2));
    auto results = co_await gather(std::move(tasks));
    co_return results[0].value() + results[1].value();
  };

  auto results = loop_.run(gather(tasks_of(sum(), sum())));

  EXPECT_EQ(results[0].value() + results[1].value(), 6);
  EXPECT_EQ(loop_.elapsed(), 2s);
}

TEST_F(GatherTest, PassesATimeoutDownToTheGathersWithin) {
  int cancellations = 0;
  const auto inner = [&]() -> Task<int> {
    auto tasks = tasks_of(unwind_for(1s, cancellations), unwind_for(2s, cancellations));
    (void)co_await gather(std::move(tasks));
    co_return 1;
  };

  auto results = loop_.run(gather(tasks_of(inner()), {.timeout = 5s}));

  EXPECT_EQ(results[0].outcome(), GatherOutcome::kTimedOut);
  EXPECT_EQ(cancellations, 2);
  EXPECT_EQ(loop_.elapsed(), 7s);
}

TEST_F(GatherTest, TakesTheTimesOfItsChildrenWithItWhenItIsDestroyed) {
  TaskGroup group(loop_);
  const auto call = [&]() -> Task<> {
    std::vector<Task<>> tasks;
    tasks.push_back(swallow_for_ever(alive_));
    (void)co_await gather(std::move(tasks), {.task_timeout = 1h, .grace = 1h});
  };
  group.start("call", call());

  const DrainResult result = loop_.run(drain(group, {.timeout = 1s, .grace = 1s}));

  EXPECT_EQ(result.forced, 2u);
  EXPECT_TRUE(loop_.core().timers.empty());
}

TEST_F(GatherDeathTest, AbortsForATaskThatWasMovedFrom) {
  std::vector<Task<int>> tasks = many(2, 1s);
  const Task<int> taken = std::move(tasks[1]);

  EXPECT_DEATH((void)loop_.run(gather(std::move(tasks))), "gather\\(\\) of a Task that was moved from");
}

}  // namespace
}  // namespace soak
