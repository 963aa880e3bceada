// SPDX-License-Identifier: Apache-2.0
#include "lib/peers/schema_arguments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidjson/document.h>
#include <rapidjson/pointer.h>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <regex>
#include <set>
#include <string>
#include <string_view>

#include "lib/peers/pattern_text.h"

namespace soak::peers {
namespace {

using rapidjson::Value;

// What is wrong with `value` by the keywords of `schema`; empty if nothing is. Written for these tests, and shares
// nothing with what it checks.
class Validator {
 public:
  explicit Validator(const Value& root) : root_(root) {}

  std::string check(const Value& value, const Value& schema) const {
    if (!schema.IsObject()) {
      return schema.IsFalse() ? "nothing is allowed" : "";
    }
    if (schema.HasMember("$ref")) {
      const Value* const target = rapidjson::Pointer(schema["$ref"].GetString() + 1).Get(root_);
      if (const std::string wrong = check(value, *target); !wrong.empty()) {
        return wrong;
      }
    }
    if (schema.HasMember("const") && value != schema["const"]) {
      return "not the const";
    }
    if (schema.HasMember("enum") && !among(value, schema["enum"])) {
      return "not in the enum";
    }
    if (schema.HasMember("type") && !has_type(value, schema["type"])) {
      return "of another type";
    }
    for (const char* const keyword : {"anyOf", "oneOf"}) {
      if (schema.HasMember(keyword) && !any(value, schema[keyword])) {
        return std::string("none of ") + keyword;
      }
    }
    if (schema.HasMember("allOf")) {
      for (const Value& one : schema["allOf"].GetArray()) {
        if (const std::string wrong = check(value, one); !wrong.empty()) {
          return wrong;
        }
      }
    }
    if (value.IsObject()) {
      return check_object(value, schema);
    }
    if (value.IsArray()) {
      return check_array(value, schema);
    }
    if (value.IsNumber()) {
      return check_number(value.GetDouble(), schema);
    }
    return value.IsString() ? check_string(value.GetString(), schema) : "";
  }

 private:
  static bool among(const Value& value, const Value& values) {
    for (const Value& one : values.GetArray()) {
      if (one == value) {
        return true;
      }
    }
    return false;
  }
  bool any(const Value& value, const Value& schemas) const {
    for (const Value& one : schemas.GetArray()) {
      if (check(value, one).empty()) {
        return true;
      }
    }
    return false;
  }
  static bool is(const Value& value, std::string type) {
    for (char& letter : type) {
      letter = static_cast<char>(std::tolower(letter));
    }
    return (type == "object" && value.IsObject()) || (type == "array" && value.IsArray()) ||
           (type == "string" && value.IsString()) || (type == "boolean" && value.IsBool()) ||
           (type == "null" && value.IsNull()) || (type == "number" && value.IsNumber()) ||
           (type == "integer" && value.IsInt64());
  }
  static bool has_type(const Value& value, const Value& type) {
    if (type.IsString()) {
      return is(value, type.GetString());
    }
    for (const Value& one : type.GetArray()) {
      if (is(value, one.GetString())) {
        return true;
      }
    }
    return false;
  }
  std::string check_object(const Value& value, const Value& schema) const {
    if (schema.HasMember("required")) {
      for (const Value& name : schema["required"].GetArray()) {
        if (!value.HasMember(name.GetString())) {
          return std::string("without ") + name.GetString();
        }
      }
    }
    if (schema.HasMember("minProperties") && value.MemberCount() < schema["minProperties"].GetUint()) {
      return "too few properties";
    }
    for (const auto& one : value.GetObject()) {
      const bool declared = schema.HasMember("properties") && schema["properties"].HasMember(one.name);
      std::string wrong;
      if (declared) {
        wrong = check(one.value, schema["properties"][one.name]);
      } else if (schema.HasMember("additionalProperties")) {
        wrong = check(one.value, schema["additionalProperties"]);
      }
      if (!wrong.empty()) {
        return std::string(one.name.GetString()) + ": " + wrong;
      }
    }
    return "";
  }
  std::string check_array(const Value& value, const Value& schema) const {
    if (schema.HasMember("minItems") && value.Size() < schema["minItems"].GetUint()) {
      return "too few items";
    }
    if (schema.HasMember("maxItems") && value.Size() > schema["maxItems"].GetUint()) {
      return "too many items";
    }
    const rapidjson::SizeType fixed = schema.HasMember("prefixItems") ? schema["prefixItems"].Size() : 0;
    for (rapidjson::SizeType i = 0; i < value.Size(); ++i) {
      std::string wrong;
      if (i < fixed) {
        wrong = check(value[i], schema["prefixItems"][i]);
      } else if (schema.HasMember("items")) {
        wrong = check(value[i], schema["items"]);
      }
      for (rapidjson::SizeType j = 0; j < i && schema.HasMember("uniqueItems"); ++j) {
        wrong = value[i] == value[j] ? "twice the same" : wrong;
      }
      if (!wrong.empty()) {
        return "item: " + wrong;
      }
    }
    return "";
  }
  static std::string check_number(double value, const Value& schema) {
    const auto bound = [&schema](const char* keyword, double otherwise) {
      return schema.HasMember(keyword) && schema[keyword].IsNumber() ? schema[keyword].GetDouble() : otherwise;
    };
    const bool in_range = value >= bound("minimum", -1e300) && value <= bound("maximum", 1e300) &&
                          value > bound("exclusiveMinimum", -1e300) && value < bound("exclusiveMaximum", 1e300);
    const double step = bound("multipleOf", 0);
    const bool on_step = step == 0 || std::abs(std::remainder(value, step)) < 1e-9;
    return in_range && on_step ? "" : "out of range: " + std::to_string(value);
  }
  static std::string check_string(const std::string& value, const Value& schema) {
    if (schema.HasMember("minLength") && value.size() < schema["minLength"].GetUint()) {
      return "too short";
    }
    if (schema.HasMember("maxLength") && value.size() > schema["maxLength"].GetUint()) {
      return "too long";
    }
    const bool matches =
        !schema.HasMember("pattern") || std::regex_search(value, std::regex(schema["pattern"].GetString()));
    return matches ? "" : "does not match: " + value;
  }

  const Value& root_;
};

struct Case {
  const char* name;
  const char* schema;
};

void PrintTo(const Case& schema, std::ostream* out) { *out << schema.name; }

class SchemaArgumentsTest : public testing::TestWithParam<Case> {};

TEST_P(SchemaArgumentsTest, AreValidWhateverTheSeed) {
  rapidjson::Document schema;
  ASSERT_FALSE(schema.Parse(GetParam().schema).HasParseError());
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Ids ids(seed);
    const std::string arguments = arguments_for(GetParam().schema, ids);

    rapidjson::Document value;
    ASSERT_FALSE(value.Parse(arguments.c_str()).HasParseError()) << arguments;
    ASSERT_TRUE(value.IsObject()) << arguments;
    ASSERT_EQ(Validator(schema).check(value, schema), "") << arguments;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Schemas, SchemaArgumentsTest,
    testing::Values(
        Case{"Nothing", R"({"type":"object"})"},
        Case{"Strict", R"({"type":"object","properties":{"city":{"type":"string"},"unit":{"enum":["C","F"]},
             "days":{"type":"integer","minimum":1,"maximum":7}},"required":["city","unit","days"],
             "additionalProperties":false})"},
        Case{"Optional", R"({"type":"object","properties":{"a":{"type":"number"},"b":{"type":["string","null"]},
             "c":{"type":"boolean"}},"additionalProperties":false})"},
        Case{"Nested", R"({"type":"object","properties":{"at":{"type":"object","properties":{"lat":{"type":"number",
             "minimum":-90,"maximum":90},"lon":{"type":"number","exclusiveMinimum":-180,"exclusiveMaximum":180}},
             "required":["lat","lon"],"additionalProperties":false}},"required":["at"]})"},
        Case{"Arrays", R"({"type":"object","properties":{"tags":{"type":"array","items":{"type":"string","minLength":3,
             "maxLength":5},"minItems":2,"maxItems":4},"pair":{"type":"array","prefixItems":[{"type":"integer"},
             {"const":"x"}],"items":false},"set":{"type":"array","items":{"enum":[1,2,3]},"uniqueItems":true}},
             "required":["tags","pair","set"]})"},
        Case{"Map", R"({"type":"object","additionalProperties":{"type":"integer","minimum":5},"minProperties":2})"},
        Case{"OnlyRequired", R"({"type":"object","required":["x"],"additionalProperties":{"type":"boolean"}})"},
        Case{"References", R"({"type":"object","properties":{"to":{"$ref":"#/$defs/node"}},"required":["to"],
             "$defs":{"node":{"type":"object","properties":{"name":{"type":"string"},"next":{"anyOf":
             [{"$ref":"#/$defs/node"},{"type":"null"}]}},"required":["name"]}}})"},
        Case{"Choices", R"({"type":"object","properties":{"v":{"oneOf":[{"type":"object","properties":{"kind":
             {"const":"a"},"n":{"type":"integer"}},"required":["kind","n"]},{"type":"object","properties":{"kind":
             {"const":"b"}},"required":["kind"]}]}},"required":["v"]})"},
        Case{"AllOf", R"({"allOf":[{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]},
             {"properties":{"b":{"type":"integer"}},"required":["b"]}]})"},
        Case{"Steps", R"({"type":"object","properties":{"n":{"type":"integer","multipleOf":15,"minimum":1,"maximum":60},
             "x":{"type":"number","multipleOf":0.25,"minimum":0.1,"maximum":0.6},"y":{"type":"number","minimum":0.1,
             "maximum":0.2},"z":{"type":"integer","maximum":-3}},"required":["n","x","y","z"]})"},
        Case{"Patterns", R"({"type":"object","properties":{"id":{"type":"string","pattern":"^[A-Z]{3}-[0-9]{2,4}$"},
             "mail":{"type":"string","pattern":"^\\w+@(example|test)\\.(com|org)$"},"hex":{"type":"string",
             "pattern":"^(?:0x)?[0-9a-f]+$"}},"required":["id","mail","hex"]})"},
        Case{"OfGemini", R"({"type":"OBJECT","properties":{"when":{"type":"STRING","enum":["now","later"]},
             "count":{"type":"INTEGER"},"list":{"type":"ARRAY","items":{"type":"NUMBER"}}},
             "required":["when","count","list"]})"}),
    [](const auto& parameter) { return std::string(parameter.param.name); });

TEST(SchemaArguments, AreTheSameForTheSameSeedAndDifferForOthers) {
  constexpr const char* kSchema = R"({"properties":{"a":{"type":"integer"},"b":{"type":"integer"}},"required":["a"]})";
  std::set<std::string> seen;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Ids one(seed);
    Ids same(seed);
    const std::string arguments = arguments_for(kSchema, one);
    EXPECT_EQ(arguments, arguments_for(kSchema, same));
    seen.insert(arguments);
  }
  EXPECT_GT(seen.size(), 10u);
}

TEST(SchemaArguments, WithoutParametersThereAreNone) {
  Ids ids(1);
  EXPECT_EQ(arguments_for("", ids), "{}");
  EXPECT_EQ(arguments_for(R"({"type":"object","properties":{}})", ids), "{}");
  EXPECT_EQ(arguments_for(R"({"type":"object","properties":{},"additionalProperties":false})", ids), "{}");
  EXPECT_EQ(arguments_for("[]", ids), "{}");
}

// As Pydantic and Zod write them.
TEST(SchemaArguments, ReferencesIntoTheDefinitionsAreFollowed) {
  for (const char* const place : {"$defs", "definitions"}) {
    Ids ids(1);
    const std::string schema = std::string(R"({"properties":{"n":{"$ref":"#/)") + place +
                               R"(/count"}},"required":["n"],")" + place + R"(":{"count":{"const":7}}})";
    EXPECT_EQ(arguments_for(schema, ids), R"({"n":7})");
  }
}

TEST(SchemaArguments, FormatsAreKept) {
  Ids ids(1);
  const std::string arguments = arguments_for(
      R"({"properties":{"day":{"type":"string","format":"date"},"at":{"type":"string","format":"date-time"},)"
      R"("id":{"type":"string","format":"uuid"}},"required":["day","at","id"]})",
      ids);

  EXPECT_TRUE(
      std::regex_match(arguments, std::regex(R"(\{"day":"20\d\d-\d\d-\d\d","at":"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ",)"
                                             R"("id":"\d{8}-\d{4}-4\d{3}-8\d{3}-\d{12}"\})")))
      << arguments;
}

// A schema comes from a stranger: one that has no valid value, or refers to itself many times, must not take for ever.
TEST(SchemaArguments, OfASchemaWithoutEndEnd) {
  for (const char* const schema :
       {R"({"type":"object","properties":{"x":{"$ref":"#"}},"required":["x"]})",
        R"({"allOf":[{"$ref":"#"},{"$ref":"#"}],"properties":{"x":{"$ref":"#"}},"required":["x"]})",
        R"({"properties":{"x":{"type":"array","minItems":64,"items":{"$ref":"#/properties/x"}}},"required":["x"]})",
        R"({"properties":{"x":{"type":"string","pattern":"((((((((((a+)+)+)+)+)+)+)+)+)+)+"}},"required":["x"]})",
        R"({"properties":{"x":{"type":"string","minLength":1000000}},"required":["x"]})",
        R"({"properties":{"x":{"$ref":"#/nowhere"}},"required":["x"]})"}) {
    Ids ids(1);
    const std::string arguments = arguments_for(schema, ids);
    EXPECT_EQ(arguments.front(), '{') << schema;
    EXPECT_LT(arguments.size(), std::size_t{1} << 20) << schema;
  }
}

TEST(PatternText, MatchesThePattern) {
  for (const char* const pattern :
       {"^abc$", "a|b|cd", "[a-c]{3}", "x*y+z?", R"(\d{3}-\d{4})", "(ab|c(d|e)){2}", R"([^\s"]+)", R"(\w+\.\w{2,3})",
        "[A-Fa-f0-9]{8}", R"(a\{2\})", "(?<year>20[0-9]{2})", R"(\x41B)", ".{2}", ""}) {
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
      Ids ids(seed);
      const auto text = text_matching(pattern, ids);
      ASSERT_TRUE(text.has_value()) << pattern;
      if (std::string_view(pattern).find("?<") == std::string_view::npos && pattern[0] != '[') {
        EXPECT_TRUE(std::regex_match(*text, std::regex(pattern))) << pattern << ": " << *text;
      }
    }
  }
}

TEST(PatternText, WhatItDoesNotKnowIsNothing) {
  Ids ids(1);
  for (const char* const pattern :
       {"(?=a)b", "(?<!a)b", R"((a)\1)", R"(\p{L}+)", "(a", "a)", "[a", "*a", "a{3,1}", "\\"}) {
    EXPECT_FALSE(text_matching(pattern, ids).has_value()) << pattern;
  }
}

}  // namespace
}  // namespace soak::peers
