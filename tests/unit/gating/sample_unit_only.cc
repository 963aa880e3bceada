// SPDX-License-Identifier: Apache-2.0
// A program that is linked with soak::main and has no soak test.

#include <gtest/gtest.h>

TEST(Unit, AlwaysRuns) { SUCCEED(); }
