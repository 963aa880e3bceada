// SPDX-License-Identifier: Apache-2.0
// The code of docs/primitives.md, and the proof of what the page says of it: the naive code shows its bug, ours does
// not. check_docs.sh compares the page with this file.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "conftest/captured_log.h"
#include "soak/byte_budget.h"
#include "soak/circuit_breaker.h"
#include "soak/event.h"
#include "soak/event_loop.h"
#include "soak/gather.h"
#include "soak/metrics/metrics.h"
#include "soak/queue.h"
#include "soak/readiness_gate.h"
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

// A failed extra

Task<> notify() {
  co_await sleep_for(1s);
  throw std::runtime_error("503");
}

Task<> talk_naive(Event& hung_up, int& seconds) {
  co_await with_group({.cancel_first = true}, [&](TaskGroup& group) -> Task<> {
    group.start("webhook", notify());
    for (bool over = false; !over; ++seconds) {
      over = co_await hung_up.wait_for(1s);
    }
  });
}

Task<> talk(Event& hung_up, int& seconds) {
  co_await with_group({.cancel_first = true}, [&](TaskGroup& group) -> Task<> {
    group.start("webhook", notify(), TaskKind::kBackground);
    for (bool over = false; !over; ++seconds) {
      over = co_await hung_up.wait_for(1s);
    }
  });
}

// Stale audio

Task<> record_naive(std::deque<int>& frames) {
  for (int second = 0;; ++second) {
    frames.push_back(second);
    co_await sleep_for(1s);
  }
}

Task<> stream_naive(std::deque<int>& frames, int& streamed) {
  co_await sleep_for(30s);  // The network stalls once.
  for (;;) {
    co_await sleep_for(1s);
    streamed = frames.front();
    frames.pop_front();
  }
}

using Frames = Queue<int>;

Task<> record(Frames& frames) {
  for (int second = 0;; ++second) {
    int frame = second;
    (void)co_await frames.push(std::move(frame));
    co_await sleep_for(1s);
  }
}

Task<> stream(Frames& frames, int& streamed) {
  co_await sleep_for(30s);  // The network stalls once.
  for (;;) {
    co_await sleep_for(1s);
    streamed = (co_await frames.pop()).value();
  }
}

// Many bounded queues

struct NaiveUpload {
  Queue<std::string> chunks{500};
};

std::size_t size_of(const std::string& chunk) { return chunk.size(); }

struct Upload {
  explicit Upload(ByteBudget& budget) : chunks({.capacity = 500, .label = "upload"}, budget, size_of) {}
  Queue<std::string> chunks;
};

// A dead dependency

struct Speech {
  int calls = 0;
  Event answered;
};

Task<> transcribe(Speech& speech) {
  ++speech.calls;
  co_await speech.answered.wait();
}

Task<> answer_naive(Speech& speech) { co_await with_timeout(10s, transcribe(speech)); }

Task<> answer(Speech& speech, CircuitBreaker& breaker) { co_await breaker.call(with_timeout(10s, transcribe(speech))); }

// Calls before the start

Task<> greet_naive(Event& speech_connected, Event& storage_connected, const Event& speech, int& failed) {
  co_await speech_connected.wait();
  co_await storage_connected.wait();
  failed += speech.is_set() ? 0 : 1;
}

Task<> greet(ReadinessGate& gate, const Event& speech, int& failed) {
  co_await gate.wait();
  failed += speech.is_set() ? 0 : 1;
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

TEST_F(PrimitivesPageTest, ATaskThatCrashesEndsTheCall) {
  Event hung_up;
  int seconds = 0;

  EXPECT_THROW(loop_.run(talk_naive(hung_up, seconds)), std::runtime_error);

  EXPECT_EQ(loop_.elapsed(), 1s);
}

TEST_F(PrimitivesPageTest, ABackgroundTaskThatCrashesDoesNotEndTheCall) {
  Event hung_up;
  int seconds = 0;
  TaskGroup group(loop_);
  group.start("talk", talk(hung_up, seconds));
  loop_.run(sleep_for(60s));
  hung_up.set();

  EXPECT_TRUE(loop_.run(drain(group)).clean());

  EXPECT_GE(seconds, 60);
  EXPECT_EQ(loop_.elapsed(), 60s);
  EXPECT_THAT(log_.text(), testing::HasSubstr("webhook crashed in the background: 503"));
}

// Runs both for two minutes; returns how far behind the streaming is then.
template <typename Frames, typename Record, typename Stream>
int seconds_behind(EventLoop& loop, Frames& frames, Record record_one, Stream stream_one) {
  int streamed = 0;
  TaskGroup group(loop);
  group.start("record", record_one(frames));
  group.start("stream", stream_one(frames, streamed));
  loop.run(sleep_for(120s));
  group.end_in_place();
  return 119 - streamed;
}

TEST_F(PrimitivesPageTest, ABacklogStays) {
  std::deque<int> frames;

  EXPECT_GE(seconds_behind(loop_, frames, record_naive, stream_naive), 30);
}

TEST_F(PrimitivesPageTest, AQueueThatDropsItsOldestStaysUpToDate) {
  Frames frames({.capacity = 5, .when_full = WhenFull::kDropOldest, .label = "frames"});

  EXPECT_LE(seconds_behind(loop_, frames, record, stream), 5);
  EXPECT_GE(frames.dropped(), 25u);
}

TEST_F(PrimitivesPageTest, ManyBoundedQueuesHoldTooMuch) {
  std::deque<NaiveUpload> sessions(200);
  std::size_t bytes = 0;

  for (NaiveUpload& session : sessions) {
    for (std::size_t i = 0; i < 500; ++i) {
      bytes += session.chunks.try_push(std::string(1024, 'a')) ? 1024U : 0U;
    }
  }

  EXPECT_EQ(bytes, 200u * 500 * 1024);
}

TEST_F(PrimitivesPageTest, QueuesOfABudgetHoldNoMoreThanThat) {
  ByteBudget budget(1 << 20);
  std::deque<Upload> sessions;

  for (std::size_t i = 0; i < 200; ++i) {
    Upload& session = sessions.emplace_back(budget);
    for (std::size_t chunk = 0; chunk < 500; ++chunk) {
      EXPECT_TRUE(session.chunks.try_push(std::string(1024, 'a')));
    }
  }

  std::size_t chunks = 0;
  for (Upload& session : sessions) {
    chunks += session.chunks.size() + session.chunks.dropped();
  }
  EXPECT_EQ(budget.bytes(), 1u << 20);
  EXPECT_EQ(chunks, 200u * 500);
}

TEST_F(PrimitivesPageTest, EachCallWaitsForADeadService) {
  Speech speech;

  for (int i = 0; i < 100; ++i) {
    EXPECT_THROW(loop_.run(answer_naive(speech)), Error);
  }

  EXPECT_EQ(speech.calls, 100);
  EXPECT_EQ(loop_.elapsed(), 1000s);
}

TEST_F(PrimitivesPageTest, ABreakerFailsTheCallsAtOnce) {
  Speech speech;
  CircuitBreaker breaker(loop_, {.label = "speech"});

  for (int i = 0; i < 100; ++i) {
    EXPECT_THROW(loop_.run(answer(speech, breaker)), Error);
  }
  EXPECT_EQ(speech.calls, 5);
  EXPECT_EQ(loop_.elapsed(), 50s);

  speech.answered.set();
  loop_.run(sleep_for(30s));
  loop_.run(answer(speech, breaker));
  EXPECT_EQ(breaker.state(), CircuitState::kClosed);
}

TEST_F(PrimitivesPageTest, WhatWasThereMayBeGone) {
  Event speech_connected;
  Event storage_connected;
  int failed = 0;
  TaskGroup group(loop_);
  group.start("greet", greet_naive(speech_connected, storage_connected, speech_connected, failed));
  speech_connected.set();
  loop_.run(sleep_for(1s));
  speech_connected.reset();
  storage_connected.set();

  EXPECT_TRUE(loop_.run(drain(group)).clean());

  EXPECT_EQ(failed, 1);
}

TEST_F(PrimitivesPageTest, AGateOpensWhenAllIsThereAtTheSameTime) {
  Event speech_connected;
  ReadinessGate gate({"speech", "storage"});
  int failed = 0;
  TaskGroup group(loop_);
  group.start("greet", greet(gate, speech_connected, failed));
  gate.set("speech");
  loop_.run(sleep_for(1s));
  gate.reset("speech");
  gate.set("storage");
  loop_.run(sleep_for(1s));
  EXPECT_EQ(group.size(), 1u);
  speech_connected.set();
  gate.set("speech");

  EXPECT_TRUE(loop_.run(drain(group)).clean());

  EXPECT_EQ(failed, 0);
}

}  // namespace
}  // namespace soak
