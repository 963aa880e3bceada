// SPDX-License-Identifier: Apache-2.0
#include "soak/error.h"

#include <gtest/gtest.h>

#include <exception>
#include <stdexcept>
#include <string>
#include <type_traits>

namespace soak {
namespace {

TEST(ErrorTest, IsARuntimeErrorWithItsCodeAndItsWords) {
  try {
    throw Error(Errc::kTimeout, "took 5 s, allowed 1 s");
  } catch (const std::runtime_error& error) {
    EXPECT_EQ(std::string(error.what()), "took 5 s, allowed 1 s");
    EXPECT_EQ(dynamic_cast<const Error&>(error).code(), Errc::kTimeout);
  }
}

TEST(ErrorTest, CancellationIsNotSwallowedByACatchOfExceptions) {
  EXPECT_FALSE((std::is_base_of_v<std::exception, Cancelled>));
}

TEST(ErrorTest, WhateverWasThrownHasWords) {
  EXPECT_EQ(detail::what_of(std::make_exception_ptr(Error(Errc::kStuck, "stuck"))), "stuck");
  EXPECT_EQ(detail::what_of(std::make_exception_ptr(std::logic_error("a bug"))), "a bug");
  EXPECT_EQ(detail::what_of(std::make_exception_ptr(Cancelled{})), "cancelled");
  EXPECT_EQ(detail::what_of(std::make_exception_ptr(7)), "an exception that is not a std::exception");
}

}  // namespace
}  // namespace soak
