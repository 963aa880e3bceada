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
#include "soak/task.h"

namespace soak::bench {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""s;

// Lets all that was started before run until it waits.
Task<> settle() { co_await yield(); }

// Cancels and joins.
Task<std::size_t> end_all(TaskGroup& group) {
  const DrainResult result = co_await drain(group, {.cancel_first = true});
  co_return result.cancelled;
}

// Joins.
Task<std::size_t> join_all(TaskGroup& group) {
  const DrainResult result = co_await drain(group);
  co_return result.completed;
}

Task<> wait(Event& event) { co_await event.wait(); }

template <typename Loop>
void live_event(benchmark::State& state) {
  Loop loop;
  report_bytes(state, state.range(0), [&](std::int64_t tasks, auto measure) {
    Event event;
    TaskGroup group(loop);
    measure();
    for (std::int64_t i = 0; i < tasks; ++i) group.start("a.name.of.24.characters.", wait(event));
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
    for (std::int64_t i = 0; i < tasks; ++i) group.start("a.name.of.24.characters.", sleep_in_a_coroutine());
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
    for (std::int64_t i = 0; i < tasks; ++i) group.start("sleeper", make());
    loop.run(settle());
    state.ResumeTiming();
    const std::size_t cancelled = loop.run(end_all(group));
    if (cancelled != static_cast<std::size_t>(tasks)) state.SkipWithError("a sleeper was not cancelled");
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
  if (in_time) ++woken;
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
    for (std::int64_t i = 0; i < tasks; ++i) group.start("waiter", wait_an_hour(event, woken));
    loop.run(settle());
    state.ResumeTiming();
    event.set();
    loop.run(join_all(group));
    if (woken != tasks) state.SkipWithError("not everyone was woken");
  }
  report_time(state, tasks);
}
BENCHMARK_TEMPLATE(wake, UvLoop)->Apply(tasks_10000);
BENCHMARK_TEMPLATE(wake, VirtualLoop)->Apply(tasks_10000);

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
    for (std::int64_t i = 0; i < tasks; ++i) group.start({"tick", i}, tick_every_30s(wakeups));
    loop.run(sleep_for(24h));
    group.end_in_place();
    if (wakeups < tasks * (24 * 3600 / 30 - 1)) state.SkipWithError("a wake-up is missing");
  }
  state.counters["per_item"] = benchmark::Counter(1, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(virtual_day)->Arg(1'000)->Arg(10)->Iterations(1)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace soak::bench

BENCHMARK_MAIN();
