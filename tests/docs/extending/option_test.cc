// SPDX-License-Identifier: Apache-2.0
// The option of docs/extending.md, in a program that it is linked into.

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <optional>

#include "conftest/scratch_folder.h"
#include "soak/run.h"

namespace orders {

std::uint64_t batch_size(soak::Run& run, std::optional<std::uint64_t> in_code);

namespace {

std::uint64_t in_force(std::optional<std::uint64_t> in_code) {
  soak::Run run({.duration = std::chrono::milliseconds{1}, .report_dir = soak::conftest::scratch_folder().path()});
  const std::uint64_t size = batch_size(run, in_code);
  run.verdict();
  return size;
}

TEST(ExtendingTest, ThePagesOptionHasADefaultThatCodeChangesAndAVariableThatOverridesBoth) {
  EXPECT_EQ(in_force(std::nullopt), 100u);
  EXPECT_EQ(in_force(20), 20u);

  ::setenv("SOAK_BATCH_SIZE", "30", 1);
  EXPECT_EQ(in_force(20), 30u);
  ::unsetenv("SOAK_BATCH_SIZE");
}

}  // namespace
}  // namespace orders
