// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_CONFTEST_ALLOCATIONS_H_
#define SOAK_CONFTEST_ALLOCATIONS_H_

// A program that links soak_allocations has every allocation counted: malloc, calloc, realloc and operator new, of any
// library. A sanitizer replaces the first three, so with one only operator new is counted.

#include <cstddef>

namespace soak::conftest {

struct Allocations {
  std::size_t count = 0;
  std::size_t bytes = 0;
};

// Since the process began, by all threads. Any thread.
Allocations allocations() noexcept;

// By the calling thread.
Allocations thread_allocations() noexcept;

}  // namespace soak::conftest

#endif  // SOAK_CONFTEST_ALLOCATIONS_H_
