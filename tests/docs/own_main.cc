// SPDX-License-Identifier: Apache-2.0
// The main() of docs/running.md; the soaks of modules_soak.cc run with it.

#include "conftest/environment.h"
#include "soak/soak_test.h"

int main(int argc, char** argv) {
  soak::init(&argc, argv);
  testing::InitGoogleTest(&argc, argv);
  testing::AddGlobalTestEnvironment(new soak::Environment);
  return RUN_ALL_TESTS();
}
