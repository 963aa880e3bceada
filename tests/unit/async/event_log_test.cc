// SPDX-License-Identifier: Apache-2.0
// What VirtualLoop::record_events() writes: a run by its seed, byte for byte.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "conftest/captured_log.h"
#include "sample_tasks.h"
#include "soak/event.h"
#include "soak/gather.h"
#include "soak/queue.h"
#include "soak/run_blocking.h"
#include "soak/semaphore.h"
#include "soak/session.h"

namespace soak {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

Task<> jitter(EventLoop& loop, Queue<int>& queue, Semaphore& semaphore) {
  for (int i = 0; i < 5; ++i) {
    const Permit permit = co_await semaphore.acquire();
    co_await sleep_for(std::chrono::milliseconds(loop.random()() % 1000));
    const bool accepted = co_await queue.push(int{i});
    EXPECT_TRUE(accepted);
  }
}

Task<> consume(Queue<int>& queue) {
  for (;;) {
    const std::optional<int> item = co_await queue.pop();
    if (!item) {
      break;
    }
    co_await sleep_for(10ms);
  }
}

// Something of everything, by the loop's own chance.
Task<> play(EventLoop& loop) {
  int alive = 0;
  Queue<int> queue(3);
  Semaphore semaphore(2);
  TaskGroup producers(loop);
  TaskGroup consumers(loop);
  for (int i = 0; i < 4; ++i) {
    producers.start({"producer", i}, jitter(loop, queue, semaphore));
  }
  for (int i = 0; i < 2; ++i) {
    consumers.start({"consumer", i}, consume(queue));
  }
  auto tasks = tasks_of(value_after(1s, 1), no_value_after(2s, "disk full"), no_value_ever(alive));
  (void)co_await gather(std::move(tasks), {.timeout = 3s, .grace = 1s});
  Session session(loop);
  session.start("receive", sleep_for(1s), TaskKind::kReceive);
  session.start("upload", run_blocking([] {}, {.virtual_duration = 5s}));
  session.start("heartbeat", session.shutdown().wait());
  Task<SessionResult> running = session.run();
  (void)co_await std::move(running);
  (void)co_await drain(producers);
  queue.close();
  (void)co_await drain(consumers);
}

std::string events_of(VirtualLoopOptions options) {
  const conftest::CapturedLog log;
  VirtualLoop loop(options);
  std::string events;
  loop.record_events(&events);
  loop.run(play(loop));
  return events;
}

TEST(EventLogTest, HasALineForEachTaskThatStartsRunsEndsOrIsDestroyed) {
  VirtualLoop loop;
  std::string events;
  int alive = 0;
  Event event;
  TaskGroup group(loop);
  loop.record_events(&events);
  const auto body = [&]() -> Task<> {
    group.start({"sleeper", 1}, sleep_for(500ms));
    group.start("waiter", event.wait());
    group.start("polite", sleep_for(1h));
    group.start("stubborn", swallow_for_ever(alive));
    co_await sleep_for(1s);
    event.set();
    co_await yield();
    group.cancel();
    co_await yield();
    group.end_in_place();
  };

  loop.run(body());

  EXPECT_EQ(events,
            "0.000000000 start main\n"
            "0.000000000 run main first\n"
            "0.000000000 start sleeper-1\n"
            "0.000000000 start waiter\n"
            "0.000000000 start polite\n"
            "0.000000000 start stubborn\n"
            "0.000000000 run sleeper-1 first\n"
            "0.000000000 run waiter first\n"
            "0.000000000 run polite first\n"
            "0.000000000 run stubborn first\n"
            "0.500000000 run sleeper-1 time\n"
            "0.500000000 end sleeper-1\n"
            "1.000000000 run main time\n"
            "1.000000000 run waiter event\n"
            "1.000000000 end waiter\n"
            "1.000000000 run main event\n"
            "1.000000000 run polite cancelled\n"
            "1.000000000 end polite\n"
            "1.000000000 run stubborn cancelled\n"
            "1.000000000 run main event\n"
            "1.000000000 destroy stubborn\n"
            "1.000000000 end main\n");
}

TEST(EventLogTest, IsTheSameByteForByteForTheSameSeed) {
  for (const bool shuffle : {false, true}) {
    for (std::uint64_t seed = 0; seed < 5; ++seed) {
      const std::string first = events_of({.seed = seed, .shuffle = shuffle});

      EXPECT_GT(first.size(), 1000u);
      EXPECT_EQ(first, events_of({.seed = seed, .shuffle = shuffle}));
    }
  }
}

TEST(EventLogTest, HasAnotherOrderForAnotherSeedWhenShuffled) {
  const auto order = [](std::uint64_t seed, bool shuffle) {
    VirtualLoop loop({.seed = seed, .shuffle = shuffle});
    std::string events;
    loop.record_events(&events);
    TaskGroup group(loop);
    for (int i = 0; i < 10; ++i) {
      group.start({"task", i}, yield());
    }
    loop.run(sleep_for(1s));
    return events;
  };

  EXPECT_NE(order(1, true), order(2, true));
  EXPECT_NE(order(1, true), order(1, false));
  EXPECT_EQ(order(1, false), order(2, false));
}

TEST(EventLogTest, EndsWhenItIsTakenAway) {
  VirtualLoop loop;
  std::string events;
  loop.record_events(&events);
  loop.run(yield());
  const std::string before = events;

  loop.record_events(nullptr);
  loop.run(yield());

  EXPECT_FALSE(before.empty());
  EXPECT_EQ(events, before);
}

TEST(EventLogTest, ChangesNothingOfTheRun) {
  const auto drawn = [](bool recorded) {
    const conftest::CapturedLog log;
    VirtualLoop loop({.seed = 7, .shuffle = true});
    std::string events;
    if (recorded) {
      loop.record_events(&events);
    }
    loop.run(play(loop));
    return std::pair(loop.elapsed(), loop.random()());
  };

  EXPECT_EQ(drawn(false), drawn(true));
}

}  // namespace
}  // namespace soak
