// SPDX-License-Identifier: Apache-2.0
#include "lib/heap_profile/symbols.h"

#include <gmock/gmock.h>
#include <gnu/libc-version.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <source_location>
#include <string>

namespace soak::probe {
namespace {

struct Place {
  std::uint64_t return_address = 0;
  int line = 0;
};

// Where it returns to.
[[gnu::noinline]] std::uint64_t caller() { return reinterpret_cast<std::uint64_t>(__builtin_return_address(0)); }

[[gnu::noinline]] Place in_a_function_of_its_own() {
  Place place;
  place.return_address = caller();
  place.line = std::source_location::current().line() - 1;
  return place;
}

[[gnu::always_inline]] inline Place in_an_inlined_function() {
  Place place;
  place.return_address = caller();
  place.line = std::source_location::current().line() - 1;
  return place;
}

[[gnu::noinline]] Place around_an_inlined_function() {
  const Place place = in_an_inlined_function();
  return place;
}

TEST(SymbolsTest, NameTheFunctionItsFileAndItsLine) {
  Symbols symbols;
  const Place place = in_a_function_of_its_own();

  const std::vector<Frame>& frames = symbols.at(place.return_address);

  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(readable_function(frames[0].function), "soak::probe::in_a_function_of_its_own");
  EXPECT_EQ(frames[0].file, "symbols_test.cc");
  EXPECT_EQ(frames[0].line, place.line);
  EXPECT_EQ(frames[0].module, "heap_profile_tests");
}

TEST(SymbolsTest, NameAnInlinedFunctionAndTheOneThatItIsIn) {
  Symbols symbols;
  const Place place = around_an_inlined_function();

  const std::vector<Frame>& frames = symbols.at(place.return_address);

  ASSERT_EQ(frames.size(), 2u);
  EXPECT_EQ(readable_function(frames[0].function), "soak::probe::in_an_inlined_function");
  EXPECT_EQ(frames[0].line, place.line);
  EXPECT_EQ(readable_function(frames[1].function), "soak::probe::around_an_inlined_function");
  EXPECT_EQ(frames[1].file, "symbols_test.cc");
}

TEST(SymbolsTest, NameAFunctionWithoutDebugInformationByItsModule) {
  Symbols symbols;

  const std::vector<Frame>& frames = symbols.at(reinterpret_cast<std::uint64_t>(&::gnu_get_libc_version) + 1);

  ASSERT_EQ(frames.size(), 1u);
  EXPECT_THAT(frames[0].module, testing::HasSubstr("libc"));
  EXPECT_GT(frames[0].offset, 0u);
}

TEST(SymbolsTest, AnAddressOfNoModuleIsNotNothing) {
  Symbols symbols;

  const std::vector<Frame>& frames = symbols.at(16);

  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(frames[0].function, "");
  EXPECT_EQ(frames[0].offset, 16u);
}

}  // namespace
}  // namespace soak::probe
