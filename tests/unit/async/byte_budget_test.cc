// SPDX-License-Identifier: Apache-2.0
#include "soak/byte_budget.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "conftest/captured_log.h"
#include "sample_tasks.h"
#include "soak/metrics/metrics.h"
#include "soak/queue.h"

namespace soak {
namespace {

using std::chrono_literals::operator""s;
using testing::ElementsAre;

using Texts = Queue<std::string>;

std::size_t length(const std::string& text) { return text.size(); }

constexpr QueueOptions kRoomy{.capacity = 100, .label = "budgeted"};

class ByteBudgetTest : public testing::Test {
 protected:
  static std::vector<std::string> all_of(Texts& queue) {
    std::vector<std::string> items;
    while (std::optional<std::string> item = queue.try_pop()) {
      items.push_back(*item);
    }
    return items;
  }

  Task<> pop(Texts& queue) {
    const std::optional<std::string> item = co_await queue.pop();
    said_.push_back(item.value_or("nothing"));
  }
  Task<> push(Texts& queue, std::string item) {
    const bool accepted = co_await queue.push(std::move(item));
    said_.push_back(accepted ? "pushed" : "refused");
  }
  void turn() { loop_.run(yield()); }

  std::vector<std::string> said_;
  VirtualLoop loop_;
  conftest::CapturedLog log_;
};

TEST_F(ByteBudgetTest, DropsTheOldestOfTheQueueThatGetsAnItemAndNoOther) {
  ByteBudget budget(10);
  Texts audio(kRoomy, budget, length);
  Texts text(kRoomy, budget, length);
  EXPECT_TRUE(text.try_push("aaaa"));
  EXPECT_TRUE(audio.try_push("1"));
  EXPECT_TRUE(audio.try_push("22"));
  EXPECT_TRUE(audio.try_push("333"));
  EXPECT_EQ(budget.bytes(), 10u);

  EXPECT_TRUE(audio.try_push("44"));

  EXPECT_EQ(budget.bytes(), 9u);
  EXPECT_EQ(audio.dropped(), 2u);
  EXPECT_EQ(text.dropped(), 0u);
  EXPECT_THAT(all_of(audio), ElementsAre("333", "44"));
  EXPECT_THAT(all_of(text), ElementsAre("aaaa"));
  EXPECT_EQ(budget.bytes(), 0u);
}

TEST_F(ByteBudgetTest, DropsAnItemThatDoesNotFitInPlaceOfAllOthers) {
  ByteBudget budget(10);
  Texts audio(kRoomy, budget, length);
  Texts text(kRoomy, budget, length);
  EXPECT_TRUE(text.try_push("aaaa"));
  EXPECT_TRUE(audio.try_push("11"));

  EXPECT_TRUE(audio.try_push("7777777"));            // Six are left for this queue.
  EXPECT_TRUE(text.try_push(std::string(11, 'b')));  // More than there are.

  EXPECT_EQ(audio.dropped(), 1u);
  EXPECT_EQ(text.dropped(), 1u);
  EXPECT_THAT(all_of(audio), ElementsAre("11"));
  EXPECT_THAT(all_of(text), ElementsAre("aaaa"));
}

TEST_F(ByteBudgetTest, CountsDropsByTheLabelOfTheQueue) {
  const auto dropped = [](Label label) {
    return metrics::counter("async_queue_dropped_total", "Items that a Queue dropped to make room.", {{"label", label}})
        .value();
  };
  const double audio_before = dropped("budget audio");
  const double text_before = dropped("budget text");
  ByteBudget budget(2);
  Texts audio({.capacity = 9, .label = "budget audio"}, budget, length);
  Texts text({.capacity = 9, .label = "budget text"}, budget, length);

  for (const char* item : {"1", "2", "3", "4"}) {
    EXPECT_TRUE(audio.try_push(item));
  }
  EXPECT_TRUE(text.try_push("a"));

  EXPECT_EQ(dropped("budget audio") - audio_before, 2);
  EXPECT_EQ(dropped("budget text") - text_before, 1);
}

TEST_F(ByteBudgetTest, KeepsAsManyItemsAsTasksWereWokenFor) {
  ByteBudget budget(4);
  Texts queue(kRoomy, budget, length);
  TaskGroup group(loop_);
  group.start("first", pop(queue));
  group.start("second", pop(queue));
  turn();

  EXPECT_TRUE(queue.try_push("11"));
  EXPECT_TRUE(queue.try_push("22"));
  EXPECT_TRUE(queue.try_push("33"));    // One of the woken has this one.
  EXPECT_TRUE(queue.try_push("4444"));  // Would leave one item for two.

  EXPECT_TRUE(loop_.run(drain(group)).clean());
  EXPECT_THAT(said_, ElementsAre("22", "33"));
  EXPECT_EQ(queue.dropped(), 2u);
  EXPECT_EQ(budget.bytes(), 0u);
}

TEST_F(ByteBudgetTest, WakesTheProducersThatWaitedForTheRoomOfWhatIsDropped) {
  ByteBudget budget(4);
  Texts queue({.capacity = 3, .label = "budgeted"}, budget, length);
  TaskGroup group(loop_);
  for (const char* item : {"1", "2", "3"}) {
    EXPECT_TRUE(queue.try_push(item));
  }
  for (const char* item : {"4444", "5", "6"}) {
    group.start("pusher", push(queue, item));
  }
  turn();
  EXPECT_THAT(said_, ElementsAre());

  EXPECT_EQ(queue.try_pop(), "1");  // "4444" comes in its place, and pushes out the others.

  EXPECT_TRUE(loop_.run(drain(group)).clean());
  EXPECT_THAT(said_, ElementsAre("pushed", "pushed", "pushed"));
  EXPECT_THAT(all_of(queue), ElementsAre("5", "6"));
  EXPECT_EQ(queue.dropped(), 3u);
}

TEST_F(ByteBudgetTest, HasItsBytesBackWhereverAnItemGoes) {
  ByteBudget budget(100);
  {
    std::optional<Texts> queue(std::in_place, kRoomy, budget, length);
    TaskGroup forced(loop_);
    forced.start("popper", pop(*queue));
    turn();
    EXPECT_TRUE(queue->try_push("four"));
    forced.end_in_place();
    EXPECT_EQ(budget.bytes(), 4u);  // It gave its item back, to the queue.

    loop_.run(pop(*queue));
    EXPECT_EQ(budget.bytes(), 0u);

    EXPECT_TRUE(queue->try_push("left behind"));
    queue->close();
    EXPECT_EQ(budget.bytes(), 11u);
    queue.reset();
  }
  EXPECT_EQ(budget.bytes(), 0u);
}

TEST_F(ByteBudgetTest, TakesNothingForAnItemThatIsRefusedOrWhosePusherIsCancelled) {
  ByteBudget budget(100);
  Texts queue({.capacity = 1, .label = "budgeted"}, budget, length);
  EXPECT_TRUE(queue.try_push("1"));

  EXPECT_FALSE(queue.try_push("22"));
  EXPECT_TRUE(loop_.run(cancelled_after(loop_, 1s, [&] { return push(queue, "333"); })));

  EXPECT_EQ(budget.bytes(), 1u);
}

TEST_F(ByteBudgetTest, MayDieBeforeItsQueues) {
  std::optional<ByteBudget> budget(std::in_place, 3);
  Texts queue(kRoomy, *budget, length);
  EXPECT_TRUE(queue.try_push("1"));

  budget.reset();

  EXPECT_TRUE(queue.try_push("more than three"));
  EXPECT_THAT(all_of(queue), ElementsAre("1", "more than three"));
}

TEST_F(ByteBudgetTest, RefusesToHaveNoBytes) { EXPECT_THROW(ByteBudget(0), Error); }

// Many queues, and whatever can happen to them: the budget is kept, and nothing goes but what is counted.
TEST_F(ByteBudgetTest, HoldsInWhateverOrderItemsComeAndGo) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    std::mt19937_64 random(seed);
    const auto below = [&](std::size_t limit) { return random() % limit; };
    VirtualLoop loop({.seed = seed, .shuffle = true});
    ByteBudget budget(1 + below(40));
    struct Session {
      std::unique_ptr<Texts> queue;
      std::size_t in = 0;
      std::size_t out = 0;
      std::size_t last = 0;  // Of the items' numbers.
    };
    std::deque<Session> sessions(4);
    for (Session& session : sessions) {
      const QueueOptions options{.capacity = 1 + below(6),
                                 .when_full = below(2) == 0 ? WhenFull::kWait : WhenFull::kDropOldest,
                                 .label = "budgeted"};
      session.queue = std::make_unique<Texts>(options, budget, length);
    }
    std::size_t number = 0;
    const auto take = [](Session& session, const std::optional<std::string>& item) {
      if (item) {
        ++session.out;
        const std::size_t of_it = std::stoul(*item);
        EXPECT_GT(of_it, session.last);
        session.last = of_it;
      }
    };
    const auto consume = [&](Session& session) -> Task<> {
      const std::optional<std::string> item = co_await session.queue->pop();
      take(session, item);
    };
    TaskGroup tasks(loop);
    TaskGroup doomed(loop);
    for (int step = 0; step < 60; ++step) {
      Session& session = sessions[below(sessions.size())];
      switch (below(6)) {
        case 0:
        case 1: {
          std::string item = std::to_string(++number);
          item += std::string(below(8), ' ');
          session.in += session.queue->try_push(std::move(item)) ? 1U : 0U;
          break;
        }
        case 2:
          take(session, session.queue->try_pop());
          break;
        case 3:
          (below(2) == 0 ? tasks : doomed).start("consumer", consume(session));
          break;
        case 4:
          doomed.end_in_place();
          break;
        case 5:
          loop.run(yield());
          break;
      }
      ASSERT_LE(budget.bytes(), budget.bytes_max()) << "seed " << seed;
    }
    doomed.end_in_place();
    for (Session& session : sessions) {
      session.queue->close();
    }
    (void)loop.run(drain(tasks, {.cancel_first = true}));
    const std::size_t held = budget.bytes();
    std::size_t bytes = 0;
    for (Session& session : sessions) {
      EXPECT_EQ(session.in, session.out + session.queue->dropped() + session.queue->size()) << "seed " << seed;
      for (const std::string& item : all_of(*session.queue)) {
        bytes += item.size();
      }
    }
    EXPECT_EQ(held, bytes) << "seed " << seed;
    EXPECT_EQ(budget.bytes(), 0u) << "seed " << seed;
  }
}

}  // namespace
}  // namespace soak
