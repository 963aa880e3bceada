// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <fstream>

TEST(BreachTest, WritesWhereAnotherTestDoes) { std::ofstream(testing::TempDir() + "/breach.txt") << "breach"; }
