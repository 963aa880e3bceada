// SPDX-License-Identifier: Apache-2.0

// soak's own primitives, on libuv and on the virtual clock. A task here is what it is in a test: it has a name, is in
// the census, and can be cancelled.

#include <benchmark/benchmark.h>

#include <chrono>
#include <cstdint>
#include <utility>
#include <vector>

#include "measure.h"
#include "soak/event.h"
#include "soak/event_loop.h"
#include "soak/gather.h"
#include "soak/session.h"
#include "soak/task.h"

namespace soak::bench {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""s;

// Lets all that was started before run until it waits.
Task<> settle() { co_await yield(); }

// Cancels and joins.
Task<std::size_t> end_all(TaskGroup& group) {
  const DrainResult result = co_await soak::drain(group, {.cancel_first = true});
  co_return result.cancelled;
}

// Joins.
Task<std::size_t> join_all(TaskGroup& group) {
  const DrainResult result = co_await soak::drain(group);
  co_return result.completed;
}

Task<std::uint64_t> yield_once(std::uint64_t index) {
  co_await yield();
  co_return index;
}

template <typename Loop>
void gather_by(benchmark::State& state, std::size_t max_concurrency) {
  const auto count = static_cast<std::uint64_t>(state.range(0));
  static Loop loop;  // One for all repetitions, as the peers have one runtime.
  for (auto _ : state) {
    std::vector<Task<std::uint64_t>> tasks;
    tasks.reserve(count);
    for (std::uint64_t i = 0; i < count; ++i) {
      tasks.push_back(yield_once(i));
    }
    auto results = loop.run(soak::gather(std::move(tasks), {.label = "bench", .max_concurrency = max_concurrency}));
    if (results.back().value() != count - 1) {
      state.SkipWithError("a result is missing");
    }
  }
  report_time(state, state.range(0));
}

template <typename Loop>
void gather(benchmark::State& state) {
  gather_by<Loop>(state, kUnlimited);
}
BENCHMARK_TEMPLATE(gather, UvLoop)->Apply(tasks_100000);
BENCHMARK_TEMPLATE(gather, VirtualLoop)->Apply(tasks_100000);

template <typename Loop>
void gather10(benchmark::State& state) {
  gather_by<Loop>(state, 10);
}
BENCHMARK_TEMPLATE(gather10, UvLoop)->Apply(tasks_100000);
BENCHMARK_TEMPLATE(gather10, VirtualLoop)->Apply(tasks_100000);

Task<> wait(Event& event) { co_await event.wait(); }

template <typename Loop>
void live_event(benchmark::State& state) {
  Loop loop;
  report_bytes(state, state.range(0), [&](std::int64_t tasks, auto measure) {
    Event event;
    TaskGroup group(loop);
    measure();
    for (std::int64_t i = 0; i < tasks; ++i) {
      group.start("a.name.of.24.characters.", wait(event));
    }
    loop.run(settle());
    measure();
    loop.run(end_all(group));
  });
}
BENCHMARK_TEMPLATE(live_event, UvLoop)->Apply(tasks_100000);
BENCHMARK_TEMPLATE(live_event, VirtualLoop)->Apply(tasks_100000);

// An ordinary coroutine: cancelled, it unwinds by throwing Cancelled.
Task<> sleep_in_a_coroutine() { co_await sleep_for(1h); }

template <typename Loop>
void live_timer(benchmark::State& state) {
  Loop loop;
  report_bytes(state, state.range(0), [&](std::int64_t tasks, auto measure) {
    TaskGroup group(loop);
    measure();
    for (std::int64_t i = 0; i < tasks; ++i) {
      group.start("a.name.of.24.characters.", sleep_in_a_coroutine());
    }
    loop.run(settle());
    measure();
    loop.run(end_all(group));
  });
}
BENCHMARK_TEMPLATE(live_timer, UvLoop)->Apply(tasks_100000);
BENCHMARK_TEMPLATE(live_timer, VirtualLoop)->Apply(tasks_100000);

template <typename Loop, typename Make>
void drain_sleepers(benchmark::State& state, Make make) {
  const std::int64_t tasks = state.range(0);
  Loop loop;
  for (auto _ : state) {
    state.PauseTiming();
    TaskGroup group(loop);
    for (std::int64_t i = 0; i < tasks; ++i) {
      group.start("sleeper", make());
    }
    loop.run(settle());
    state.ResumeTiming();
    const std::size_t cancelled = loop.run(end_all(group));
    if (cancelled != static_cast<std::size_t>(tasks)) {
      state.SkipWithError("a sleeper was not cancelled");
    }
  }
  report_time(state, tasks);
}

// A sleep that is started as a task ends with its only wait, so nothing is thrown.
template <typename Loop>
void drain(benchmark::State& state) {
  drain_sleepers<Loop>(state, [] { return sleep_for(1h); });
}
BENCHMARK_TEMPLATE(drain, UvLoop)->Apply(tasks_10000);
BENCHMARK_TEMPLATE(drain, VirtualLoop)->Apply(tasks_10000);

template <typename Loop>
void drain_unwinding(benchmark::State& state) {
  drain_sleepers<Loop>(state, sleep_in_a_coroutine);
}
BENCHMARK_TEMPLATE(drain_unwinding, UvLoop)->Apply(tasks_10000);
BENCHMARK_TEMPLATE(drain_unwinding, VirtualLoop)->Apply(tasks_10000);

Task<> wait_an_hour(Event& event, std::int64_t& woken) {
  const bool in_time = co_await event.wait_for(1h);
  if (in_time) {
    ++woken;
  }
}

template <typename Loop>
void wake(benchmark::State& state) {
  const std::int64_t tasks = state.range(0);
  Loop loop;
  for (auto _ : state) {
    state.PauseTiming();
    Event event;
    TaskGroup group(loop);
    std::int64_t woken = 0;
    for (std::int64_t i = 0; i < tasks; ++i) {
      group.start("waiter", wait_an_hour(event, woken));
    }
    loop.run(settle());
    state.ResumeTiming();
    event.set();
    loop.run(join_all(group));
    if (woken != tasks) {
      state.SkipWithError("not everyone was woken");
    }
  }
  report_time(state, tasks);
}
BENCHMARK_TEMPLATE(wake, UvLoop)->Apply(tasks_10000);
BENCHMARK_TEMPLATE(wake, VirtualLoop)->Apply(tasks_10000);

Task<> watch_shutdown(Session& session) {
  for (bool shut_down = false; !shut_down;) {
    shut_down = co_await session.shutdown().wait_for(1h);
  }
}

// Eleven tasks until the first ends, which is the one that receives. The others see that the session shuts down.
Task<> run_session(EventLoop& loop, Event& peer_gone) {
  Session session(loop, {.label = "bench"});
  session.start("receive", wait(peer_gone), TaskKind::kReceive);
  for (std::int64_t i = 1; i < kTasksOfASession; ++i) {
    session.start({"watcher", i}, watch_shutdown(session));
  }
  Task<SessionResult> running = session.run();
  co_await std::move(running);
}

// The others sleep, and are cancelled at once.
Task<> run_session_unwinding(EventLoop& loop, Event& peer_gone) {
  Session session(loop, {.label = "bench", .timeout = std::chrono::nanoseconds::zero()});
  session.start("receive", wait(peer_gone), TaskKind::kReceive);
  for (std::int64_t i = 1; i < kTasksOfASession; ++i) {
    session.start({"sleeper", i}, sleep_in_a_coroutine());
  }
  Task<SessionResult> running = session.run();
  co_await std::move(running);
}

// Starts sessions in `group`, and lets them and their tasks run until they wait.
template <typename RunSession>
void start_sessions(TaskGroup& group, std::int64_t sessions, Event& peer_gone, RunSession run_one) {
  for (std::int64_t i = 0; i < sessions; ++i) {
    group.start({"session", i}, run_one(group.loop(), peer_gone));
  }
  group.loop().run(settle());
  group.loop().run(settle());
}

template <typename Loop, typename RunSession>
void tear_sessions_down(benchmark::State& state, RunSession run_one) {
  const std::int64_t sessions = state.range(0);
  Loop loop;
  for (auto _ : state) {
    state.PauseTiming();
    Event peer_gone;
    TaskGroup group(loop);
    start_sessions(group, sessions, peer_gone, run_one);
    if (loop.live_tasks() != static_cast<std::size_t>(sessions * (kTasksOfASession + 1))) {
      state.SkipWithError("a task is missing");
    }
    state.ResumeTiming();
    peer_gone.set();
    if (loop.run(join_all(group)) != static_cast<std::size_t>(sessions)) {
      state.SkipWithError("a session is left");
    }
  }
  report_time(state, sessions * kTasksOfASession);
}

template <typename Loop>
void supervise(benchmark::State& state) {
  tear_sessions_down<Loop>(state, run_session);
}
BENCHMARK_TEMPLATE(supervise, UvLoop)->Apply(sessions_1800);
BENCHMARK_TEMPLATE(supervise, VirtualLoop)->Apply(sessions_1800);

template <typename Loop>
void supervise_unwinding(benchmark::State& state) {
  tear_sessions_down<Loop>(state, run_session_unwinding);
}
BENCHMARK_TEMPLATE(supervise_unwinding, UvLoop)->Apply(sessions_1800);
BENCHMARK_TEMPLATE(supervise_unwinding, VirtualLoop)->Apply(sessions_1800);

template <typename Loop, typename RunSession>
void hold_sessions(benchmark::State& state, RunSession run_one) {
  Loop loop;
  report_bytes(state, state.range(0), [&](std::int64_t sessions, auto measure) {
    Event peer_gone;
    TaskGroup group(loop);
    measure();
    start_sessions(group, sessions, peer_gone, run_one);
    measure();
    peer_gone.set();
    loop.run(join_all(group));
  });
}

template <typename Loop>
void session_bytes(benchmark::State& state) {
  hold_sessions<Loop>(state, run_session);
}
BENCHMARK_TEMPLATE(session_bytes, UvLoop)->Apply(sessions_1800);
BENCHMARK_TEMPLATE(session_bytes, VirtualLoop)->Apply(sessions_1800);

template <typename Loop>
void session_bytes_unwinding(benchmark::State& state) {
  hold_sessions<Loop>(state, run_session_unwinding);
}
BENCHMARK_TEMPLATE(session_bytes_unwinding, UvLoop)->Apply(sessions_1800);
BENCHMARK_TEMPLATE(session_bytes_unwinding, VirtualLoop)->Apply(sessions_1800);

Task<> tick_every_30s(std::int64_t& wakeups) {
  for (;;) {
    co_await sleep_for(30s);
    ++wakeups;
  }
}

// A day of periodic tasks; `per_item` is the whole of it, in seconds of the wall's clock.
void virtual_day(benchmark::State& state) {
  const std::int64_t tasks = state.range(0);
  for (auto _ : state) {
    VirtualLoop loop;
    TaskGroup group(loop);
    std::int64_t wakeups = 0;
    for (std::int64_t i = 0; i < tasks; ++i) {
      group.start({"tick", i}, tick_every_30s(wakeups));
    }
    loop.run(sleep_for(24h));
    group.end_in_place();
    if (wakeups < tasks * (24 * 3600 / 30 - 1)) {
      state.SkipWithError("a wake-up is missing");
    }
  }
  state.counters["per_item"] = benchmark::Counter(1, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(virtual_day)->Arg(1'000)->Arg(10)->Iterations(1)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace soak::bench

BENCHMARK_MAIN();
