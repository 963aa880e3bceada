// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TESTS_UNIT_MATCHERS_FAILURE_TEXT_H_
#define SOAK_TESTS_UNIT_MATCHERS_FAILURE_TEXT_H_

#include <gmock/gmock.h>
#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include <string>

namespace soak {

// What EXPECT_THAT(value, matcher) says when it fails; empty when it does not.
template <typename T, typename Matcher>
std::string failure_text(T& value, const Matcher& matcher) {
  testing::TestPartResultArray failures;
  {
    testing::ScopedFakeTestPartResultReporter reporter(
        testing::ScopedFakeTestPartResultReporter::INTERCEPT_ONLY_CURRENT_THREAD, &failures);
    EXPECT_THAT(value, matcher);
  }
  std::string text = failures.size() == 0 ? "" : failures.GetTestPartResult(0).message();
  // Newer versions of GoogleTest end it with a line break.
  if (!text.empty() && text.back() == '\n') {
    text.pop_back();
  }
  return text;
}

}  // namespace soak

#endif  // SOAK_TESTS_UNIT_MATCHERS_FAILURE_TEXT_H_
