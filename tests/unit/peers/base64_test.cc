// SPDX-License-Identifier: Apache-2.0
#include "lib/peers/base64.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <string_view>

namespace soak::peers {
namespace {

std::string encoded(std::string_view bytes) {
  std::string text;
  base64::encode(bytes, text);
  return text;
}

TEST(Base64Test, WritesTheVectorsOfRfc4648) {
  EXPECT_EQ(encoded(""), "");
  EXPECT_EQ(encoded("f"), "Zg==");
  EXPECT_EQ(encoded("fo"), "Zm8=");
  EXPECT_EQ(encoded("foo"), "Zm9v");
  EXPECT_EQ(encoded("foob"), "Zm9vYg==");
  EXPECT_EQ(encoded("fooba"), "Zm9vYmE=");
  EXPECT_EQ(encoded("foobar"), "Zm9vYmFy");
}

TEST(Base64Test, ReadsWhatItWrites) {
  std::mt19937_64 random(7);
  std::string bytes;
  std::string back = "what was there before";
  for (int size = 0; size < 200; ++size) {
    ASSERT_TRUE(base64::decode(encoded(bytes), back));
    EXPECT_EQ(back, bytes);
    bytes += static_cast<char>(random());
  }
}

TEST(Base64Test, RefusesWhatItWouldNotWrite) {
  std::string out;
  for (const std::string_view text : {"Z", "Zg", "Zg=", "Zg===", "====", "Zg==Zg==", "Zm=v", "=m9v", "Zm9v\n", "Zm 9",
                                      "Zm-v", "Zm_v", "Zh==", "Zm9=", "Zm9v====", "Zm9\x80", "Z\xff=="}) {
    EXPECT_FALSE(base64::decode(text, out)) << text;
  }
}

TEST(Base64Test, ProtoTakesEitherAlphabetPaddedOrNot) {
  std::string out;
  for (const std::string_view text : {"+/8=", "-_8=", "+/8", "-_8"}) {
    EXPECT_TRUE(base64::decode_of_proto(text, out)) << text;
    EXPECT_EQ(out, "\xfb\xff") << text;
  }
  for (const std::string_view text : {"Z", "Zg=", "Zm9v\n", "!!!!", "Zh"}) {
    EXPECT_FALSE(base64::decode_of_proto(text, out)) << text;
  }
}

}  // namespace
}  // namespace soak::peers
