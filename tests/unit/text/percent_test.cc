// SPDX-License-Identifier: Apache-2.0
#include "lib/text/percent.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace soak::text {
namespace {

// RFC 3986, sections 2.1 to 2.3: the unreserved characters stand for themselves, all others are %XX in capitals.
TEST(PercentTest, EncodesAllButTheUnreservedCharacters) {
  const std::string_view unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

  EXPECT_EQ(percent_encode(unreserved), unreserved);
  EXPECT_EQ(percent_encode(":/?#[]@!$&'()*+,;="), "%3A%2F%3F%23%5B%5D%40%21%24%26%27%28%29%2A%2B%2C%3B%3D");
  EXPECT_EQ(percent_encode("a b%\xc3\xa4\n"), "a%20b%25%C3%A4%0A");
  EXPECT_EQ(percent_encode(std::string_view("\0", 1)), "%00");
  EXPECT_EQ(percent_encode(""), "");
}

// RFC 3986, section 2.5: the letter A with a grave accent, and a katakana letter.
TEST(PercentTest, ReadsTheExamplesOfRfc3986) {
  EXPECT_EQ(percent_decode("%C3%80"), "\xc3\x80");
  EXPECT_EQ(percent_decode("%E3%82%A2"), "\xe3\x82\xa2");
  EXPECT_EQ(percent_encode("\xe3\x82\xa2"), "%E3%82%A2");
}

TEST(PercentTest, DecodesDigitsOfEitherCase) { EXPECT_EQ(percent_decode("%3a%3A%7e"), "::~"); }

TEST(PercentTest, DecodesOnceOnly) { EXPECT_EQ(percent_decode("%2541"), "%41"); }

TEST(PercentTest, APercentSignWithoutTwoDigitsStandsForItself) {
  EXPECT_EQ(percent_decode("100%"), "100%");
  EXPECT_EQ(percent_decode("%4"), "%4");
  EXPECT_EQ(percent_decode("%zz%4g%%41"), "%zz%4g%A");
}

TEST(PercentTest, OnlyAFormTakesAPlusSignForASpace) {
  EXPECT_EQ(percent_decode("a+b%2Bc"), "a+b+c");
  EXPECT_EQ(form_decode("a+b%2Bc"), "a b+c");
}

TEST(PercentTest, EveryByteComesBack) {
  std::string bytes;
  for (int code = 0; code < 256; ++code) {
    bytes += static_cast<char>(code);
  }

  EXPECT_EQ(percent_decode(percent_encode(bytes)), bytes);
  EXPECT_EQ(form_decode(percent_encode(bytes)), bytes);
}

}  // namespace
}  // namespace soak::text
