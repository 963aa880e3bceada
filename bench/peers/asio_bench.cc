// SPDX-License-Identifier: Apache-2.0

// Asio's coroutines on the same work: one thread, and waits that end with an error code instead of an exception. An
// event is a timer that never expires and whose waits are cancelled; a task is joined by the completion handler of
// co_spawn. Built twice: with the executor that asio::awaitable<T> and asio::steady_timer have by default, and with
// SOAK_BENCH_ASIO_CONCRETE_EXECUTOR, where every type names the executor of the io_context and nothing is erased.

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/basic_waitable_timer.hpp>
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
    if (results.back() != results.size() - 1) {
      state.SkipWithError("a result is missing");
    }
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
    if (next == results.size()) {
      return;
    }
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
    for (int i = 0; i < 10; ++i) {
      work.start_next();
    }
    context.run();
    if (work.results.back() != work.results.size() - 1) {
      state.SkipWithError("a result is missing");
    }
  }
  report_time(state, tasks);
}
BENCHMARK(gather10)->Apply(tasks_100000);

Task<void> wait(Timer& timer) {
  asio::error_code ended;
  co_await timer.async_wait(asio::redirect_error(kAwait, ended));
}

// These tasks end when the event does; to be cancelled one by one they would each need a cancellation_signal.
void live_event(benchmark::State& state) {
  asio::io_context context{1};
  report_bytes(state, state.range(0), [&](std::int64_t tasks, auto measure) {
    Timer event(context.get_executor(), kNever);
    measure();
    for (std::int64_t i = 0; i < tasks; ++i) {
      asio::co_spawn(context.get_executor(), wait(event), asio::detached);
    }
    context.poll();
    measure();
    event.cancel();
    context.run();
    context.restart();
  });
}
BENCHMARK(live_event)->Apply(tasks_100000);

// A sleeper shows its owner the timer by which it can be cancelled.
Task<void> sleep_an_hour(Executor executor, Timer*& shown) {
  Timer timer(executor, 1h);
  shown = &timer;
  asio::error_code ended;
  co_await timer.async_wait(asio::redirect_error(kAwait, ended));
}

struct Sleepers {
  Sleepers(asio::io_context& context, std::int64_t count) : timers(static_cast<std::size_t>(count)) {
    for (Timer*& timer : timers) {
      asio::co_spawn(context.get_executor(), sleep_an_hour(context.get_executor(), timer), asio::detached);
    }
    context.poll();
  }
  void cancel() {
    for (Timer* timer : timers) {
      timer->cancel();
    }
  }

  std::vector<Timer*> timers;
};

void live_timer(benchmark::State& state) {
  asio::io_context context{1};
  report_bytes(state, state.range(0), [&](std::int64_t tasks, auto measure) {
    measure();
    Sleepers sleepers(context, tasks);
    measure();
    sleepers.cancel();
    context.run();
    context.restart();
  });
}
BENCHMARK(live_timer)->Apply(tasks_100000);

void drain(benchmark::State& state) {
  const std::int64_t tasks = state.range(0);
  asio::io_context context{1};
  for (auto _ : state) {
    state.PauseTiming();
    Sleepers sleepers(context, tasks);
    state.ResumeTiming();
    sleepers.cancel();
    context.run();
  }
  report_time(state, tasks);
}
BENCHMARK(drain)->Apply(tasks_10000);

Task<void> wait_an_hour(Timer& event, std::int64_t& woken) {
  Timer timeout(event.get_executor(), 1h);
  const auto first = co_await (wait(event) || wait(timeout));
  if (first.index() == 0) {
    ++woken;
  }
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
    if (woken != tasks) {
      state.SkipWithError("not everyone was woken");
    }
  }
  report_time(state, tasks);
}
BENCHMARK(wake)->Apply(tasks_10000);

// Runs eleven tasks until the first ends, which is the one that receives; cancels and joins the rest.
Task<void> run_session(Executor executor, Timer& peer_gone, std::int64_t& sessions_ended) {
  std::array<Timer*, kTasksOfASession - 1> sleepers{};
  std::int64_t running = kTasksOfASession;
  Timer an_end(executor, kNever);  // Its waits end with the first task, and with the last.
  const auto ended = [&](const std::exception_ptr&) {
    --running;
    if (running == kTasksOfASession - 1 || running == 0) {
      an_end.cancel();
    }
  };
  asio::co_spawn(executor, wait(peer_gone), ended);
  for (Timer*& sleeper : sleepers) {
    asio::co_spawn(executor, sleep_an_hour(executor, sleeper), ended);
  }
  co_await wait(an_end);
  for (Timer* sleeper : sleepers) {
    sleeper->cancel();
  }
  if (running > 0) {
    co_await wait(an_end);
  }
  ++sessions_ended;
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
    if (ended != sessions) {
      state.SkipWithError("a session is left");
    }
  }
  report_time(state, sessions * kTasksOfASession);
}
BENCHMARK(supervise)->Apply(sessions_1800);

void session_bytes(benchmark::State& state) {
  asio::io_context context{1};
  report_bytes(state, state.range(0), [&](std::int64_t sessions, auto measure) {
    Timer peer_gone(context.get_executor(), kNever);
    std::int64_t ended = 0;
    measure();
    for (std::int64_t i = 0; i < sessions; ++i) {
      asio::co_spawn(context.get_executor(), run_session(context.get_executor(), peer_gone, ended), asio::detached);
    }
    context.poll();
    measure();
    peer_gone.cancel();
    context.run();
    context.restart();
  });
}
BENCHMARK(session_bytes)->Apply(sessions_1800);

}  // namespace
}  // namespace soak::bench

BENCHMARK_MAIN();
