// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <uv.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "soak/event.h"
#include "soak/event_loop.h"
#include "soak/task.h"

namespace soak {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""us;

uv_handle_t* as_handle(uv_timer_t* timer) { return reinterpret_cast<uv_handle_t*>(timer); }

Task<bool> wait_for(Event& event, std::chrono::nanoseconds time) { co_return co_await event.wait_for(time); }

TEST(UvLoopTest, NeverWakesASleeperEarly) {
  UvLoop loop;
  EXPECT_FALSE(loop.is_virtual());
  const auto body = [&]() -> Task<> {
    for (const auto time : {1us, 900us, 1500us, 5300us}) {
      const Instant before = loop.now();
      co_await sleep_for(time);
      EXPECT_GE(loop.now() - before, time);
    }
  };

  loop.run(body());
}

TEST(UvLoopTest, OrdersTimersByTimeAlsoWithinAMillisecond) {
  UvLoop loop;
  TaskGroup group(loop);
  std::vector<int> order;
  const Instant start = loop.now() + 5ms;
  const auto sleeper = [&](int number, std::chrono::nanoseconds time) -> Task<> {
    co_await sleep_until(start + time);
    order.push_back(number);
  };
  group.start("c", sleeper(3, 300us));
  group.start("a", sleeper(1, 100us));
  group.start("b", sleeper(2, 200us));

  EXPECT_TRUE(loop.run(drain(group)).clean());

  EXPECT_THAT(order, testing::ElementsAre(1, 2, 3));
}

// A library's timer, due at once, that sets an event: waiting for it takes the loop through one idle poll.
class Kick {
 public:
  explicit Kick(UvLoop& loop) : timer_(new uv_timer_t) {
    uv_timer_init(loop.handle(), timer_);
    timer_->data = &event_;
  }
  ~Kick() {
    uv_close(as_handle(timer_), [](uv_handle_t* handle) { delete reinterpret_cast<uv_timer_t*>(handle); });
  }
  Kick(const Kick&) = delete;
  Kick& operator=(const Kick&) = delete;

  Event& start() {
    event_.reset();
    uv_timer_start(
        timer_, [](uv_timer_t* timer) { static_cast<Event*>(timer->data)->set(); }, 0, 0);
    return event_;
  }

 private:
  uv_timer_t* timer_;  // Its own memory: libuv keeps it until it is closed.
  Event event_;
};

// libuv calls back for its due timers first, and would then wait for the next one.
TEST(UvLoopTest, GoesOnAtOnceWhenACallbackSetsAnEvent) {
  UvLoop loop;
  Kick kick(loop);
  TaskGroup group(loop);
  group.start("late", sleep_for(1h));

  loop.run(kick.start().wait());  // Hangs for the hour otherwise.

  group.cancel();
  EXPECT_EQ(loop.run(drain(group)).cancelled, 1u);
}

TEST(UvLoopTest, AnEarlierTimerOvertakesOneThatIsArmed) {
  UvLoop loop;
  Kick kick(loop);
  TaskGroup group(loop);
  group.start("late", sleep_for(1h));
  const auto body = [&]() -> Task<> {
    co_await kick.start().wait();  // Now libuv is armed for the hour.
    co_await sleep_for(2ms);
  };

  loop.run(body());

  EXPECT_EQ(group.size(), 1u);
  EXPECT_EQ(loop.run(drain(group, {.timeout = 2ms})).cancelled, 1u);
}

// libuv counts in whole milliseconds, so while tasks keep the loop busy its timer can fire before ours is due.
TEST(UvLoopTest, ArmsAgainWhenLibuvFiredTooEarly) {
  UvLoop loop;
  Kick kick(loop);
  const auto body = [&]() -> Task<> {
    for (int round = 0; round < 25; ++round) {
      const Instant due = loop.now() + 1900us;
      TaskGroup group(loop);
      group.start("sleeper", sleep_until(due));
      co_await kick.start().wait();
      while (loop.now() < due - 20us) {
        co_await yield();
      }
      (void)co_await drain(group, {.timeout = std::chrono::nanoseconds::max()});
      EXPECT_GE(loop.now(), due);
    }
  };

  loop.run(body());
}

TEST(UvLoopTest, TellsTheWallTime) {
  UvLoop loop;

  const auto before = std::chrono::system_clock::now();
  const auto told = loop.wall_now();

  EXPECT_GE(told, before);
  EXPECT_LE(told, std::chrono::system_clock::now());
}

TEST(UvLoopTest, RunsWhatAnotherThreadPostsOnItsOwnThread) {
  UvLoop loop;
  Event done;
  std::thread::id ran_on;
  std::thread poster;
  const auto body = [&]() -> Task<> {
    poster = std::thread([&] {
      loop.post([&] {
        ran_on = std::this_thread::get_id();
        done.set();
      });
    });
    co_await done.wait();  // No timer and no handle: only the post can end this.
  };

  loop.run(body());
  poster.join();

  EXPECT_EQ(ran_on, std::this_thread::get_id());
}

TEST(UvLoopTest, LosesNoPostOfManyThreads) {
  constexpr int kThreads = 4;
  constexpr int kPosts = 2000;
  UvLoop loop;
  Event done;
  int seen = 0;
  std::vector<std::thread> posters;
  for (int i = 0; i < kThreads; ++i) {
    posters.emplace_back([&] {
      for (int n = 0; n < kPosts; ++n) {
        loop.post([&] {
          if (++seen == kThreads * kPosts) {
            done.set();
          }
        });
      }
    });
  }

  loop.run(done.wait());
  for (std::thread& poster : posters) {
    poster.join();
  }

  EXPECT_EQ(seen, kThreads * kPosts);
}

TEST(UvLoopTest, KeepsPostsUntilItRuns) {
  UvLoop loop;
  bool ran = false;
  std::thread([&] { loop.post([&] { ran = true; }); }).join();
  EXPECT_FALSE(ran);

  loop.run(yield());

  EXPECT_TRUE(ran);
}

TEST(UvLoopTest, ShowsItsLiveTasksToOtherThreads) {
  UvLoop loop;
  TaskGroup group(loop);
  std::atomic<bool> stop = false;
  std::size_t most = 0;
  std::thread watcher([&] {
    while (!stop) {
      most = std::max(most, loop.live_tasks());
    }
  });
  const auto body = [&]() -> Task<> {
    for (int i = 0; i < 1000; ++i) {
      group.start({"task", i}, sleep_for(1ms));
    }
    co_await sleep_for(5ms);
  };

  loop.run(body());
  EXPECT_TRUE(loop.run(drain(group)).clean());
  stop = true;
  watcher.join();

  EXPECT_LE(most, 1001u);
  EXPECT_EQ(loop.live_tasks(), 0u);
}

// A library's callback sets an event; the task goes on after uv_run has returned.
TEST(UvLoopTest, ResumesTasksOnlyOutsideTheCallbacks) {
  struct Library {
    uv_timer_t timer;
    Event event;
    bool in_callback = false;
    bool seen_inside = false;
    bool resumed = false;
  } library;
  UvLoop loop;
  uv_timer_init(loop.handle(), &library.timer);
  library.timer.data = &library;
  const auto body = [&]() -> Task<> {
    uv_timer_start(
        &library.timer,
        [](uv_timer_t* timer) {
          auto& self = *static_cast<Library*>(timer->data);
          self.in_callback = true;
          self.event.set();
          self.in_callback = false;
          self.seen_inside = self.resumed;
        },
        1, 0);
    co_await library.event.wait();
    EXPECT_FALSE(library.in_callback);
    library.resumed = true;
  };

  loop.run(body());

  EXPECT_TRUE(library.resumed);
  EXPECT_FALSE(library.seen_inside);
  uv_close(as_handle(&library.timer), nullptr);
}

// Whether a timer of libuv's own fires while a task that never waits keeps the loop busy.
bool fires_while_busy(bool referenced) {
  uv_timer_t timer;  // Until the loop has closed it.
  Event fired;
  UvLoop loop;
  uv_timer_init(loop.handle(), &timer);
  timer.data = &fired;
  uv_timer_start(
      &timer, [](uv_timer_t* handle) { static_cast<Event*>(handle->data)->set(); }, 1, 0);
  if (!referenced) {
    uv_unref(as_handle(&timer));
  }
  const auto busy = [&]() -> Task<> {
    while (!fired.is_set()) {
      co_await yield();
    }
  };

  loop.run(busy());

  uv_close(as_handle(&timer), nullptr);
  return fired.is_set();
}

TEST(UvLoopTest, PollsEveryTurnWhileTasksKeepItBusy) { EXPECT_TRUE(fires_while_busy(true)); }

// A handle that asks not to be counted is polled too, if less often.
TEST(UvLoopTest, PollsUnreferencedHandlesWhileTasksKeepItBusy) { EXPECT_TRUE(fires_while_busy(false)); }

TEST(UvLoopTest, FiresTimersWhileTasksKeepItBusy) {
  UvLoop loop;
  TaskGroup group(loop);
  bool woke = false;
  const auto sleeper = [&]() -> Task<> {
    co_await sleep_for(2ms);
    woke = true;
  };
  const auto busy = [&]() -> Task<> {
    while (!woke) {
      co_await yield();
    }
  };
  group.start("sleeper", sleeper());

  loop.run(busy());

  EXPECT_TRUE(woke);
}

TEST(UvLoopTest, WaitsWithATimeout) {
  UvLoop loop;
  Event event;
  const Instant before = loop.now();

  EXPECT_FALSE(loop.run(wait_for(event, 3ms)));
  EXPECT_GE(loop.now() - before, 3ms);
}

TEST(UvLoopTest, CountsHandlesUntilTheyAreClosed) {
  UvLoop loop;
  uv_timer_t timer;
  uv_timer_init(loop.handle(), &timer);
  EXPECT_EQ(loop.closing_handles(), 0u);

  uv_close(as_handle(&timer), nullptr);
  EXPECT_EQ(loop.closing_handles(), 1u);
  loop.run(sleep_for(1ms));

  EXPECT_EQ(loop.closing_handles(), 0u);
}

TEST(UvLoopDeathTest, AbortsAndNamesTheHandlesLeftOpen) {
  EXPECT_DEATH(
      {
        uv_timer_t timer;
        uv_tcp_t socket;
        UvLoop loop;
        uv_timer_init(loop.handle(), &timer);
        uv_tcp_init(loop.handle(), &socket);
      },
      "UvLoop destroyed while handles are open: timer, tcp; close them first");
}

}  // namespace
}  // namespace soak
