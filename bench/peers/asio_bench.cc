// SPDX-License-Identifier: Apache-2.0

// Asio's coroutines on the same work: one thread, and waits that end with an error code instead of an exception. An
// event is a timer that never expires and whose waits are cancelled; a task is joined by the completion handler of
// co_spawn. Built twice: with the executor that asio::awaitable<T> and asio::steady_timer have by default, and with
// SOAK_BENCH_ASIO_CONCRETE_EXECUTOR, where every type names the executor of the io_context and nothing is erased.

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/basic_waitable_timer.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/wait_traits.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <exception>
#include <vector>

#include "../measure.h"

namespace soak::bench {
namespace {

using std::chrono_literals::operator""h;
using asio::experimental::awaitable_operators::operator||;

#ifdef SOAK_BENCH_ASIO_CONCRETE_EXECUTOR
using Executor = asio::io_context::executor_type;
#else
using Executor = asio::any_io_executor;
#endif
template <typename T>
using Task = asio::awaitable<T, Executor>;
using Timer =
    asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, Executor>;
constexpr asio::use_awaitable_t<Executor> kAwait;

constexpr auto kNever = Timer::time_point::max();

Task<std::uint64_t> yield_once(Executor executor, std::uint64_t index) {
  co_await asio::post(executor, kAwait);
  co_return index;
}

void gather(benchmark::State& state) {
  const std::int64_t tasks = state.range(0);
  asio::io_context context{1};
  for (auto _ : state) {
    std::vector<std::uint64_t> results(static_cast<std::size_t>(tasks));
    for (std::uint64_t i = 0; i < results.size(); ++i) {
      asio::co_spawn(context.get_executor(), yield_once(context.get_executor(), i),
                     [&results, i](const std::exception_ptr&, std::uint64_t result) { results[i] = result; });
    }
    context.run();
    if (results.back() != results.size() - 1) state.SkipWithError("a result is missing");
  }
  report_time(state, tasks);
}
BENCHMARK(gather)->Apply(tasks_100000);

// As above, ten at a time: whoever ends starts the next.
struct TenAtATime {
  Executor executor;
  std::vector<std::uint64_t> results;
  std::uint64_t next = 0;

  void start_next() {
    if (next == results.size()) return;
    const std::uint64_t index = next++;
    asio::co_spawn(executor, yield_once(executor, index),
                   [this, index](const std::exception_ptr&, std::uint64_t result) {
                     results[index] = result;
                     start_next();
                   });
  }
};

void gather10(benchmark::State& state) {
  const std::int64_t tasks = state.range(0);
  asio::io_context context{1};
  for (auto _ : state) {
    TenAtATime work{context.get_executor(), std::vector<std::uint64_t>(static_cast<std::size_t>(tasks))};
    for (int i = 0; i < 10; ++i) work.start_next();
    context.run();
    if (work.results.back() != work.results.size() - 1) state.SkipWithError("a result is missing");
  }
  report_time(state, tasks);
}
BENCHMARK(gather10)->Apply(tasks_100000);

Task<void> wait(Timer& timer) {
  asio::error_code ended;
  co_await timer.async_wait(asio::redirect_error(kAwait, ended));
}

Task<void> sleep_an_hour(Executor executor) {
  Timer timer(executor, 1h);
  asio::error_code ended;
  co_await timer.async_wait(asio::redirect_error(kAwait, ended));
}

// Tasks that can be cancelled one by one.
template <typename Make>
void spawn_cancellable(asio::io_context& context, std::deque<asio::cancellation_signal>& signals, std::int64_t tasks,
                       Make make) {
  for (std::int64_t i = 0; i < tasks; ++i) {
    asio::cancellation_signal& signal = signals.emplace_back();
    asio::co_spawn(context.get_executor(), make(), asio::bind_cancellation_slot(signal.slot(), asio::detached));
  }
  context.poll();
}

void cancel_and_join(asio::io_context& context, std::deque<asio::cancellation_signal>& signals) {
  for (asio::cancellation_signal& signal : signals) signal.emit(asio::cancellation_type::terminal);
  context.run();
}

void live_event(benchmark::State& state) {
  const std::int64_t tasks = state.range(0);
  asio::io_context context{1};
  for (auto _ : state) {
    Timer event(context.get_executor(), kNever);
    std::deque<asio::cancellation_signal> signals;
    const double before = resident_bytes();
    spawn_cancellable(context, signals, tasks, [&] { return wait(event); });
    report_bytes(state, before, tasks);
    event.cancel();  // To cancel one wait among many on a timer, Asio looks at all of them.
    context.run();
  }
}
BENCHMARK(live_event)->Apply(tasks_100000);

void live_timer(benchmark::State& state) {
  const std::int64_t tasks = state.range(0);
  asio::io_context context{1};
  for (auto _ : state) {
    std::deque<asio::cancellation_signal> signals;
    const double before = resident_bytes();
    spawn_cancellable(context, signals, tasks, [&] { return sleep_an_hour(context.get_executor()); });
    report_bytes(state, before, tasks);
    cancel_and_join(context, signals);
  }
}
BENCHMARK(live_timer)->Apply(tasks_100000);

void drain(benchmark::State& state) {
  const std::int64_t tasks = state.range(0);
  asio::io_context context{1};
  for (auto _ : state) {
    state.PauseTiming();
    std::deque<asio::cancellation_signal> signals;
    spawn_cancellable(context, signals, tasks, [&] { return sleep_an_hour(context.get_executor()); });
    state.ResumeTiming();
    cancel_and_join(context, signals);
    state.PauseTiming();
    signals.clear();
    state.ResumeTiming();
  }
  report_time(state, tasks);
}
BENCHMARK(drain)->Apply(tasks_10000);

Task<void> wait_an_hour(Timer& event, std::int64_t& woken) {
  Timer timeout(event.get_executor(), 1h);
  const auto first = co_await (wait(event) || wait(timeout));
  if (first.index() == 0) ++woken;
}

void wake(benchmark::State& state) {
  const std::int64_t tasks = state.range(0);
  asio::io_context context{1};
  for (auto _ : state) {
    state.PauseTiming();
    Timer event(context.get_executor(), kNever);
    std::int64_t woken = 0;
    for (std::int64_t i = 0; i < tasks; ++i) {
      asio::co_spawn(context.get_executor(), wait_an_hour(event, woken), asio::detached);
    }
    context.poll();
    state.ResumeTiming();
    event.cancel();
    context.run();
    if (woken != tasks) state.SkipWithError("not everyone was woken");
  }
  report_time(state, tasks);
}
BENCHMARK(wake)->Apply(tasks_10000);

struct Session {
  explicit Session(Executor executor) : ended(executor, kNever) {}

  std::array<asio::cancellation_signal, kTasksOfASession> signals;
  std::int64_t running = kTasksOfASession;
  Timer ended;  // Its waits end whenever a task has.
};

// Runs eleven tasks until the first ends, which is the one that receives; cancels and joins the rest.
Task<void> run_session(Executor executor, Timer& peer_gone, std::int64_t& ended) {
  Session session(executor);
  for (asio::cancellation_signal& signal : session.signals) {
    const bool receives = &signal == &session.signals.front();
    asio::co_spawn(executor, receives ? wait(peer_gone) : sleep_an_hour(executor),
                   asio::bind_cancellation_slot(signal.slot(), [&session](const std::exception_ptr&) {
                     --session.running;
                     session.ended.cancel();
                   }));
  }
  co_await wait(session.ended);
  for (asio::cancellation_signal& signal : session.signals) signal.emit(asio::cancellation_type::terminal);
  while (session.running > 0) co_await wait(session.ended);
  ++ended;
}

void supervise(benchmark::State& state) {
  const std::int64_t sessions = state.range(0);
  asio::io_context context{1};
  for (auto _ : state) {
    state.PauseTiming();
    Timer peer_gone(context.get_executor(), kNever);
    std::int64_t ended = 0;
    for (std::int64_t i = 0; i < sessions; ++i) {
      asio::co_spawn(context.get_executor(), run_session(context.get_executor(), peer_gone, ended), asio::detached);
    }
    context.poll();
    state.ResumeTiming();
    peer_gone.cancel();
    context.run();
    if (ended != sessions) state.SkipWithError("a session is left");
  }
  report_time(state, sessions * kTasksOfASession);
}
BENCHMARK(supervise)->Apply(sessions_1800);

void session_bytes(benchmark::State& state) {
  const std::int64_t sessions = state.range(0);
  asio::io_context context{1};
  for (auto _ : state) {
    Timer peer_gone(context.get_executor(), kNever);
    std::int64_t ended = 0;
    const double before = resident_bytes();
    for (std::int64_t i = 0; i < sessions; ++i) {
      asio::co_spawn(context.get_executor(), run_session(context.get_executor(), peer_gone, ended), asio::detached);
    }
    context.poll();
    report_bytes(state, before, sessions);
    peer_gone.cancel();
    context.run();
  }
}
BENCHMARK(session_bytes)->Apply(sessions_1800);

}  // namespace
}  // namespace soak::bench

BENCHMARK_MAIN();
