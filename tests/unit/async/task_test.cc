// SPDX-License-Identifier: Apache-2.0
#include "soak/task.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <source_location>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "soak/event.h"
#include "witness.h"

namespace soak {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

static_assert(!std::is_copy_constructible_v<Task<int>>);
static_assert(std::is_trivially_destructible_v<TaskName>);
static_assert(std::is_trivially_destructible_v<DrainOptions>);
static_assert(!std::is_base_of_v<std::exception, Cancelled>);

Task<int> answer() { co_return 42; }

Task<int> answer_later() {
  co_await sleep_for(1s);
  co_return 42;
}

Task<int> sum_of_both() {
  const int at_once = co_await answer();
  const int later = co_await answer_later();
  co_return at_once + later;
}

Task<> fail(bool later) {
  if (later) {
    co_await sleep_for(1s);
  }
  throw std::runtime_error("broken pipe");
}

Task<> pass_through(bool later) { co_await fail(later); }

TEST(TaskTest, ReturnsTheResultsOfWhatItAwaits) {
  VirtualLoop loop;

  EXPECT_EQ(loop.run(sum_of_both()), 84);
  EXPECT_EQ(loop.elapsed(), 1s);
}

TEST(TaskTest, NeverRunsUnlessAwaited) {
  int alive = 0;
  bool ran = false;
  const auto body = [&](std::unique_ptr<Witness>) -> Task<> {
    ran = true;
    co_return;
  };

  {
    Task<> task = body(std::make_unique<Witness>(alive));
    EXPECT_EQ(alive, 1);
    EXPECT_TRUE(task.valid());
  }

  EXPECT_FALSE(ran);
  EXPECT_EQ(alive, 0);
}

TEST(TaskTest, MovesItsOwnership) {
  VirtualLoop loop;
  Task<int> first = answer();
  Task<int> second = answer_later();

  second = std::move(first);

  EXPECT_FALSE(first.valid());  // NOLINT(bugprone-use-after-move): what is promised of a Task moved from.
  EXPECT_EQ(loop.run(std::move(second)), 42);
  EXPECT_EQ(loop.elapsed(), 0s);
}

TEST(TaskTest, CarriesAResultThatCannotBeCopied) {
  VirtualLoop loop;
  const auto make = []() -> Task<std::unique_ptr<int>> {
    co_await yield();
    co_return std::make_unique<int>(7);
  };
  const auto hand_on = [&]() -> Task<std::unique_ptr<int>> { co_return co_await make(); };

  EXPECT_EQ(*loop.run(hand_on()), 7);
}

TEST(TaskTest, CarriesAReference) {
  VirtualLoop loop;
  int value = 1;
  const auto refer = [&]() -> Task<int&> { co_return value; };
  const auto hand_on = [&]() -> Task<int&> {
    int& target = co_await refer();
    target = 2;
    co_return target;
  };

  EXPECT_EQ(&loop.run(hand_on()), &value);
  EXPECT_EQ(value, 2);
}

TEST(TaskTest, ThrowsWhatTheAwaitedTaskThrew) {
  VirtualLoop loop;

  EXPECT_THAT([&] { loop.run(pass_through(false)); },
              testing::ThrowsMessage<std::runtime_error>(testing::StrEq("broken pipe")));
  EXPECT_THAT([&] { loop.run(pass_through(true)); },
              testing::ThrowsMessage<std::runtime_error>(testing::StrEq("broken pipe")));
}

TEST(TaskTest, ThrowsAlsoWhatIsNoStandardException) {
  VirtualLoop loop;
  const auto odd = []() -> Task<int> {
    co_await yield();
    throw 42;
  };
  const auto catches = [&]() -> Task<int> {
    try {
      co_return co_await odd();
    } catch (int number) {
      co_return number + 1;
    }
  };

  EXPECT_THROW(loop.run(odd()), int);
  EXPECT_EQ(loop.run(catches()), 43);
}

TEST(TaskTest, DestroysItsLocalsOnceOnEveryPath) {
  VirtualLoop loop;
  int alive = 0;
  const auto inner = [&](bool fails) -> Task<std::string> {
    const Witness witness(alive);
    co_await sleep_for(1s);
    if (fails) {
      throw std::runtime_error("late");
    }
    co_return std::string(100, 'x');
  };
  const auto outer = [&](bool fails) -> Task<std::string> {
    const Witness witness(alive);
    std::string text = co_await inner(fails);
    co_return text + co_await inner(fails);
  };

  EXPECT_EQ(loop.run(outer(false)).size(), 200u);
  EXPECT_EQ(alive, 0);
  EXPECT_THROW(loop.run(outer(true)), std::runtime_error);
  EXPECT_EQ(alive, 0);
}

// Where the compiler makes no tail calls, as without optimisation, a million of them would need a deep stack.
TEST(TaskTest, AwaitsAMillionTasksThatNeverWaitWithoutUsingUpTheStack) {
  VirtualLoop loop;
  const auto count = []() -> Task<int> {
    int sum = 0;
    for (int i = 0; i < 1'000'000; ++i) {
      sum += co_await answer() - 41;
    }
    co_return sum;
  };

  EXPECT_EQ(loop.run(count()), 1'000'000);
}

TEST(TaskTest, AwaitsAMillionTasksThatWaitWithoutUsingUpTheStack) {
  VirtualLoop loop;
  const auto turn = []() -> Task<int> {
    co_await yield();
    co_return 1;
  };
  const auto count = [&]() -> Task<int> {
    int sum = 0;
    for (int i = 0; i < 1'000'000; ++i) {
      sum += co_await turn();
    }
    co_return sum;
  };

  EXPECT_EQ(loop.run(count()), 1'000'000);
}

TEST(TaskTest, CallsAreNestedAThousandDeep) {
  VirtualLoop loop;
  struct Deep {
    static Task<int> down(int left) {
      if (left == 0) {
        co_await sleep_for(1s);
      }
      int depth = 0;
      if (left > 0) {
        depth = 1 + co_await down(left - 1);
      }
      co_return depth;
    }
  };

  EXPECT_EQ(loop.run(Deep::down(1000)), 1000);
}

TEST(TaskTest, KnowsTheLoopThatRunsIt) {
  VirtualLoop loop;
  const auto ask = []() -> Task<EventLoop*> { co_return &co_await this_loop(); };

  EXPECT_EQ(loop.run(ask()), &loop);
}

TEST(TaskDeathTest, AbortsWhenAwaitedTwice) {
  VirtualLoop loop;
  const auto twice = []() -> Task<> {
    Task<int> task = answer();
    co_await std::move(task);
    co_await std::move(task);  // NOLINT(bugprone-use-after-move): the mistake.
  };

  EXPECT_DEATH(loop.run(twice()), "co_await of a Task that was moved from, awaited or started before");
}

TEST(TaskNameTest, PrintsItsNumberAfterADash) {
  EXPECT_EQ(to_string(TaskName("poller")), "poller");
  EXPECT_EQ(to_string(TaskName{"session", 3}), "session-3");
  EXPECT_EQ(to_string(TaskName{"session", -3}), "session--3");
}

TEST(SleepTest, OrdersByTimeThenByWhoCameFirst) {
  VirtualLoop loop;
  TaskGroup group(loop);
  std::vector<std::string> order;
  const auto sleeper = [&](std::string name, std::chrono::nanoseconds time) -> Task<> {
    co_await sleep_for(time);
    order.push_back(name);
  };
  group.start("a", sleeper("3s first", 3s));
  group.start("b", sleeper("1s", 1s));
  group.start("c", sleeper("3s second", 3s));
  group.start("d", sleeper("2s", 2s));

  EXPECT_TRUE(loop.run(drain(group)).clean());

  EXPECT_THAT(order, testing::ElementsAre("1s", "2s", "3s first", "3s second"));
}

TEST(SleepTest, LetsOthersTakeATurnAlsoWithoutAnyTime) {
  for (const auto time : {0s, -5s}) {
    VirtualLoop loop;
    TaskGroup group(loop);
    bool other_ran = false;
    const auto other = [&]() -> Task<> {
      other_ran = true;
      co_return;
    };
    const auto sleeper = [&]() -> Task<bool> {
      group.start("other", other());
      co_await sleep_for(time);
      co_return other_ran;
    };

    EXPECT_TRUE(loop.run(sleeper()));
    EXPECT_EQ(loop.elapsed(), 0s);
  }
}

TEST(SleepTest, SleepsUntilAPointInTime) {
  VirtualLoop loop;
  const auto sleeper = [&]() -> Task<> {
    co_await sleep_until(loop.now() + 90s);
    co_await sleep_until(loop.now() - 1s);
  };

  loop.run(sleeper());

  EXPECT_EQ(loop.elapsed(), 90s);
}

TEST(SleepTest, ThousandsOfTimersLeaveInAnyOrderAndFireInTheirOwn) {
  VirtualLoop loop;
  std::vector<std::chrono::nanoseconds> fired;
  std::size_t cancelled = 0;
  const auto sleeper = [&](std::chrono::nanoseconds time) -> Task<> {
    try {
      co_await sleep_for(time);
      fired.push_back(loop.elapsed());
    } catch (const Cancelled&) {
      ++cancelled;
    }
  };
  TaskGroup kept(loop);
  TaskGroup dropped(loop);
  for (int i = 0; i < 5000; ++i) {
    TaskGroup& group = loop.random()() % 3 == 0 ? dropped : kept;
    group.start({"sleeper", i}, sleeper(std::chrono::milliseconds(1000 + loop.random()() % 5000)));
  }
  loop.run(sleep_for(500ms));

  const std::size_t left = dropped.size();
  EXPECT_EQ(loop.run(drain(dropped, {.cancel_first = true})).cancelled, left);
  EXPECT_EQ(loop.elapsed(), 500ms);
  EXPECT_EQ(loop.run(drain(kept)).completed, 5000 - left);

  EXPECT_EQ(fired.size(), 5000 - left);
  EXPECT_EQ(cancelled, left);
  EXPECT_TRUE(std::is_sorted(fired.begin(), fired.end()));
}

TEST(SleepTest, ForeverIsNoTimer) {
  VirtualLoop loop;

  EXPECT_THROW(loop.run(sleep_for(std::chrono::nanoseconds::max())), Error);
}

TEST(CensusTest, NamesTaskWaitPlaceAndTime) {
  VirtualLoop loop;
  TaskGroup group(loop);
  Event never;
  std::uint_least32_t line = 0;
  const auto waiter = [&]() -> Task<> {
    co_await sleep_for(2s);
    line = std::source_location::current().line() + 1;
    co_await never.wait();
  };
  group.start({"session", 3}, waiter());

  const std::vector<TaskReport> before = loop.tasks();
  loop.run(sleep_for(5s));
  const std::vector<TaskReport> after = loop.tasks();

  ASSERT_EQ(before.size(), 1u);
  EXPECT_EQ(before[0].awaiting, "its first turn");
  ASSERT_EQ(after.size(), 1u);
  EXPECT_EQ(after[0].name, "session-3");
  EXPECT_EQ(after[0].awaiting, "event");
  EXPECT_EQ(after[0].where.line(), line);
  EXPECT_THAT(after[0].where.file_name(), testing::EndsWith("task_test.cc"));
  EXPECT_EQ(after[0].since.time_since_epoch(), 2s);
  EXPECT_THAT(to_string(after[0]),
              testing::MatchesRegex("session-3 awaits event at .*task_test.cc:[0-9]+ since 2.000 s"));
  (void)loop.run(drain(group, {.cancel_first = true}));
}

TEST(CensusTest, CountsMainAndTheTasksOfNestedGroups) {
  VirtualLoop loop;
  std::vector<std::string> names;
  std::size_t live = 0;
  const auto nested = [&](TaskGroup& group) -> Task<> {
    group.start("child", sleep_for(1s));
    co_await yield();
  };
  const auto parent = [&]() -> Task<> { co_await with_group(nested); };
  const auto look = [&](TaskGroup& group) -> Task<> {
    group.start("parent", parent());
    co_await sleep_for(500ms);
    for (const TaskReport& report : loop.tasks()) {
      names.push_back(report.name);
    }
    live = loop.live_tasks();
  };

  loop.run(with_group(look));

  EXPECT_THAT(names, testing::ElementsAre("main", "parent", "child"));
  EXPECT_EQ(live, 3u);
  EXPECT_EQ(loop.live_tasks(), 0u);
}

}  // namespace
}  // namespace soak
