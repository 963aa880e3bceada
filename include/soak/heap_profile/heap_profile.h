// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_HEAP_PROFILE_HEAP_PROFILE_H_
#define SOAK_HEAP_PROFILE_HEAP_PROFILE_H_

// Who allocated what grew: heap that is alive at the last quiescent point and was not at the baseline, by the stack
// that allocated it.
//
// The allocator is jemalloc with its sampling profiler, which Debian 12 and 13 build in (package libjemalloc2): about
// one allocation in each 16 KiB is written down with its stack and forgotten when it is freed. All figures are
// therefore estimates, each sample scaled by the chance that it was taken. It has to be the allocator from the
// program's first instruction on, so restart_with_heap_profiler() starts the program again with it. What is never asked
// for is never loaded, and costs nothing.
//
// A sampled small object takes pages of its own, so RSS is higher while profiling.
//
// This is a component of its own, soak::heap_profile: it needs libdw, to put names to stacks. A run uses it in a
// program that is linked with it, and soak::soak brings it.

#include <array>
#include <chrono>
#include <cstdint>
#include <string>

#include "soak/probe/heap_profiler.h"

namespace soak::probe {

// Starts this program again, once, with the profiling allocator before every other: the same arguments, the same
// environment. Early in main(), or before it: no thread may run, nothing may be half written. Returns empty where the
// allocator is there already, or where it never can be because a sanitizer has the heap (the profile says so then);
// otherwise what is in the way, with the package to install.
//
// The library is libjemalloc.so.2 where the dynamic loader looks, or the file that SOAK_HEAP_PROFILE_LIBRARY names.
// The samples' distance, and all else, can be changed by MALLOC_CONF: "lg_prof_sample:17" is one in 128 KiB.
std::string restart_with_heap_profiler();

// Why this process cannot be profiled; empty when it can.
std::string heap_profile_unavailable();

// The profile of one run. Snapshots are taken at quiescent points, a few hundred at the most, wherever the
// run ends; four are kept: the baseline, the last, and two between, of which one is a quarter to a half of the way.
// Their memory is not the process's heap: it lies in four descriptors, which are there from the constructor on. On one
// thread.
class HeapProfile final : public HeapRecording {
 public:
  explicit HeapProfile(std::chrono::nanoseconds duration);
  ~HeapProfile() override;
  HeapProfile(const HeapProfile&) = delete;
  HeapProfile& operator=(const HeapProfile&) = delete;

  // At a quiescent point.
  void rest(std::chrono::nanoseconds at, std::uint64_t cycle) override;

  // Puts names to the stacks: takes a second or so, and memory. After the run.
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

// What a run is given in a program that links soak::heap_profile.
const HeapProfiler& jemalloc_profiler();

}  // namespace soak::probe

#endif  // SOAK_HEAP_PROFILE_HEAP_PROFILE_H_
