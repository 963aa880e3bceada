// SPDX-License-Identifier: Apache-2.0
#include "soak/timeout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include "conftest/captured_log.h"
#include "sample_tasks.h"
#include "soak/event.h"
#include "soak/queue.h"
#include "soak/run_blocking.h"

namespace soak {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""s;
using testing::IsEmpty;
using testing::MatchesRegex;

class TimeoutTest : public testing::Test {
 protected:
  // What it says; empty unless Error(Errc::kTimeout) was thrown.
  template <typename T>
  std::string timeout_of(Task<T> task) {
    try {
      (void)loop_.run(std::move(task));
    } catch (const Error& error) {
      if (error.code() == Errc::kTimeout) {
        return error.what();
      }
    }
    return {};
  }

  int alive_ = 0;
  VirtualLoop loop_;
  conftest::CapturedLog log_;
};

TEST_F(TimeoutTest, ReturnsTheValueOfATaskThatIsInTime) {
  EXPECT_EQ(loop_.run(with_timeout(5s, value_after(2s, 42))), 42);
  EXPECT_EQ(loop_.elapsed(), 2s);
}

TEST_F(TimeoutTest, ReturnsReferencesAndWhatCanOnlyBeMovedAndNothing) {
  int number = 1;
  const auto reference = [&]() -> Task<int&> { co_return number; };
  const auto move_only = []() -> Task<std::unique_ptr<int>> { co_return std::make_unique<int>(2); };
  const auto nothing = []() -> Task<> { co_await sleep_for(1s); };

  EXPECT_EQ(&loop_.run(with_timeout(5s, reference())), &number);
  EXPECT_EQ(*loop_.run(with_timeout(5s, move_only())), 2);
  loop_.run(with_timeout(5s, nothing()));

  EXPECT_EQ(loop_.elapsed(), 1s);
}

TEST_F(TimeoutTest, ThrowsWhatTheTaskThrew) {
  const auto throws = []() -> Task<> {
    co_await sleep_for(1s);
    throw 42;
  };

  EXPECT_THROW(loop_.run(with_timeout(5s, no_value_after(1s, "disk full"))), std::runtime_error);
  EXPECT_THROW(loop_.run(with_timeout(5s, throws())), int);
}

TEST_F(TimeoutTest, SaysWhatTheTaskWasWaitingForWhenItsTimeRanOut) {
  const std::string what = timeout_of(with_timeout(5s, value_after(1h, 1), {.name = "upload"}));

  EXPECT_THAT(what, MatchesRegex("upload timed out after 5.000 s: it awaits sleep at .*sample_tasks.h:[0-9]+ "
                                 "since 0.000 s"));
  EXPECT_EQ(loop_.elapsed(), 5s);
}

TEST_F(TimeoutTest, IsCalledByItsNameInTheCensus) {
  TaskGroup group(loop_);
  const auto caller = [&]() -> Task<> { co_await with_timeout(5s, value_after(2s, 1), {.name = {"upload", 3}}); };
  group.start("caller", caller());
  loop_.run(sleep_for(1s));

  const std::vector<TaskReport> reports = loop_.tasks();

  ASSERT_EQ(reports.size(), 2u);
  EXPECT_EQ(reports[0].name, "caller");
  EXPECT_EQ(reports[0].awaiting, "with_timeout");
  EXPECT_EQ(reports[1].name, "upload-3");
  EXPECT_EQ(reports[1].awaiting, "sleep");
  EXPECT_TRUE(loop_.run(drain(group)).clean());
}

TEST_F(TimeoutTest, LetsATaskPassThatEndsAtTheVeryTimeout) {
  EXPECT_EQ(loop_.run(with_timeout(5s, value_after(5s, 42))), 42);
}

TEST_F(TimeoutTest, LeavesATaskTheOneTurnItIsDueWhenTheTimeoutIsZeroOrLess) {
  for (const bool shuffle : {false, true}) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      for (const auto timeout : {0s, -5s}) {
        VirtualLoop loop({.seed = seed, .shuffle = shuffle});
        const auto at_once = []() -> Task<int> { co_return 42; };
        const auto caller = [&]() -> Task<> {
          EXPECT_EQ(co_await with_timeout(timeout, at_once()), 42);
          std::optional<Errc> code;
          try {
            (void)co_await with_timeout(timeout, value_after(1s, 1));
          } catch (const Error& error) {
            code = error.code();
          }
          EXPECT_EQ(code, Errc::kTimeout);
        };
        TaskGroup group(loop);
        group.start("caller", caller());

        EXPECT_TRUE(loop.run(drain(group)).clean());
        EXPECT_EQ(loop.elapsed(), 0s);
      }
    }
  }
}

TEST_F(TimeoutTest, WaitsWithinTheGraceForATaskThatUnwinds) {
  int cancellations = 0;

  EXPECT_NE(timeout_of(with_timeout(5s, unwind_for(3s, cancellations))), "");

  EXPECT_EQ(cancellations, 1);
  EXPECT_EQ(loop_.elapsed(), 8s);
}

TEST_F(TimeoutTest, DestroysATaskThatOutlastsTheGrace) {
  EXPECT_NE(timeout_of(with_timeout(5s, no_value_ever(alive_), {.grace = 2s})), "");

  EXPECT_EQ(alive_, 0);
  EXPECT_EQ(loop_.elapsed(), 7s);
  EXPECT_EQ(loop_.live_tasks(), 0u);
}

TEST_F(TimeoutTest, DestroysATaskWithoutAnyGraceOnceItHadTheTurnItIsDue) {
  int cancellations = 0;

  EXPECT_NE(timeout_of(with_timeout(5s, unwind_for(3s, cancellations), {.grace = 0s})), "");

  EXPECT_EQ(cancellations, 1);
  EXPECT_EQ(loop_.elapsed(), 5s);
}

TEST_F(TimeoutTest, CallsItATimeoutAlsoWhenTheTaskThrowsAsItUnwinds) {
  const auto throws = []() -> Task<> {
    try {
      co_await sleep_for(1h);
    } catch (const Cancelled&) {
      throw std::runtime_error("could not close");
    }
  };

  EXPECT_NE(timeout_of(with_timeout(5s, throws(), {.name = "upload"})), "");

  EXPECT_THAT(log_.lines(), testing::ElementsAre("error with_timeout 'default': upload failed, and its caller is not "
                                                 "told: could not close"));
}

TEST_F(TimeoutTest, LeavesABlockingCallBehindPastTheGrace) {
  const auto hangs = []() -> Task<> {
    co_await run_blocking([] {}, {.virtual_duration = std::chrono::nanoseconds::max()});
  };

  EXPECT_NE(timeout_of(with_timeout(5s, hangs(), {.name = "upload", .grace = 2s})), "");

  EXPECT_EQ(loop_.elapsed(), 7s);
  ASSERT_EQ(loop_.stragglers().size(), 1u);
  EXPECT_EQ(loop_.stragglers()[0].name, "upload");
}

TEST_F(TimeoutTest, CancelsTheTaskWhenItsCallerIsCancelled) {
  int cancellations = 0;
  const auto caller = [&]() -> Task<> { (void)co_await with_timeout(60s, unwind_for(2s, cancellations)); };

  EXPECT_TRUE(loop_.run(cancelled_after(loop_, 1s, caller)));

  EXPECT_EQ(cancellations, 1);
  EXPECT_EQ(loop_.elapsed(), 3s);
}

// What a task has is its caller's, also when both are cancelled in the turn in which it ends.

TEST_F(TimeoutTest, ReturnsTheItemThatWasPushedBeforeItsCallerWasCancelled) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    VirtualLoop loop({.seed = seed, .shuffle = seed > 0});
    Queue<int> queue(1);
    std::optional<int> item;
    bool went_on = false;
    const auto pop = [&]() -> Task<std::optional<int>> {
      std::optional<int> popped = co_await queue.pop();
      co_return popped;
    };
    const auto consumer = [&]() -> Task<> {
      item = co_await with_timeout(10s, pop());
      co_await yield();
      went_on = true;
    };
    TaskGroup group(loop);
    group.start("consumer", consumer());
    loop.run(sleep_for(1s));
    const auto producer = [&]() -> Task<> {
      int value = 42;
      const bool pushed = co_await queue.push(std::move(value));
      EXPECT_TRUE(pushed);
      group.cancel();
    };

    loop.run(producer());

    EXPECT_EQ(loop.run(drain(group)).cancelled, 1u);
    EXPECT_EQ(item, 42);
    EXPECT_TRUE(queue.empty());
    EXPECT_FALSE(went_on);  // The request came at the next await.
  }
}

TEST_F(TimeoutTest, CountsACallerAsCompletedThatAwaitsNothingAfterTheValueItWasReturned) {
  Event event;
  bool returned = false;
  const auto wait = [&]() -> Task<int> {
    co_await event.wait();
    co_return 42;
  };
  const auto caller = [&]() -> Task<> { returned = co_await with_timeout(10s, wait()) == 42; };
  TaskGroup group(loop_);
  group.start("caller", caller());
  loop_.run(sleep_for(1s));
  event.set();
  group.cancel();

  const DrainResult result = loop_.run(drain(group));

  EXPECT_TRUE(returned);
  EXPECT_EQ(result.completed, 1u);
}

TEST_F(TimeoutTest, ThrowsWhatItsTaskThrewInTheTurnInWhichItsCallerWasCancelled) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    VirtualLoop loop({.seed = seed, .shuffle = seed > 0});
    Event event;
    const auto refused = [&]() -> Task<int> {
      co_await event.wait();
      throw std::runtime_error("401");
    };
    std::string what;
    bool went_on = false;
    const auto caller = [&]() -> Task<> {
      try {
        (void)co_await with_timeout(10s, refused());
      } catch (const std::runtime_error& error) {
        what = error.what();
      }
      co_await yield();
      went_on = true;
    };
    TaskGroup group(loop);
    group.start("caller", caller());
    loop.run(sleep_for(1s));
    event.set();
    group.cancel();

    EXPECT_EQ(loop.run(drain(group)).cancelled, 1u);
    EXPECT_EQ(what, "401");
    EXPECT_FALSE(went_on);
  }
}

TEST_F(TimeoutTest, ThrowsWhatItsTaskThrowsAsItUnwindsBecauseItsCallerWasCancelled) {
  const auto throws = []() -> Task<int> {
    try {
      co_await sleep_for(1h);
    } catch (const Cancelled&) {
    }
    throw std::runtime_error("401");
  };
  const auto caller = [&]() -> Task<> { (void)co_await with_timeout(10s, throws()); };
  TaskGroup group(loop_);
  group.start("caller", caller());
  loop_.run(sleep_for(1s));

  EXPECT_EQ(loop_.run(drain(group, {.cancel_first = true})).failed, 1u);
  EXPECT_THAT(log_.text(), testing::HasSubstr("error drain 'default': caller crashed: 401\n"));
}

TEST_F(TimeoutTest, LogsWhatItsTaskThrewWhenItsCallerIsDestroyedBeforeItIsTold) {
  Event event;
  const auto refused = [&]() -> Task<int> {
    co_await event.wait();
    throw std::runtime_error("401");
  };
  const auto caller = [&]() -> Task<> { (void)co_await with_timeout(10s, refused(), {.name = "upload"}); };
  TaskGroup group(loop_);
  group.start("caller", caller());
  loop_.run(sleep_for(1s));
  event.set();
  const auto one_turn = []() -> Task<> { co_await yield(); };
  loop_.run(one_turn());  // The task has ended, and its caller is ready.

  group.end_in_place();

  EXPECT_THAT(log_.lines(),
              testing::ElementsAre("error with_timeout 'default': upload failed, and its caller is not told: 401"));
}

TEST_F(TimeoutTest, IsCancelledAlsoWhileItsTaskUnwindsAfterTheTimeout) {
  int cancellations = 0;
  const auto caller = [&]() -> Task<> { (void)co_await with_timeout(1s, unwind_for(4s, cancellations)); };

  EXPECT_TRUE(loop_.run(cancelled_after(loop_, 3s, caller)));

  EXPECT_EQ(cancellations, 1);
  EXPECT_EQ(loop_.elapsed(), 5s);
}

TEST_F(TimeoutTest, ThrowsTheTimeoutWhenItsTaskHasUnwoundInTheTurnInWhichItsCallerIsCancelled) {
  Event closed;
  const auto closes = [&]() -> Task<> {
    try {
      co_await sleep_for(1h);
    } catch (const Cancelled&) {
    }
    co_await closed.wait();
  };
  std::string what;
  bool went_on = false;
  const auto caller = [&]() -> Task<> {
    try {
      co_await with_timeout(1s, closes(), {.name = "upload"});
    } catch (const Error& error) {
      what = error.what();
    }
    co_await yield();
    went_on = true;
  };
  TaskGroup group(loop_);
  group.start("caller", caller());
  loop_.run(sleep_for(2s));
  closed.set();
  group.cancel();

  EXPECT_EQ(loop_.run(drain(group)).cancelled, 1u);
  EXPECT_THAT(what, testing::HasSubstr("upload timed out after 1.000 s"));
  EXPECT_FALSE(went_on);
}

// The item comes, the time runs out and the caller is cancelled, all before any of them has its turn.
TEST_F(TimeoutTest, ReturnsTheItemThatCameInTheTurnInWhichItsTimeRanOutAndItsCallerWasCancelled) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    VirtualLoop loop({.seed = seed, .shuffle = true});
    Queue<int> queue(1);
    std::optional<int> item;
    const auto pop = [&]() -> Task<std::optional<int>> {
      std::optional<int> popped = co_await queue.pop();
      co_return popped;
    };
    const auto consumer = [&]() -> Task<> { item = co_await with_timeout(1s, pop()); };
    TaskGroup group(loop);
    group.start("consumer", consumer());
    const auto producer = [&]() -> Task<> {
      co_await sleep_until(Instant(1s));
      const bool pushed = queue.try_push(42);
      EXPECT_TRUE(pushed);
      group.cancel();
    };

    loop.run(producer());
    (void)loop.run(drain(group));

    EXPECT_EQ(item.has_value() ? 0u : 1u, queue.size()) << "seed " << seed;
  }
}

TEST_F(TimeoutTest, ThrowsCancelledWhenTheTaskDidSoByItself) {
  const auto gives_up = []() -> Task<int> {
    co_await sleep_for(1s);
    throw Cancelled{};
  };

  EXPECT_THROW(loop_.run(with_timeout(5s, gives_up())), Cancelled);
}

TEST_F(TimeoutTest, LogsNothingBecauseItsCallerIsTold) {
  (void)timeout_of(with_timeout(5s, no_value_ever(alive_)));
  EXPECT_THROW(loop_.run(with_timeout(5s, no_value_after(1s, "disk full"))), std::runtime_error);

  EXPECT_THAT(log_.lines(), IsEmpty());
}

TEST_F(TimeoutTest, EndsItsTaskInPlaceWhenItIsForced) {
  TaskGroup group(loop_);
  const auto caller = [&]() -> Task<> {
    for (;;) {
      try {
        co_await with_timeout(1h, no_value_ever(alive_), {.name = "upload", .grace = 1h});
      } catch (const Cancelled&) {
      }
    }
  };
  group.start("caller", caller());

  const DrainResult result = loop_.run(drain(group, {.timeout = 1s, .grace = 1s}));

  EXPECT_EQ(result.forced, 2u);
  EXPECT_EQ(alive_, 0);
}

}  // namespace
}  // namespace soak
