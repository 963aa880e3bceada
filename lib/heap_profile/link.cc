// SPDX-License-Identifier: Apache-2.0
// Compiled into each program that links soak::heap_profile, not into its library: nobody asks the library for a symbol
// before this does, so from a static one the linker would take nothing, this file included. An object file of the
// program itself it keeps.
#include "soak/heap_profile/heap_profile.h"

namespace {

// Before the constructor of soak::gating, which may start the program again.
[[gnu::constructor(101)]] void use_jemalloc_profiler() {
  soak::detail::use_heap_profiler(soak::probe::jemalloc_profiler());
}

}  // namespace
