// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_BENCH_RESIDENT_H_
#define SOAK_BENCH_RESIDENT_H_

#include <malloc.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>

namespace soak::bench {

// What the process holds in memory, without what earlier work has left behind in the allocator.
inline double resident_bytes() {
  ::malloc_trim(0);
  unsigned long resident = 0;
  std::FILE* const statm = std::fopen("/proc/self/statm", "r");
  if (statm == nullptr || std::fscanf(statm, "%*u %lu", &resident) != 1) {
    std::perror("/proc/self/statm");
  }
  if (statm != nullptr) {
    std::fclose(statm);
  }
  return static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

}  // namespace soak::bench

#endif  // SOAK_BENCH_RESIDENT_H_
