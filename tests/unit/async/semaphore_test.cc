// SPDX-License-Identifier: Apache-2.0
#include "soak/semaphore.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "conftest/captured_log.h"
#include "sample_tasks.h"

namespace soak {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""s;
using testing::ElementsAre;

class SemaphoreTest : public testing::Test {
 protected:
  // Takes a permit, writes down its number, and keeps the permit for `time`.
  Task<> hold(Semaphore& semaphore, int number, std::chrono::nanoseconds time) {
    const Permit permit = co_await semaphore.acquire();
    order_.push_back(number);
    co_await sleep_for(time);
  }

  // As hold(), and ends only by force.
  Task<> hold_for_ever(Semaphore& semaphore) {
    const Permit permit = co_await semaphore.acquire();
    co_await swallow_for_ever(alive_);
  }

  // Waits for a permit again whenever it is cancelled.
  Task<> insist(Semaphore& semaphore, int number) {
    const Witness witness(alive_);
    for (;;) {
      try {
        const Permit permit = co_await semaphore.acquire();
        order_.push_back(number);
        co_return;
      } catch (const Cancelled&) {
      }
    }
  }

  int alive_ = 0;
  std::vector<int> order_;
  VirtualLoop loop_;
  conftest::CapturedLog log_;
};

using SemaphoreDeathTest = SemaphoreTest;

TEST_F(SemaphoreTest, LetsSoManyInAtATime) {
  Semaphore semaphore(2);
  TaskGroup group(loop_);
  for (int i = 0; i < 6; ++i) {
    group.start({"holder", i}, hold(semaphore, i, 1s));
  }

  EXPECT_TRUE(loop_.run(drain(group)).clean());

  EXPECT_EQ(loop_.elapsed(), 3s);
  EXPECT_EQ(semaphore.available(), 2u);
  EXPECT_EQ(semaphore.permits(), 2u);
}

TEST_F(SemaphoreTest, LetsThemInInTheOrderOfTheirComing) {
  Semaphore semaphore(1);
  TaskGroup group(loop_);
  for (int i = 0; i < 5; ++i) {
    group.start({"holder", i}, hold(semaphore, i, 1s));
  }

  EXPECT_TRUE(loop_.run(drain(group)).clean());

  EXPECT_THAT(order_, ElementsAre(0, 1, 2, 3, 4));
}

TEST_F(SemaphoreTest, GivesAFreePermitAtOnce) {
  Semaphore semaphore(1);

  loop_.run(hold(semaphore, 1, 0s));

  EXPECT_EQ(loop_.elapsed(), 0s);
  EXPECT_EQ(semaphore.available(), 1u);
}

TEST_F(SemaphoreTest, RefusesToBeWithoutPermits) {
  try {
    const Semaphore semaphore(0);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::kInvalidArgument);
    EXPECT_STREQ(error.what(), "Semaphore of 0 permits: expected at least 1");
  }
}

TEST_F(SemaphoreTest, GivesNoPermitToOneWhoDoesNotWaitBeforeOneWhoDoes) {
  Semaphore semaphore(1);
  std::optional<Permit> held = semaphore.try_acquire();
  EXPECT_FALSE(semaphore.try_acquire().has_value());
  TaskGroup group(loop_);
  group.start("waiter", hold(semaphore, 1, 0s));
  loop_.run(yield());

  held.reset();  // The waiter is woken, and has not had its turn.

  EXPECT_FALSE(semaphore.try_acquire().has_value());
  EXPECT_TRUE(loop_.run(drain(group)).clean());
  EXPECT_TRUE(semaphore.try_acquire().has_value());
}

TEST_F(SemaphoreTest, GivesAPermitBackOnce) {
  Semaphore semaphore(2);
  Permit first = *semaphore.try_acquire();
  EXPECT_EQ(semaphore.available(), 1u);

  Permit second = std::move(first);
  EXPECT_FALSE(first.held());  // NOLINT: that it holds none is the claim.
  EXPECT_TRUE(second.held());
  EXPECT_EQ(semaphore.available(), 1u);
  second.release();
  EXPECT_FALSE(second.held());
  second.release();

  EXPECT_EQ(semaphore.available(), 2u);
}

TEST_F(SemaphoreTest, TakesBackThePermitThatAnotherIsMovedOnto) {
  Semaphore semaphore(2);
  Permit first = *semaphore.try_acquire();
  Permit second = *semaphore.try_acquire();
  EXPECT_EQ(semaphore.available(), 0u);

  first = std::move(second);

  EXPECT_TRUE(first.held());
  EXPECT_EQ(semaphore.available(), 1u);
}

TEST_F(SemaphoreTest, TakesBackThePermitOfATaskThatThrows) {
  Semaphore semaphore(1);
  const auto throws = [&]() -> Task<> {
    const Permit permit = co_await semaphore.acquire();
    throw std::runtime_error("broken");
  };

  EXPECT_THROW(loop_.run(throws()), std::runtime_error);

  EXPECT_EQ(semaphore.available(), 1u);
}

TEST_F(SemaphoreTest, ForgetsAWaiterThatIsCancelled) {
  Semaphore semaphore(1);
  std::optional<Permit> held = semaphore.try_acquire();

  EXPECT_TRUE(loop_.run(cancelled_after(loop_, 1s, [&] { return hold(semaphore, 1, 0s); })));
  held.reset();

  EXPECT_THAT(order_, ElementsAre());
  EXPECT_EQ(semaphore.available(), 1u);
}

// The first of the two counts: who was woken has its permit, and the request at its next await.
TEST_F(SemaphoreTest, GivesThePermitToAWaiterThatIsCancelledOnceWoken) {
  Semaphore semaphore(1);
  std::optional<Permit> held = semaphore.try_acquire();
  TaskGroup group(loop_);
  group.start("waiter", hold(semaphore, 1, 1h));
  loop_.run(yield());

  held.reset();
  group.cancel();
  const DrainResult result = loop_.run(drain(group));

  EXPECT_EQ(result.cancelled, 1u);
  EXPECT_THAT(order_, ElementsAre(1));
  EXPECT_EQ(loop_.elapsed(), 0s);
  EXPECT_EQ(semaphore.available(), 1u);
}

TEST_F(SemaphoreTest, TellsACancellationThatCameBeforeTheWait) {
  Semaphore semaphore(1);
  const auto late = [&]() -> Task<> {
    co_await yield();
    const Permit permit = co_await semaphore.acquire();
    order_.push_back(1);
  };
  TaskGroup group(loop_);
  group.start("late", late());
  loop_.run(yield());
  group.cancel();

  EXPECT_EQ(loop_.run(drain(group)).cancelled, 1u);

  EXPECT_THAT(order_, ElementsAre());
  EXPECT_EQ(semaphore.available(), 1u);
}

TEST_F(SemaphoreTest, PassesThePermitOnWhenItsWaiterIsDestroyedBeforeItsTurn) {
  Semaphore semaphore(1);
  std::optional<Permit> held = semaphore.try_acquire();
  TaskGroup forced(loop_);
  TaskGroup others(loop_);
  forced.start("forced", hold(semaphore, 1, 0s));
  others.start("next", hold(semaphore, 2, 0s));
  loop_.run(yield());

  held.reset();
  forced.end_in_place();
  EXPECT_TRUE(loop_.run(drain(others)).clean());

  EXPECT_THAT(order_, ElementsAre(2));
  EXPECT_EQ(semaphore.available(), 1u);
}

TEST_F(SemaphoreTest, HasAllItsPermitsBackWhenHoldersAndWaitersWereForced) {
  Semaphore semaphore(2);
  TaskGroup group(loop_);
  for (int i = 0; i < 4; ++i) {
    group.start({"holder", i}, hold_for_ever(semaphore));
  }
  group.start("insistent", insist(semaphore, 1));

  const DrainResult result = loop_.run(drain(group, {.timeout = 1s, .grace = 1s}));

  EXPECT_EQ(result.cancelled, 2u);
  EXPECT_EQ(result.forced, 3u);
  EXPECT_EQ(alive_, 0);
  EXPECT_EQ(semaphore.available(), 2u);
}

TEST_F(SemaphoreTest, MayDieBeforeThoseWhoHoldAndAwaitItsPermitsInAForce) {
  TaskGroup group(loop_);
  const auto owner = [&]() -> Task<> {
    TaskGroup inner(loop_);
    Semaphore semaphore(1);  // Goes before the group whose tasks hold its permit and wait for it.
    inner.start("holder", hold_for_ever(semaphore));
    inner.start("waiter", insist(semaphore, 1));
    co_await swallow_for_ever(alive_);
  };
  group.start("owner", owner());

  EXPECT_EQ(loop_.run(drain(group, {.timeout = 1s, .grace = 1s})).forced, 3u);

  EXPECT_EQ(alive_, 0);
}

TEST_F(SemaphoreTest, MayDieInAForceWithAPermitGrantedToATaskThatHasNotHadItsTurn) {
  TaskGroup group(loop_);
  const auto owner = [&]() -> Task<> {
    TaskGroup inner(loop_);
    Semaphore semaphore(1);
    std::optional<Permit> held = semaphore.try_acquire();
    inner.start("waiter", insist(semaphore, 1));
    co_await yield();
    co_await yield();
    held.reset();
    throw std::runtime_error("broken");
  };
  group.start("owner", owner());

  const DrainResult result = loop_.run(drain(group));

  EXPECT_EQ(result.failed, 1u);
  EXPECT_EQ(result.forced, 1u);
  EXPECT_EQ(alive_, 0);
}

// The body's locals are gone when with_group() gives its tasks the turns that they are due.
TEST_F(SemaphoreTest, MayDieBeforeATaskThatGoesOnWithThePermitItWasGranted) {
  std::optional<bool> held_one;
  const auto waiter = [&](Semaphore& semaphore) -> Task<> {
    const Permit permit = co_await semaphore.acquire();
    held_one = permit.held();
  };
  const auto body = [&](TaskGroup& group) -> Task<> {
    Semaphore semaphore(1);
    std::optional<Permit> held = semaphore.try_acquire();
    group.start("waiter", waiter(semaphore));
    co_await yield();
    co_await yield();
    held.reset();
    throw std::runtime_error("broken");
  };

  EXPECT_THROW(loop_.run(with_group(loop_, {}, body)), std::runtime_error);

  EXPECT_EQ(held_one, false);
}

TEST_F(SemaphoreTest, ForgetsThePermitsThatAreOutWhenItDies) {
  std::optional<Semaphore> semaphore(std::in_place, 1);
  Permit permit = *semaphore->try_acquire();

  semaphore.reset();

  EXPECT_FALSE(permit.held());
  permit.release();
}

TEST_F(SemaphoreTest, ServesAHundredThousandTasks) {
  Semaphore semaphore(10);
  TaskGroup group(loop_);
  for (int i = 0; i < 100'000; ++i) {
    group.start({"holder", i}, hold(semaphore, i, 1s));
  }

  EXPECT_TRUE(loop_.run(drain(group, {.timeout = 24h})).clean());

  EXPECT_EQ(loop_.elapsed(), 10'000s);
  EXPECT_EQ(order_.back(), 99'999);
}

TEST_F(SemaphoreDeathTest, AbortsWhenItDiesWhileATaskWaits) {
  TaskGroup group(loop_);
  std::optional<Semaphore> semaphore(std::in_place, 1);
  std::optional<Permit> held = semaphore->try_acquire();
  group.start("waiter", hold(*semaphore, 1, 0s));
  loop_.run(yield());

  EXPECT_DEATH(semaphore.reset(), "Semaphore destroyed while somebody waits for a permit; end them first");
  held.reset();
  EXPECT_DEATH(semaphore.reset(), "Semaphore destroyed while somebody waits for a permit; end them first");
  EXPECT_TRUE(loop_.run(drain(group)).clean());
}

}  // namespace
}  // namespace soak
