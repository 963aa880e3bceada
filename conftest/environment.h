// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_CONFTEST_ENVIRONMENT_H_
#define SOAK_CONFTEST_ENVIRONMENT_H_

// The GoogleTest environment of a program with soak tests. It holds the mode and the options of this process. If soaks
// were due and none of them started, it fails the program. A typical reason is another environment that called
// GTEST_SKIP, which GoogleTest reports as success.
//
// soak::main adds one. In your own main(), add it like this:
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
// If main() does not add one, as with GoogleTest's own gtest_main, one is added when the tests begin. A second one has
// no effect.
//
// A soak is due if the filter and this shard select it and a flag or a variable chose a mode. It has started once
// GoogleTest entered it. It still counts as started if its fixture, SOAK_REQUIRE_ENV or its mode then skips it, or a
// bad variable fails it.
//
// Use it on the thread that runs the tests.

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

  // The chosen mode; empty if the soaks are skipped.
  std::optional<Mode> mode() const;

  // The options from flags, variables and defaults, as for a Run that sets none in code. A seed that is not set is
  // drawn again in each call, as each Run draws its own. Throws Error(Errc::kInvalidArgument) for a bad variable.
  Settings settings() const;

  // How many soaks are due, and how many of them have started since SetUp(). Both are 0 if no mode was chosen.
  std::size_t due() const;
  std::size_t started() const;
};

}  // namespace soak

#endif  // SOAK_CONFTEST_ENVIRONMENT_H_
