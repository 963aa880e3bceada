// SPDX-License-Identifier: Apache-2.0
#include "soak/queue.h"

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
#include "soak/metrics/metrics.h"

namespace soak {
namespace {

using std::chrono_literals::operator""s;
using testing::ElementsAre;

using Texts = Queue<std::string>;

class QueueTest : public testing::Test {
 protected:
  Task<> push(Texts& queue, std::string item) {
    const bool accepted = co_await queue.push(std::move(item));
    said_.push_back(accepted ? "pushed" : "refused " + item);  // NOLINT: a refused item is as it was.
  }

  Task<> pop(Texts& queue) {
    const std::optional<std::string> item = co_await queue.pop();
    said_.push_back(item.value_or("nothing"));
  }

  // Waits again whenever it is cancelled.
  Task<> insist_on_popping(Texts& queue) {
    const Witness witness(alive_);
    for (;;) {
      try {
        (void)co_await queue.pop();
      } catch (const Cancelled&) {
      }
    }
  }
  Task<> insist_on_pushing(Texts& queue) {
    const Witness witness(alive_);
    for (;;) {
      std::string item = "an item that is too long for a small string";
      try {
        (void)co_await queue.push(std::move(item));
      } catch (const Cancelled&) {
      }
    }
  }

  void turn() { loop_.run(yield()); }

  int alive_ = 0;
  std::vector<std::string> said_;
  VirtualLoop loop_;
  conftest::CapturedLog log_;
};

using QueueDeathTest = QueueTest;

TEST_F(QueueTest, GivesItemsInTheOrderOfTheirComing) {
  Texts queue(3);
  for (const char* item : {"1", "2", "3"}) {
    EXPECT_TRUE(queue.try_push(item));
  }

  for (int i = 0; i < 3; ++i) {
    loop_.run(pop(queue));
  }

  EXPECT_THAT(said_, ElementsAre("1", "2", "3"));
  EXPECT_TRUE(queue.empty());
}

TEST_F(QueueTest, MakesTheProducerWaitForASlowConsumer) {
  Queue<int> queue(2);
  std::size_t most = 0;
  std::vector<int> got;
  TaskGroup group(loop_);
  const auto produce = [&]() -> Task<> {
    for (int i = 0; i < 5; ++i) {
      const bool accepted = co_await queue.push(int{i});
      EXPECT_TRUE(accepted);
      most = std::max(most, queue.size());
    }
    EXPECT_EQ(loop_.elapsed(), 2s);
    queue.close();
  };
  const auto consume = [&]() -> Task<> {
    for (;;) {
      const std::optional<int> item = co_await queue.pop();
      if (!item) {
        break;
      }
      got.push_back(*item);
      co_await sleep_for(1s);
    }
  };
  group.start("producer", produce());
  group.start("consumer", consume());

  EXPECT_TRUE(loop_.run(drain(group)).clean());

  EXPECT_THAT(got, ElementsAre(0, 1, 2, 3, 4));
  EXPECT_EQ(most, 2u);
  EXPECT_EQ(loop_.elapsed(), 5s);
}

TEST_F(QueueTest, ServesPoppersInTheOrderOfTheirComing) {
  Queue<int> queue(1);
  std::vector<std::pair<int, int>> got;
  const auto pop = [&](int number) -> Task<> {
    const std::optional<int> item = co_await queue.pop();
    got.emplace_back(number, item.value_or(-1));
  };
  TaskGroup group(loop_);
  for (int i = 0; i < 3; ++i) {
    group.start({"popper", i}, pop(i));
  }
  const auto produce = [&]() -> Task<> {
    for (int i = 10; i < 13; ++i) {
      const bool accepted = co_await queue.push(int{i});
      EXPECT_TRUE(accepted);
    }
  };
  group.start("producer", produce());

  EXPECT_TRUE(loop_.run(drain(group)).clean());

  EXPECT_THAT(got, ElementsAre(std::pair(0, 10), std::pair(1, 11), std::pair(2, 12)));
}

TEST_F(QueueTest, ServesPushersInTheOrderOfTheirComing) {
  Texts queue(1);
  TaskGroup group(loop_);
  for (int i = 0; i < 4; ++i) {
    group.start({"pusher", i}, push(queue, std::to_string(i)));
  }
  turn();

  TaskGroup poppers(loop_);
  for (int i = 0; i < 4; ++i) {
    poppers.start({"popper", i}, pop(queue));
  }
  EXPECT_TRUE(loop_.run(drain(poppers)).clean());
  EXPECT_TRUE(loop_.run(drain(group)).clean());

  std::erase(said_, "pushed");
  EXPECT_THAT(said_, ElementsAre("0", "1", "2", "3"));
}

TEST_F(QueueTest, LosesAndDoublesNoItemInWhateverOrderTasksRun) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    VirtualLoop loop({.seed = seed, .shuffle = true});
    Queue<int> queue(2);
    std::vector<int> got;
    TaskGroup producers(loop);
    TaskGroup consumers(loop);
    const auto produce = [&](int from) -> Task<> {
      for (int i = from; i < from + 10; ++i) {
        const bool accepted = co_await queue.push(int{i});
        EXPECT_TRUE(accepted);
      }
    };
    const auto consume = [&]() -> Task<> {
      for (;;) {
        const std::optional<int> item = co_await queue.pop();
        if (!item) {
          break;
        }
        got.push_back(*item);
      }
    };
    for (int i = 0; i < 3; ++i) {
      producers.start({"producer", i}, produce(10 * i));
    }
    for (int i = 0; i < 3; ++i) {
      consumers.start({"consumer", i}, consume());
    }

    EXPECT_TRUE(loop.run(drain(producers)).clean());
    queue.close();
    EXPECT_TRUE(loop.run(drain(consumers)).clean());

    std::vector<int> all(30);
    for (int i = 0; i < 30; ++i) {
      all[static_cast<std::size_t>(i)] = i;
    }
    EXPECT_THAT(got, testing::UnorderedElementsAreArray(all));
  }
}

TEST_F(QueueTest, TakesWhatCanOnlyBeMoved) {
  Queue<std::unique_ptr<int>> queue(1);
  const auto body = [&]() -> Task<int> {
    auto item = std::make_unique<int>(42);
    const bool accepted = co_await queue.push(std::move(item));
    EXPECT_TRUE(accepted);
    const std::optional<std::unique_ptr<int>> popped = co_await queue.pop();
    co_return **popped;
  };

  EXPECT_EQ(loop_.run(body()), 42);
}

TEST_F(QueueTest, RefusesToHaveNoRoom) {
  try {
    const Texts queue(0);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::kInvalidArgument);
    EXPECT_STREQ(error.what(), "Queue of capacity 0: expected at least 1");
  }
}

TEST_F(QueueTest, TriesWithoutWaiting) {
  Texts queue(1);
  std::string second = "second";

  EXPECT_FALSE(queue.try_pop());
  EXPECT_TRUE(queue.try_push("first"));
  EXPECT_FALSE(queue.try_push(std::move(second)));
  EXPECT_EQ(second, "second");  // NOLINT: a refused item is as it was.
  EXPECT_EQ(queue.try_pop(), "first");
  EXPECT_EQ(queue.capacity(), 1u);
}

TEST_F(QueueTest, GivesNoItemToOneWhoDoesNotWaitBeforeOneWhoDoes) {
  Texts queue(1);
  TaskGroup group(loop_);
  group.start("popper", pop(queue));
  turn();

  EXPECT_TRUE(queue.try_push("item"));  // The popper is woken, and has not had its turn.

  EXPECT_FALSE(queue.try_pop());
  EXPECT_TRUE(loop_.run(drain(group)).clean());
  EXPECT_THAT(said_, ElementsAre("item"));
}

TEST_F(QueueTest, GivesNoRoomToOneWhoDoesNotWaitBeforeOneWhoDoes) {
  Texts queue(1);
  EXPECT_TRUE(queue.try_push("1"));
  TaskGroup group(loop_);
  group.start("pusher", push(queue, "2"));
  turn();

  EXPECT_EQ(queue.try_pop(), "1");

  EXPECT_FALSE(queue.try_push("3"));
  EXPECT_TRUE(loop_.run(drain(group)).clean());
  EXPECT_EQ(queue.try_pop(), "2");
}

// Closing

TEST_F(QueueTest, GivesWhatItHoldsAlsoOnceItIsClosed) {
  Texts queue(2);
  EXPECT_TRUE(queue.try_push("1"));
  EXPECT_TRUE(queue.try_push("2"));

  queue.close();

  for (int i = 0; i < 3; ++i) {
    loop_.run(pop(queue));
  }
  EXPECT_THAT(said_, ElementsAre("1", "2", "nothing"));
  EXPECT_TRUE(queue.closed());
}

TEST_F(QueueTest, RefusesItemsOnceItIsClosed) {
  Texts queue(2);
  queue.close();

  EXPECT_FALSE(queue.try_push("1"));
  loop_.run(push(queue, "2"));

  EXPECT_THAT(said_, ElementsAre("refused 2"));
}

TEST_F(QueueTest, EndsTheWaitsOfPushersAndPoppersWhenItIsClosed) {
  Texts full(1);
  Texts empty(1);
  EXPECT_TRUE(full.try_push("1"));
  TaskGroup group(loop_);
  group.start("pusher", push(full, "2"));
  group.start("pusher", push(full, "3"));
  group.start("popper", pop(empty));
  group.start("popper", pop(empty));
  turn();

  full.close();
  empty.close();

  EXPECT_TRUE(loop_.run(drain(group)).clean());
  EXPECT_THAT(said_, ElementsAre("refused 2", "refused 3", "nothing", "nothing"));
  EXPECT_EQ(full.size(), 1u);
  EXPECT_EQ(loop_.elapsed(), 0s);
}

TEST_F(QueueTest, RefusesAPusherThatIsToHaveRoomWhenItIsClosed) {
  Texts queue(1);
  EXPECT_TRUE(queue.try_push("1"));
  TaskGroup group(loop_);
  group.start("pusher", push(queue, "2"));
  turn();

  EXPECT_EQ(queue.try_pop(), "1");
  queue.close();

  EXPECT_TRUE(loop_.run(drain(group)).clean());
  EXPECT_THAT(said_, ElementsAre("refused 2"));
  EXPECT_TRUE(queue.empty());
}

TEST_F(QueueTest, KeepsTheItemOfAPopperThatWasWokenWhenItIsClosed) {
  Texts queue(1);
  TaskGroup group(loop_);
  group.start("popper", pop(queue));
  group.start("other", pop(queue));
  turn();

  EXPECT_TRUE(queue.try_push("1"));
  queue.close();

  EXPECT_TRUE(loop_.run(drain(group)).clean());
  EXPECT_THAT(said_, testing::UnorderedElementsAre("1", "nothing"));
}

TEST_F(QueueTest, MayDieOnceItIsClosedThoughItsWaitersHaveNotHadTheirTurn) {
  std::optional<Texts> queue(std::in_place, 1);
  TaskGroup group(loop_);
  group.start("popper", pop(*queue));
  turn();

  queue->close();
  queue.reset();

  EXPECT_TRUE(loop_.run(drain(group)).clean());
  EXPECT_THAT(said_, ElementsAre("nothing"));
}

TEST_F(QueueTest, MayBeClosedTwice) {
  Texts queue(1);

  queue.close();
  queue.close();

  EXPECT_TRUE(queue.closed());
}

// Dropping the oldest

TEST_F(QueueTest, DropsItsOldestAndCountsItWhereItIsToldTo) {
  Texts queue({.capacity = 2, .when_full = WhenFull::kDropOldest, .label = "dropping"});

  for (const char* item : {"1", "2", "3", "4"}) {
    loop_.run(push(queue, item));
  }
  EXPECT_TRUE(queue.try_push("5"));

  EXPECT_EQ(queue.dropped(), 3u);
  EXPECT_EQ(queue.try_pop(), "4");
  EXPECT_EQ(queue.try_pop(), "5");
  EXPECT_TRUE(queue.empty());
  EXPECT_THAT(said_, ElementsAre("pushed", "pushed", "pushed", "pushed"));
  EXPECT_EQ(loop_.elapsed(), 0s);
}

TEST_F(QueueTest, DropsNothingWhileItHasRoomOrWhereItMakesTheProducerWait) {
  Texts roomy({.capacity = 2, .when_full = WhenFull::kDropOldest});
  Texts waiting({.capacity = 1});
  EXPECT_TRUE(roomy.try_push("1"));
  EXPECT_TRUE(roomy.try_push("2"));
  EXPECT_TRUE(waiting.try_push("1"));

  EXPECT_FALSE(waiting.try_push("2"));

  EXPECT_EQ(roomy.dropped(), 0u);
  EXPECT_EQ(waiting.dropped(), 0u);
}

TEST_F(QueueTest, CountsDropsByItsLabel) {
  const auto dropped = [] {
    return metrics::counter("async_queue_dropped_total", "Items that a Queue dropped to make room.",
                            {{"label", "counted drops"}})
        .value();
  };
  const double before = dropped();
  for (int i = 0; i < 2; ++i) {
    Texts queue({.capacity = 1, .when_full = WhenFull::kDropOldest, .label = "counted drops"});
    EXPECT_TRUE(queue.try_push("1"));
    EXPECT_TRUE(queue.try_push("2"));
    EXPECT_TRUE(queue.try_push("3"));
  }

  EXPECT_EQ(dropped() - before, 4);
}

TEST_F(QueueTest, HasTheNewestForATaskThatWasWokenForWhatItDrops) {
  Texts queue({.capacity = 1, .when_full = WhenFull::kDropOldest});
  TaskGroup group(loop_);
  group.start("popper", pop(queue));
  turn();

  EXPECT_TRUE(queue.try_push("1"));
  EXPECT_TRUE(queue.try_push("2"));

  EXPECT_TRUE(loop_.run(drain(group)).clean());
  EXPECT_THAT(said_, ElementsAre("2"));
  EXPECT_EQ(queue.dropped(), 1u);
}

TEST_F(QueueTest, DropsNothingForAnItemThatItRefusesBecauseItIsClosed) {
  Texts queue({.capacity = 1, .when_full = WhenFull::kDropOldest});
  EXPECT_TRUE(queue.try_push("1"));
  queue.close();

  loop_.run(push(queue, "2"));

  EXPECT_FALSE(queue.try_push("3"));
  EXPECT_EQ(queue.try_pop(), "1");
  EXPECT_EQ(queue.dropped(), 0u);
  EXPECT_THAT(said_, ElementsAre("refused 2"));
}

// Cancellation

TEST_F(QueueTest, TakesNothingFromAPusherThatIsCancelled) {
  Texts queue(1);
  EXPECT_TRUE(queue.try_push("1"));

  EXPECT_TRUE(loop_.run(cancelled_after(loop_, 1s, [&] { return push(queue, "2"); })));

  EXPECT_EQ(queue.try_pop(), "1");
  EXPECT_TRUE(queue.try_push("3"));
  EXPECT_THAT(said_, ElementsAre());
}

TEST_F(QueueTest, GivesNothingToAPopperThatIsCancelled) {
  Texts queue(1);

  EXPECT_TRUE(loop_.run(cancelled_after(loop_, 1s, [&] { return pop(queue); })));

  EXPECT_TRUE(queue.try_push("1"));
  EXPECT_EQ(queue.try_pop(), "1");
  EXPECT_THAT(said_, ElementsAre());
}

// The first of the two counts: who was woken has its item, and the request at its next await.
TEST_F(QueueTest, GivesTheItemToAPopperThatIsCancelledOnceWoken) {
  Texts queue(1);
  TaskGroup group(loop_);
  group.start("popper", pop(queue));
  turn();

  EXPECT_TRUE(queue.try_push("1"));
  group.cancel();

  EXPECT_EQ(loop_.run(drain(group)).completed, 1u);
  EXPECT_THAT(said_, ElementsAre("1"));
}

// Force

TEST_F(QueueTest, PassesTheItemOnWhenItsPopperIsDestroyedBeforeItsTurn) {
  Texts queue(1);
  TaskGroup forced(loop_);
  TaskGroup others(loop_);
  forced.start("forced", pop(queue));
  others.start("next", pop(queue));
  turn();

  EXPECT_TRUE(queue.try_push("1"));
  forced.end_in_place();

  EXPECT_TRUE(loop_.run(drain(others)).clean());
  EXPECT_THAT(said_, ElementsAre("1"));
}

TEST_F(QueueTest, PassesTheItemOnToAPopperThatWaitedWhenItWasClosed) {
  Texts queue(1);
  TaskGroup forced(loop_);
  TaskGroup others(loop_);
  forced.start("forced", pop(queue));
  others.start("next", pop(queue));
  others.start("last", pop(queue));
  turn();

  EXPECT_TRUE(queue.try_push("1"));
  queue.close();
  forced.end_in_place();

  EXPECT_TRUE(loop_.run(drain(others)).clean());
  EXPECT_THAT(said_, ElementsAre("1", "nothing"));
}

// It finds the last item reserved for a task that was woken, and that task is destroyed before its turn.
TEST_F(QueueTest, PassesTheItemOnToAPopperThatCameAfterItWasClosed) {
  Texts queue(1);
  TaskGroup forced(loop_);
  TaskGroup others(loop_);
  TaskGroup destroyers(loop_);
  forced.start("forced", pop(queue));
  turn();
  const auto destroy = [&]() -> Task<> {
    forced.end_in_place();
    co_return;
  };
  const auto late = [&]() -> Task<> {
    destroyers.start("destroyer", destroy());  // Has its turn before the task that is woken next.
    EXPECT_TRUE(queue.try_push("1"));
    queue.close();
    Task<> popping = pop(queue);
    co_await std::move(popping);
  };
  others.start("late", late());

  EXPECT_TRUE(loop_.run(drain(others)).clean());
  EXPECT_THAT(said_, ElementsAre("1"));
}

TEST_F(QueueTest, KeepsTheItemWhenItsPopperIsDestroyedAndNobodyElseWaits) {
  Texts queue(1);
  TaskGroup forced(loop_);
  forced.start("forced", pop(queue));
  turn();

  EXPECT_TRUE(queue.try_push("1"));
  forced.end_in_place();

  EXPECT_EQ(queue.try_pop(), "1");
}

TEST_F(QueueTest, PassesTheRoomOnWhenItsPusherIsDestroyedBeforeItsTurn) {
  Texts queue(1);
  EXPECT_TRUE(queue.try_push("1"));
  TaskGroup forced(loop_);
  TaskGroup others(loop_);
  forced.start("forced", push(queue, "2"));
  others.start("next", push(queue, "3"));
  turn();

  EXPECT_EQ(queue.try_pop(), "1");
  forced.end_in_place();

  EXPECT_TRUE(loop_.run(drain(others)).clean());
  EXPECT_EQ(queue.try_pop(), "3");
  EXPECT_TRUE(queue.try_push("4"));
}

TEST_F(QueueTest, MayDieBeforeItsWaitersInAForce) {
  TaskGroup group(loop_);
  const auto owner = [&]() -> Task<> {
    TaskGroup inner(loop_);
    Texts full(1);  // These go before the group whose tasks wait on them.
    Texts empty(1);
    EXPECT_TRUE(full.try_push("1"));
    inner.start("popper", insist_on_popping(empty));
    inner.start("pusher", insist_on_pushing(full));
    co_await swallow_for_ever(alive_);
  };
  group.start("owner", owner());

  EXPECT_EQ(loop_.run(drain(group, {.timeout = 1s, .grace = 1s})).forced, 3u);

  EXPECT_EQ(alive_, 0);
}

TEST_F(QueueTest, MayDieInAnUnwindingBeforeTasksThatWereWokenAndHaveNotHadTheirTurn) {
  TaskGroup group(loop_);
  const auto owner = [&]() -> Task<> {
    TaskGroup inner(loop_);
    Texts full(1);
    Texts empty(1);
    EXPECT_TRUE(full.try_push("1"));
    inner.start("popper", insist_on_popping(empty));
    inner.start("pusher", insist_on_pushing(full));
    co_await sleep_for(1s);
    EXPECT_TRUE(empty.try_push("2"));
    EXPECT_EQ(full.try_pop(), "1");
    throw std::runtime_error("broken");
  };
  group.start("owner", owner());

  const DrainResult result = loop_.run(drain(group));

  EXPECT_EQ(result.failed, 1u);
  EXPECT_EQ(result.forced, 2u);
  EXPECT_EQ(alive_, 0);
}

// The body's locals are gone when with_group() gives its tasks the turns that they are due.
TEST_F(QueueTest, MayDieBeforeTasksThatGoOnAfterTheyWereWoken) {
  const auto body = [&](TaskGroup& group) -> Task<> {
    Texts full(1);
    Texts empty(1);
    EXPECT_TRUE(full.try_push("1"));
    group.start("popper", pop(empty));
    group.start("pusher", push(full, "2"));
    co_await sleep_for(1s);
    EXPECT_TRUE(empty.try_push("3"));
    EXPECT_EQ(full.try_pop(), "1");
    throw std::runtime_error("broken");
  };

  EXPECT_THROW(loop_.run(with_group(loop_, {}, body)), std::runtime_error);

  EXPECT_THAT(said_, ElementsAre("nothing", "refused 2"));
}

TEST_F(QueueDeathTest, AbortsAndNamesTheTasksThatWaitOnItWhenItDies) {
  TaskGroup group(loop_);
  std::optional<Texts> queue(std::in_place, 1);
  group.start({"popper", 1}, pop(*queue));
  group.start({"popper", 2}, pop(*queue));
  turn();

  EXPECT_DEATH(queue.reset(),
               "Queue destroyed while tasks wait on it: popper-1, popper-2; close it, and end them first");
  queue->close();
  EXPECT_TRUE(loop_.run(drain(group)).clean());
}

TEST_F(QueueDeathTest, AbortsAndNamesATaskThatWasWokenForAnItemWhenItDies) {
  TaskGroup group(loop_);
  std::optional<Texts> queue(std::in_place, 1);
  group.start({"popper", 1}, pop(*queue));
  turn();
  EXPECT_TRUE(queue->try_push("1"));

  EXPECT_DEATH(queue.reset(), "Queue destroyed while tasks wait on it: popper-1; close it, and end them first");
  EXPECT_TRUE(loop_.run(drain(group)).clean());
}

}  // namespace
}  // namespace soak
