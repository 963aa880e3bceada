// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_PROBE_HEAP_PROFILER_H_
#define SOAK_PROBE_HEAP_PROFILER_H_

// Who allocated what grew, as a run asks for it. The answer comes from soak::heap_profile, a component of its own
// (soak/heap_profile/heap_profile.h); a program that is not linked with it has no heap_profiler().

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace soak::probe {

// What one stack allocated and did not free, more than at the baseline.
struct StackGrowth {
  std::int64_t bytes = 0;
  std::int64_t allocations = 0;
  // Innermost first, "Cache::put (cache.cc:41)"; without the allocator's and the standard library's own frames. A frame
  // that has no name is "module+0xoffset".
  std::vector<std::string> frames;
};

// "3.1 MiB in 310 allocations at Cache::put (cache.cc:41) < Session::run (session.cc:88)"
std::string to_string(const StackGrowth& growth);

struct HeapGrowth {
  std::string unavailable;  // Why nothing below is known; empty when it is.
  std::chrono::nanoseconds from{};
  std::chrono::nanoseconds to{};
  std::uint64_t from_cycle = 0;
  std::uint64_t to_cycle = 0;
  std::int64_t sample_bytes = 0;  // The mean distance between two samples.
  // The five that grew most in the later part of the run: what filled up early and stays is no leak. Growth within
  // three times its sampling error is left out.
  std::vector<StackGrowth> stacks;
};

// The profile of one run, on one thread.
class HeapRecording {
 public:
  virtual ~HeapRecording() = default;

  // At a quiescent point.
  virtual void rest(std::chrono::nanoseconds at, std::uint64_t cycle) = 0;
  // After the run: takes a second or so, and memory.
  virtual HeapGrowth growth() const = 0;
};

struct HeapProfiler {
  // Starts the program again where the profile needs that; returns what is in the way, empty when nothing is.
  std::string (*restart)() = nullptr;
  // Why this process cannot be profiled; empty when it can.
  std::string (*unavailable)() = nullptr;
  std::unique_ptr<HeapRecording> (*start)(std::chrono::nanoseconds duration) = nullptr;
};

// That of soak::heap_profile, or null in a program that is not linked with it.
const HeapProfiler* heap_profiler() noexcept;

}  // namespace soak::probe

namespace soak::detail {

// Called before all other constructors by a source file of soak::heap_profile, which is compiled into the program that
// links it.
void use_heap_profiler(const probe::HeapProfiler& profiler) noexcept;

}  // namespace soak::detail

#endif  // SOAK_PROBE_HEAP_PROFILER_H_
