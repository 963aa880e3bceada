// SPDX-License-Identifier: Apache-2.0
// The main() of a test program with soak tests: gtest_main, with soak's flags and its Environment.

#include <gtest/gtest.h>

#include <cstdio>

#include "environment.h"
#include "soak/soak_test.h"

int main(int argc, char** argv) {
  std::printf("Running main() from soak::main\n");
  soak::init(&argc, argv);
  testing::InitGoogleTest(&argc, argv);
  testing::AddGlobalTestEnvironment(new soak::Environment);
  return RUN_ALL_TESTS();
}
