// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TESTS_FUZZ_REQUIRE_H_
#define SOAK_TESTS_FUZZ_REQUIRE_H_

#include <cstdio>
#include <cstdlib>

namespace soak::fuzz {

// Ends the process, as a crash would, where something is not as it has to be.
inline void require(bool holds, const char* what) {
  if (holds) {
    return;
  }
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

}  // namespace soak::fuzz

#endif  // SOAK_TESTS_FUZZ_REQUIRE_H_
