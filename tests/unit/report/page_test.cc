// SPDX-License-Identifier: Apache-2.0
// What the page is made of. That it draws is seen in a browser: tests/tools/report_page_test.py.

#include "soak/report/page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include <cstddef>
#include <string>

#include "sample_record.h"
#include "soak/report/json.h"

namespace soak::report {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

std::string between(const std::string& text, const std::string& before, const std::string& after) {
  const std::size_t from = text.find(before) + before.size();
  return text.substr(from, text.find(after, from) - from);
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++found;
  }
  return found;
}

std::string data_of(const std::string& page) { return between(page, "id=\"report\">", "</script>"); }

TEST(PageTest, HoldsTheWholeReportAndItsOwnScripts) {
  const std::string page = to_html(a_record());

  EXPECT_EQ(data_of(page), to_json(a_record()));
  EXPECT_THAT(page, AllOf(HasSubstr("<title>FAIL Soak/Voice.OpenAiRealtime</title>"), HasSubstr("Chart.js v"),
                          HasSubstr("Permission is hereby granted"), Not(HasSubstr("@SCRIPT")), Not(HasSubstr("{{"))));
}

TEST(PageTest, TheTextsOfARunNeverBecomeMarkup) {
  const std::size_t scripts = count(to_html(a_record()), "<script");
  Record record = a_record();
  record.name = "Soak/<script>alert(1)</script>";
  record.title = "\"><img src=x onerror=alert(1)>";
  record.failures = {"</script><script>alert(2)</script><!--<script>"};

  const std::string page = to_html(record);

  EXPECT_EQ(count(page, "<script"), scripts);
  EXPECT_THAT(page,
              AllOf(Not(HasSubstr("<img")), HasSubstr("FAIL Soak/&lt;script&gt;alert(1)&lt;/script&gt;</title>")));
  rapidjson::Document json;
  json.Parse(data_of(page).c_str());
  ASSERT_FALSE(json.HasParseError());
  EXPECT_EQ(json["failures"][0].GetString(), record.failures[0]);
}

TEST(PageTest, ItsPolicyForbidsEveryRequestAndEveryScriptButItsOwn) {
  const std::string policy = between(to_html(a_record()), "Content-Security-Policy\" content=\"", "\"");

  EXPECT_THAT(policy, AllOf(HasSubstr("default-src 'none'"), Not(HasSubstr("unsafe")), Not(HasSubstr("http"))));
  EXPECT_EQ(count(policy, "'sha256-"), 3u);
}

TEST(PageTest, ARunWithoutAnythingHasAPage) {
  rapidjson::Document json;
  json.Parse(data_of(to_html(Record{})).c_str());

  ASSERT_FALSE(json.HasParseError());
  EXPECT_EQ(json["series"].Size(), 0u);
}

}  // namespace
}  // namespace soak::report
