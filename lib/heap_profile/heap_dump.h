// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_HEAP_PROFILE_HEAP_DUMP_H_
#define SOAK_LIB_HEAP_PROFILE_HEAP_DUMP_H_

// What jemalloc's profiler writes ("heap_v2"), as numbers, and the growth between two of them.

#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

namespace soak::probe {

using Stack = std::vector<std::uint64_t>;  // Return addresses, innermost first.

// What is alive of one stack: an estimate, and the variance of its bytes that sampling causes.
struct Alive {
  double bytes = 0;
  double objects = 0;
  double bytes_variance = 0;
};

struct HeapDump {
  std::uint64_t sample_bytes = 0;  // 0 where the text was no heap_v2.
  std::map<Stack, Alive> stacks;
};

// A byte has the same chance of 1/sample_bytes to be sampled, so an object of s bytes is with p = 1 - exp(-s /
// sample_bytes); n sampled ones stand for n/p.
HeapDump parse_heap_dump(std::string_view text);

struct GrownStack {
  Stack stack;
  // From the baseline to the last.
  double bytes = 0;
  double objects = 0;
  double bytes_variance = 0;
  // From the middle to the last.
  double late_bytes = 0;
  double late_variance = 0;

  // More than sampling alone makes of nothing, but for one time in seven hundred.
  bool is_certain() const;
  // What steady growth is ranked by: that since the middle, less its standard deviation.
  double rank() const;
};

// The stacks that grew both since the baseline and since the middle, the highest rank first. What filled up early and
// stays is not among them.
std::vector<GrownStack> grown(const HeapDump& baseline, const HeapDump& middle, const HeapDump& last);

}  // namespace soak::probe

#endif  // SOAK_LIB_HEAP_PROFILE_HEAP_DUMP_H_
