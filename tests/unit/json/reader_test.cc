// SPDX-License-Identifier: Apache-2.0
// What is JSON (y_), what is none (n_), and what RFC 8259 leaves open (i_): in the manner of JSONTestSuite
// (github.com/nst/JSONTestSuite).

#include "lib/json/reader.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

namespace soak::json {
namespace {

using namespace std::string_literals;

struct Case {
  const char* name;
  std::string text;
};

void PrintTo(const Case& which, std::ostream* out) { *out << which.name; }

std::string name_of(const testing::TestParamInfo<Case>& info) { return info.param.name; }

class AcceptedJsonTest : public testing::TestWithParam<Case> {};
class RefusedJsonTest : public testing::TestWithParam<Case> {};

TEST_P(AcceptedJsonTest, IsRead) {
  const Document document(GetParam().text);

  EXPECT_TRUE(document.is_json()) << document.failure().what << " at " << document.failure().at;
}

TEST_P(RefusedJsonTest, IsRefusedAndSaysWhyAndWhere) {
  const Document document(GetParam().text);

  EXPECT_FALSE(document.is_json());
  EXPECT_FALSE(document.is_object());
  EXPECT_TRUE(document.value().IsNull());
  EXPECT_NE(document.failure().what, std::string());
  EXPECT_LE(document.failure().at, GetParam().text.size());
}

const Case kAccepted[] = {
    {"y_array_empty", "[]"},
    {"y_array_ending_with_newline", "[\"a\"]\n"},
    {"y_array_heterogeneous", R"([null, 1, "1", {}, [], true, -0.5])"},
    {"y_array_with_spaces", " [ 1\r\n,\t2 ] "},
    {"y_array_of_arrays", "[[],[[]]]"},
    {"y_object_empty", "{}"},
    {"y_object_empty_name", R"({"":0})"},
    {"y_object_nested", R"({"a":{"b":{"c":[]}}})"},
    {"y_object_one_name_at_two_levels", R"({"a":{"a":1},"b":[{"a":1},{"a":2}]})"},
    {"y_object_names_of_other_case", R"({"a":1,"A":2})"},
    {"y_object_escaped_name", R"({"\u0061b":1})"},
    {"y_lonely_string", R"("text")"},
    {"y_lonely_number", "42"},
    {"y_lonely_negative_number", "-0.1"},
    {"y_lonely_true", "true"},
    {"y_lonely_null", "null"},
    {"y_number_zero", "[0]"},
    {"y_number_minus_zero", "[-0]"},
    {"y_number_fraction", "[123.456789]"},
    {"y_number_exponent", "[1e2,1E2,1e+2,1e-2,0e1,1.5e3]"},
    {"y_number_that_vanishes", "[1e-999]"},
    {"y_number_largest_uint64", "[18446744073709551615]"},
    {"y_number_smallest_int64", "[-9223372036854775808]"},
    {"y_number_beyond_integers", "[123456789012345678901234567890]"},
    {"y_string_escapes", R"(["\"\\\/\b\f\n\r\t"])"},
    {"y_string_unicode_escape", R"(["\u00e9\u20AC"])"},
    {"y_string_surrogate_pair", R"(["\ud83d\ude00"])"},
    {"y_string_escaped_nul", R"(["\u0000"])"},
    {"y_string_escaped_control", R"(["\u0012"])"},
    {"y_string_utf8_of_every_length", "[\"a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"]"},
    {"y_string_noncharacter", "[\"\xef\xbf\xbf\"]"},
    {"y_string_delete", "[\"\x7f\"]"},
    {"y_string_line_separator", "[\"\xe2\x80\xa8\"]"},
    {"y_string_comment_inside", R"(["a/*b*/c//d"])"},
    {"y_structure_all_white_space", "\t\n\r {} \t\n\r"},
};

const Case kRefused[] = {
    {"n_nothing", ""},
    {"n_white_space_alone", " \n"},
    {"n_array_unclosed", "[1"},
    {"n_array_unclosed_comma", "[1,"},
    {"n_array_extra_close", "[1]]"},
    {"n_array_extra_comma", "[1,]"},
    {"n_array_double_comma", "[1,,2]"},
    {"n_array_just_comma", "[,]"},
    {"n_array_missing_comma", "[1 2]"},
    {"n_array_colon", "[1:2]"},
    {"n_array_closed_by_brace", "[1}"},
    {"n_object_unclosed", R"({"a":1)"},
    {"n_object_trailing_comma", R"({"a":1,})"},
    {"n_object_missing_colon", R"({"a" 1})"},
    {"n_object_missing_value", R"({"a":})"},
    {"n_object_missing_name", "{:1}"},
    {"n_object_name_without_quotes", "{a:1}"},
    {"n_object_name_in_single_quotes", "{'a':1}"},
    {"n_object_name_is_a_number", "{1:1}"},
    {"n_object_double_colon", R"({"a"::1})"},
    {"n_object_comma_for_colon", R"({"a",1})"},
    {"n_object_closed_by_bracket", R"({"a":1])"},
    {"n_number_plus", "[+1]"},
    {"n_number_minus_alone", "[-]"},
    {"n_number_double_minus", "[--1]"},
    {"n_number_leading_zero", "[012]"},
    {"n_number_minus_leading_zero", "[-012]"},
    {"n_number_leading_point", "[.5]"},
    {"n_number_trailing_point", "[1.]"},
    {"n_number_point_before_exponent", "[1.e3]"},
    {"n_number_exponent_alone", "[1e]"},
    {"n_number_exponent_sign_alone", "[1e+]"},
    {"n_number_two_exponents", "[1e2e3]"},
    {"n_number_hex", "[0x1F]"},
    {"n_number_infinity", "[Infinity]"},
    {"n_number_nan", "[NaN]"},
    {"n_number_space_inside", "[1 000.0]"},
    {"n_number_comma_inside", "[1,000.0.0]"},
    {"n_number_then_letters", "[1a]"},
    {"n_string_unclosed", R"(["a)"},
    {"n_string_in_single_quotes", "['a']"},
    {"n_string_without_quotes", "[a]"},
    {"n_string_raw_newline", "[\"a\nb\"]"},
    {"n_string_raw_tab", "[\"\t\"]"},
    {"n_string_raw_control", "[\"\x1f\"]"},
    {"n_string_raw_nul", "[\"a\0a\"]"s},
    {"n_string_unknown_escape", R"(["\x41"])"},
    {"n_string_escape_alone", R"(["\"])"},
    {"n_string_escaped_apostrophe", R"(["\'"])"},
    {"n_string_short_unicode_escape", R"(["\u00A"])"},
    {"n_string_bad_unicode_escape", R"(["\u00zz"])"},
    {"n_string_capital_unicode_escape", R"(["\U0041"])"},
    {"n_string_escape_outside", R"([\n])"},
    {"n_literal_capitals", "[True]"},
    {"n_literal_cut", "[nul]"},
    {"n_literal_longer", "[nulls]"},
    {"n_literal_undefined", "[undefined]"},
    {"n_structure_two_values", "{} {}"},
    {"n_structure_trailing_bytes", "{}x"},
    {"n_structure_trailing_nul", "{}\0"s},
    {"n_structure_nul_inside", "{\0}"s},
    {"n_structure_nul_and_more", "{}\0{}"s},
    {"n_structure_comment", "{}/*c*/"},
    {"n_structure_line_comment", "{} // c"},
    {"n_structure_hash_comment", "{} # c"},
    {"n_structure_form_feed", "[\f]"},
    {"n_structure_no_break_space", "[\xc2\xa0]"},
    {"n_structure_just_bracket", "]"},
    {"n_structure_just_colon", ":"},
    {"n_structure_html", "<html></html>"},
    {"n_utf8_overlong", "[\"\xc0\xaf\"]"},
    {"n_utf8_cut", "[\"\xe2\x82\"]"},
    {"n_utf8_surrogate", "[\"\xed\xa0\x80\"]"},
    {"n_utf8_beyond_unicode", "[\"\xf4\x90\x80\x80\"]"},
    {"n_utf8_in_a_name", "{\"\xff\":1}"},
    {"n_utf8_outside_of_strings", "[\xff]"},
    {"n_utf16", "[\0\"\0a\0\"\0]\0"s},
    {"i_byte_order_mark", "\xef\xbb\xbf{}"},
    {"i_string_lone_high_surrogate", R"(["\ud800"])"},
    {"i_string_lone_low_surrogate", R"(["\udc00"])"},
    {"i_string_swapped_surrogates", R"(["\udd1e\ud834"])"},
    {"i_string_high_surrogate_then_letter", R"(["\ud800\u0041"])"},
    {"i_name_with_a_lone_surrogate", R"({"\udead":1})"},
    {"i_number_too_large", "[1e999]"},
    {"i_number_too_large_and_negative", "[-1e999]"},
    {"i_object_duplicate_name", R"({"a":1,"b":2,"a":1})"},
    {"i_object_duplicate_name_escaped", R"({"a":1,"\u0061":2})"},
    {"i_object_duplicate_empty_name", R"({"":1,"":2})"},
    {"i_object_duplicate_name_inside", R"([{"x":[{"a":1,"a":2}]}])"},
    {"i_depth_65", std::string(65, '[') + std::string(65, ']')},
    {"i_depth_100000", std::string(100'000, '[')},
    {"i_depth_100000_of_objects",
     [] {
       std::string text;
       for (int i = 0; i < 100'000; ++i) {
         text += R"({"a":)";
       }
       return text;
     }()},
};

INSTANTIATE_TEST_SUITE_P(Json, AcceptedJsonTest, testing::ValuesIn(kAccepted), name_of);
INSTANTIATE_TEST_SUITE_P(Json, RefusedJsonTest, testing::ValuesIn(kRefused), name_of);

// RFC 8259, section 13.
TEST(JsonReaderTest, ReadsTheExamplesOfRfc8259) {
  const Document image(R"({"Image": {"Width": 800, "Height": 600, "Title": "View from 15th Floor",
    "Thumbnail": {"Url": "http://www.example.com/image/481989943", "Height": 125, "Width": 100},
    "Animated" : false, "IDs": [116, 943, 234, 38793]}})");
  const Document cities(R"([{"precision": "zip", "Latitude": 37.7668, "Longitude": -122.3959, "Address": "",
    "City": "SAN FRANCISCO"}, {"precision": "zip", "Latitude": 37.371991, "Longitude": -122.026020}])");

  ASSERT_TRUE(image.is_object());
  const Value& members = *member(image.value(), "Image");
  EXPECT_EQ(integer_member(members, "Width"), 800);
  EXPECT_EQ(text_member(*member(members, "Thumbnail"), "Url"), "http://www.example.com/image/481989943");
  EXPECT_EQ((*member(members, "IDs"))[3].GetInt(), 38793);
  ASSERT_TRUE(cities.is_json());
  EXPECT_FALSE(cities.is_object());
  EXPECT_EQ(number_member(cities.value()[0], "Longitude"), -122.3959);
  EXPECT_EQ(number_member(cities.value()[1], "Latitude"), 37.371991);
}

TEST(JsonReaderTest, StringsAreWhatTheirEscapesStandFor) {
  const Document document(R"(["\"\\\/\b\f\n\r\t","\u00e9\u20AC","\ud83d\ude00","a\u0000b"])");

  ASSERT_TRUE(document.is_json());
  EXPECT_EQ(view(document.value()[0]), "\"\\/\b\f\n\r\t");
  EXPECT_EQ(view(document.value()[1]), "\xc3\xa9\xe2\x82\xac");
  EXPECT_EQ(view(document.value()[2]), "\xf0\x9f\x98\x80");
  EXPECT_EQ(view(document.value()[3]), "a\0b"s);
}

TEST(JsonReaderTest, NumbersAreTheNearestOnes) {
  const Document document(
      "[0.1,1.7976931348623157e308,4.9e-324,2.2250738585072011e-308,9007199254740993,-0.0,"
      "18446744073709551615,-9223372036854775808,18446744073709551616]");

  ASSERT_TRUE(document.is_json());
  const Value& numbers = document.value();
  EXPECT_EQ(numbers[0].GetDouble(), 0.1);
  EXPECT_EQ(numbers[1].GetDouble(), std::numeric_limits<double>::max());
  EXPECT_EQ(numbers[2].GetDouble(), std::numeric_limits<double>::denorm_min());
  EXPECT_EQ(numbers[3].GetDouble(), 2.2250738585072011e-308);
  EXPECT_EQ(numbers[4].GetInt64(), 9007199254740993);
  EXPECT_TRUE(std::signbit(numbers[5].GetDouble()));
  EXPECT_EQ(numbers[6].GetUint64(), std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(numbers[7].GetInt64(), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(numbers[8].GetDouble(), 18446744073709551616.0);
}

Failure failure_of(std::string text, Limits limits = {}) { return Document(std::move(text), limits).failure(); }

TEST(JsonReaderTest, AFailureHasItsKindAndItsPlace) {
  EXPECT_EQ(failure_of("{\"a\":1 \"b\":2}").kind, Failure::Kind::kSyntax);
  EXPECT_EQ(failure_of("{\"a\":1 \"b\":2}").at, 7u);
  EXPECT_EQ(failure_of("{} x").at, 3u);
  EXPECT_EQ(failure_of("{\"a\":\"\xff\"}").kind, Failure::Kind::kNotUtf8);
  EXPECT_EQ(failure_of("{\"a\":\"\xff\"}").at, 6u);
  EXPECT_EQ(failure_of("[1,\0]"s).at, 3u);
  EXPECT_EQ(failure_of(R"({"one":1,"two":{},"one":3})").kind, Failure::Kind::kDuplicateName);
  EXPECT_EQ(failure_of(R"({"one":1,"two":{},"one":3})").at, 19u);
}

TEST(JsonReaderTest, DepthAndValuesEndWhereTheLimitsSay) {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_TRUE(Document(nested(64)).is_json());
  EXPECT_EQ(failure_of(nested(65)).kind, Failure::Kind::kTooMuch);
  EXPECT_TRUE(Document(nested(3), {.depth_max = 3}).is_json());
  EXPECT_EQ(failure_of(nested(4), {.depth_max = 3}).kind, Failure::Kind::kTooMuch);
  EXPECT_TRUE(Document("[1,2,3]", {.values_max = 4}).is_json());
  EXPECT_EQ(failure_of("[1,2,3,4]", {.values_max = 4}).kind, Failure::Kind::kTooMuch);
  EXPECT_EQ(failure_of(R"({"a":1,"b":2})", {.values_max = 4}).kind, Failure::Kind::kTooMuch);
}

// Where names are few, each is compared with each; where they are many, they are sorted.
TEST(JsonReaderTest, FindsANameThatIsThereTwiceAmongFewAndAmongMany) {
  for (const int members : {2, 16, 17, 1000}) {
    std::string text = "{";
    for (int i = 0; i < members; ++i) {
      text += "\"name" + std::to_string(i) + "\":" + std::to_string(i) + ",";
    }
    EXPECT_TRUE(Document(text + "\"last\":0}").is_json()) << members;
    for (const int again : {0, members / 2, members - 1}) {
      const Failure failure = failure_of(text + "\"name" + std::to_string(again) + "\":0}");
      EXPECT_EQ(failure.kind, Failure::Kind::kDuplicateName) << members;
      EXPECT_EQ(failure.at, text.size() + 1) << members;
    }
  }
}

TEST(JsonReaderTest, OneReaderReadsManyTexts) {
  Reader reader;
  for (int i = 0; i < 100; ++i) {
    std::string good = R"({"number":)" + std::to_string(i) + R"(,"text":")" + std::string(1000, 'x') + "\"}";
    const Value* const value = reader.read(good);
    ASSERT_NE(value, nullptr);
    EXPECT_EQ(integer_member(*value, "number"), i);
    EXPECT_EQ(text_member(*value, "text").size(), 1000u);

    std::string bad = "{\"number\":}";
    EXPECT_EQ(reader.read(bad), nullptr);
    EXPECT_EQ(reader.failure().kind, Failure::Kind::kSyntax);
  }
}

TEST(JsonReaderTest, AMemberOfAnotherTypeIsAsGoodAsAbsent) {
  const Document document(R"({"text":"a","flag":true,"off":false,"integer":7,"number":0.5,"none":null,"list":[1]})");
  const Value& value = document.value();

  EXPECT_EQ(text_member(value, "text"), "a");
  EXPECT_EQ(text_member(value, "integer"), "");
  EXPECT_EQ(text_member(value, "absent"), "");
  EXPECT_TRUE(flag_member(value, "flag"));
  EXPECT_FALSE(flag_member(value, "off"));
  EXPECT_FALSE(flag_member(value, "integer"));
  EXPECT_EQ(integer_member(value, "integer"), 7);
  EXPECT_FALSE(integer_member(value, "number"));
  EXPECT_EQ(number_member(value, "integer"), 7);
  EXPECT_EQ(number_member(value, "number"), 0.5);
  EXPECT_FALSE(number_member(value, "text"));
  EXPECT_TRUE(member(value, "none")->IsNull());
  EXPECT_EQ(member(value, "absent"), nullptr);
  EXPECT_EQ(member(*member(value, "list"), "text"), nullptr);
}

}  // namespace
}  // namespace soak::json
