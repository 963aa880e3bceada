// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "conftest/captured_log.h"
#include "soak/event.h"
#include "soak/event_loop.h"
#include "soak/task.h"
#include "witness.h"

namespace soak {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

TEST(VirtualLoopTest, JumpsToTheNextTimer) {
  VirtualLoop loop;
  EXPECT_EQ(loop.elapsed(), 0s);
  EXPECT_TRUE(loop.is_virtual());

  loop.run(sleep_for(24h));

  EXPECT_EQ(loop.elapsed(), 24h);
  EXPECT_EQ(loop.now(), Instant(24h));
}

TEST(VirtualLoopTest, KeepsWallTimeBesideItsClock) {
  using std::chrono::sys_days;
  VirtualLoop loop;
  VirtualLoop other({.wall_start = sys_days{std::chrono::July / 4 / 2030}});

  loop.run(sleep_for(36h));

  EXPECT_EQ(loop.wall_now(), sys_days{std::chrono::January / 2 / 2026} + 12h);
  EXPECT_EQ(other.wall_now(), sys_days{std::chrono::July / 4 / 2030});
}

TEST(VirtualLoopTest, GivesTheSameRandomNumbersForTheSameSeed) {
  VirtualLoop one({.seed = 7});
  VirtualLoop same({.seed = 7, .shuffle = true});
  VirtualLoop other({.seed = 8});

  const auto first = one.random()();
  EXPECT_EQ(same.random()(), first);
  EXPECT_NE(other.random()(), first);
}

TEST(VirtualLoopTest, NamesTheTasksWhoseWaitsNothingCanEnd) {
  VirtualLoop loop;
  Event never;
  TaskGroup group(loop);
  int alive = 0;
  const auto task = [&]() -> Task<> {
    const Witness witness(alive);
    co_await sleep_for(2s);
    co_await never.wait();
  };
  group.start({"session", 3}, task());
  std::string message;
  std::optional<Errc> code;

  try {
    (void)loop.run(drain(group, {.timeout = std::chrono::nanoseconds::max()}));
  } catch (const Error& error) {
    message = error.what();
    code = error.code();
  }

  EXPECT_EQ(code, Errc::kStuck);
  EXPECT_THAT(message,
              testing::MatchesRegex("nothing can end the waits of 2 tasks:\n"
                                    "  main awaits drain at .*virtual_loop_test.cc:[0-9]+ since 0.000 s\n"
                                    "  session-3 awaits event at .*virtual_loop_test.cc:[0-9]+ since 2.000 s"));
  EXPECT_EQ(alive, 1);  // Still its group's.
  EXPECT_EQ(loop.run(drain(group, {.cancel_first = true})).cancelled, 1u);
}

TEST(VirtualLoopTest, DestroysTheTaskItCannotEndWithAllItOwns) {
  VirtualLoop loop;
  Event never;
  int alive = 0;
  const auto child = [&]() -> Task<> {
    const Witness witness(alive);
    co_await never.wait();
  };
  const auto body = [&](TaskGroup& group) -> Task<> {
    const Witness witness(alive);
    group.start("child", child());
    co_await never.wait();
  };
  const conftest::CapturedLog log;

  EXPECT_THROW((void)loop.run(with_group(body)), Error);

  EXPECT_THAT(log.text(), testing::HasSubstr("ended 1 task where it stood, its owner is gone:\n  child awaits "));
  EXPECT_EQ(alive, 0);
  EXPECT_EQ(loop.live_tasks(), 0u);
  loop.run(sleep_for(1s));  // And goes on.
}

TEST(VirtualLoopTest, LeavesOtherTasksWhereTheyStandBetweenRuns) {
  VirtualLoop loop;
  TaskGroup group(loop);
  int turns = 0;
  const auto ticker = [&]() -> Task<> {
    for (;;) {
      co_await sleep_for(1s);
      ++turns;
    }
  };
  group.start("ticker", ticker());

  loop.run(sleep_for(3500ms));
  EXPECT_EQ(turns, 3);
  loop.run(sleep_for(1s));
  EXPECT_EQ(turns, 4);

  (void)loop.run(drain(group, {.cancel_first = true}));
}

// Those behind the main task in the turn in which it ends have not run, and must not be lost.
TEST(VirtualLoopTest, KeepsThePlacesOfTheReadyWhenARunEnds) {
  VirtualLoop loop;
  std::vector<int> order;
  TaskGroup group(loop);
  const auto note = [&](int number) -> Task<> {
    order.push_back(number);
    co_return;
  };
  Event go;
  const auto starter = [&]() -> Task<> {
    go.set();
    for (int i = 1; i <= 3; ++i) {
      group.start({"note", i}, note(i));
    }
    co_return;
  };
  group.start("starter", starter());

  loop.run(go.wait());
  EXPECT_THAT(order, testing::IsEmpty());
  group.start({"note", 4}, note(4));
  loop.run(yield());

  EXPECT_THAT(order, testing::ElementsAre(1, 2, 3, 4));
}

std::string order_of(VirtualLoopOptions options) {
  VirtualLoop loop(options);
  TaskGroup group(loop);
  std::string order;
  const auto note = [&](char letter) -> Task<> {
    co_await yield();
    order += letter;
    co_await sleep_for(1s);
    order += static_cast<char>(letter - 'a' + 'A');
  };
  for (char letter = 'a'; letter <= 'p'; ++letter) {
    group.start({"note", letter}, note(letter));
  }
  EXPECT_TRUE(loop.run(drain(group)).clean());
  return order;
}

TEST(VirtualLoopTest, RunsInTheOrderOfTimeAndSequence) {
  EXPECT_EQ(order_of({.seed = 1}), "abcdefghijklmnopABCDEFGHIJKLMNOP");
  EXPECT_EQ(order_of({.seed = 2}), "abcdefghijklmnopABCDEFGHIJKLMNOP");
}

TEST(VirtualLoopTest, ShufflesTheReadyByItsSeed) {
  const std::string order = order_of({.seed = 1, .shuffle = true});

  EXPECT_NE(order, order_of({.seed = 1}));
  EXPECT_NE(order, order_of({.seed = 2, .shuffle = true}));
  EXPECT_EQ(order, order_of({.seed = 1, .shuffle = true}));
  std::string letters = order;
  std::sort(letters.begin(), letters.end());
  EXPECT_EQ(letters, "ABCDEFGHIJKLMNOPabcdefghijklmnop");
}

TEST(VirtualLoopTest, ShuffledTasksCanBeForcedInAnyState) {
  VirtualLoop loop({.seed = 3, .shuffle = true});
  TaskGroup group(loop);
  int alive = 0;
  const auto stubborn = [&]() -> Task<> {
    const Witness witness(alive);
    for (;;) {
      try {
        if (loop.random()() % 2 == 0) {
          co_await yield();
        } else {
          co_await sleep_for(1ms);
        }
      } catch (const Cancelled&) {
      }
    }
  };
  for (int i = 0; i < 100; ++i) {
    group.start({"stubborn", i}, stubborn());
  }
  loop.run(sleep_for(1s));

  EXPECT_EQ(loop.run(drain(group, {.timeout = 0s, .grace = 0s})).forced, 100u);
  EXPECT_EQ(alive, 0);
}

TEST(VirtualLoopTest, RunsPostedFunctionsOnItsTurn) {
  VirtualLoop loop;
  Event event;
  bool inside = false;
  loop.post([&] { event.set(); });
  EXPECT_FALSE(event.is_set());
  const auto body = [&]() -> Task<> {
    co_await event.wait();
    loop.post([&] { inside = true; });
    EXPECT_FALSE(inside);
    co_await yield();
    EXPECT_TRUE(inside);
  };

  loop.run(body());

  EXPECT_TRUE(inside);
}

TEST(VirtualLoopTest, RefusesAPostFromAnotherThread) {
  VirtualLoop loop;
  std::string message;

  std::thread([&] {
    try {
      loop.post([] {});
    } catch (const Error& error) {
      message = error.what();
    }
  }).join();

  EXPECT_THAT(message, testing::StartsWith("post() to a VirtualLoop from another thread"));
}

TEST(VirtualLoopDeathTest, AbortsANestedRun) {
  VirtualLoop loop;
  const auto body = [&]() -> Task<> {
    loop.run(sleep_for(1s));
    co_return;
  };

  EXPECT_DEATH(loop.run(body()), "EventLoop::run\\(\\) called inside run\\(\\)");
}

TEST(VirtualLoopDeathTest, AbortsWhenItDiesBeforeItsTasks) {
  EXPECT_DEATH(
      {
        auto loop = std::make_unique<VirtualLoop>();
        TaskGroup group(*loop);
        group.start("orphan", sleep_for(1s));
        loop.reset();
      },
      "EventLoop destroyed before 1 of its tasks; destroy the groups on a loop before it\n"
      "  orphan awaits its first turn");
}

}  // namespace
}  // namespace soak
