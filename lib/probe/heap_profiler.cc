// SPDX-License-Identifier: Apache-2.0
#include "soak/probe/heap_profiler.h"

#include <fmt/format.h>

#include "lib/text/format.h"

namespace soak::probe {
namespace {

constinit const HeapProfiler* linked = nullptr;  // Set before any other constructor runs.

}  // namespace

const HeapProfiler* heap_profiler() noexcept { return linked; }

std::string to_string(const StackGrowth& growth) {
  return fmt::format("{} in {} at {}", text::format_bytes(growth.bytes),
                     text::format_plural(static_cast<std::uint64_t>(growth.allocations), "allocation"),
                     fmt::join(growth.frames, " < "));
}

}  // namespace soak::probe

namespace soak::detail {

void use_heap_profiler(const probe::HeapProfiler& profiler) noexcept { probe::linked = &profiler; }

}  // namespace soak::detail
