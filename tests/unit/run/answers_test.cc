// SPDX-License-Identifier: Apache-2.0
#include "lib/run/answers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <string>

namespace soak {
namespace {

using namespace std::chrono_literals;
using report::Answers;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

probe::Verdict judged(const Answers& answers, const AnswerBounds& bounds = {.floor = 0.95},
                      const std::string& last_error = {}) {
  probe::Verdict verdict;
  judge_answers(answers, bounds, last_error, verdict);
  return verdict;
}

Answers asked(std::uint64_t count, std::uint64_t received) {
  Answers answers;
  answers.turns = count;
  answers.asked = count;
  answers.received = received;
  return answers;
}

TEST(AnswersTest, NotOneReceivedIsAFindingWhateverTheFloor) {
  Answers answers = asked(3, 0);
  answers.failed = 2;
  answers.unanswered = 1;

  const probe::Verdict verdict = judged(answers, {.floor = 0}, "rate_limit_exceeded: too much");

  ASSERT_THAT(verdict.findings, SizeIs(1));
  EXPECT_EQ(verdict.findings[0].subject, "answers");
  EXPECT_EQ(verdict.findings[0].text, "no answer was received: 3 asked for");
  EXPECT_EQ(verdict.findings[0].evidence.at(0).text, "2 failed, 1 never came");
  EXPECT_EQ(verdict.findings[0].evidence.at(1).text, "rate_limit_exceeded: too much");
}

TEST(AnswersTest, FewerThanTheFloorAreAFinding) {
  Answers answers = asked(100, 94);
  answers.lost = 6;

  EXPECT_THAT(judged(answers, {.floor = 0.94}).findings, IsEmpty());
  const probe::Verdict verdict = judged(answers);
  ASSERT_THAT(verdict.findings, SizeIs(1));
  EXPECT_EQ(verdict.findings[0].text, "94 of 100 answers were received (94.0%), expected at least 95%");
  EXPECT_EQ(verdict.findings[0].evidence.at(0).text, "6 lost with their connection");
}

TEST(AnswersTest, WhatThisSideCutOffIsNotJudged) {
  Answers answers = asked(20, 10);
  answers.cut_off = 10;

  EXPECT_THAT(judged(answers).findings, IsEmpty());

  answers = asked(2, 0);
  answers.cut_off = 2;
  const probe::Verdict verdict = judged(answers);
  EXPECT_THAT(verdict.findings, IsEmpty());
  EXPECT_THAT(verdict.remarks, ElementsAre(HasSubstr("answers were not judged: all 2 asked for were cut off")));
}

TEST(AnswersTest, TurnsOfAClientThatReportsNoAnswersAreARemark) {
  Answers answers;
  answers.turns = 7;

  const probe::Verdict verdict = judged(answers);

  EXPECT_THAT(verdict.findings, IsEmpty());
  EXPECT_THAT(verdict.remarks, ElementsAre("answers were not judged: 7 turns ended, and the client reported none that "
                                           "it asked for"));
}

TEST(AnswersTest, ABoundOnTheirTimesThatIsExceededIsAFinding) {
  Answers answers = asked(100, 100);
  answers.first_audio.add(100ms, 90);
  answers.first_audio.add(900ms, 10);
  answers.gaps.add(0ms, 99);
  answers.gaps.add(40ms);

  EXPECT_THAT(
      judged(answers, {.floor = 0.95, .first_audio_p50_max = 110ms, .first_audio_p99_max = 1s, .audio_gap_max = 40ms})
          .findings,
      IsEmpty());
  const auto finding = [](const char* subject, const char* text) {
    return testing::AllOf(Field(&probe::Finding::subject, subject), Field(&probe::Finding::text, HasSubstr(text)));
  };
  EXPECT_THAT(judged(answers, {.first_audio_p50_max = 99ms}).findings,
              ElementsAre(finding("first_audio", "the median from the end of speech to the first audio was 10")));
  EXPECT_THAT(judged(answers, {.first_audio_p99_max = 899ms}).findings,
              ElementsAre(finding("first_audio",
                                  "the 99th percentile from the end of speech to the first audio was "
                                  "900.0 ms, allowed 899 ms")));
  EXPECT_THAT(judged(answers, {.audio_gap_max = 39ms}).findings,
              ElementsAre(finding("audio_gap", "the longest gap within an answer's audio was 40.0 ms, allowed 39 ms")));
}

TEST(AnswersTest, TheirTimesAreARemark) {
  Answers answers = asked(1, 1);
  answers.first_audio.add(100ms);
  answers.gaps.add(20ms);
  probe::Verdict verdict;

  explain_answers(answers, verdict);

  EXPECT_THAT(verdict.remarks, ElementsAre("from the end of speech to the first audio: p50 100.0 ms, p99 100.0 ms; "
                                           "longest gap within an answer: p99 20.0 ms, max 20.0 ms"));
}

}  // namespace
}  // namespace soak
