// SPDX-License-Identifier: Apache-2.0
// A main() of its own for sample_soaks.cc: it adds the Environment, twice, and asks it what became of the soaks.

#include <gtest/gtest.h>

#include <cstdio>
#include <string>

#include "conftest/environment.h"
#include "soak/soak_test.h"

int main(int argc, char** argv) {
  soak::init(&argc, argv);
  testing::InitGoogleTest(&argc, argv);
  auto* environment = new soak::Environment;
  testing::AddGlobalTestEnvironment(environment);
  testing::AddGlobalTestEnvironment(new soak::Environment);
  const int status = RUN_ALL_TESTS();
  std::printf("mode=%s due=%zu started=%zu duration=%lldms\n",
              environment->mode() ? std::string(soak::to_string(*environment->mode())).c_str() : "none",
              environment->due(), environment->started(),
              static_cast<long long>(environment->settings().duration / std::chrono::milliseconds{1}));
  return status;
}
