// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_CONFTEST_ENVIRONMENT_H_
#define SOAK_CONFTEST_ENVIRONMENT_H_

// The GoogleTest environment of a program with soak tests. It knows the mode and the options that this process was
// asked for, and fails the program when soaks were due and none of them started: because another environment called
// GTEST_SKIP, say, which GoogleTest reports as success.
//
// soak::main adds one. A program with its own main() does it there:
//
//   #include "conftest/environment.h"
//   #include "soak/soak_test.h"
//
//   int main(int argc, char** argv) {
//     soak::init(&argc, argv);
//     testing::InitGoogleTest(&argc, argv);
//     testing::AddGlobalTestEnvironment(new soak::Environment);
//     return RUN_ALL_TESTS();
//   }
//
// Where no main() adds one (GoogleTest's own gtest_main), one is added when the tests begin. Two do the work of one.
//
// A soak is due when the filter and this shard select it and a mode was asked for, by flag or by variable. It has
// started when GoogleTest entered it. From then on what becomes of it is its own affair: its fixture, SOAK_REQUIRE_ENV
// or a mode that it cannot play may skip it, and a bad variable fails it.
//
// Belongs to the thread that runs the tests.

#include <gtest/gtest.h>

#include <cstddef>
#include <optional>

#include "soak/options.h"

namespace soak {

class Environment : public ::testing::Environment {
 public:
  Environment();

  void SetUp() override;
  void TearDown() override;

  // The mode that was asked for; none where the soaks are skipped.
  std::optional<Mode> mode() const;

  // The options by flags, variables and defaults: what a Run has that sets none in code. A seed that nobody gave is
  // drawn anew each time, as each Run draws its own. Throws std::invalid_argument for a bad variable.
  Settings settings() const;

  // How many soaks are due, and how many of them have started since SetUp(). Both are 0 where no mode was asked for.
  std::size_t due() const;
  std::size_t started() const;
};

}  // namespace soak

#endif  // SOAK_CONFTEST_ENVIRONMENT_H_
