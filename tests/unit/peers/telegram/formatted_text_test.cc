// SPDX-License-Identifier: Apache-2.0
#include "lib/peers/telegram/formatted_text.h"

#include <gtest/gtest.h>

#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "lib/json/writer.h"

namespace soak::peers {
namespace {

using Type = EntityType;
using Entities = std::vector<MessageEntity>;

enum class Mode : std::uint8_t { kHtml, kMarkdownV2, kMarkdown };

FormattedText parse(Mode mode, const std::string& text) {
  switch (mode) {
    case Mode::kHtml:
      return parse_html(text);
    case Mode::kMarkdownV2:
      return parse_markdown_v2(text);
    case Mode::kMarkdown:
      return parse_markdown(text);
  }
  return {};
}

struct Good {
  const char* name;
  Mode mode;
  std::string source;
  std::string text;
  Entities entities;
};
void PrintTo(const Good& good, std::ostream* out) { *out << good.source; }

class FormattedTextTest : public testing::TestWithParam<Good> {};

TEST_P(FormattedTextTest, IsATextAndItsEntities) {
  const FormattedText read = parse(GetParam().mode, GetParam().source);

  EXPECT_EQ(read.text, GetParam().text);
  json::Writer expected;
  write_entities(expected, GetParam().entities);
  json::Writer got;
  write_entities(got, read.entities);
  EXPECT_EQ(got.str(), expected.str());
}

std::string name_of(const testing::TestParamInfo<Good>& test) { return test.param.name; }

INSTANTIATE_TEST_SUITE_P(
    Html, FormattedTextTest,
    testing::Values(
        Good{"plain", Mode::kHtml, "a > b", "a > b", {}},
        Good{"of_the_issue", Mode::kHtml, "<b>x</b> &lt;", "x <", {{Type::kBold, 0, 1}}},
        Good{"references", Mode::kHtml, "&lt;&gt;&amp;&quot;&#65;&#x42;&#128512;", "<>&\"AB\xF0\x9F\x98\x80", {}},
        Good{"unknown_references_stay", Mode::kHtml, "&nbsp; &copy; & &#0;", "&nbsp; &copy; & &#0;", {}},
        Good{"reference_without_semicolon", Mode::kHtml, "&lt &amp", "< &", {}},
        Good{"offsets_are_utf16",
             Mode::kHtml,
             "\xF0\x9F\x98\x80\xC3\xA9<b>\xF0\x9F\x98\x80</b>",
             "\xF0\x9F\x98\x80\xC3\xA9\xF0\x9F\x98\x80",
             {{Type::kBold, 3, 2}}},
        Good{"all_names",
             Mode::kHtml,
             "<strong>a</strong><em>b</em><ins>c</ins><strike>d</strike><del>e</del><tg-spoiler>f</tg-spoiler>",
             "abcdef",
             {{Type::kBold, 0, 1},
              {Type::kItalic, 1, 1},
              {Type::kUnderline, 2, 1},
              {Type::kStrikethrough, 3, 2},
              {Type::kSpoiler, 5, 1}}},
        Good{"names_in_any_case", Mode::kHtml, "<B>a</b>", "a", {{Type::kBold, 0, 1}}},
        Good{"nested", Mode::kHtml, "<b>a<i>b</i>c</b>", "abc", {{Type::kBold, 0, 3}, {Type::kItalic, 1, 1}}},
        Good{"same_inside_same", Mode::kHtml, "<b>a<b>b</b></b>", "ab", {{Type::kBold, 0, 2}}},
        Good{"empty_ones_vanish", Mode::kHtml, "a<b></b>", "a", {}},
        Good{"end_without_name", Mode::kHtml, "<b>a</>", "a", {{Type::kBold, 0, 1}}},
        Good{"span", Mode::kHtml, "<span class=\"tg-spoiler\">a</span>", "a", {{Type::kSpoiler, 0, 1}}},
        Good{"link",
             Mode::kHtml,
             "<a href=\"http://www.example.com/?a=1&amp;b=2\">l</a>",
             "l",
             {{Type::kTextLink, 0, 1, "http://www.example.com/?a=1&b=2"}}},
        Good{"link_without_scheme",
             Mode::kHtml,
             "<a href='Example.COM'>l</a>",
             "l",
             {{Type::kTextLink, 0, 1, "http://example.com/"}}},
        Good{"link_of_its_text",
             Mode::kHtml,
             "<a>example.com</a>",
             "example.com",
             {{Type::kTextLink, 0, 11, "http://example.com/"}}},
        Good{"no_link", Mode::kHtml, "<a href=\"nowhere\">l</a>", "l", {}},
        Good{"mention", Mode::kHtml, "<a href=\"tg://user?id=123\">u</a>", "u", {{Type::kTextMention, 0, 1, "123"}}},
        Good{"emoji",
             Mode::kHtml,
             "<tg-emoji emoji-id=\"5368324170671202286\">\xF0\x9F\x91\x8D</tg-emoji>",
             "\xF0\x9F\x91\x8D",
             {{Type::kCustomEmoji, 0, 2, "5368324170671202286"}}},
        Good{"code", Mode::kHtml, "<code>a</code>", "a", {{Type::kCode, 0, 1}}},
        Good{"code_alone_has_no_language",
             Mode::kHtml,
             "<code class=\"language-c\">a</code>",
             "a",
             {{Type::kCode, 0, 1}}},
        Good{"pre", Mode::kHtml, "<pre>a\nb</pre>", "a\nb", {{Type::kPre, 0, 3}}},
        Good{"pre_with_language",
             Mode::kHtml,
             "<pre><code class=\"language-python\">a</code></pre>",
             "a",
             {{Type::kPre, 0, 1, "python"}}},
        Good{"code_excludes_styles",
             Mode::kHtml,
             "<b>a<code>b<i>c</i></code>d</b>",
             "abcd",
             {{Type::kBold, 0, 1}, {Type::kCode, 1, 2}, {Type::kBold, 3, 1}}},
        Good{"quote", Mode::kHtml, "<blockquote>a</blockquote>", "a", {{Type::kBlockquote, 0, 1}}},
        Good{"quote_in_quote",
             Mode::kHtml,
             "<blockquote>a<blockquote>b</blockquote></blockquote>",
             "ab",
             {{Type::kBlockquote, 0, 2}}},
        Good{"expandable_quote",
             Mode::kHtml,
             "<blockquote expandable>a</blockquote>",
             "a",
             {{Type::kExpandableBlockquote, 0, 1}}}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    MarkdownV2, FormattedTextTest,
    testing::Values(
        Good{"plain", Mode::kMarkdownV2, "a b, c: d", "a b, c: d", {}},
        Good{"escaped", Mode::kMarkdownV2, "a\\.b\\! \\\\", "a.b! \\", {}},
        Good{"styles",
             Mode::kMarkdownV2,
             "*b* _i_ __u__ ~s~ ||p||",
             "b i u s p",
             {{Type::kBold, 0, 1},
              {Type::kItalic, 2, 1},
              {Type::kUnderline, 4, 1},
              {Type::kStrikethrough, 6, 1},
              {Type::kSpoiler, 8, 1}}},
        Good{"nested", Mode::kMarkdownV2, "*a _b_ c*", "a b c", {{Type::kBold, 0, 5}, {Type::kItalic, 2, 1}}},
        // The documentation's example of the ambiguity: "___" is "__" and then "_".
        Good{"italic_in_underline",
             Mode::kMarkdownV2,
             "___a_**__",
             "a",
             {{Type::kItalic, 0, 1}, {Type::kUnderline, 0, 1}}},
        Good{"offsets_are_utf16",
             Mode::kMarkdownV2,
             "\xF0\x9F\x98\x80*\xF0\x9F\x98\x80*",
             "\xF0\x9F\x98\x80\xF0\x9F\x98\x80",
             {{Type::kBold, 2, 2}}},
        Good{"link",
             Mode::kMarkdownV2,
             "[l](http://example.com/a\\)b)",
             "l",
             {{Type::kTextLink, 0, 1, "http://example.com/a)b"}}},
        Good{"mention", Mode::kMarkdownV2, "[u](tg://user?id=123)", "u", {{Type::kTextMention, 0, 1, "123"}}},
        Good{"emoji",
             Mode::kMarkdownV2,
             "![\xF0\x9F\x91\x8D](tg://emoji?id=5368324170671202286)",
             "\xF0\x9F\x91\x8D",
             {{Type::kCustomEmoji, 0, 2, "5368324170671202286"}}},
        Good{"code", Mode::kMarkdownV2, "`a.b!`", "a.b!", {{Type::kCode, 0, 4}}},
        Good{"escape_in_code", Mode::kMarkdownV2, "`a\\`b`", "a`b", {{Type::kCode, 0, 3}}},
        Good{"pre", Mode::kMarkdownV2, "```\na\nb```", "a\nb", {{Type::kPre, 0, 3}}},
        Good{"pre_with_language", Mode::kMarkdownV2, "```python\na```", "a", {{Type::kPre, 0, 1, "python"}}},
        Good{"quote", Mode::kMarkdownV2, ">a\n>b\nc", "a\nb\nc", {{Type::kBlockquote, 0, 4}}},
        Good{"expandable_quote", Mode::kMarkdownV2, ">a\n>b||", "a\nb", {{Type::kExpandableBlockquote, 0, 3}}},
        Good{"two_quotes",
             Mode::kMarkdownV2,
             ">a\n**>b||",
             "a\nb",
             {{Type::kBlockquote, 0, 2}, {Type::kExpandableBlockquote, 2, 1}}}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Markdown, FormattedTextTest,
    testing::Values(
        Good{"styles",
             Mode::kMarkdown,
             "*b* _i_ `c` a.b!",
             "b i c a.b!",
             {{Type::kBold, 0, 1}, {Type::kItalic, 2, 1}, {Type::kCode, 4, 1}}},
        Good{"escaped", Mode::kMarkdown, "\\_a\\* \\.", "_a* \\.", {}},
        Good{"nothing_is_nested", Mode::kMarkdown, "*a_b*", "a_b", {{Type::kBold, 0, 3}}},
        Good{
            "link", Mode::kMarkdown, "[l](http://example.com/)", "l", {{Type::kTextLink, 0, 1, "http://example.com/"}}},
        Good{"pre_with_language", Mode::kMarkdown, "```c\na```", "a", {{Type::kPre, 0, 1, "c"}}}),
    name_of);

struct Bad {
  const char* name;
  Mode mode;
  std::string source;
  std::string why;
};
void PrintTo(const Bad& bad, std::ostream* out) { *out << bad.source; }

class FormattedTextErrorTest : public testing::TestWithParam<Bad> {};

std::string failure(const std::function<void()>& parses) {
  try {
    parses();
  } catch (const FormatError& error) {
    return error.what();
  }
  return "(none)";
}

TEST_P(FormattedTextErrorTest, SaysWhatIsWrongAndWhere) {
  EXPECT_EQ(failure([] { parse(GetParam().mode, GetParam().source); }), "can't parse entities: " + GetParam().why);
}

INSTANTIATE_TEST_SUITE_P(
    All, FormattedTextErrorTest,
    testing::Values(
        Bad{"tag", Mode::kHtml, "a <foo> b", "Unsupported start tag \"foo\" at byte offset 2"},
        Bad{"lone_bracket", Mode::kHtml, "a < b", "Unsupported start tag \"\" at byte offset 2"},
        Bad{"unclosed_start", Mode::kHtml, "a <b", "Unclosed start tag at byte offset 2"},
        Bad{"unclosed_end", Mode::kHtml, "<b>a</b", "Unclosed end tag at byte offset 4"},
        Bad{"no_end", Mode::kHtml, "<b>a", "Can't find end tag corresponding to start tag \"b\""},
        Bad{"wrong_end", Mode::kHtml, "<b>a</i>",
            "Unmatched end tag at byte offset 4, expected \"</b>\", found \"</i>\""},
        Bad{"end_alone", Mode::kHtml, "a</b>", "Unexpected end tag at byte offset 1"},
        Bad{"span", Mode::kHtml, "<span>a</span>", "Tag \"span\" must have class \"tg-spoiler\" at byte offset 0"},
        Bad{"attribute", Mode::kHtml, "<a href>a</a>",
            "Expected equal sign in declaration of an attribute of the tag \"a\" at byte offset 0"},
        Bad{"attribute_without_name", Mode::kHtml, "<a =\"b\">a</a>",
            "Empty attribute name in the tag \"a\" at byte offset 0"},
        Bad{"token", Mode::kHtml, "<a href=http://a>a</a>", "Unexpected end of name token at byte offset 8"},
        Bad{"unclosed_value", Mode::kHtml, "<a href=\"a", "Unclosed start tag at byte offset 0"},
        Bad{"surrogate", Mode::kHtml, "&#xD800;",
            "Text contains invalid Unicode characters after decoding HTML entities, check for unmatched surrogate code "
            "units"},
        Bad{"html_emoji", Mode::kHtml, "<tg-emoji emoji-id=\"x\">a</tg-emoji>",
            "Invalid custom emoji identifier specified"},
        Bad{"of_the_issue", Mode::kMarkdownV2, "a.b!",
            "Character '.' is reserved and must be escaped with the preceding '\\'"},
        Bad{"exclamation", Mode::kMarkdownV2, "a!",
            "Character '!' is reserved and must be escaped with the preceding '\\'"},
        Bad{"pipe", Mode::kMarkdownV2, "a|b", "Character '|' is reserved and must be escaped with the preceding '\\'"},
        Bad{"quote_within_a_line", Mode::kMarkdownV2, "a > b",
            "Character '>' is reserved and must be escaped with the preceding '\\'"},
        Bad{"bold", Mode::kMarkdownV2, "ab *c", "Can't find end of Bold entity at byte offset 3"},
        Bad{"italic", Mode::kMarkdownV2, "_c", "Can't find end of Italic entity at byte offset 0"},
        Bad{"pre", Mode::kMarkdownV2, "```c", "Can't find end of Pre entity at byte offset 0"},
        Bad{"url", Mode::kMarkdownV2, "[a](b", "Can't find end of a URL at byte offset 4"},
        Bad{"bold_in_a_quote", Mode::kMarkdownV2, ">*a\nb*", "Can't find end of Bold entity at byte offset 1"},
        Bad{"emoji", Mode::kMarkdownV2, "![a]", "Custom emoji entity must contain a tg://emoji URL"},
        Bad{"legacy", Mode::kMarkdown, "a _b", "Can't find end of the entity starting at byte offset 2"},
        Bad{"legacy_pre", Mode::kMarkdown, "```a``", "Can't find end of the entity starting at byte offset 0"}),
    [](const auto& test) { return std::string(test.param.name); });

Entities read(const std::string& text, const std::string& list) {
  const json::Document document(list);
  EXPECT_TRUE(document.is_json());
  return read_entities(text, document.value());
}

TEST(MessageEntitiesTest, AreTakenAsListed) {
  const Entities entities = read("\xF0\x9F\x98\x80 bold", R"([{"type":"bold","offset":3,"length":4},)"
                                                          R"({"type":"url","offset":0,"length":2}])");

  EXPECT_EQ(entities, (Entities{{Type::kBold, 3, 4}})) << "a URL is found by Telegram itself";
}

TEST(MessageEntitiesTest, AreRefusedWhereTheyDoNotFit) {
  const auto why = [](const std::string& text, const std::string& list) { return failure([&] { read(text, list); }); };

  EXPECT_EQ(why("a", "{}"), "can't parse entities JSON object");
  EXPECT_EQ(why("a", R"([{"type":"loud","offset":0,"length":1}])"),
            "can't parse MessageEntity: Unsupported type specified");
  EXPECT_EQ(why("a", R"([{"type":"bold","length":1}])"), "can't parse MessageEntity: Can't find field \"offset\"");
  EXPECT_EQ(why("a", R"([{"type":"bold","offset":2,"length":1}])"),
            "entity begins after the end of the text at UTF-16 offset 2");
  EXPECT_EQ(why("a", R"([{"type":"bold","offset":0,"length":5}])"),
            "entity beginning at UTF-16 offset 0 ends after the end of the text at UTF-16 offset 5");
  EXPECT_EQ(why("\xF0\x9F\x98\x80", R"([{"type":"bold","offset":1,"length":1}])"),
            "entity begins in a middle of a UTF-16 symbol at byte offset 1");
}

FormattedText cleaned(FormattedText body) {
  clean(body);
  return body;
}

TEST(CleanTextTest, EndsAreCutOff) {
  EXPECT_EQ(cleaned({" \n a b \n", {}}).text, "a b");
  EXPECT_EQ(cleaned(parse_html("a\n<b>b\n\n</b>")), (FormattedText{"a\nb", {{Type::kBold, 2, 1}}}));
  EXPECT_EQ(cleaned(parse_markdown_v2("```py\nx = 1\n```")), (FormattedText{"x = 1", {{Type::kPre, 0, 5, "py"}}}));
  EXPECT_EQ(cleaned({" \n ", {{Type::kBold, 0, 3}}}), FormattedText());
}

TEST(CleanTextTest, AnEntityBeginsWithSomethingToSee) {
  EXPECT_EQ(cleaned(parse_html("  <b> a </b> ")), (FormattedText{"a", {{Type::kBold, 0, 1}}}));
  EXPECT_EQ(cleaned(parse_html("a<i> </i><b> b </b>c")), (FormattedText{"a  b c", {{Type::kBold, 3, 2}}}));
  const FormattedText link = cleaned(parse_html(" <a href=\"http://a.b/\"> a</a>"));
  EXPECT_EQ(link, (FormattedText{" a", {{Type::kTextLink, 0, 2, "http://a.b/"}}})) << "the start of a link stays";
}

TEST(CleanTextTest, ControlCharactersAreSpacesOrGone) {
  EXPECT_EQ(cleaned({"a\tb\x01"
                     "c\r\nd",
                     {}})
                .text,
            "a b c\nd");
  EXPECT_EQ(cleaned({"a\xE2\x80\xA8"
                     "b\xE2\x80\xAE"
                     "c\xE2\x80\xAF"
                     "d\xCC\xB3",
                     {}})
                .text,
            "abc\xE2\x80\xAF"
            "d");
  EXPECT_EQ(cleaned(parse_html("\xF0\x9F\x98\x80\r\n<b>\xF0\x9F\x98\x80\r</b>\r<i>x</i>")),
            (FormattedText{"\xF0\x9F\x98\x80\n\xF0\x9F\x98\x80x", {{Type::kBold, 3, 2}, {Type::kItalic, 5, 1}}}));
}

// Whatever is inside, a parser ends, and its entities are inside of its text.
TEST(FormattedTextTest, AnyTextIsReadOrRefused) {
  const std::string parts[] = {
      "<b>",  "</b>", "<pre>", "</pre>", "<code>", "</code>", "*",  "_",  "__", "||",
      "`",    "```",  "[",     "](a.b)", "![",     ">",       "\n", "\\", "a",  "\xF0\x9F\x98\x80",
      "&lt;", "&#",   "~",     "("};
  std::uint64_t state = 7;
  int read = 0;
  for (int i = 0; i < 3000; ++i) {
    std::string source;
    for (int j = 0; j < 6; ++j) {
      state = state * 6364136223846793005U + 1442695040888963407U;
      source += parts[(state >> 33U) % std::size(parts)];
    }
    for (const Mode mode : {Mode::kHtml, Mode::kMarkdownV2, Mode::kMarkdown}) {
      try {
        FormattedText got = parse(mode, source);
        clean(got);
        ++read;
        json::Writer list;
        write_entities(list, got.entities);
        const json::Document document(list.str());
        EXPECT_EQ(read_entities(got.text, document.value()).size(), got.entities.size()) << source;
      } catch (const FormatError&) {
      }
    }
  }
  EXPECT_GT(read, 100);
}

}  // namespace
}  // namespace soak::peers
