// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_PROBE_HEAP_PROFILER_H_
#define SOAK_PROBE_HEAP_PROFILER_H_

// The interface through which a run finds out who allocated the memory that grew. soak::heap_profile, a separate
// component, implements it (soak/heap_profile/heap_profile.h). Without that component, heap_profiler() is null.

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace soak::probe {

// What one stack allocated and did not free, beyond the baseline.
struct StackGrowth {
  std::int64_t bytes = 0;
  std::int64_t allocations = 0;
  // Innermost first: "Cache::put (cache.cc:41)". Frames of the allocator and of the standard library are left out. A
  // frame without a name is "module+0xoffset".
  std::vector<std::string> frames;
};

// "3.1 MiB in 310 allocations at Cache::put (cache.cc:41) < Session::run (session.cc:88)"
std::string to_string(const StackGrowth& growth);

struct HeapGrowth {
  std::string unavailable;  // Why the fields below are unknown; empty if they are known.
  std::chrono::nanoseconds from{};
  std::chrono::nanoseconds to{};
  std::uint64_t from_cycle = 0;
  std::uint64_t to_cycle = 0;
  std::int64_t sample_bytes = 0;  // The mean distance between two samples.
  // The five stacks that grew most in the later part of the run, because memory that filled early and stays is not a
  // leak. Growth within three times its sampling error is left out.
  std::vector<StackGrowth> stacks;
};

// The profile of one run. Use it on one thread.
class HeapRecording {
 public:
  virtual ~HeapRecording() = default;

  // Call it at a quiescent point.
  virtual void rest(std::chrono::nanoseconds at, std::uint64_t cycle) = 0;
  // Call it after the run. It takes about a second, and memory.
  virtual HeapGrowth growth() const = 0;
};

struct HeapProfiler {
  // Restarts the program if the profile needs that. Returns an error, or an empty string.
  std::string (*restart)() = nullptr;
  // Why this process cannot be profiled; empty if it can.
  std::string (*unavailable)() = nullptr;
  std::unique_ptr<HeapRecording> (*start)(std::chrono::nanoseconds duration) = nullptr;
};

// The profiler of soak::heap_profile; null if the program does not link it.
const HeapProfiler* heap_profiler() noexcept;

}  // namespace soak::probe

namespace soak::detail {

// Called before all other constructors by a source file of soak::heap_profile that is compiled into the program.
void use_heap_profiler(const probe::HeapProfiler& profiler) noexcept;

}  // namespace soak::detail

#endif  // SOAK_PROBE_HEAP_PROFILER_H_
