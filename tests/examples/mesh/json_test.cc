// SPDX-License-Identifier: Apache-2.0
// Bodies of requests, read from whoever sends them.

#include "mesh/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "mesh/problem.h"

namespace mesh {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

std::string problem_of(const std::function<void()>& read) {
  try {
    read();
  } catch (const Problem& problem) {
    return std::string(problem.code()) + " " + problem.what();
  }
  return "none";
}

std::string problem_of(const std::string& text) {
  return problem_of([&] { const JsonObject object(text); });
}

TEST(MeshJsonTest, ReadsFieldsOfTheRightType) {
  const JsonObject object(R"({"id":"a.B_-9","to":"@ada","n":3,"x":0.5,"tags":["a","b"],"t":"line\n","yes":true})");

  EXPECT_EQ(object.id(), "a.B_-9");
  EXPECT_EQ(object.handle("to"), "@ada");
  EXPECT_EQ(object.integer("n", 0, 3), 3);
  EXPECT_EQ(object.optional_number("x", 0, 1), 0.5);
  EXPECT_EQ(object.optional_integer("none", 0, 1), std::nullopt);
  EXPECT_THAT(object.names("tags", 2, 1), ElementsAre("a", "b"));
  EXPECT_EQ(object.text("t", 9), "line\n");
  EXPECT_TRUE(object.boolean("yes"));
  EXPECT_EQ(object.optional_name("absent", 9), "");
  EXPECT_NO_THROW(object.end());
}

TEST(MeshJsonTest, NamesTheFieldAndWhatIsExpected) {
  const JsonObject object(
      R"({"id":"a b","to":"ada","n":3.5,"big":9223372036854775808,"null":null,"tags":["a",1],"t":"line\n","e":""})");

  EXPECT_EQ(problem_of([&] { object.id(); }), "invalid_field id: expected 1 to 64 of A-Z a-z 0-9 . _ -");
  EXPECT_THAT(problem_of([&] { object.handle("to"); }), StartsWith("invalid_field to: expected @ and 2 to 32"));
  EXPECT_EQ(problem_of([&] { object.integer("n", 0, 9); }), "invalid_field n: expected an integer from 0 to 9");
  EXPECT_THAT(problem_of([&] { object.integer("big", 0, 9); }), StartsWith("invalid_field big"));
  EXPECT_THAT(problem_of([&] { object.optional_integer("null", 0, 9); }), StartsWith("invalid_field null"));
  EXPECT_THAT(problem_of([&] { object.names("tags", 9, 9); }), StartsWith("invalid_field tags: expected at most 9"));
  EXPECT_THAT(problem_of([&] { object.name("t", 9); }), HasSubstr("without control characters"));
  EXPECT_THAT(problem_of([&] { object.name("e", 9); }), StartsWith("invalid_field e: expected a string of 1 to 9"));
  EXPECT_THAT(problem_of([&] { object.text("absent", 9); }), StartsWith("invalid_field absent"));
  EXPECT_THAT(problem_of([&] { object.object("id", 9); }), StartsWith("invalid_field id: expected an object"));
}

TEST(MeshJsonTest, RefusesAFieldThatNobodyAskedFor) {
  const JsonObject object(R"({"id":"a","extra":1})");
  object.id();

  EXPECT_EQ(problem_of([&] { object.end(); }), "invalid_field extra: expected no such field");
}

TEST(MeshJsonTest, AnObjectKeepsItsSource) {
  const JsonObject object(R"({ "a" : {"n": 12345678901234567890123, "s": "}\"{"} , "b":{}, "c":[{"a":1}]})");

  EXPECT_EQ(object.object("a", 99), R"({"n": 12345678901234567890123, "s": "}\"{"})");
  EXPECT_EQ(object.object("b", 2), "{}");
  EXPECT_THAT(problem_of([&] { object.object("a", 9); }), StartsWith("too_large a: 43 bytes"));
  EXPECT_THAT(problem_of([&] { object.object("c", 9); }), StartsWith("invalid_field c"));
}

TEST(MeshJsonTest, RefusesHostileDocuments) {
  EXPECT_THAT(problem_of(""), StartsWith("invalid_json"));
  EXPECT_THAT(problem_of("[]"), StartsWith("invalid_json expected a JSON object"));
  EXPECT_THAT(problem_of("3"), StartsWith("invalid_json"));
  EXPECT_THAT(problem_of("{} {}"), StartsWith("invalid_json"));
  EXPECT_THAT(problem_of("{\"a\":1,}"), StartsWith("invalid_json"));
  EXPECT_THAT(problem_of("{\"a\":1e999}"), StartsWith("invalid_json"));
  EXPECT_THAT(problem_of("{\"a\":NaN}"), StartsWith("invalid_json"));
  EXPECT_THAT(problem_of("{\"a\":\"\xff\"}"), StartsWith("invalid_json"));
  EXPECT_THAT(problem_of("{\"a\":\"\\ud800\"}"), StartsWith("invalid_json"));
  EXPECT_THAT(problem_of("{\"a\":\"\\u0000\"}"), HasSubstr("U+0000"));
  EXPECT_THAT(problem_of("{\"a\":1,\"a\":1}"), HasSubstr("the name \"a\" twice"));
  EXPECT_THAT(problem_of("{\"b\":{\"a\":1,\"\\u0061\":1}}"), HasSubstr("the name \"a\" twice"));
  EXPECT_THAT(problem_of("{\"a\":" + std::string(100000, '[')), HasSubstr("nested more than 32 deep"));
  EXPECT_THAT(problem_of("{\"a\":" + std::string(31, '[') + std::string(31, ']') + "}"), "none");
  EXPECT_THAT(problem_of("{\"a\":" + std::string(32, '[') + std::string(32, ']') + "}"), HasSubstr("nested more"));
}

TEST(MeshJsonTest, WritesWhatItReads) {
  const std::string text = JsonText()
                               .text("a", "\"\\\n\xc3\xa9")
                               .integer("b", -1)
                               .number("c", 0.1)
                               .boolean("d", false)
                               .names("e", {"x", "y"})
                               .raw("f", "{}")
                               .object();

  EXPECT_EQ(text, "{\"a\":\"\\\"\\\\\\n\xc3\xa9\",\"b\":-1,\"c\":0.1,\"d\":false,\"e\":[\"x\",\"y\"],\"f\":{}}");
  EXPECT_EQ(JsonObject(text).text("a", 99), "\"\\\n\xc3\xa9");
  EXPECT_EQ(canonical_object({{"b", "1"}, {"a", "\"x\""}}), R"({"a":"x","b":1})");
}

}  // namespace
}  // namespace mesh
