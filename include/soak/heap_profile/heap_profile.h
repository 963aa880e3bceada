// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_HEAP_PROFILE_HEAP_PROFILE_H_
#define SOAK_HEAP_PROFILE_HEAP_PROFILE_H_

// Finds who allocated the memory that grew: heap that is alive at the last quiescent point and was not alive at the
// baseline, grouped by the stack that allocated it.
//
// The allocator is jemalloc with its sampling profiler, which Debian 12 and 13 build in (package libjemalloc2). It
// records about one allocation in each 16 KiB with its stack, and forgets it when it is freed. So all figures are
// estimates: each sample is scaled by the probability that it was taken. jemalloc must be the allocator from the
// program's first instruction, so restart_with_heap_profiler() restarts the program with it. If you do not use it, it
// is not loaded and costs nothing.
//
// Each sampled small object takes pages of its own, so RSS is higher while profiling.
//
// This is a separate component, soak::heap_profile, because it needs libdw for the names in stacks. A run uses it if
// the program links it. soak::soak includes it.

#include <array>
#include <chrono>
#include <cstdint>
#include <string>

#include "soak/probe/heap_profiler.h"

namespace soak::probe {

// Restarts this program once, with the same arguments and environment, and with the profiling allocator preloaded. Call
// it early in main(), or before main(): no thread may be running, and no output may be half written. Returns an empty
// string if the allocator is already loaded, or if a sanitizer owns the heap (the profile then reports that). Otherwise
// returns what went wrong, with the package to install.
//
// The library is libjemalloc.so.2 on the dynamic loader's path, or the file named in SOAK_HEAP_PROFILE_LIBRARY.
// MALLOC_CONF changes the sampling distance and everything else: "lg_prof_sample:17" samples one in 128 KiB.
std::string restart_with_heap_profiler();

// Why this process cannot be profiled; empty if it can.
std::string heap_profile_unavailable();

// The profile of one run. It takes snapshots at quiescent points, at most a few hundred, and keeps four: the baseline,
// the last, and two in between, one of them a quarter to a half of the way. The snapshots are stored outside the heap,
// in four descriptors that the constructor opens. Use it on one thread.
class HeapProfile final : public HeapRecording {
 public:
  explicit HeapProfile(std::chrono::nanoseconds duration);
  ~HeapProfile() override;
  HeapProfile(const HeapProfile&) = delete;
  HeapProfile& operator=(const HeapProfile&) = delete;

  // Call it at a quiescent point.
  void rest(std::chrono::nanoseconds at, std::uint64_t cycle) override;

  // Call it after the run. Resolves the names in the stacks, which takes about a second, and memory.
  HeapGrowth growth() const override;

 private:
  struct Snapshot {
    int fd = -1;
    bool taken = false;
    std::chrono::nanoseconds at{};
    std::uint64_t cycle = 0;
  };

  std::array<Snapshot*, 4> snapshots() { return {&baseline_, &middle_, &later_, &last_}; }
  void take(Snapshot& snapshot, std::chrono::nanoseconds at, std::uint64_t cycle);

  std::chrono::nanoseconds duration_;
  std::chrono::nanoseconds next_{};
  Snapshot baseline_;
  Snapshot middle_;
  Snapshot later_;  // The middle one once the run has become twice as long.
  Snapshot last_;
  std::string failed_;
};

// The profiler that a run gets if the program links soak::heap_profile.
const HeapProfiler& jemalloc_profiler();

}  // namespace soak::probe

#endif  // SOAK_HEAP_PROFILE_HEAP_PROFILE_H_
