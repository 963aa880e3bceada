// SPDX-License-Identifier: Apache-2.0
#include "lib/json/text_stream.h"

#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include <optional>
#include <string>

namespace soak::json {
namespace {

constexpr unsigned kFlags = rapidjson::kParseInsituFlag | rapidjson::kParseIterativeFlag;

// The string that the text is; empty when it is no JSON.
std::optional<std::string> read(std::string text) {
  TextStream stream(text);
  rapidjson::Document document;
  document.ParseStream<kFlags, rapidjson::UTF8<>>(stream);
  if (document.HasParseError() || !document.IsString()) {
    return std::nullopt;
  }
  return std::string(document.GetString(), document.GetStringLength());
}

// Wherever it stands among characters that are stepped over together.
TEST(TextStreamTest, FindsTheEndOfAString) {
  for (std::size_t size = 0; size < 130; ++size) {
    const std::string content(size, 'A');
    EXPECT_EQ(read('"' + content + '"'), content);
    EXPECT_EQ(read('"' + content), std::nullopt) << size;
    EXPECT_EQ(read('"' + content + "\"x"), std::nullopt) << size;
  }
}

TEST(TextStreamTest, ReadsEscapesWhereverTheyStand) {
  for (std::size_t before = 0; before < 70; ++before) {
    for (const std::size_t after : {std::size_t{0}, std::size_t{1}, std::size_t{31}, std::size_t{64}}) {
      const std::string head(before, 'h');
      const std::string tail(after, 't');
      EXPECT_EQ(read('"' + head + R"(\")" + tail + '"'), head + '"' + tail);
      EXPECT_EQ(read('"' + head + R"(\\)" + tail + '"'), head + '\\' + tail);
      EXPECT_EQ(read('"' + head + R"(\u00e9\n)" + tail + '"'), head + "\xc3\xa9\n" + tail);
      EXPECT_EQ(read('"' + head + R"(\x)" + tail + '"'), std::nullopt) << before;
    }
  }
}

TEST(TextStreamTest, ControlCharactersAreNoPartOfAString) {
  for (std::size_t before = 0; before < 70; ++before) {
    for (const char control : {'\x01', '\n', '\x1f'}) {
      EXPECT_EQ(read('"' + std::string(before, 'h') + control + "t\""), std::nullopt) << before;
    }
  }
}

TEST(TextStreamTest, CharactersThatOnlyLookSpecialAreKept) {
  const std::string content = "\x7f\x80\xa2\xdc\xff !#[]{}:,'" + std::string(40, '\xe2');
  EXPECT_EQ(read('"' + content + '"'), content);
}

TEST(TextStreamTest, KeysAndValuesKeepTheirPlaces) {
  std::string text =
      R"( {"type":"delta", "n":[1, "two\ttabs", -3.5], "long":")" + std::string(100, 'L') + R"(","":""})";
  TextStream stream(text);
  rapidjson::Document document;

  document.ParseStream<kFlags, rapidjson::UTF8<>>(stream);

  ASSERT_FALSE(document.HasParseError());
  EXPECT_STREQ(document["type"].GetString(), "delta");
  EXPECT_STREQ(document["n"][1].GetString(), "two\ttabs");
  EXPECT_EQ(document["n"][2].GetDouble(), -3.5);
  EXPECT_EQ(document["long"].GetString(), std::string(100, 'L'));
  EXPECT_STREQ(document[""].GetString(), "");
}

}  // namespace
}  // namespace soak::json
