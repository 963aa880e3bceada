// SPDX-License-Identifier: Apache-2.0
// TaskKind::kBackground: a crash is logged and counted, and ends nothing.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

#include "conftest/captured_log.h"
#include "sample_tasks.h"
#include "soak/event.h"
#include "soak/metrics/metrics.h"
#include "soak/session.h"
#include "soak/supervise.h"

namespace soak {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""s;
using testing::ElementsAre;

class BackgroundTaskTest : public testing::Test {
 protected:
  static double crashes(Label label, Label task) {
    return metrics::counter("async_background_crashes_total", "Tasks of TaskKind::kBackground that threw.",
                            {{"label", label}, {"task", task}})
        .value();
  }

  int alive_ = 0;
  VirtualLoop loop_;
  conftest::CapturedLog log_;
};

TEST_F(BackgroundTaskTest, ThatCrashesIsLoggedAndCountedByItsName) {
  const double before = crashes("default", "webhook");
  TaskGroup group(loop_);
  group.start({"webhook", 3}, crash_after(1s, "503"), TaskKind::kBackground);
  group.start({"webhook", 4}, crash_after(2s, "404"), TaskKind::kBackground);

  const DrainResult result = loop_.run(drain(group));

  EXPECT_THAT(log_.lines(), ElementsAre("error drain 'default': webhook-3 crashed in the background: 503",
                                        "error drain 'default': webhook-4 crashed in the background: 404"));
  EXPECT_EQ(crashes("default", "webhook") - before, 2);
  EXPECT_EQ(result.background_failed, 2u);
  EXPECT_EQ(result.failed, 0u);
  EXPECT_TRUE(result.clean());
}

TEST_F(BackgroundTaskTest, ThatCrashesBeforeAnybodyLooksIsLoggedThen) {
  TaskGroup group(loop_);
  group.start("webhook", crash_after(1s, "503"), TaskKind::kBackground);

  loop_.run(sleep_for(1s));
  loop_.run(yield());

  EXPECT_THAT(log_.lines(), ElementsAre("error task group 'default': webhook crashed in the background: 503"));
  EXPECT_EQ(group.failed(), 0u);
  EXPECT_EQ(group.first_failure(), nullptr);
}

TEST_F(BackgroundTaskTest, ThatCrashesWritesNoLineOfTextFromOutside) {
  TaskGroup group(loop_);
  group.start("webhook", crash_after(1s, "a\n[  SKIPPED ] b\x1b[2J"), TaskKind::kBackground);

  (void)loop_.run(drain(group));

  EXPECT_THAT(log_.lines(),
              ElementsAre("error drain 'default': webhook crashed in the background: a\\n[SKIPPED] b\\x1b[2J"));
}

TEST_F(BackgroundTaskTest, ThatCrashesDoesNotEndWithGroup) {
  int frames = 0;
  const auto body = [&](TaskGroup& group) -> Task<> {
    group.start("webhook", crash_after(1s, "503"), TaskKind::kBackground);
    for (; frames < 5; ++frames) {
      co_await sleep_for(1s);
    }
  };

  EXPECT_EQ(loop_.run(with_group(body)).background_failed, 1u);

  EXPECT_EQ(frames, 5);
}

TEST_F(BackgroundTaskTest, ThatCrashesLeavesTheOthersTheirTimeToFinish) {
  const auto body = [&](TaskGroup& group) -> Task<> {
    group.start("webhook", crash_after(1s, "503"), TaskKind::kBackground);
    group.start("upload", sleep_for(5s));
    co_return;
  };

  const DrainResult result = loop_.run(with_group(body));

  EXPECT_EQ(result.completed, 1u);
  EXPECT_EQ(loop_.elapsed(), 5s);
}

TEST_F(BackgroundTaskTest, EndsNoSupervisionHoweverItEnds) {
  TaskGroup group(loop_);
  group.start("webhook", crash_after(1s, "503"), TaskKind::kBackground);
  group.start("returns", sleep_for(2s), TaskKind::kBackground);
  group.start("heartbeat", sleep_for(3s));

  const SupervisorExit exit = loop_.run(supervise(group, {.label = "pusher"}));

  EXPECT_EQ(exit.reason, ExitReason::kLifetimeDone);
  EXPECT_EQ(loop_.elapsed(), 3s);
  EXPECT_THAT(log_.lines(), ElementsAre("error supervise 'pusher': webhook crashed in the background: 503"));
}

TEST_F(BackgroundTaskTest, KeepsNoSupervisionWaiting) {
  TaskGroup group(loop_);
  group.start("flusher", sleep_for(1h), TaskKind::kBackground);
  group.start("upload", sleep_for(1s), TaskKind::kFinite);

  EXPECT_EQ(loop_.run(supervise(group)).reason, ExitReason::kAllDone);

  EXPECT_EQ(loop_.elapsed(), 1s);
  EXPECT_EQ(loop_.run(drain(group, {.cancel_first = true})).cancelled, 1u);
}

TEST_F(BackgroundTaskTest, AloneIsNothingToSupervise) {
  TaskGroup group(loop_);
  group.start("flusher", sleep_for(1h), TaskKind::kBackground);

  EXPECT_EQ(loop_.run(supervise(group)).reason, ExitReason::kAllDone);

  EXPECT_EQ(loop_.elapsed(), 0s);
  (void)loop_.run(drain(group, {.cancel_first = true}));
}

TEST_F(BackgroundTaskTest, HasTheTimeoutToFinishInADrainAndEndsLikeAnyOther) {
  TaskGroup group(loop_);
  group.start("finishes", sleep_for(2s), TaskKind::kBackground);
  group.start("sleeps", sleep_for(1h), TaskKind::kBackground);
  group.start("swallows", swallow_for_ever(alive_), TaskKind::kBackground);

  const DrainResult result = loop_.run(drain(group, {.timeout = 5s, .grace = 1s}));

  EXPECT_EQ(result.completed, 1u);
  EXPECT_EQ(result.cancelled, 1u);
  EXPECT_EQ(result.forced, 1u);
  EXPECT_EQ(alive_, 0);
  EXPECT_TRUE(group.empty());
}

TEST_F(BackgroundTaskTest, ThatCrashesInASessionLeavesTheCallGoingOn) {
  const double before = crashes("pusher", "webhook");
  Session session(loop_, {.label = "pusher"});
  session.start("receive", sleep_for(10s), TaskKind::kReceive);
  session.start({"webhook", 1}, crash_after(1s, "503"), TaskKind::kBackground);

  const SessionResult result = loop_.run(session.run());

  EXPECT_EQ(result.exit.reason, ExitReason::kDisconnect);
  EXPECT_EQ(loop_.elapsed(), 10s);
  EXPECT_EQ(result.drained.background_failed, 1u);
  EXPECT_EQ(crashes("pusher", "webhook") - before, 1);
}

TEST_F(BackgroundTaskTest, ThatThrowsAsItIsCancelledIsLoggedToo) {
  const auto throws = []() -> Task<> {
    try {
      co_await sleep_for(1h);
    } catch (const Cancelled&) {
      throw std::runtime_error("could not close");
    }
  };
  TaskGroup group(loop_);
  group.start("webhook", throws(), TaskKind::kBackground);
  loop_.run(yield());

  EXPECT_EQ(loop_.run(drain(group, {.cancel_first = true})).background_failed, 1u);

  EXPECT_THAT(log_.text(), testing::HasSubstr("webhook crashed in the background: could not close"));
}

}  // namespace
}  // namespace soak
