// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_RUN_HEAP_GROWTH_H_
#define SOAK_LIB_RUN_HEAP_GROWTH_H_

#include <string>

#include "soak/growth/verdict.h"
#include "soak/probe/heap_profiler.h"

namespace soak::detail {

// Why there is no profile in a program without the component.
inline constexpr const char* kNoHeapProfiler =
    "not available: the program is not linked with the component heap_profile (soak::heap_profile)";

// Lists the stacks as "allocated by" under the finding about memory, or says in a remark what was seen.
void explain_heap(const probe::HeapGrowth& growth, const std::string& cycle_noun, probe::Verdict& verdict);

}  // namespace soak::detail

#endif  // SOAK_LIB_RUN_HEAP_GROWTH_H_
