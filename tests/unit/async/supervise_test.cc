// SPDX-License-Identifier: Apache-2.0
#include "soak/supervise.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "conftest/captured_log.h"
#include "sample_tasks.h"
#include "soak/event.h"

namespace soak {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""s;
using testing::ElementsAre;
using testing::IsEmpty;

class SuperviseTest : public testing::Test {
 protected:
  void cancel_all(TaskGroup& group) { (void)loop_.run(drain(group, {.cancel_first = true})); }

  VirtualLoop loop_;
  conftest::CapturedLog log_;
};

using SuperviseDeathTest = SuperviseTest;

TEST_F(SuperviseTest, PrefersTheDisconnectToACrashInTheSameRound) {
  TaskGroup group(loop_);
  group.start("upload", crash_after(1s));
  group.start("receive", sleep_for(1s), TaskKind::kReceive);
  group.start("heartbeat", sleep_for(1h));

  const SupervisorExit first = loop_.run(supervise(group));
  const SupervisorExit second = loop_.run(supervise(group));

  EXPECT_EQ(first.reason, ExitReason::kDisconnect);
  EXPECT_EQ(first.task, "receive");
  EXPECT_EQ(first.error, nullptr);
  EXPECT_EQ(second.reason, ExitReason::kCrash);
  EXPECT_EQ(second.task, "upload");
  EXPECT_EQ(second.what, "disk full");
  EXPECT_EQ(loop_.elapsed(), 1s);
  cancel_all(group);
}

TEST_F(SuperviseTest, PrefersTheCrashToALifetimeTaskThatEndedInTheSameRound) {
  TaskGroup group(loop_);
  group.start("heartbeat", sleep_for(1s));
  group.start("upload", crash_after(1s), TaskKind::kFinite);
  group.start("other", sleep_for(1h));

  const SupervisorExit first = loop_.run(supervise(group));
  const SupervisorExit second = loop_.run(supervise(group));

  EXPECT_EQ(first.reason, ExitReason::kCrash);
  EXPECT_EQ(second.reason, ExitReason::kLifetimeDone);
  EXPECT_EQ(second.task, "heartbeat");
  cancel_all(group);
}

TEST_F(SuperviseTest, CallsTheEndOfTheReceiveTaskADisconnectAlsoWhenItWasCancelled) {
  TaskGroup group(loop_);
  const auto receive = []() -> Task<> {
    co_await sleep_for(1s);
    throw Cancelled{};
  };
  group.start("receive", receive(), TaskKind::kReceive);
  group.start("heartbeat", sleep_for(1h));

  const SupervisorExit exit = loop_.run(supervise(group));

  EXPECT_EQ(exit.reason, ExitReason::kDisconnect);
  EXPECT_EQ(exit.error, nullptr);
  EXPECT_EQ(exit.what, "");
  cancel_all(group);
}

TEST_F(SuperviseTest, TellsAReceiveTaskThatThrewOnceAsADisconnectWithItsError) {
  TaskGroup group(loop_);
  group.start("receive", crash_after(1s, "reset by peer"), TaskKind::kReceive);
  group.start("heartbeat", sleep_for(5s), TaskKind::kFinite);

  const SupervisorExit first = loop_.run(supervise(group));
  const SupervisorExit second = loop_.run(supervise(group));

  EXPECT_EQ(first.reason, ExitReason::kDisconnect);
  EXPECT_EQ(first.task, "receive");
  EXPECT_EQ(first.what, "reset by peer");
  EXPECT_THROW(std::rethrow_exception(first.error), std::runtime_error);
  EXPECT_EQ(second.reason, ExitReason::kAllDone);
  EXPECT_EQ(loop_.elapsed(), 5s);
}

TEST_F(SuperviseTest, StillTellsTheCrashBeforeAReceiveTaskThatThrewAsWell) {
  TaskGroup group(loop_);
  group.start("upload", crash_after(1s, "disk full"));
  group.start("receive", crash_after(1s, "reset by peer"), TaskKind::kReceive);

  const SupervisorExit first = loop_.run(supervise(group));
  const SupervisorExit second = loop_.run(supervise(group));
  const SupervisorExit third = loop_.run(supervise(group));

  EXPECT_EQ(first.what, "reset by peer");
  EXPECT_EQ(second.reason, ExitReason::kCrash);
  EXPECT_EQ(second.what, "disk full");
  EXPECT_EQ(third.reason, ExitReason::kAllDone);
}

TEST_F(SuperviseTest, NamesTheTaskThatCrashedAndWhatItThrew) {
  TaskGroup group(loop_);
  group.start({"upload", 7}, crash_after(2s, "disk full"));
  group.start("heartbeat", sleep_for(1h));

  const SupervisorExit exit = loop_.run(supervise(group));

  EXPECT_EQ(exit.reason, ExitReason::kCrash);
  EXPECT_EQ(exit.task, "upload-7");
  EXPECT_EQ(exit.what, "disk full");
  EXPECT_THROW(std::rethrow_exception(exit.error), std::runtime_error);
  EXPECT_EQ(loop_.elapsed(), 2s);
  cancel_all(group);
}

TEST_F(SuperviseTest, KeepsAnExceptionThatIsNoStdException) {
  TaskGroup group(loop_);
  const auto throws = []() -> Task<> {
    co_await sleep_for(1s);
    throw 42;
  };
  group.start("upload", throws());

  const SupervisorExit exit = loop_.run(supervise(group));

  EXPECT_EQ(exit.reason, ExitReason::kCrash);
  EXPECT_EQ(exit.what, "an exception that is not a std::exception");
  EXPECT_THROW(std::rethrow_exception(exit.error), int);
}

TEST_F(SuperviseTest, EndsWhenALifetimeTaskEndsNormally) {
  TaskGroup group(loop_);
  group.start("heartbeat", sleep_for(3s));
  group.start("other", sleep_for(1h));

  const SupervisorExit exit = loop_.run(supervise(group));

  EXPECT_EQ(exit.reason, ExitReason::kLifetimeDone);
  EXPECT_EQ(exit.task, "heartbeat");
  EXPECT_EQ(exit.error, nullptr);
  EXPECT_EQ(loop_.elapsed(), 3s);
  cancel_all(group);
}

TEST_F(SuperviseTest, WaitsPastFiniteTasksThatEndNormally) {
  TaskGroup group(loop_);
  group.start("authenticate", sleep_for(1s), TaskKind::kFinite);
  group.start("download", sleep_for(2s), TaskKind::kFinite);
  group.start("receive", sleep_for(3s), TaskKind::kReceive);

  const SupervisorExit exit = loop_.run(supervise(group));

  EXPECT_EQ(exit.reason, ExitReason::kDisconnect);
  EXPECT_EQ(loop_.elapsed(), 3s);
}

TEST_F(SuperviseTest, CallsItACrashWhenAFiniteTaskThrows) {
  TaskGroup group(loop_);
  group.start("download", crash_after(1s), TaskKind::kFinite);
  group.start("heartbeat", sleep_for(1h));

  EXPECT_EQ(loop_.run(supervise(group)).reason, ExitReason::kCrash);
  cancel_all(group);
}

TEST_F(SuperviseTest, EndsWithAllDoneWhenOnlyFiniteTasksWereThere) {
  TaskGroup group(loop_);
  group.start("one", sleep_for(1s), TaskKind::kFinite);
  group.start("two", sleep_for(4s), TaskKind::kFinite);

  const SupervisorExit exit = loop_.run(supervise(group));

  EXPECT_EQ(exit.reason, ExitReason::kAllDone);
  EXPECT_EQ(exit.task, "");
  EXPECT_EQ(exit.error, nullptr);
  EXPECT_EQ(loop_.elapsed(), 4s);
}

TEST_F(SuperviseTest, WaitsPastCancelledTasks) {
  TaskGroup group(loop_);
  int cancellations = 0;
  const auto returns = [&]() -> Task<> { (void)co_await unwind_for(2s, cancellations); };
  group.start("cancelled", sleep_for(1h));
  group.start("returns", returns());
  loop_.run(sleep_for(1s));
  group.cancel();
  group.start("download", sleep_for(5s), TaskKind::kFinite);

  const SupervisorExit exit = loop_.run(supervise(group));

  EXPECT_EQ(exit.reason, ExitReason::kAllDone);
  EXPECT_EQ(cancellations, 1);
  EXPECT_EQ(loop_.elapsed(), 6s);
}

TEST_F(SuperviseTest, OfAnEmptyGroupTakesNoTime) {
  TaskGroup group(loop_);

  EXPECT_EQ(loop_.run(supervise(group)).reason, ExitReason::kAllDone);
  EXPECT_EQ(loop_.elapsed(), 0s);
}

TEST_F(SuperviseTest, TellsWhatEndedBeforeItWasCalled) {
  TaskGroup group(loop_);
  group.start("upload", crash_after(1s));
  group.start("heartbeat", sleep_for(1h));
  loop_.run(sleep_for(10s));

  const SupervisorExit exit = loop_.run(supervise(group, {.label = "pusher"}));

  EXPECT_EQ(exit.reason, ExitReason::kCrash);
  EXPECT_EQ(loop_.elapsed(), 10s);
  EXPECT_THAT(log_.lines(), ElementsAre("error supervise 'pusher': upload crashed: disk full"));
  cancel_all(group);
}

TEST_F(SuperviseTest, SeesTasksThatAreStartedMeanwhile) {
  TaskGroup group(loop_);
  const auto starter = [&]() -> Task<> {
    co_await sleep_for(1s);
    group.start("late", crash_after(1s));
  };
  group.start("starter", starter(), TaskKind::kFinite);
  group.start("heartbeat", sleep_for(1h));

  const SupervisorExit exit = loop_.run(supervise(group));

  EXPECT_EQ(exit.task, "late");
  EXPECT_EQ(loop_.elapsed(), 2s);
  cancel_all(group);
}

TEST_F(SuperviseTest, TellsEachEndOnceSoThatWhatCrashedCanBeRestarted) {
  TaskGroup group(loop_);
  group.start("heartbeat", sleep_for(10s));
  group.start({"upload", 0}, crash_after(1s));
  std::vector<std::string> crashed;

  SupervisorExit exit = loop_.run(supervise(group));
  for (int attempt = 1; exit.reason == ExitReason::kCrash && attempt <= 3; ++attempt) {
    crashed.push_back(exit.task);
    group.start({"upload", attempt}, crash_after(1s));
    exit = loop_.run(supervise(group));
  }
  crashed.push_back(exit.task);
  exit = loop_.run(supervise(group));

  EXPECT_THAT(crashed, ElementsAre("upload-0", "upload-1", "upload-2", "upload-3"));
  EXPECT_EQ(exit.reason, ExitReason::kLifetimeDone);
  EXPECT_EQ(exit.task, "heartbeat");
  EXPECT_EQ(loop_.elapsed(), 10s);
  EXPECT_EQ(loop_.run(supervise(group)).reason, ExitReason::kAllDone);
}

TEST_F(SuperviseTest, OwnsNothingAndCancelsNothing) {
  TaskGroup group(loop_);
  group.start("receive", sleep_for(1s), TaskKind::kReceive);
  group.start("upload", sleep_for(5s));

  (void)loop_.run(supervise(group));
  EXPECT_EQ(group.size(), 1u);
  const DrainResult result = loop_.run(drain(group));

  EXPECT_EQ(result.completed, 1u);
  EXPECT_TRUE(result.clean());
  EXPECT_EQ(loop_.elapsed(), 5s);
}

TEST_F(SuperviseTest, ThrowsCancelledAndLeavesTheGroupAloneWhenItsCallerIsCancelled) {
  TaskGroup group(loop_);
  group.start("heartbeat", sleep_for(1h));
  const auto supervisor = [&]() -> Task<> { (void)co_await supervise(group); };

  EXPECT_TRUE(loop_.run(cancelled_after(loop_, 2s, supervisor)));

  EXPECT_EQ(group.size(), 1u);
  EXPECT_EQ(loop_.elapsed(), 2s);
  cancel_all(group);
}

TEST_F(SuperviseTest, TellsTheEndThatHappensInTheTurnInWhichItIsCancelled) {
  TaskGroup group(loop_);
  Event event;
  const auto crash = [&]() -> Task<> {
    co_await event.wait();
    throw std::runtime_error("401");
  };
  group.start("upload", crash());
  SupervisorExit exit;
  bool went_on = false;
  const auto supervisor = [&]() -> Task<> {
    exit = co_await supervise(group);
    co_await yield();
    went_on = true;
  };
  TaskGroup supervisors(loop_);
  supervisors.start("supervisor", supervisor());
  loop_.run(sleep_for(1s));
  event.set();
  supervisors.cancel();

  EXPECT_EQ(loop_.run(drain(supervisors)).cancelled, 1u);

  EXPECT_EQ(exit.reason, ExitReason::kCrash);
  EXPECT_EQ(exit.what, "401");
  EXPECT_FALSE(went_on);
  cancel_all(group);
}

TEST_F(SuperviseTest, CanBeForcedWhereItWaits) {
  TaskGroup group(loop_);
  group.start("heartbeat", sleep_for(1h));
  const auto supervisor = [&]() -> Task<> {
    for (;;) {
      try {
        (void)co_await supervise(group);
      } catch (const Cancelled&) {
      }
    }
  };
  TaskGroup supervisors(loop_);
  supervisors.start("supervisor", supervisor());

  EXPECT_EQ(loop_.run(drain(supervisors, {.timeout = 1s, .grace = 1s})).forced, 1u);

  EXPECT_EQ(group.size(), 1u);
  cancel_all(group);
}

TEST_F(SuperviseTest, KeepsWithGroupFromThrowingACrashThatItTold) {
  const auto restarts = [&](TaskGroup& group) -> Task<> {
    group.start("upload", crash_after(1s));
    const SupervisorExit exit = co_await supervise(group);
    EXPECT_EQ(exit.reason, ExitReason::kCrash);
  };

  const DrainResult result = loop_.run(with_group(loop_, {}, restarts));

  EXPECT_EQ(result.failed, 1u);
}

TEST_F(SuperviseTest, KeepsWithGroupFromCancellingTheBodyThatSupervises) {
  int crashes = 0;
  const auto restarts = [&](TaskGroup& group) -> Task<> {
    for (int i = 0; i < 3; ++i) {
      group.start({"upload", i}, crash_after(1s));
      SupervisorExit exit = co_await supervise(group);
      crashes += exit.reason == ExitReason::kCrash ? 1 : 0;
      co_await sleep_for(1s);
    }
  };

  EXPECT_EQ(loop_.run(with_group(loop_, {}, restarts)).failed, 3u);

  EXPECT_EQ(crashes, 3);
}

TEST_F(SuperviseTest, LeavesACrashThatItDidNotTellToWithGroup) {
  const auto ignores = [&](TaskGroup& group) -> Task<> {
    group.start("upload", crash_after(1s));
    group.start("receive", sleep_for(1s), TaskKind::kReceive);
    const SupervisorExit exit = co_await supervise(group);
    EXPECT_EQ(exit.reason, ExitReason::kDisconnect);
  };

  EXPECT_THROW(loop_.run(with_group(loop_, {}, ignores)), std::runtime_error);
}

TEST_F(SuperviseTest, LogsEachCrashOfTheGroupAlsoAfterItsEnd) {
  TaskGroup group(loop_);
  group.start("receive", sleep_for(1s), TaskKind::kReceive);
  group.start({"upload", 1}, crash_after(1s, "disk full"));
  group.start({"upload", 2}, crash_after(2s, "out of memory"));
  group.start({"upload", 3}, crash_after(3s, "quota"));

  (void)loop_.run(supervise(group, {.label = "pusher"}));
  loop_.run(sleep_for(1s));
  (void)loop_.run(drain(group, {.label = "pusher"}));

  EXPECT_THAT(log_.lines(), ElementsAre("error supervise 'pusher': upload-1 crashed: disk full",
                                        "error supervise 'pusher': upload-2 crashed: out of memory",
                                        "error drain 'pusher': upload-3 crashed: quota"));
}

TEST_F(SuperviseTest, LogsNothingWhenNothingCrashed) {
  TaskGroup group(loop_);
  group.start("receive", sleep_for(1s), TaskKind::kReceive);

  (void)loop_.run(supervise(group));

  EXPECT_THAT(log_.lines(), IsEmpty());
}

TEST_F(SuperviseTest, WaitsForAHundredThousandFiniteTasks) {
  TaskGroup group(loop_);
  for (int i = 0; i < 100'000; ++i) {
    group.start({"task", i}, sleep_for(1s), TaskKind::kFinite);
  }

  EXPECT_EQ(loop_.run(supervise(group)).reason, ExitReason::kAllDone);
  EXPECT_EQ(loop_.elapsed(), 1s);
}

TEST_F(SuperviseTest, WritesReasonsAsTheMetricDoes) {
  EXPECT_EQ(to_string(ExitReason::kDisconnect), "disconnect");
  EXPECT_EQ(to_string(ExitReason::kCrash), "crash");
  EXPECT_EQ(to_string(ExitReason::kLifetimeDone), "lifetime_done");
  EXPECT_EQ(to_string(ExitReason::kAllDone), "all_done");
}

TEST_F(SuperviseDeathTest, AbortsWhenATaskSupervisesItsOwnGroup) {
  TaskGroup group(loop_);
  const auto supervisor = [&]() -> Task<> { (void)co_await supervise(group); };
  group.start({"session", 3}, supervisor());

  EXPECT_DEATH(loop_.run(sleep_for(1s)), "supervise\\(\\) called by task session-3, which the TaskGroup owns");
  group.cancel();  // Before it runs here as well.
  cancel_all(group);
}

TEST_F(SuperviseDeathTest, AbortsWhenTheGroupBelongsToAnotherLoop) {
  VirtualLoop other;
  TaskGroup group(other);

  EXPECT_DEATH((void)loop_.run(supervise(group)), "supervise\\(\\) of a TaskGroup that belongs to another EventLoop");
}

}  // namespace
}  // namespace soak
