// SPDX-License-Identifier: Apache-2.0
// The code of docs/primitives.md, and the proof of what the page says of it: the naive code shows its bug, ours does
// not. check_docs.sh compares the page with this file.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <stdexcept>
#include <utility>
#include <vector>

#include "conftest/captured_log.h"
#include "soak/event.h"
#include "soak/event_loop.h"
#include "soak/gather.h"
#include "soak/metrics/metrics.h"
#include "soak/session.h"
#include "soak/task.h"
#include "soak/timeout.h"

namespace soak {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""s;

// with_group()

Task<> play(Task<> greeting, int& frames, Event& hung_up) {
  co_await with_group({.timeout = 10s}, [&](TaskGroup& group) -> Task<> {
    group.start("greeting", std::move(greeting));
    for (;;) {
      const bool over = co_await hung_up.wait_for(1s);
      if (over) {
        break;
      }
      ++frames;
    }
  });
}

// Silent exceptions

Task<> save_audio() { co_await sleep_for(1s); }

Task<> save_transcript() {
  co_await sleep_for(1s);
  throw std::runtime_error("disk full");
}

Task<> save_naive() {
  TaskGroup group(co_await this_loop());
  group.start("audio", save_audio());
  group.start("transcript", save_transcript());
  (void)co_await drain(group);
}

Task<> save() {
  co_await with_group([](TaskGroup& group) -> Task<> {
    group.start("audio", save_audio());
    group.start("transcript", save_transcript());
    co_return;
  });
}

// Orphans

struct Connection {
  Event closed;
  int pings_after_close = 0;
};

Task<> heartbeat(Connection& connection) {
  for (;;) {
    co_await sleep_for(10s);
    if (connection.closed.is_set()) {
      ++connection.pings_after_close;
    }
  }
}

Task<> serve_naive(Connection& connection, TaskGroup& background) {
  background.start("heartbeat", heartbeat(connection));
  co_await connection.closed.wait();
}

Task<> serve(Connection& connection) {
  co_await with_group({.cancel_first = true}, [&](TaskGroup& group) -> Task<> {
    group.start("heartbeat", heartbeat(connection));
    co_await connection.closed.wait();
  });
}

// Hung cleanup

struct Call {
  int& sockets;
  Event hung_up;
  Event uploaded;
};

Task<> receive(Call& call) {
  co_await call.hung_up.wait();
  --call.sockets;
}

Task<> upload(Call& call) { co_await call.uploaded.wait(); }

Task<> handle_naive(Call& call, int& sessions) {
  ++sessions;
  TaskGroup tasks(co_await this_loop());
  tasks.start("receive", receive(call));
  tasks.start("upload", upload(call));
  (void)co_await drain(tasks, {.timeout = std::chrono::nanoseconds::max()});
  --sessions;
}

Task<> handle(Call& call) {
  Session session(co_await this_loop(), {.label = "pusher", .timeout = 30s, .grace = 5s});
  session.start("receive", receive(call), TaskKind::kReceive);
  session.start("upload", upload(call));
  (void)co_await session.run();
}

// Unbounded fan-out

struct Provider {
  int open = 0;
  int open_max = 0;
};

Task<int> fetch(Provider& provider, int id) {
  provider.open_max = std::max(provider.open_max, ++provider.open);
  co_await sleep_for(1s);
  --provider.open;
  co_return id;
}

Task<> keep(Task<int> fetched, int& into) { into = co_await std::move(fetched); }

Task<> fetch_all_naive(Provider& provider, std::vector<int>& found) {
  co_await with_group([&](TaskGroup& group) -> Task<> {
    for (std::size_t i = 0; i < found.size(); ++i) {
      group.start({"fetch", i}, keep(fetch(provider, static_cast<int>(i)), found[i]));
    }
    co_return;
  });
}

Task<> fetch_all(Provider& provider, std::vector<int>& found) {
  std::vector<Task<int>> tasks;
  for (std::size_t i = 0; i < found.size(); ++i) {
    tasks.push_back(fetch(provider, static_cast<int>(i)));
  }
  auto results = co_await gather(std::move(tasks), {.label = "fetch", .max_concurrency = 10, .task_timeout = 5s});
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (results[i].ok()) {
      found[i] = results[i].value();
    }
  }
}

// Slow shutdown

Task<> poll_naive(const Event& shutdown, int& polls) {
  while (!shutdown.is_set()) {
    ++polls;
    co_await sleep_for(30s);
  }
}

Task<> poll(Event& shutdown, int& polls) {
  for (bool over = shutdown.is_set(); !over;) {
    ++polls;
    over = co_await shutdown.wait_for(30s);
  }
}

class PrimitivesPageTest : public testing::Test {
 protected:
  static double sessions() {
    return metrics::gauge("async_sessions", "Sessions that have started and not ended.", {{"label", "pusher"}}).value();
  }

  // 216 calls, of which 194 hang up after a second while their uploads hang. An hour later `check` looks.
  template <typename Handle, typename Check>
  void an_hour_of_calls(Handle handle, Check check) {
    TaskGroup server(loop_);
    for (int i = 0; i < 216; ++i) {
      Call& call = calls_.emplace_back(sockets_);
      ++sockets_;
      server.start({"call", i}, handle(call));
    }
    loop_.run(sleep_for(1s));
    for (std::size_t i = 0; i < 194; ++i) {
      calls_[i].hung_up.set();
    }
    loop_.run(sleep_for(1h));
    check();
    (void)loop_.run(drain(server, {.cancel_first = true}));
  }

  VirtualLoop loop_;
  conftest::CapturedLog log_;
  int sockets_ = 0;
  std::deque<Call> calls_;
};

TEST_F(PrimitivesPageTest, AGroupIsEmptyWhenItsCallReturns) {
  Event hung_up;
  int frames = 0;
  TaskGroup group(loop_);
  group.start("play", play(sleep_for(3s), frames, hung_up));
  loop_.run(sleep_for(std::chrono::milliseconds{1500}));
  hung_up.set();

  const DrainResult result = loop_.run(drain(group));

  EXPECT_TRUE(result.clean());
  EXPECT_EQ(frames, 1);
  EXPECT_EQ(loop_.elapsed(), 3s);
}

TEST_F(PrimitivesPageTest, AFailedTaskEndsTheBodyAtOnce) {
  Event hung_up;
  int frames = 0;
  const auto fails = []() -> Task<> {
    co_await sleep_for(std::chrono::milliseconds{1500});
    throw std::runtime_error("no voice");
  };

  EXPECT_THROW(loop_.run(play(fails(), frames, hung_up)), std::runtime_error);

  EXPECT_EQ(frames, 1);
  EXPECT_EQ(loop_.elapsed(), std::chrono::milliseconds{1500});
}

TEST_F(PrimitivesPageTest, ADrainThatNobodyReadsLosesTheException) { EXPECT_NO_THROW(loop_.run(save_naive())); }

TEST_F(PrimitivesPageTest, WithGroupThrowsWhatItsTaskThrew) {
  try {
    loop_.run(save());
    FAIL() << "nothing was thrown";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "disk full");
  }
}

TEST_F(PrimitivesPageTest, ATaskOfTheServersGroupOutlivesItsConnection) {
  std::deque<Connection> connections(3);
  TaskGroup background(loop_);
  for (Connection& connection : connections) {
    connection.closed.set();
    loop_.run(serve_naive(connection, background));
  }

  loop_.run(sleep_for(60s));

  EXPECT_EQ(background.size(), 3u);
  EXPECT_GE(connections[0].pings_after_close, 5);
  (void)loop_.run(drain(background, {.cancel_first = true}));
}

TEST_F(PrimitivesPageTest, ATaskOfWithGroupEndsWithItsConnection) {
  std::deque<Connection> connections(3);
  for (Connection& connection : connections) {
    connection.closed.set();
    loop_.run(serve(connection));
  }

  loop_.run(sleep_for(60s));

  EXPECT_EQ(loop_.live_tasks(), 0u);
  EXPECT_EQ(connections[0].pings_after_close, 0);
}

TEST_F(PrimitivesPageTest, WaitingForAllNeverReachesTheCleanup) {
  int open = 0;
  an_hour_of_calls([&](Call& call) { return handle_naive(call, open); },
                   [&] {
                     EXPECT_EQ(open, 216);
                     EXPECT_EQ(sockets_, 22);
                   });
}

TEST_F(PrimitivesPageTest, ASessionEndsWithItsConnection) {
  an_hour_of_calls([](Call& call) { return handle(call); },
                   [&] {
                     EXPECT_EQ(sessions(), 22);
                     EXPECT_EQ(sockets_, 22);
                     EXPECT_THAT(log_.text(), testing::HasSubstr("warning drain 'pusher': 1 task still running after "
                                                                 "30.000 s is cancelled:\n  upload awaits event"));
                   });
  EXPECT_EQ(sessions(), 0);
}

TEST_F(PrimitivesPageTest, AGroupStartsAThousandAtOnce) {
  Provider provider;
  std::vector<int> found(1'000);

  loop_.run(fetch_all_naive(provider, found));

  EXPECT_EQ(provider.open_max, 1'000);
}

TEST_F(PrimitivesPageTest, AGatherRunsTenAtATime) {
  Provider provider;
  std::vector<int> found(1'000);

  loop_.run(fetch_all(provider, found));

  EXPECT_EQ(provider.open_max, 10);
  EXPECT_EQ(found[999], 999);
  EXPECT_EQ(loop_.elapsed(), 100s);
}

TEST_F(PrimitivesPageTest, ASleepHoldsUpTheShutdown) {
  Event shutdown;
  int polls = 0;
  TaskGroup group(loop_);
  group.start("poller", poll_naive(shutdown, polls));
  loop_.run(sleep_for(1s));
  shutdown.set();

  const DrainResult result = loop_.run(drain(group));

  EXPECT_TRUE(result.clean());
  EXPECT_EQ(loop_.elapsed(), 30s);
}

TEST_F(PrimitivesPageTest, AnEventEndsTheWaitAtOnce) {
  Event shutdown;
  int polls = 0;
  TaskGroup group(loop_);
  group.start("poller", poll(shutdown, polls));
  loop_.run(sleep_for(61s));
  EXPECT_EQ(polls, 3);
  shutdown.set();

  const DrainResult result = loop_.run(drain(group));

  EXPECT_TRUE(result.clean());
  EXPECT_EQ(loop_.elapsed(), 61s);
}

}  // namespace
}  // namespace soak
