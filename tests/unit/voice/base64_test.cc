// SPDX-License-Identifier: Apache-2.0
#include "base64.h"

#include <gtest/gtest.h>

#include <span>
#include <string>
#include <string_view>

namespace soak::voice {
namespace {

std::string encoded(std::string_view text) {
  std::string result;
  append_base64(result, std::as_bytes(std::span(text)));
  return result;
}

TEST(Base64Test, EncodesTheVectorsOfTheStandard) {  // RFC 4648, section 10.
  EXPECT_EQ(encoded(""), "");
  EXPECT_EQ(encoded("f"), "Zg==");
  EXPECT_EQ(encoded("fo"), "Zm8=");
  EXPECT_EQ(encoded("foo"), "Zm9v");
  EXPECT_EQ(encoded("foob"), "Zm9vYg==");
  EXPECT_EQ(encoded("fooba"), "Zm9vYmE=");
  EXPECT_EQ(encoded("foobar"), "Zm9vYmFy");
  EXPECT_EQ(encoded(std::string_view("\xff\xef\xbe\x00", 4)), "/+++AA==");
}

TEST(Base64Test, AppendsToWhatIsThere) {
  std::string text = "audio=";

  append_base64(text, std::as_bytes(std::span(std::string_view("foo"))));

  EXPECT_EQ(text, "audio=Zm9v");
}

TEST(Base64Test, KnowsTheSizeOfWhatItStandsFor) {
  for (const std::string_view text : {"", "f", "fo", "foo", "foob", "fooba", "foobar"}) {
    EXPECT_EQ(base64_size(encoded(text)), text.size()) << text;
  }
}

TEST(Base64Test, RefusesWhatIsNone) {
  for (const char* text : {"Z", "Zg", "Zg=", "Zm9v\n", "Zm 9", "Z===", "====", "=m9v", "Zm-_", "Z=9v"}) {
    EXPECT_FALSE(base64_size(text)) << text;
  }
}

}  // namespace
}  // namespace soak::voice
