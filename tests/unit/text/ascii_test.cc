// SPDX-License-Identifier: Apache-2.0
#include "lib/text/ascii.h"

#include <gtest/gtest.h>

#include <cctype>
#include <cstddef>
#include <string>
#include <string_view>

namespace soak::text {
namespace {

// With the C locale's functions, which are what these are in every locale.
TEST(AsciiTest, ClassesAreThoseOfTheCLocaleForEveryByte) {
  for (int code = 0; code < 256; ++code) {
    const char c = static_cast<char>(code);
    const bool ascii = code < 128;
    EXPECT_EQ(is_upper(c), code >= 'A' && code <= 'Z') << code;
    EXPECT_EQ(is_digit(c), code >= '0' && code <= '9') << code;
    EXPECT_EQ(is_letter(c), ascii && std::isalpha(code) != 0) << code;
    EXPECT_EQ(is_letter_or_digit(c), ascii && std::isalnum(code) != 0) << code;
    EXPECT_EQ(hex_value(c) >= 0, ascii && std::isxdigit(code) != 0) << code;
    EXPECT_EQ(to_lower(c), ascii ? static_cast<char>(std::tolower(code)) : c) << code;
  }
}

TEST(AsciiTest, HexDigitsHaveTheirValuesInEitherCase) {
  const std::string_view lower = "0123456789abcdef";
  const std::string_view upper = "0123456789ABCDEF";
  for (int value = 0; value < 16; ++value) {
    EXPECT_EQ(hex_value(lower[static_cast<std::size_t>(value)]), value);
    EXPECT_EQ(hex_value(upper[static_cast<std::size_t>(value)]), value);
  }
}

TEST(AsciiTest, CaseIsThatOfAsciiAlone) {
  EXPECT_EQ(to_lower("Content-TYPE \xc3\x84"), "content-type \xc3\x84");
  EXPECT_TRUE(equal_ignoring_case("Retry-After", "rETRY-aFTER"));
  EXPECT_FALSE(equal_ignoring_case("a", "ab"));
  EXPECT_FALSE(equal_ignoring_case("[", "{"));                // 32 apart, but no letters.
  EXPECT_FALSE(equal_ignoring_case("\xc3\x84", "\xc3\xa4"));  // Not ASCII.
}

TEST(AsciiTest, TrimsBothEndsAndNothingBetween) {
  EXPECT_EQ(trim(" \ta b\t "), "a b");
  EXPECT_EQ(trim(" \t "), "");
  EXPECT_EQ(trim(""), "");
  EXPECT_EQ(trim("\na\r\n"), "\na\r\n");
  EXPECT_EQ(trim("\n a\r\n", kWhiteSpace), "a");
}

}  // namespace
}  // namespace soak::text
