// SPDX-License-Identifier: Apache-2.0
#include "lib/json/writer.h"

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "lib/json/reader.h"

namespace soak::json {
namespace {

std::string json_of(std::string_view text) { return Writer().text(text).take(); }

std::string number(double value) { return Writer().number(value).take(); }

TEST(JsonWriterTest, SeparatesMembersAndElements) {
  Writer json;
  json.object().key("type").text("hello").key("ids").array().integer(1).integer(-2).end_array();
  json.key("none").null().key("empty").object().end_object().key("list").array().end_array();
  json.key("yes").boolean(true).key("in").array().object().key("a").number(0.5).end_object().array().end_array();
  json.end_array().end_object();

  EXPECT_EQ(json.str(),
            R"({"type":"hello","ids":[1,-2],"none":null,"empty":{},"list":[],"yes":true,"in":[{"a":0.5},[]]})");
}

TEST(JsonWriterTest, IndentsByASpaceForEachLevelAndKeepsRowsOnALine) {
  Writer json(Writer::Layout::kIndented);
  json.object().key("a").integer(1).key("b").array().integer(1).object().end_object().end_array();
  json.key("rows").row().row().number(0.5).integer(9).end_array().array().end_array().end_array();
  json.key("peak").row().integer(7).end_array().key("empty").array().end_array().end_object();

  EXPECT_EQ(json.take(), R"({
 "a": 1,
 "b": [
  1,
  {}
 ],
 "rows": [[0.5, 9], []],
 "peak": [7],
 "empty": []
})");
}

TEST(JsonWriterTest, EscapesWhatRfc8259AsksForAndNothingElse) {  // Section 7.
  EXPECT_EQ(json_of("\"\\/\b\f\n\r\t"), R"("\"\\/\b\f\n\r\t")");
  EXPECT_EQ(json_of(std::string_view("\0\x1f\x7f", 3)), "\"\\u0000\\u001F\x7f\"");
  EXPECT_EQ(json_of("\xc3\xa9 \xf0\x9f\x98\x80 <&>"), "\"\xc3\xa9 \xf0\x9f\x98\x80 <&>\"");
  EXPECT_EQ(Writer().object().key("a\"b").null().end_object().take(), R"({"a\"b":null})");
}

// Wherever it stands among characters that are stepped over together.
TEST(JsonWriterTest, EveryByteComesBackFromEveryPlace) {
  for (int code = 0; code < 128; ++code) {
    for (const std::size_t before : {0u, 1u, 31u, 32u, 33u, 70u}) {
      const std::string text = std::string(before, 'h') + static_cast<char>(code) + "tail";
      const Document read(json_of(text));
      ASSERT_TRUE(read.is_json()) << code;
      EXPECT_EQ(view(read.value()), text);
    }
  }
}

TEST(JsonWriterTest, WhatIsNoUtf8IsRepaired) {
  EXPECT_EQ(json_of("bad \xC0\xAF, cut \xE2\x82"), "\"bad \xEF\xBF\xBD\xEF\xBF\xBD, cut \xEF\xBF\xBD\xEF\xBF\xBD\"");
  EXPECT_EQ(Writer().object().key("\xff").null().end_object().take(), "{\"\xEF\xBF\xBD\":null}");
}

TEST(JsonWriterTest, IntegersOfEveryTypeAreExact) {
  EXPECT_EQ(Writer().integer(std::numeric_limits<std::int64_t>::min()).take(), "-9223372036854775808");
  EXPECT_EQ(Writer().integer(std::numeric_limits<std::uint64_t>::max()).take(), "18446744073709551615");
  EXPECT_EQ(Writer().integer(std::uint8_t{7}).take(), "7");
}

TEST(JsonWriterTest, NumbersAreAsShortAsGivesThemBackAndNeverIntegers) {
  EXPECT_EQ(number(0.1), "0.1");
  EXPECT_EQ(number(1), "1.0");
  EXPECT_EQ(number(-0.0), "-0.0");
  EXPECT_EQ(number(86400.25), "86400.25");
  for (const double value : {1e300, -4.9e-324, 1e16, 1e15, 123456789.123456789, 2.5e-5, 1.0 / 3}) {
    const Document read(number(value));
    ASSERT_TRUE(read.is_json()) << number(value);
    EXPECT_TRUE(read.value().IsDouble()) << number(value);
    EXPECT_EQ(read.value().GetDouble(), value);
  }
}

TEST(JsonWriterTest, WhatIsNotFiniteIsNull) {
  EXPECT_EQ(number(std::numeric_limits<double>::infinity()), "null");
  EXPECT_EQ(number(std::numeric_limits<double>::quiet_NaN()), "null");
}

TEST(JsonWriterTest, AValueIsWrittenAsItWasRead) {
  const std::string text = R"({"a":[1,-2,0.5,1.0,"\n\u0001",true,null,{}],"big":18446744073709551615,"":[]})";
  const Document read(text);

  ASSERT_TRUE(read.is_json());
  EXPECT_EQ(Writer().value(read.value()).take(), text);
}

TEST(JsonWriterTest, PutsInBytesAsBase64AndJsonAsItIs) {
  constexpr std::array<std::byte, 2> kBytes = {std::byte{0xfb}, std::byte{0xff}};
  Writer json;
  json.array().base64(kBytes).raw(R"({"a":1})").text_or_null("").text_or_null("a").end_array();

  EXPECT_EQ(json.take(), R"(["+/8=",{"a":1},null,"a"])");
}

TEST(JsonWriterTest, WritesLinesIntoMemoryThatIsThere) {
  std::string room = "what it held before";
  room.reserve(1000);
  const char* const memory = room.data();
  Writer json(std::move(room));

  json.object().key("a").integer(1).end_object().end_line();
  json.object().end_object().end_line();

  EXPECT_EQ(json.str(), "{\"a\":1}\n{}\n");
  EXPECT_EQ(json.take().data(), memory);
}

TEST(JsonWriterTest, TextsGoThroughTheFilter) {
  Writer json;
  json.set_filter([](std::string_view text) { return "<" + std::string(text) + ">"; });

  EXPECT_EQ(json.object().key("a").text("b\n").key("c").integer(1).end_object().take(), R"({"a":"<b\n>","c":1})");
}

}  // namespace
}  // namespace soak::json
