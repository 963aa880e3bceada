// SPDX-License-Identifier: Apache-2.0
// Parameters whose name comes from outside, for names that no filter could tell apart.

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "soak/soak_test.h"

namespace {

class Named : public testing::TestWithParam<int> {};
SOAK_TEST_P(Named, Runs) {}
SOAK_INSTANTIATE_TEST_SUITE_P(Bad, Named, testing::Values(1, 2), [](const auto&) {
  const char* name = std::getenv("SAMPLE_PARAM_NAME");
  return std::string(name == nullptr ? "" : name);
});

}  // namespace
