// SPDX-License-Identifier: Apache-2.0
#include "lib/text/base64.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace soak::text {
namespace {

std::string encoded(std::string_view bytes) {
  std::string text;
  append_base64(text, std::as_bytes(std::span(bytes)));
  return text;
}

// RFC 4648, section 10.
constexpr std::pair<std::string_view, std::string_view> kVectors[] = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
    {std::string_view("\xff\xef\xbe\x00", 4), "/+++AA=="},
};

// What append_base64() never writes.
constexpr std::string_view kRefused[] = {
    "Z",        "Zg",       "Zg=",   "Zm9vY",                         // Not padded to whole groups.
    "Zg===",    "====",     "Z===",  "Zg==Zg==", "Zm9v====",          // Too much padding, or before the end.
    "=m9v",     "Z=9v",     "Zm=v",  "A=BC",                          // Padding inside a group.
    "Zm9v\n",   "Zm 9",     "\nZm9", "Zm9v\r\n", "Zm9v    ",          // White space.
    "Zm-v",     "Zm_v",     "-_8=",                                   // The URL-safe alphabet.
    "Zm9\x80",  "Z\xff==",  "Zm9*",  "Zm9,",     "Z[==",     "@AAA",  // Other bytes.
    "QR==",     "QUJ=",     "Zh==",  "Zm9=",     "//==",     "///=",  // Bits behind the last byte.
    "AAAAQR==", "AAAAQUJ=",
};

TEST(Base64Test, WritesTheVectorsOfRfc4648) {
  for (const auto& [bytes, text] : kVectors) {
    EXPECT_EQ(encoded(bytes), text);
    EXPECT_EQ(base64_size(bytes.size()), text.size());
  }
}

TEST(Base64Test, ReadsTheVectorsOfRfc4648) {
  for (const auto& [bytes, text] : kVectors) {
    std::string decoded;
    EXPECT_TRUE(decode_base64(text, decoded)) << text;
    EXPECT_EQ(decoded, bytes);
    EXPECT_EQ(decoded_base64_size(text), bytes.size()) << text;
  }
}

TEST(Base64Test, ReadsWhatItWritesOfEveryLength) {
  std::mt19937_64 random(7);
  std::string bytes;
  for (int size = 0; size < 300; ++size) {
    const std::string text = encoded(bytes);
    std::string decoded;
    std::vector<std::byte> as_bytes;
    ASSERT_TRUE(decode_base64(text, decoded)) << text;
    ASSERT_TRUE(decode_base64(text, as_bytes)) << text;
    EXPECT_EQ(decoded, bytes);
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(as_bytes.data()), as_bytes.size()), bytes);
    EXPECT_EQ(decoded_base64_size(text), bytes.size());
    bytes += static_cast<char>(random());
  }
}

TEST(Base64Test, AppendsToWhatIsThere) {
  std::string text = "audio=";
  std::string bytes = "before ";
  std::vector<std::byte> more{std::byte{7}};

  append_base64(text, std::as_bytes(std::span(std::string_view("foo"))));
  EXPECT_TRUE(decode_base64("Zm9v", bytes));
  EXPECT_TRUE(decode_base64("Zm8=", more));

  EXPECT_EQ(text, "audio=Zm9v");
  EXPECT_EQ(bytes, "before foo");
  EXPECT_EQ(more, (std::vector{std::byte{7}, std::byte{'f'}, std::byte{'o'}}));
}

TEST(Base64Test, RefusesWhatItWouldNotWriteAndAppendsNothingOfIt) {
  for (const std::string_view text : kRefused) {
    std::string bytes = "as it was";
    std::vector<std::byte> more{std::byte{7}};
    EXPECT_FALSE(decode_base64(text, bytes)) << text;
    EXPECT_FALSE(decode_base64(text, more)) << text;
    EXPECT_FALSE(decoded_base64_size(text)) << text;
    EXPECT_EQ(bytes, "as it was");
    EXPECT_EQ(more.size(), 1u);
  }
}

// Wherever it stands among characters that are compared together.
TEST(Base64Test, KnowsItsDigitsInEveryPlace) {
  const std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (int code = 0; code < 256; ++code) {
    const char c = static_cast<char>(code);
    for (const std::size_t place : {0u, 1u, 2u, 3u, 29u, 59u}) {
      std::string text(64, 'A');
      text[place] = c;
      const bool is_digit = digits.find(c) != std::string_view::npos;
      std::string bytes;
      EXPECT_EQ(decode_base64(text, bytes), is_digit) << code << " at " << place;
      EXPECT_EQ(decoded_base64_size(text).has_value(), is_digit) << code << " at " << place;
    }
  }
}

TEST(Base64Test, ProtoTakesEitherAlphabetPaddedOrNot) {
  for (const std::string_view text : {"+/8=", "-_8=", "+/8", "-_8"}) {
    std::string bytes;
    EXPECT_TRUE(decode_proto_base64(text, bytes)) << text;
    EXPECT_EQ(bytes, "\xfb\xff") << text;
  }
  for (const std::string_view text : {"Z", "Zg=", "Zm9v\n", "!!!!", "Zh", "-_9"}) {
    std::string bytes;
    EXPECT_FALSE(decode_proto_base64(text, bytes)) << text;
    EXPECT_EQ(bytes, "");
  }
}

}  // namespace
}  // namespace soak::text
