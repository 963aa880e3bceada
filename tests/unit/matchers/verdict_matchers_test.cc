// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "failure_text.h"
#include "soak/detail/run_context.h"
#include "soak/matchers.h"
#include "soak/run.h"

namespace soak {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

Verdict passing() { return {.findings = {}, .remarks = {"heap residue not judged: 1 quiescent point"}}; }

Verdict failing() {
  return {.findings = {{.subject = "sockets",
                        .text = "sockets rose 12 -> 224 in 6h00m, allowed +0",
                        .evidence = {{"since", "00:41:10, reconnect 37"}, {"with", "tasks rose 3 -> 215"}}},
                       {.subject = "rss", .text = "rss grew 60.0 MiB, allowed 50.0 MiB", .evidence = {}}},
          .remarks = {}};
}

constexpr const char kFindings[] =
    "  Actual: FAIL (of type soak::probe::Verdict), which has 2 findings\n"
    "    sockets rose 12 -> 224 in 6h00m, allowed +0\n"
    "      since: 00:41:10, reconnect 37\n"
    "      with: tasks rose 3 -> 215\n"
    "    rss grew 60.0 MiB, allowed 50.0 MiB";

TEST(PassesTest, MatchesAVerdictWithoutFindings) {
  const Verdict verdict = passing();

  EXPECT_THAT(verdict, Passes());
  EXPECT_EQ(failure_text(verdict, Not(Passes())),
            "Value of: value\n"
            "Expected: does not pass\n"
            "  Actual: PASS (of type soak::probe::Verdict), which has no finding\n"
            "    note: heap residue not judged: 1 quiescent point");
}

TEST(PassesTest, SaysEachFindingAndItsEvidence) {
  const Verdict verdict = failing();

  EXPECT_THAT(verdict, Not(Passes()));
  EXPECT_EQ(failure_text(verdict, Passes()), std::string("Value of: value\nExpected: passes\n") + kFindings);
}

TEST(FailsForTest, MatchesASeriesWithAFinding) {
  const Verdict verdict = failing();

  EXPECT_THAT(verdict, AllOf(FailsFor("sockets"), FailsFor(std::string("rss"))));
  EXPECT_EQ(failure_text(verdict, Not(FailsFor("rss"))),
            std::string("Value of: value\nExpected: does not fail for rss\n") + kFindings);
}

TEST(FailsForTest, DoesNotMatchWhatIsTheEffectOfAnother) {
  const Verdict verdict = failing();

  EXPECT_THAT(verdict, Not(FailsFor("tasks")));
  EXPECT_EQ(failure_text(verdict, FailsFor("tasks")),
            std::string("Value of: value\nExpected: fails for tasks\n") + kFindings);
}

TEST(FailsForTest, DoesNotMatchAVerdictThatPasses) { EXPECT_THAT(passing(), Not(FailsFor("sockets"))); }

class RunMatchersTest : public testing::Test {
 protected:
  RunMatchersTest() {
    detail::RunContext& context = detail::run_context();
    context = {};
    context.name = "Soak/Run.Test";
    context.quiet = true;
  }
  ~RunMatchersTest() override { detail::run_context() = {}; }
};

TEST_F(RunMatchersTest, ARunIsEndedAndJudgedAsItsVerdictIs) {
  soak::Run run({.duration = 1ms});
  for (auto cycle : run) {
    cycle.quiescent();
  }

  const bool passes = testing::Value(run, Passes());

  EXPECT_EQ(passes, run.record().verdict.passed());  // record() aborts where nobody has asked for the verdict.
}

TEST_F(RunMatchersTest, ARunThatFailsSaysWhy) {
  soak::Run run;

  EXPECT_THAT(run, AllOf(Not(Passes()), FailsFor("cycles"), Not(FailsFor("sockets"))));
  EXPECT_THAT(failure_text(run, Passes()), AllOf(StartsWith("Value of: value\n"
                                                            "Expected: passes\n"
                                                            "  Actual: a run (of type soak::Run), which has 1 finding\n"
                                                            "    0 cycles finished"),
                                                 Not(HasSubstr("object <"))));
}

}  // namespace
}  // namespace soak
