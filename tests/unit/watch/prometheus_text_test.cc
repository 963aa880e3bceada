// SPDX-License-Identifier: Apache-2.0
#include "tools/watch/prometheus_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "soak/error.h"

namespace soak::tools {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

struct Kept {
  std::string name;
  Labels labels;
  double value;
};

std::vector<Kept> read(const std::string& page, const std::string& name) {
  std::vector<Kept> kept;
  read_page(
      page, [&name](std::string_view one) { return one == name; },
      [&kept](const Sample& sample) {
        kept.push_back({std::string(sample.name), sample.labels, sample.value});
      });
  return kept;
}

std::string error_of(const std::string& page) {
  try {
    read(page, "up");
    return {};
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::kProtocol);
    return error.what();
  }
}

TEST(PrometheusTextTest, ASampleHasItsLabelsAndItsValue) {
  const std::vector<Kept> kept = read(
      "# HELP requests Requests.\n# TYPE requests counter\n"
      "requests{code=\"200\",path=\"/a\"} 12 1700000000000\nrequests 3\nother{a=\"b\"} 9\n",
      "requests");

  ASSERT_THAT(kept, SizeIs(2));
  EXPECT_THAT(kept[0].labels, ElementsAre(Pair("code", "200"), Pair("path", "/a")));
  EXPECT_EQ(kept[0].value, 12);
  EXPECT_THAT(kept[1].labels, IsEmpty());
  EXPECT_EQ(kept[1].value, 3);
}

TEST(PrometheusTextTest, AValueMayHoldBracesQuotesCommasAndEscapes) {
  const std::vector<Kept> kept = read(R"(up{a="}{,=",b="say \"hi\"\\",c="two\nlines", } 1)", "up");

  ASSERT_THAT(kept, SizeIs(1));
  EXPECT_THAT(kept[0].labels, ElementsAre(Pair("a", "}{,="), Pair("b", "say \"hi\"\\"), Pair("c", "two\nlines")));
  EXPECT_EQ(kept[0].value, 1);
}

TEST(PrometheusTextTest, ValuesAreNumbersAsGoWritesThem) {
  EXPECT_EQ(read("up 1.5e+06", "up").front().value, 1.5e6);
  EXPECT_EQ(read("up +3", "up").front().value, 3);
  EXPECT_EQ(read("up -2e-3", "up").front().value, -2e-3);
  EXPECT_TRUE(std::isnan(read("up NaN", "up").front().value));
  EXPECT_EQ(read("up +Inf", "up").front().value, INFINITY);
  EXPECT_EQ(read("up -Inf", "up").front().value, -INFINITY);
}

TEST(PrometheusTextTest, OpenMetricsWithExemplarsQuotedNamesAndAnEndIsRead) {
  const std::string page =
      "# TYPE up counter\nup_total{a=\"b\"} 7 1.5 # {trace=\"x}y\"} 1 2\n{\"up.utf8\",code=\"5 0\"} 4\r\n# EOF\n";

  EXPECT_EQ(read(page, "up_total").front().value, 7);
  ASSERT_THAT(read(page, "up.utf8"), SizeIs(1));
  EXPECT_THAT(read(page, "up.utf8").front().labels, ElementsAre(Pair("code", "5 0")));
}

TEST(PrometheusTextTest, WhatIsNoSuchPageIsRefusedByItsLine) {
  EXPECT_THAT(error_of("up 1\n<html>no</html>\n"),
              AllOf(HasSubstr("line 2 is no sample of Prometheus' text format"), HasSubstr("'<html>no</html>'")));
  EXPECT_THAT(error_of("up{a=\"b\" 1"), HasSubstr("line 1"));
  EXPECT_THAT(error_of("up{a=b} 1"), HasSubstr("line 1"));
  EXPECT_THAT(error_of("up{a=\"b} 1"), HasSubstr("line 1"));
  EXPECT_THAT(error_of("up"), HasSubstr("line 1"));
  EXPECT_THAT(error_of("up many"), HasSubstr("line 1"));
  EXPECT_THAT(error_of(std::string("\x1f\x8b\x08\x00", 4)), HasSubstr("line 1"));
  EXPECT_EQ(error_of(""), "");
}

TEST(PrometheusTextTest, OnlyWhatIsAskedForIsReadToItsEnd) {
  EXPECT_THAT(read("other{broken 1\nup 2\n", "up"), SizeIs(1));
}

TEST(PrometheusTextTest, ASelectorNamesAMetricAndLabelsThatAreEqual) {
  const Selector plain = parse_selector("up");
  const Selector labelled = parse_selector(R"(up{code="200",path="/a b"})");

  EXPECT_TRUE(plain.matches({{"code", "500"}}));
  EXPECT_TRUE(labelled.matches({{"path", "/a b"}, {"x", "y"}, {"code", "200"}}));
  EXPECT_FALSE(labelled.matches({{"code", "200"}}));
  EXPECT_FALSE(labelled.matches({{"code", "500"}, {"path", "/a b"}}));
  EXPECT_THROW(parse_selector(""), Error);
  EXPECT_THROW(parse_selector("up{code=~\"2..\"}"), Error);
  EXPECT_THROW(parse_selector("sum(up)"), Error);
  EXPECT_THROW(parse_selector("up{code=\"200\"} x"), Error);
}

TEST(CounterSumTest, AResetOfOneOfItsSeriesIsNoFallOfTheSum) {
  CounterSum sum;
  const auto page = [&sum](std::vector<std::pair<std::string, double>> values) {
    sum.begin_page();
    for (const auto& [series, value] : values) {
      sum.add(series, value);
    }
    return sum.end_page();
  };

  EXPECT_EQ(page({{"a", 100}, {"b", 10}}), 0);          // What was counted before is not known.
  EXPECT_EQ(page({{"a", 110}, {"b", 12}}), 12);         //
  EXPECT_EQ(page({{"a", 4}, {"b", 13}}), 5);            // a was reset, and has counted 4.
  EXPECT_EQ(page({{"a", 5}, {"b", 13}, {"c", 3}}), 4);  // c is new.
  EXPECT_EQ(page({{"a", 5}}), 0);                       // The others are gone for now,
  EXPECT_EQ(page({{"a", 5}, {"b", 14}, {"c", 3}}), 1);  // and go on where they were.
  EXPECT_EQ(page({{"a", std::nan("")}}), 0);
}

}  // namespace
}  // namespace soak::tools
