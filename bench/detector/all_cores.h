// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_BENCH_DETECTOR_ALL_CORES_H_
#define SOAK_BENCH_DETECTOR_ALL_CORES_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <thread>
#include <vector>

namespace soak::bench {

// What `run(number)` returns for each of so many runs, from as many threads as there are processors.
template <typename Run>
auto of_all(std::size_t runs, const Run& run) {
  std::vector<decltype(run(runs))> results(runs);
  std::atomic<std::size_t> next{0};
  std::vector<std::jthread> threads;
  for (unsigned i = 0; i < std::max(std::thread::hardware_concurrency(), 1U); ++i) {
    threads.emplace_back([&] {
      for (std::size_t now = next++; now < runs; now = next++) {
        results[now] = run(now);
      }
    });
  }
  threads.clear();
  return results;
}

}  // namespace soak::bench

#endif  // SOAK_BENCH_DETECTOR_ALL_CORES_H_
