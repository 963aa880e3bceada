// SPDX-License-Identifier: Apache-2.0
// What must not go unseen: SOAK_TEST_P without parameters, with the wrong macro, and parameters without tests.

#include <gtest/gtest.h>

#include "soak/soak_test.h"

namespace {

class Forgotten : public testing::TestWithParam<int> {};
SOAK_TEST_P(Forgotten, NeverRuns) { FAIL() << "it has no parameter"; }

class Empty : public testing::TestWithParam<int> {};
SOAK_TEST_P(Empty, NeverRuns) { FAIL() << "it has no parameter"; }
SOAK_INSTANTIATE_TEST_SUITE_P(None, Empty, testing::Range(3, 3));

class StockMacro : public testing::TestWithParam<int> {};
SOAK_TEST_P(StockMacro, NeverRuns) { FAIL() << "it has no parameter"; }
INSTANTIATE_TEST_SUITE_P(Stock, StockMacro, testing::Values(1));

class BothMacros : public testing::TestWithParam<int> {};
SOAK_TEST_P(BothMacros, Runs) {}
SOAK_INSTANTIATE_TEST_SUITE_P(Ours, BothMacros, testing::Values(1));
INSTANTIATE_TEST_SUITE_P(Stock, BothMacros, testing::Values(1));

class NoTests : public testing::TestWithParam<int> {};
SOAK_INSTANTIATE_TEST_SUITE_P(Values, NoTests, testing::Values(1));

}  // namespace
