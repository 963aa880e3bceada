// SPDX-License-Identifier: Apache-2.0
#include "lib/voice/base64.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

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

TEST(Base64Test, KnowsItsDigits) {
  const std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (int code = 0; code < 256; ++code) {
    const char c = static_cast<char>(code);
    std::string text(64, 'A');
    text[static_cast<std::size_t>(code) % 62] = c;
    EXPECT_EQ(base64_size(text).has_value(), digits.find(c) != std::string_view::npos) << code;
  }
}

TEST(Base64Test, DecodesWhatItEncodes) {
  std::vector<std::byte> bytes;
  for (int size = 0; size < 300; ++size) {
    std::string text;
    append_base64(text, bytes);
    std::vector<std::byte> decoded{std::byte{7}};  // What is there stays.
    ASSERT_TRUE(decode_base64(text, decoded)) << text;
    decoded.erase(decoded.begin());
    EXPECT_EQ(decoded, bytes);
    bytes.push_back(static_cast<std::byte>(size * 37 & 0xff));
  }
}

TEST(Base64Test, DecodesNothingOfWhatIsNone) {
  std::vector<std::byte> bytes;
  for (const char* const text : {"A", "AAA", "AA!A", "A===", "AA==AA=="}) {
    EXPECT_FALSE(decode_base64(text, bytes)) << text;
    EXPECT_TRUE(bytes.empty());
  }
}

}  // namespace
}  // namespace soak::voice
