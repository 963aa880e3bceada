// SPDX-License-Identifier: Apache-2.0
// An AsyncRun that holds many sessions open at once, on the virtual clock.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <set>
#include <stdexcept>
#include <vector>

#include "soak/async_run.h"
#include "soak/detail/run_context.h"
#include "soak/error.h"
#include "soak/event.h"

namespace soak {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;

class SessionsTest : public testing::Test {
 protected:
  SessionsTest() {
    detail::RunContext& context = detail::run_context();
    context = {};
    context.name = "Soak/Sessions.Test";
    context.mode = Mode::kVirtual;
    context.quiet = true;
  }
  ~SessionsTest() override { detail::run_context() = {}; }

  static RunOptions ten_minutes(std::uint32_t sessions) {
    return {.duration = 10min, .reconnect_every = 30s, .sessions = sessions, .seed = 1};
  }

  static Task<> until_the_end(soak::AsyncRun& run, Cycle& cycle) {
    co_await sleep_for(cycle.ends_at() - run.elapsed());
  }

  // A frame a second that is due, and met unless `missed` says otherwise.
  template <typename Missed>
  static Task<> stream(soak::AsyncRun& run, Cycle& cycle, Missed missed) {
    for (auto due = run.elapsed(); due < cycle.ends_at(); due += 1s) {
      co_await sleep_for(due - run.elapsed());
      run.due("frames", due);
      if (!missed(cycle)) {
        run.met("frames", due);
      }
    }
  }
};

TEST_F(SessionsTest, SoManyAreOpenAtOnceAndEachReconnects) {
  soak::AsyncRun run(ten_minutes(50));
  std::size_t open = 0;
  std::size_t most = 0;
  std::vector<int> connects(50);
  std::set<std::uint64_t> numbers;

  run.drive([&](Cycle& cycle) -> Task<> {
    most = std::max(most, ++open);
    ++connects.at(cycle.session());
    numbers.insert(cycle.number());
    co_await until_the_end(run, cycle);
    --open;
  });

  EXPECT_TRUE(run.verdict().passed()) << run.summary();
  EXPECT_EQ(most, 50u);
  EXPECT_EQ(open, 0u);
  EXPECT_GE(*std::min_element(connects.begin(), connects.end()), 12);  // Ten times 54 s.
  EXPECT_LE(*std::max_element(connects.begin(), connects.end()), 24);
  EXPECT_EQ(numbers.size(), run.record().cycles);
  EXPECT_EQ(run.record().sessions, 50u);
  EXPECT_EQ(run.record().measured.quiescent_points, 10u);
  EXPECT_THAT(run.summary(), HasSubstr(" sessions=50 "));
}

TEST_F(SessionsTest, FramesOfAllAreCountedAndJudgedTogether) {
  soak::AsyncRun run(ten_minutes(20));

  run.drive([&](Cycle& cycle) { return stream(run, cycle, [](const Cycle&) { return false; }); });

  EXPECT_TRUE(run.verdict().passed()) << run.summary();
  EXPECT_GT(run.counted("frames"), 20u * 600 * 85 / 100);
}

TEST_F(SessionsTest, OneOfTwentyThatIsSilentIsAFinding) {
  soak::AsyncRun run(ten_minutes(20));

  run.drive([&](Cycle& cycle) { return stream(run, cycle, [](const Cycle& other) { return other.session() == 7; }); });

  ASSERT_THAT(run.verdict().findings, ElementsAre(Field(&Finding::subject, "frames"))) << run.summary();
  EXPECT_THAT(run.verdict().findings[0].text, HasSubstr("due while a session was open"));
}

TEST_F(SessionsTest, AReconnectThatFailsIsTriedAgainAndIsAFindingThatNamesTheSession) {
  soak::AsyncRun run(ten_minutes(20));
  bool failed = false;

  run.drive([&](Cycle& cycle) -> Task<> {
    if (cycle.session() == 3 && !failed) {
      failed = true;
      throw Error(Errc::kConnectionClosed, "reset");
    }
    co_await until_the_end(run, cycle);
  });

  ASSERT_THAT(run.verdict().findings, ElementsAre(Field(&Finding::subject, "failed_cycles"))) << run.summary();
  ASSERT_EQ(run.record().failures.size(), 1u);
  EXPECT_THAT(run.record().failures[0], AllOf(HasSubstr("session 4, cycle "), HasSubstr("reset")));
}

// Failures are allowed here, so that what is left is that too few cycles were finished.
TEST_F(SessionsTest, ASessionThatNeverConnectsLeavesTheRunShortOfCycles) {
  RunOptions options = ten_minutes(20);
  options.failed_cycles_max = 1'000'000;
  soak::AsyncRun run(options);

  run.drive([&](Cycle& cycle) -> Task<> {
    if (cycle.session() == 3) {
      throw Error(Errc::kConnectionClosed, "refused");
    }
    co_await until_the_end(run, cycle);
  });

  ASSERT_THAT(run.verdict().findings, ElementsAre(Field(&Finding::subject, "cycles"))) << run.summary();
}

TEST_F(SessionsTest, ABodyThatDoesNotEndIsCancelledThirtySecondsAfterItsCycleAndTheOthersGoOn) {
  soak::AsyncRun run(ten_minutes(5));
  Event never;
  bool stuck = false;
  int after = 0;

  run.drive([&](Cycle& cycle) -> Task<> {
    if (cycle.session() == 2 && !stuck) {
      stuck = true;
      co_await never.wait();
    }
    after += cycle.session() == 2 ? 1 : 0;
    co_await until_the_end(run, cycle);
  });

  EXPECT_THAT(run.verdict().findings, ElementsAre(Field(&Finding::subject, "failed_cycles"))) << run.summary();
  EXPECT_THAT(run.record().failures.at(0), AllOf(HasSubstr("session 3, "), HasSubstr("was still running 30.0s after")));
  EXPECT_GT(after, 10);
}

TEST_F(SessionsTest, AnExceptionOfOneEndsTheRunOfAll) {
  soak::AsyncRun run(ten_minutes(5));

  run.drive([&](Cycle& cycle) -> Task<> {
    co_await sleep_for(10s);
    if (cycle.session() == 4) {
      throw std::logic_error("a bug");
    }
    co_await until_the_end(run, cycle);
  });

  EXPECT_LT(run.elapsed(), 30s);
  EXPECT_THAT(run.verdict().findings, Contains(Field(&Finding::text, HasSubstr("a bug")))) << run.summary();
}

TEST_F(SessionsTest, ATaskThatAReconnectLeavesBehindIsTheFinding) {
  soak::AsyncRun run(ten_minutes(5));
  Event never;
  TaskGroup left_behind(run.loop());

  run.drive([&](Cycle& cycle) -> Task<> {
    left_behind.start({"forgotten", cycle.number()}, never.wait());
    co_await until_the_end(run, cycle);
  });

  EXPECT_THAT(run.verdict().findings, Contains(Field(&Finding::subject, "tasks"))) << run.summary();
  left_behind.end_in_place();
}

TEST_F(SessionsTest, TheSameSeedIsTheSameRun) {
  const auto moments = [] {
    soak::AsyncRun run(ten_minutes(10));
    std::vector<std::chrono::nanoseconds> at;
    run.drive([&](Cycle& cycle) -> Task<> {
      at.push_back(run.elapsed());
      co_await until_the_end(run, cycle);
    });
    run.verdict();
    return at;
  };

  EXPECT_EQ(moments(), moments());
}

TEST_F(SessionsTest, MoreThanTheProcessMayHaveDescriptorsAreRefused) {
  detail::run_context().mode = Mode::kReal;
  try {
    soak::AsyncRun run({.sessions = 100'000, .seed = 1});
    run.verdict();
    GTEST_SKIP() << "this process may open as many descriptors";
  } catch (const detail::RunRefused& refused) {
    EXPECT_THAT(refused.what(), AllOf(HasSubstr("sessions is 100000"), HasSubstr("raise the hard limit")));
  }
}

}  // namespace
}  // namespace soak
