// SPDX-License-Identifier: Apache-2.0
#include "soak/report/annotations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "soak/report/record.h"

namespace soak::report {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

Record a_failed_run() {
  Record record;
  record.name = "Soak/Voice.OpenAi";
  record.title = "VOICE SOAK / openai";
  record.cycle_noun = "reconnect";
  record.mode = "real";
  record.file = "/src/soak/tests/soak/voice_soak.cc";
  record.line = 41;
  record.rerun = "./voice_soak --gtest_runsoak";
  record.verdict.findings = {{"sockets", "sockets rose 12 -> 224", {{"since", "00:41:10"}}}, {"heap", "heap grew", {}}};
  return record;
}

TEST(AnnotationsTest, AFailedRunIsOneErrorAtTheLineOfItsTest) {
  EXPECT_EQ(to_annotation(a_failed_run(), "/src/soak"),
            "::error file=tests/soak/voice_soak.cc,line=41,title=FAIL Soak/Voice.OpenAi::"
            "[VOICE SOAK / openai] FAIL: elapsed=0.0s reconnects=0%0A"
            "  sockets rose 12 -> 224%0A    since       00:41:10%0A  heap grew%0A"
            "  rerun: ./voice_soak --gtest_runsoak\n");
}

TEST(AnnotationsTest, ARunThatPassedHasNone) {
  Record record = a_failed_run();
  record.verdict.findings.clear();
  record.verdict.inconclusive = {{"rss", "rss may have grown", {}}};

  EXPECT_EQ(to_annotation(record, "/src/soak"), "");
}

TEST(AnnotationsTest, ABoundThatWasNotShownIsAnError) {
  Record record = a_failed_run();
  record.verdict.findings.clear();
  record.verdict.inconclusive = {{"rss", "rss may have grown", {}}};
  record.bound_asked = true;

  EXPECT_THAT(to_annotation(record, "/src/soak"),
              AllOf(HasSubstr("title=INCONCLUSIVE Soak/Voice.OpenAi::"), HasSubstr("rss may have grown")));
}

TEST(AnnotationsTest, AFileElsewhereKeepsItsPath) {
  EXPECT_THAT(to_annotation(a_failed_run(), "/src/other"), StartsWith("::error file=/src/soak/tests/"));
  EXPECT_THAT(to_annotation(a_failed_run(), "/src/soa"), StartsWith("::error file=/src/soak/tests/"));

  Record record = a_failed_run();
  record.file = "tests/soak/voice_soak.cc";
  EXPECT_THAT(to_annotation(record, "/src/soak"), StartsWith("::error file=tests/soak/voice_soak.cc,"));
}

TEST(AnnotationsTest, TheSoakCommandHasNoFile) {
  Record record = a_failed_run();
  record.file.clear();

  EXPECT_THAT(to_annotation(record, "/src/soak"), StartsWith("::error title=FAIL Soak/Voice.OpenAi::"));
}

TEST(AnnotationsTest, NoTextOfTheRunBecomesACommandOrAProperty) {
  Record record = a_failed_run();
  record.name = "Soak/A,line=1::B";
  record.file = "/src/soak/a,b:c%.cc";
  record.verdict.findings = {{"x", "100% of\r\n::set-output name=a::b\n##[error]no", {{"by", "\n::error::c"}}}};
  record.rerun = "run\n::warning::d";

  const std::string annotation = to_annotation(record, "/src/soak");

  EXPECT_THAT(annotation, AllOf(StartsWith("::error file=a%2Cb%3Ac%25.cc,line=41,title=FAIL Soak/A%2Cline=1%3A%3AB::"),
                                HasSubstr("100%25 of\\r\\n::set-output"), EndsWith("run\\n::warning::d\n")));
  EXPECT_EQ(std::count(annotation.begin(), annotation.end(), '\n'), 1);
  EXPECT_EQ(std::count(annotation.begin(), annotation.end(), '\r'), 0);
}

}  // namespace
}  // namespace soak::report
