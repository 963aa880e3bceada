// SPDX-License-Identifier: Apache-2.0
// That a profile is taken, and of the right functions, is tested from outside, in
// tests/unit/drive/heap_profile_test.cc.

#include "soak/heap_profile/heap_profile.h"

#include <gtest/gtest.h>

namespace soak::probe {
namespace {

TEST(HeapProfileTest, WithoutTwoQuiescentPointsThereIsNone) {
  const HeapProfile profile(std::chrono::seconds{60});

  EXPECT_EQ(profile.growth().unavailable, "not available: there were no two quiescent points");
}

}  // namespace
}  // namespace soak::probe
