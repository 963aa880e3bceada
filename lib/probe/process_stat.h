// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PROBE_PROCESS_STAT_H_
#define SOAK_LIB_PROBE_PROCESS_STAT_H_

#include <cstdint>
#include <optional>
#include <string>

namespace soak::probe {

// What stands in /proc/<id>/stat, and for a thread in /proc/<id>/task/<id>/stat.
struct ProcessStat {
  std::string name;
  int parent = 0;
  std::uint64_t started = 0;  // In ticks of the kernel's clock since boot.
};

// `directory` is "/proc/4711". Empty if it has ended.
std::optional<ProcessStat> read_stat(const std::string& directory);

}  // namespace soak::probe

#endif  // SOAK_LIB_PROBE_PROCESS_STAT_H_
