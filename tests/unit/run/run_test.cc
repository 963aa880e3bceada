// SPDX-License-Identifier: Apache-2.0
// A Run without GoogleTest's glue around it. That a test fails for it is in tests/unit/gating.

#include "soak/run.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "conftest/scratch_folder.h"
#include "conftest/subprocess.h"
#include "soak/detail/run_context.h"
#include "soak/error.h"
#include "soak/report/read_journal.h"
#include "soak/run_driver.h"

namespace soak {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

class RunTest : public testing::Test {
 protected:
  RunTest() {
    detail::RunContext& context = detail::run_context();
    context = {};
    context.name = "Soak/Run.Test";
    context.quiet = true;  // No report, no thread: only the loop and the verdict.
  }
  ~RunTest() override { detail::run_context() = {}; }

  // Its time is what the test says, so that a busy machine is no slow one.
  class JumpingRun : public soak::Run {
   public:
    explicit JumpingRun(RunOptions options) : Run(std::move(options), Driven{}) {
      RunDriver(*this).use_virtual_clock([this] { return now_; });
    }
    void jump(std::chrono::nanoseconds time = 1s) { now_ += time; }

   private:
    std::chrono::nanoseconds now_{};
  };

  static void once_around(soak::Run& run) {
    for (auto cycle : run) {
      cycle.quiescent();
    }
  }
};

TEST_F(RunTest, LastsAsLongAsItWasAskedTo) {
  soak::Run run({.duration = 300ms});  // To begin takes some of it on a busy machine.

  once_around(run);

  EXPECT_TRUE(run.verdict().passed()) << run.summary();
  EXPECT_GE(run.elapsed(), 300ms);
  EXPECT_GT(run.record().cycles, 0u);
}

TEST_F(RunTest, WhatADriverFoundFailsIt) {
  JumpingRun run({.duration = 2s});
  for ([[maybe_unused]] auto cycle : run) {
    run.jump();
  }

  run.add_finding({"stored_twice", "stored_twice is 1, allowed 0", {{"message", "\"soak 17\""}}});
  run.add_note("not exercised: token rotation");
  RunDriver(run).show_figures({{"sent", "2880"}, {"success_rate", "0.9993"}});

  EXPECT_FALSE(run.verdict().passed());
  EXPECT_THAT(run.summary(), AllOf(HasSubstr("] FAIL: sent=2880 success_rate=0.9993 elapsed=2.0s"),
                                   HasSubstr("\n  stored_twice is 1, allowed 0\n    message     \"soak 17\"\n"),
                                   HasSubstr("note: not exercised: token rotation\n")));
}

TEST_F(RunTest, ADeathTestsChildWritesNothing) {
  const std::string folder = conftest::scratch_folder() / "quiet";
  JumpingRun run({.duration = 20s, .report_dir = folder});

  for (auto cycle : run) {
    run.jump();
    cycle.quiescent();
  }

  EXPECT_TRUE(run.verdict().passed()) << run.summary();
  EXPECT_EQ(run.report_page(), "");
  EXPECT_FALSE(std::filesystem::exists(folder));
}

// One that writes reports, on a disk that this process may fill.
class RunReportTest : public RunTest {
 protected:
  RunReportTest() {
    detail::run_context().quiet = false;
    detail::run_context().progress = false;
    ::getrlimit(RLIMIT_FSIZE, &before_);
  }
  ~RunReportTest() override { ::setrlimit(RLIMIT_FSIZE, &before_); }

  // No file may be longer: what a full disk does, without one.
  void limit_files(rlim_t bytes) const {
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }

  report::Record journal() const {
    const std::string path = folder_ / "Soak-Run.Test.journal";
    return report::read_journal(conftest::read_file(path), path);
  }

  const conftest::ScratchFolder folder_;

 private:
  rlimit before_{};
};

TEST_F(RunReportTest, AFullDiskIsFoundOutBeforeTheFirstCycle) {
  limit_files(4096);
  soak::Run run({.duration = 1h, .report_dir = folder_.path()});

  EXPECT_THAT([&run] { once_around(run); },
              testing::ThrowsMessage<detail::RunRefused>(HasSubstr("the report cannot be written: " + folder_.path())));
}

TEST_F(RunReportTest, AJournalThatCannotBeWrittenOnIsAFindingOfItsTime) {
  limit_files(2 << 20);
  soak::Run run({.duration = 1h, .report_dir = folder_.path(), .failed_cycles_max = 10});
  RunDriver driver(run);
  driver.begin_run();
  for (int i = 0; i < 5; ++i) {
    driver.fail_cycle("kept in the report");
  }
  testing::internal::CaptureStderr();
  driver.fail_cycle(std::string(4 << 20, 'x'));  // In the journal only.
  driver.finish_cycle();
  driver.sample();
  const std::string said = testing::internal::GetCapturedStderr();
  driver.end_run();

  const std::string why = ", before the run: " + folder_ / "Soak-Run.Test.journal" + ": File too large";
  EXPECT_THAT(said, AllOf(StartsWith("[SOAK / Run.Test] the journal ended at 00:00:"), HasSubstr(why + "\n")));
  EXPECT_THAT(run.verdict().findings,
              Contains(AllOf(Field(&Finding::subject, "journal"), Field(&Finding::text, HasSubstr(why)))));
  EXPECT_THAT(run.verdict().findings, Not(Contains(Field(&Finding::subject, "report"))));
}

TEST_F(RunReportTest, AJournalHoldsWhatARunThatIsKilledHasAddedUp) {
  soak::Run run({.duration = 1h, .report_dir = folder_.path()});
  RunDriver driver(run);
  driver.begin_run();
  driver.want_sessions(1, 0s, 1h);
  driver.report_sessions();
  driver.session_open(0s, run.elapsed());
  driver.answers().asked = 12;
  driver.answers().received = 7;
  driver.answers().first_audio.add(310ms);
  driver.session_holds(12'345);
  driver.show_figures({{"success_rate", "0.9993"}});
  run.due("frames", 0s);
  run.met("frames", 0s);

  driver.keep_totals();

  const report::Record left = journal();  // Nothing more is written by a process that is killed now.
  EXPECT_EQ(left.answers->asked, 12u);
  EXPECT_EQ(left.answers->received, 7u);
  EXPECT_EQ(left.answers->first_audio.max(), 310ms);
  EXPECT_GT(left.open_time->open_s, 0);
  EXPECT_GE(left.open_time->wanted_s, left.open_time->open_s);
  EXPECT_EQ(left.session_rss_bytes, 12'345);
  EXPECT_THAT(left.figures, ElementsAre(Field(&report::Figure::value, "0.9993")));
  ASSERT_THAT(left.traffic, SizeIs(1));
  EXPECT_THAT(left.traffic[0].met, ElementsAre(1u, 0u, 0u));
  driver.end_run();
  run.verdict();
}

TEST_F(RunReportTest, AnExceptionLeavesWhatWasAddedUpInTheJournal) {
  try {
    soak::Run run({.duration = 1h, .report_dir = folder_.path()});
    RunDriver driver(run);
    driver.begin_run();
    driver.keep_totals();
    driver.answers().asked = 12;  // After the last of those that were due.
    throw std::runtime_error("of the program");
  } catch (const std::runtime_error&) {
  }

  EXPECT_EQ(journal().answers->asked, 12u);
}

TEST_F(RunReportTest, AReportThatCannotBeWrittenAtTheEndFailsTheVerdict) {
  JumpingRun run({.duration = 20s, .report_dir = folder_.path()});
  for (auto cycle : run) {
    run.jump();
    cycle.quiescent();
  }
  std::filesystem::create_directories(folder_ / "Soak-Run.Test.html/occupied");

  EXPECT_THAT(run.verdict().findings, ElementsAre(Field(&Finding::subject, "report")));
  EXPECT_THAT(conftest::read_file(folder_ / "Soak-Run.Test.json"), HasSubstr("\"passed\": false"));
}

TEST_F(RunReportTest, TwoRunsOfOneTestShareItsReport) {
  JumpingRun one({.duration = 20s, .report_dir = folder_.path()});
  JumpingRun other({.duration = 20s, .report_dir = folder_.path()});
  for (JumpingRun* run : {&one, &other}) {
    for (auto cycle : *run) {
      run->jump();
      cycle.quiescent();
    }
  }

  EXPECT_TRUE(one.verdict().passed()) << one.summary();
  EXPECT_TRUE(other.verdict().passed()) << other.summary();
  EXPECT_EQ(one.report_page(), other.report_page());
}

TEST_F(RunTest, MarksWhatHappenedAndWhen) {
  JumpingRun run({.duration = 20s});
  for (auto cycle : run) {
    run.mark("fault", "reset");
    run.jump();
  }

  run.verdict();
  ASSERT_FALSE(run.record().marks.empty());
  EXPECT_EQ(run.record().marks[0].kind, "fault");
  EXPECT_LE(run.record().marks[0].at, run.elapsed());
}

TEST_F(RunTest, CountsWhatItIsTold) {
  soak::Run run({.duration = 1ms});
  for (auto cycle : run) {
    run.count("puts", 2);
  }

  EXPECT_EQ(
      run.counted("puts"), 2 * [&] {
        run.verdict();
        return run.record().cycles;
      }());
}

TEST_F(RunTest, WhatItCountsIsKnownAtEveryQuiescentPoint) {
  JumpingRun run({.duration = 20s});
  for (auto cycle : run) {
    run.count("puts");
    if (cycle.number() == 3) {
      run.count("evictions", 7);
    }
    run.jump();
    cycle.quiescent();
  }

  run.verdict();
  const probe::Measurements& measured = run.record().measured;
  ASSERT_THAT(measured.operations,
              ElementsAre(Field(&probe::Operation::name, "puts"), Field(&probe::Operation::name, "evictions")));
  const probe::Series& puts = measured.operations[0].at_rest;
  const probe::Series& evictions = measured.operations[1].at_rest;
  for (const probe::Series* series : {&puts, &evictions}) {
    EXPECT_EQ(series->added(), measured.quiescent_points);
    EXPECT_EQ(series->first()->at, measured.find("rss")->at_rest.first()->at);
  }
  EXPECT_EQ(puts.first()->value, 1);
  EXPECT_EQ(static_cast<std::uint64_t>(puts.last()->value), puts.last()->cycle);
  EXPECT_EQ(evictions.first()->value, 0);
  EXPECT_EQ(evictions.last()->value, 7);
}

// Looks see a count that leaks, from the first one on; that comes after five seconds.
class RunEarlyStopTest : public RunTest {
 protected:
  RunEarlyStopTest() {
    detail::run_context().trends = [](const probe::Measurements&) {
      probe::Trend trend;
      trend.series = "tables";
      trend.leak = true;
      return std::vector{trend};
    };
  }
};

TEST_F(RunEarlyStopTest, ALeakThatIsCertainForHalfOfTheTimeEndsTheLoopAtAQuiescentPoint) {
  JumpingRun run({.duration = 1min});
  for (auto cycle : run) {
    run.jump();
    cycle.quiescent();
  }

  EXPECT_TRUE(run.ended_early());
  EXPECT_GE(run.elapsed(), 35s);
  EXPECT_LE(run.elapsed(), 40s);
  EXPECT_THAT(run.verdict().findings, ElementsAre(Field(&Finding::subject, "tables"))) << run.summary();
  EXPECT_EQ(run.record().ended_early, run.elapsed());
}

TEST_F(RunEarlyStopTest, WithoutQuiescentPointsItIsSeenBetweenCycles) {
  JumpingRun run({.duration = 1min});
  for (auto cycle : run) {
    run.jump();
  }

  EXPECT_TRUE(run.ended_early());
  EXPECT_THAT(run.verdict().findings, ElementsAre(Field(&Finding::subject, "tables"))) << run.summary();
}

TEST_F(RunEarlyStopTest, SwitchedOffTheRunGoesOnToItsEnd) {
  JumpingRun run({.duration = 1min, .early_stop = false});
  for (auto cycle : run) {
    run.jump();
  }

  EXPECT_FALSE(run.ended_early());
  EXPECT_EQ(run.elapsed(), 1min);
  run.verdict();
}

TEST_F(RunEarlyStopTest, ASmokeRunNeverEndsEarly) {
  detail::run_context().mode = Mode::kSmoke;
  JumpingRun run({});
  for (auto cycle : run) {
    for (int i = 0; i < 10; ++i) {
      run.jump();  // Past the two seconds, and past the first look.
    }
    cycle.quiescent();
  }

  EXPECT_FALSE(run.ended_early());
  EXPECT_TRUE(run.verdict().passed()) << run.summary();
}

TEST_F(RunTest, WithoutACycleItFails) {
  soak::Run run;

  EXPECT_THAT(run.verdict().findings, ElementsAre(Field(&Finding::subject, "cycles")));
}

TEST_F(RunTest, ASmokeRunJudgesNoResidueWithoutQuiescentPoints) {
  detail::run_context().mode = Mode::kSmoke;
  JumpingRun run({});
  for (auto cycle : run) {
    run.jump();
  }

  EXPECT_TRUE(run.verdict().passed()) << run.summary();
  EXPECT_THAT(run.verdict().remarks, Contains(HasSubstr("heap residue not judged")));
}

TEST_F(RunTest, WithoutQuiescentPointsTheEndsOfPassesAreJudged) {
  JumpingRun run({.duration = 20s});
  for (auto cycle : run) {
    run.jump();
  }

  EXPECT_TRUE(run.verdict().passed()) << run.summary();
  const probe::Measurements& measured = run.record().measured;
  EXPECT_TRUE(measured.candidates);
  EXPECT_EQ(measured.quiescent_points, 20u);
  EXPECT_EQ(measured.find("fds")->at_rest.first()->cycle, 1u);
  EXPECT_EQ(measured.find("heap")->at_rest.last()->cycle, 20u);
}

TEST_F(RunTest, TheFirstQuiescentPointForgetsTheEndsOfPasses) {
  std::int64_t held = 100;
  JumpingRun run({.duration = 40s, .counts_exact = true});
  run.add_gauge("held", [&held] { return held; });
  for (auto cycle : run) {
    run.count("puts");
    run.jump();
    held = cycle.number() < 5 ? 50 : 100;  // Half of a batch is no rest.
    if (cycle.number() % 10 == 9) {
      cycle.quiescent();
    }
  }

  EXPECT_TRUE(run.verdict().passed()) << run.summary();
  const probe::Measurements& measured = run.record().measured;
  EXPECT_FALSE(measured.candidates);
  EXPECT_EQ(measured.quiescent_points, 4u);
  EXPECT_EQ(measured.find("held")->at_rest.first()->cycle, 10u);
  EXPECT_EQ(measured.operations.at(0).at_rest.first()->value, 10);
  EXPECT_EQ(measured.operations.at(0).at_rest.added(), 4u);
}

TEST_F(RunTest, AGaugeThatStaysUpIsAFinding) {
  std::int64_t sessions = 0;
  JumpingRun run({.duration = 20s});
  run.add_gauge("sessions", [&sessions] { return sessions; });
  for (auto cycle : run) {
    sessions = static_cast<std::int64_t>(cycle.number());
    run.jump();
    cycle.quiescent();
  }

  const Finding* finding = run.verdict().find("sessions");
  ASSERT_NE(finding, nullptr) << run.summary();
  EXPECT_THAT(finding->text, HasSubstr("sessions rose 0 -> "));
}

TEST_F(RunTest, AGaugeMayStandForWhatTheKernelCounts) {
  soak::Run run({.duration = 5ms});
  run.add_gauge("sessions", [] { return 0; }, {.stands_for = "sockets"});
  EXPECT_THROW(run.add_gauge("other", [] { return 0; }, {.stands_for = "rockets"}), Error);
  once_around(run);

  run.verdict();
  EXPECT_EQ(run.record().measured.find("sessions")->stands_for, "sockets");
}

TEST_F(RunTest, AWatchedProcessThatEndsIsAFinding) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    char byte = 0;
    ::close(ends[1]);
    ::_exit(static_cast<int>(::read(ends[0], &byte, 1)));  // Until our end is closed.
  }
  JumpingRun run({.duration = 30s});
  run.watch_process({child}, "fake");
  bool ended = false;
  for (auto cycle : run) {
    run.jump();
    cycle.quiescent();
    if (!ended) {
      ended = true;
      ::close(ends[1]);
      ::waitpid(child, nullptr, 0);
    }
  }
  ::close(ends[0]);

  ASSERT_THAT(run.verdict().findings, ElementsAre(Field(&Finding::subject, "fake"))) << run.summary();
  EXPECT_THAT(run.verdict().findings[0].text, HasSubstr("(fake) ended at 00:00:01, before the run did"));
}

TEST_F(RunTest, NoProcessToWatchIsSaidByItsNumber) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::_exit(0);
  }
  ::waitpid(child, nullptr, 0);
  soak::Run run({.duration = 1ms});

  EXPECT_THROW(run.watch_process({child}, "fake"), Error);

  once_around(run);
  run.verdict();
}

TEST_F(RunTest, AStreamOffItsRateIsAFinding) {
  JumpingRun run({.duration = 5s});
  for (auto cycle : run) {
    run.jump();
    run.due("frames", run.elapsed());
    run.due("frames", run.elapsed());
    run.met("frames", run.elapsed());
  }

  EXPECT_THAT(run.verdict().findings, Contains(Field(&Finding::subject, "frames")));
}

TEST_F(RunTest, ASignalEndsTheLoopAndFailsTheVerdict) {
  soak::Run run({.duration = 1h});
  for (auto cycle : run) {
    ::raise(SIGTERM);
  }

  ASSERT_THAT(run.verdict().findings, ElementsAre(Field(&Finding::subject, "interrupted")));
  EXPECT_THAT(run.verdict().findings[0].text, HasSubstr("interrupted by SIGTERM after"));
  EXPECT_TRUE(run.record().interrupted);
  EXPECT_EQ(run.record().cycles, 1u);
}

TEST_F(RunTest, ASecondSignalDoesWhatItDidBefore) {
  EXPECT_EXIT(
      {
        soak::Run run({.duration = 1h});
        for (auto cycle : run) {
          ::raise(SIGINT);
          ::raise(SIGINT);
        }
      },
      testing::KilledBySignal(SIGINT), "");
}

TEST_F(RunTest, AnUnreadVerdictIsSaidWhereSomebodyListens) {
  std::string heard;
  detail::run_context().on_unread = [&heard](const std::string& message) { heard = message; };

  { soak::Run run({.duration = 1ms}); }

  EXPECT_THAT(heard, HasSubstr("Soak/Run.Test: the verdict of this soak::Run was never read"));
}

TEST_F(RunTest, AnExceptionThatDestroysItIsTheWholeStory) {
  EXPECT_THAT(
      [] {
        soak::Run run({.duration = 1h});
        for ([[maybe_unused]] auto cycle : run) {
          throw std::runtime_error("thrown in the loop");
        }
      },
      testing::ThrowsMessage<std::runtime_error>("thrown in the loop"));  // It would abort: nobody listens.
}

TEST_F(RunTest, AnExceptionThatLeftTheTestsBodyIsTheWholeStory) {
  std::string heard;
  detail::run_context().on_unread = [&heard](const std::string& message) { heard = message; };
  detail::run_context().threw = [] { return true; };

  { soak::Run run({.duration = 1ms}); }  // As a member of a fixture, which is destroyed after the exception.

  EXPECT_EQ(heard, "");
}

TEST_F(RunTest, AnUnreadVerdictIsSaidAlsoWhileAnotherExceptionUnwinds) {
  std::string heard;
  detail::run_context().on_unread = [&heard](const std::string& message) { heard = message; };
  struct SoaksAtTheEnd {
    ~SoaksAtTheEnd() { soak::Run run({.duration = 1ms}); }
  };

  try {
    const SoaksAtTheEnd at_the_end;
    throw std::runtime_error("of somebody else");
  } catch (const std::runtime_error&) {
  }

  EXPECT_THAT(heard, HasSubstr("never read"));
}

TEST_F(RunTest, ATestThatSkipsItselfBeforeTheFirstCycleHasNoVerdictToRead) {
  std::string heard;
  detail::run_context().on_unread = [&heard](const std::string& message) { heard = message; };
  detail::run_context().skipped = [] { return true; };

  { soak::Run run({.duration = 1ms}); }

  EXPECT_EQ(heard, "");
}

TEST_F(RunTest, ATestThatSkipsItselfInACycleHasAVerdictToRead) {
  std::string heard;
  detail::run_context().on_unread = [&heard](const std::string& message) { heard = message; };
  detail::run_context().skipped = [] { return true; };

  {
    soak::Run run({.duration = 1ms});
    for (auto cycle : run) {
      break;
    }
  }

  EXPECT_THAT(heard, HasSubstr("never read"));
}

TEST_F(RunTest, AnUnreadVerdictAbortsWhereNobodyListens) {
  EXPECT_DEATH({ soak::Run run({.duration = 1ms}); }, "never read");
}

TEST_F(RunTest, RunsOnce) {
  EXPECT_DEATH(
      {
        soak::Run run({.duration = 1ms});
        once_around(run);
        once_around(run);
      },
      "a soak::Run runs once");
}

TEST_F(RunTest, TheTitleOfTheTestStandsAndADriverNamesTheRest) {
  soak::Run with_title({.title = "MINE", .duration = 1ms});
  soak::Run without({.duration = 1ms});
  for (soak::Run* run : {&with_title, &without}) {
    RunDriver(*run).describe("VOICE SOAK / openai", "reconnect");
    once_around(*run);
    run->verdict();
  }

  EXPECT_THAT(with_title.summary(), AllOf(StartsWith("[MINE] "), HasSubstr(" reconnects=")));
  EXPECT_THAT(without.summary(), StartsWith("[VOICE SOAK / openai] "));
}

TEST_F(RunTest, HasNoVirtualClockOfItsOwn) {
  detail::run_context().mode = Mode::kVirtual;

  EXPECT_THROW(soak::Run({.duration = 1ms}), detail::RunSkipped);
}

TEST_F(RunTest, ADurationThatCannotFitIsRefused) {
  detail::run_context().timeout = 65min;

  EXPECT_THROW(soak::Run({.duration = 24h}), detail::RunRefused);
  EXPECT_NO_THROW({
    soak::Run run({.duration = 60min});
    run.verdict();
  });
}

}  // namespace
}  // namespace soak
