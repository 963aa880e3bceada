// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_BENCH_MEASURE_H_
#define SOAK_BENCH_MEASURE_H_

// The rows of the C++ programs: `per_item` is what run.py reads, seconds or bytes.

#include <benchmark/benchmark.h>

#include <cstdint>
#include <utility>

#include "resident.h"

namespace soak::bench {

constexpr std::int64_t kTasksOfASession = 11;

// Seconds of processor time for each of `items`, between ResumeTiming and PauseTiming.
inline void report_time(benchmark::State& state, std::int64_t items) {
  state.counters["per_item"] = benchmark::Counter(
      static_cast<double>(items), benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

// Resident bytes that come with each of `items` while `hold(items, measure)` holds them: it calls measure() before
// they are there, and when all are. A few come first, so that what a process needs once is not theirs.
template <typename Hold>
void report_bytes(benchmark::State& state, std::int64_t items, Hold hold) {
  double before = 0;
  double after = 0;
  const auto measure = [&] { before = std::exchange(after, resident_bytes()); };
  for (auto _ : state) {
    hold(items / 100, measure);
    hold(items, measure);
  }
  state.counters["per_item"] = (after - before) / static_cast<double>(items);
}

// One pass over so many items, so that a repetition is a whole; the same with a few, to see that it works.
inline void once(benchmark::internal::Benchmark* row, std::int64_t items) {
  row->Arg(items)->Arg(items / 100)->Iterations(1)->MeasureProcessCPUTime();
}

inline void tasks_100000(benchmark::internal::Benchmark* row) { once(row, 100'000); }
inline void tasks_10000(benchmark::internal::Benchmark* row) { once(row, 10'000); }
inline void sessions_1800(benchmark::internal::Benchmark* row) { once(row, 1'800); }

}  // namespace soak::bench

#endif  // SOAK_BENCH_MEASURE_H_
