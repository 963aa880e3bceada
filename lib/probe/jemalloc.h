// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_PROBE_JEMALLOC_H_
#define SOAK_PROBE_JEMALLOC_H_

// jemalloc's control interface (jemalloc(3)), where jemalloc is this process's allocator. Nothing here allocates.

#include <cstddef>
#include <cstdint>
#include <optional>

namespace soak::probe::jemalloc {

using MallctlFunction = int (*)(const char* name, void* old_value, std::size_t* old_size, void* new_value,
                                std::size_t new_size);

// Null where another allocator is there.
MallctlFunction mallctl() noexcept;

template <typename T>
std::optional<T> read(const char* name) noexcept {
  T value{};
  std::size_t size = sizeof(value);
  if (mallctl() == nullptr || mallctl()(name, &value, &size, nullptr, 0) != 0 || size != sizeof(value)) {
    return std::nullopt;
  }
  return value;
}

// Bytes that the samples of its profiler add to what it counts as in use; 0 where it does not profile.
std::int64_t profile_overhead_bytes() noexcept;

}  // namespace soak::probe::jemalloc

#endif  // SOAK_PROBE_JEMALLOC_H_
