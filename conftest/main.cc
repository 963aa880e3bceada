// SPDX-License-Identifier: Apache-2.0
// The main() of a test program with soak tests: gtest_main, and soak's flags.

#include <gtest/gtest.h>

#include <cstdio>

#include "soak/soak_test.h"

int main(int argc, char** argv) {
  std::printf("Running main() from soak::main\n");
  soak::init(&argc, argv);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
