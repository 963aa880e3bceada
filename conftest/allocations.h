// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_CONFTEST_ALLOCATIONS_H_
#define SOAK_CONFTEST_ALLOCATIONS_H_

// Who links soak_allocations has every allocation counted: malloc, calloc, realloc and operator new, of whatever
// library. A sanitizer has taken these for itself, and there only operator new is seen.

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
