// SPDX-License-Identifier: Apache-2.0
#include "lib/text/utf8.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace soak::text {
namespace {

// The character with this number, by the table of RFC 3629, section 3, and none of its prohibitions.
std::string character(std::uint32_t code) {
  const auto tail = [](std::uint32_t bits) { return static_cast<char>(0x80U | (bits & 0x3FU)); };
  if (code < 0x80) {
    return {static_cast<char>(code)};
  }
  if (code < 0x800) {
    return {static_cast<char>(0xC0U | code >> 6U), tail(code)};
  }
  if (code < 0x10000) {
    return {static_cast<char>(0xE0U | code >> 12U), tail(code >> 6U), tail(code)};
  }
  return {static_cast<char>(0xF0U | code >> 18U), tail(code >> 12U), tail(code >> 6U), tail(code)};
}

struct Refused {
  std::string_view text;
  const char* why;
};

// After Markus Kuhn's UTF-8 decoder capability and stress test, sections 2 to 5.
constexpr Refused kRefused[] = {
    {"\xF8\x88\x80\x80\x80", "2.1.5: five bytes"},
    {"\xFC\x84\x80\x80\x80\x80", "2.1.6: six bytes"},
    {"\xF7\xBF\xBF\xBF", "2.2.4: U+1FFFFF"},
    {"\xF4\x90\x80\x80", "2.3.5: U+110000"},
    {"\x80", "3.1.1: a continuation byte"},
    {"\xBF", "3.1.2: a continuation byte"},
    {"\x80\xBF\x80\xBF", "3.1.5: continuation bytes"},
    {"\xC3 ", "3.2.1: a first byte alone"},
    {"\xE2 ", "3.2.2: a first byte alone"},
    {"\xF0 ", "3.2.3: a first byte alone"},
    {"\xC3", "3.3.1: the last byte missing"},
    {"\xE2\x82", "3.3.2: the last byte missing"},
    {"\xF0\x9F\x98", "3.3.3: the last byte missing"},
    {"\xDF", "3.3.6: the last byte missing"},
    {"\xEF\xBF", "3.3.7: the last byte missing"},
    {"\xE2\x82\xE2\x82", "3.4: incomplete, then incomplete"},
    {"\xE2\x28\xA1", "the second of three is none"},
    {"\xE2\x82\x28", "the third of three is none"},
    {"\xF0\x9F\x28\x80", "the third of four is none"},
    {"\xF0\x9F\x98\x28", "the fourth of four is none"},
    {"\xFE", "3.5.1: impossible"},
    {"\xFF", "3.5.2: impossible"},
    {"\xC0\xAF", "4.1.1: an overlong slash"},
    {"\xE0\x80\xAF", "4.1.2: an overlong slash"},
    {"\xF0\x80\x80\xAF", "4.1.3: an overlong slash"},
    {"\xC1\xBF", "4.2.1: overlong U+007F"},
    {"\xE0\x9F\xBF", "4.2.2: overlong U+07FF"},
    {"\xF0\x8F\xBF\xBF", "4.2.3: overlong U+FFFF"},
    {"\xC0\x80", "4.3.1: overlong NUL"},
    {"\xE0\x80\x80", "4.3.2: overlong NUL"},
    {"\xF0\x80\x80\x80", "4.3.3: overlong NUL"},
    {"\xED\xA0\x80", "5.1.1: the surrogate U+D800"},
    {"\xED\xAF\xBF", "5.1.4: the surrogate U+DBFF"},
    {"\xED\xB0\x80", "5.1.5: the surrogate U+DC00"},
    {"\xED\xBF\xBF", "5.1.7: the surrogate U+DFFF"},
    {"\xED\xA0\x80\xED\xB0\x80", "5.2.1: a pair of surrogates"},
};

TEST(Utf8Test, EveryCodePointButTheSurrogatesIsACharacter) {
  for (std::uint32_t code = 0; code < 0x120000; ++code) {
    const bool valid = code < 0x110000 && (code < 0xD800 || code > 0xDFFF);
    ASSERT_EQ(is_utf8(character(code)), valid) << std::hex << code;
  }
}

TEST(Utf8Test, AcceptsTheExamplesOfRfc3629) {  // Section 7.
  EXPECT_TRUE(is_utf8("\x41\xE2\x89\xA2\xCE\x91\x2E"));
  EXPECT_TRUE(is_utf8("\xED\x95\x9C\xEA\xB5\xAD\xEC\x96\xB4"));
  EXPECT_TRUE(is_utf8("\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E"));
  EXPECT_TRUE(is_utf8("\xEF\xBB\xBF\xF0\xA3\x8E\xB4"));
}

TEST(Utf8Test, RefusesWhatRfc3629Forbids) {
  for (const auto& [text, why] : kRefused) {
    EXPECT_FALSE(is_utf8(text)) << why;
    EXPECT_FALSE(utf8_length(text)) << why;
  }
}

// Wherever it stands among bytes that are looked at together.
TEST(Utf8Test, FindsTheFirstByteThatIsWrongInEveryPlace) {
  for (std::size_t before = 0; before < 80; ++before) {
    for (const std::size_t after : {0u, 1u, 7u, 8u, 31u, 32u, 70u}) {
      const std::string head(before, 'h');
      const std::string tail(after, 't');
      EXPECT_TRUE(is_utf8(head + tail));
      EXPECT_TRUE(is_utf8(head + "\xF0\x9F\x98\x80" + tail));
      EXPECT_EQ(valid_utf8_size(head + "\xFF" + tail), before);
      EXPECT_EQ(valid_utf8_size(head + "\xC3\xA4\xC3\xA4\xE2\x82" + tail), before + 4);
    }
  }
}

// Each first byte, with each second one, and as many continuation bytes as it asks for.
TEST(Utf8Test, TheSizeOfWhatIsValidNeverCutsOrKeepsAByteTooMany) {
  for (int lead = 0; lead < 256; ++lead) {
    for (int second = 0; second < 256; ++second) {
      const std::string text = {static_cast<char>(lead), static_cast<char>(second), '\x80', '\x80'};
      const std::size_t valid = valid_utf8_size(text);
      EXPECT_TRUE(is_utf8(text.substr(0, valid))) << lead << " " << second;
      for (std::size_t more = valid + 1; more <= text.size(); ++more) {
        EXPECT_FALSE(is_utf8(text.substr(0, more))) << lead << " " << second;
      }
    }
  }
}

TEST(Utf8Test, CountsCharactersAndUtf16Units) {
  const auto length = utf8_length("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");

  ASSERT_TRUE(length);
  EXPECT_EQ(length->characters, 4u);
  EXPECT_EQ(length->utf16_units, 5u);
  EXPECT_EQ(utf8_length("\xEF\xBF\xBF")->utf16_units, 1u);      // U+FFFF
  EXPECT_EQ(utf8_length("\xF0\x90\x80\x80")->utf16_units, 2u);  // U+10000
  EXPECT_EQ(utf8_length("")->characters, 0u);
}

TEST(Utf8Test, CutsBetweenCharacters) {
  EXPECT_EQ(first_bytes("abc", 5), "abc");
  EXPECT_EQ(first_bytes("abc", 3), "abc");
  EXPECT_EQ(first_bytes("abc", 2), "ab");
  EXPECT_EQ(first_bytes("a\xe2\x82\xac", 3), "a");
  EXPECT_EQ(first_bytes("\xe2\x82\xac", 1), "");
  EXPECT_EQ(first_characters("a\xc3\xa4\xe2\x82\xac", 2), "a\xc3\xa4");
  EXPECT_EQ(first_characters("ab", 5), "ab");
  EXPECT_EQ(first_characters("\xc3\xa4", 0), "");
}

TEST(Utf8Test, RepairsEachByteThatIsWrong) {
  EXPECT_EQ(repaired_utf8("good \xE2\x82\xAC"), "good \xE2\x82\xAC");
  EXPECT_EQ(repaired_utf8("bad \xC0\xAF, cut \xE2\x82"), "bad \xEF\xBF\xBD\xEF\xBF\xBD, cut \xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_EQ(repaired_utf8("\xFF"), "\xEF\xBF\xBD");
  for (const auto& [text, why] : kRefused) {
    EXPECT_TRUE(is_utf8(repaired_utf8(text))) << why;
  }
}

// Byte by byte, it says the same as the check of the whole text, and not later than any text could end it well.
TEST(GrowingUtf8Test, RefusesAtTheFirstByteThatNoMoreTextCanMend) {
  for (const Refused& refused : kRefused) {
    GrowingUtf8 growing;
    bool good = true;
    for (std::size_t size = 1; size <= refused.text.size() && good; ++size) {
      good = growing.check(refused.text.substr(0, size));
    }
    EXPECT_FALSE(good && growing.whole()) << refused.why;
  }
  GrowingUtf8 overlong;
  EXPECT_TRUE(overlong.check("\xE0"));
  EXPECT_FALSE(overlong.check("\xE0\x80"));
  GrowingUtf8 surrogate;
  EXPECT_TRUE(surrogate.check("\xED"));
  EXPECT_FALSE(surrogate.check("\xED\xA0"));
  GrowingUtf8 beyond;
  EXPECT_TRUE(beyond.check("\xF4"));
  EXPECT_FALSE(beyond.check("\xF4\x90"));
}

TEST(GrowingUtf8Test, TakesEveryCharacterInPieces) {
  for (std::uint32_t code = 0x20; code <= 0x10FFFF; code += 0x11) {
    if (code >= 0xD800 && code <= 0xDFFF) {
      continue;
    }
    const std::string text = "a" + character(code) + "b";
    GrowingUtf8 growing;
    for (std::size_t size = 0; size <= text.size(); ++size) {
      ASSERT_TRUE(growing.check(std::string_view(text).substr(0, size))) << code;
      EXPECT_EQ(growing.whole(), size < 2 || size >= text.size() - 1) << code;
    }
  }
}

}  // namespace
}  // namespace soak::text
