// SPDX-License-Identifier: Apache-2.0
#include "soak/detail/enum_names.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string_view>

namespace soak::detail {
namespace {

enum class Colour : std::uint8_t { kRed, kGreen2, kBlue };
enum class Single { kOnly };

constexpr EnumNames<Colour> kColours({{Colour::kRed, "red"}, {Colour::kGreen2, "green"}, {Colour::kBlue, "blue"}});

TEST(EnumNamesTest, EnumeratorsAreToldFromOtherValues) {
  EXPECT_TRUE(is_enumerator<Colour::kGreen2>());
  EXPECT_TRUE(is_enumerator<static_cast<Colour>(2)>());
  EXPECT_FALSE(is_enumerator<static_cast<Colour>(3)>());
  EXPECT_FALSE(is_enumerator<static_cast<Single>(-1)>());
}

TEST(EnumNamesTest, EnumeratorsAreCounted) {
  EXPECT_EQ(kEnumerators<Colour>, 3u);
  EXPECT_EQ(kEnumerators<Single>, 1u);
}

TEST(EnumNamesTest, EachEnumeratorHasItsName) {
  EXPECT_EQ(kColours[Colour::kRed], "red");
  EXPECT_EQ(kColours[Colour::kGreen2], "green");
  EXPECT_EQ(kColours[Colour::kBlue], "blue");
}

TEST(EnumNamesTest, AnotherValueIsAQuestionMarkAndReadsNothing) { EXPECT_EQ(kColours[static_cast<Colour>(3)], "?"); }

}  // namespace
}  // namespace soak::detail
