// SPDX-License-Identifier: Apache-2.0
// An AsyncRun on the virtual clock: an hour of cycles in no time.

#include "soak/async_run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "conftest/captured_log.h"
#include "conftest/mock_websocket.h"
#include "soak/detail/run_context.h"
#include "soak/error.h"
#include "soak/event.h"
#include "soak/net/websocket.h"
#include "soak/run_blocking.h"
#include "soak/run_driver.h"

namespace soak {
namespace {

using namespace std::chrono_literals;
using net::MockWebSocket;
using testing::AllOf;
using testing::ByMove;
using testing::Contains;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Return;
using testing::SizeIs;

class AsyncRunTest : public testing::Test {
 protected:
  AsyncRunTest() {
    detail::RunContext& context = detail::run_context();
    context = {};
    context.name = "Soak/AsyncRun.Test";
    context.mode = Mode::kVirtual;
    context.quiet = true;
  }
  ~AsyncRunTest() override { detail::run_context() = {}; }

  static Task<> until_the_end(soak::AsyncRun& run, Cycle& cycle) {
    co_await sleep_for(cycle.ends_at() - run.elapsed());
  }
};

TEST_F(AsyncRunTest, AnExceptionThatDestroysItIsTheWholeStory) {
  EXPECT_THAT(
      [] {
        soak::AsyncRun run({.duration = 60min});
        throw std::runtime_error("no certificate");
      },
      testing::ThrowsMessage<std::runtime_error>("no certificate"));  // It would abort: nobody listens.
}

TEST_F(AsyncRunTest, DrivesCyclesForItsDurationAtOnce) {
  soak::AsyncRun run({.duration = 60min, .reconnect_every = 90s, .seed = 1});

  run.drive([&](Cycle& cycle) { return until_the_end(run, cycle); });

  EXPECT_TRUE(run.verdict().passed()) << run.summary();
  EXPECT_EQ(run.record().cycles, 40u);
  EXPECT_GE(run.elapsed(), 60min);
  EXPECT_LE(run.elapsed(), 60min + 2s);  // What settling takes at the end.
  EXPECT_THAT(run.summary(), HasSubstr("clock=virtual"));
}

TEST_F(AsyncRunTest, ACycleEndsOnTimeWhateverConnectingAndClosingTook) {
  soak::AsyncRun run({.duration = 50s, .reconnect_every = 10s, .seed = 1});
  std::vector<std::chrono::nanoseconds> ended;

  run.drive([&](Cycle& cycle) -> Task<> {
    co_await sleep_for(1s);  // Connecting.
    co_await sleep_for(cycle.ends_at() - run.elapsed());
    ended.push_back(run.elapsed());
    co_await sleep_for(500ms);  // Closing: out of the next cycle.
  });

  EXPECT_THAT(ended, ElementsAre(10s, 20s, 30s, 40s, 50s));
  EXPECT_TRUE(run.verdict().passed()) << run.summary();
}

TEST_F(AsyncRunTest, ABodyThatReturnsEarlyWaitsForItsCyclesEnd) {
  soak::AsyncRun run({.duration = 30s, .reconnect_every = 10s, .seed = 1});
  std::vector<std::chrono::nanoseconds> began;

  run.drive([&](Cycle&) -> Task<> {
    began.push_back(run.elapsed());
    co_return;
  });

  EXPECT_THAT(began, ElementsAre(0s, 10s, 20s));
  EXPECT_TRUE(run.verdict().passed()) << run.summary();
}

TEST_F(AsyncRunTest, ATaskThatACycleLeavesBehindIsTheFinding) {
  soak::AsyncRun run({.duration = 30s, .reconnect_every = 1s, .seed = 1});
  Event never;
  TaskGroup left_behind(run.loop());

  run.drive([&](Cycle& cycle) -> Task<> {
    left_behind.start({"forgotten", cycle.number()}, never.wait());
    co_await until_the_end(run, cycle);
  });

  ASSERT_THAT(run.verdict().findings, ElementsAre(Field(&Finding::subject, "tasks"))) << run.summary();
  EXPECT_THAT(run.verdict().findings[0].text, HasSubstr("tasks rose 2 -> 31"));
  left_behind.end_in_place();
}

// The leak that the looks of these runs see from `certain` on.
class AsyncRunEarlyStopTest : public AsyncRunTest {
 protected:
  static void see_a_leak(std::chrono::nanoseconds certain) {
    detail::run_context().trends = [certain](const probe::Measurements& measured) {
      probe::Trend trend;
      trend.series = "tasks";
      trend.per = "cycle";
      trend.growth = 1;
      trend.leak = measured.find("tasks")->at_rest.last()->at >= certain;
      return std::vector{trend};
    };
  }
};

TEST_F(AsyncRunEarlyStopTest, ALeakThatIsCertainForHalfOfTheTimeEndsTheRun) {
  see_a_leak(100s);
  soak::AsyncRun run({.duration = 10min, .reconnect_every = 1s, .seed = 1});
  Event never;
  TaskGroup left_behind(run.loop());

  run.drive([&](Cycle& cycle) -> Task<> {
    left_behind.start({"forgotten", cycle.number()}, never.wait());
    run.due("frames", run.elapsed());  // And none is met.
    co_await until_the_end(run, cycle);
  });

  EXPECT_TRUE(run.ended_early());
  EXPECT_GE(run.elapsed(), 400s);
  EXPECT_LE(run.elapsed(), 460s);  // Looks are a tenth of the time apart.
  // Neither cycles nor traffic: the run did not have the time for them.
  ASSERT_THAT(run.verdict().findings, ElementsAre(Field(&Finding::subject, "tasks"))) << run.summary();
  EXPECT_THAT(run.summary(), AllOf(HasSubstr("FAIL: elapsed=4"), HasSubstr(" ended_early=4"),
                                   HasSubstr(" of 00:10:00: its growth was certain for half of the asked time")));
  left_behind.end_in_place();
}

TEST_F(AsyncRunEarlyStopTest, SwitchedOffTheRunGoesOnAndFailsAtItsEnd) {
  see_a_leak(100s);
  soak::AsyncRun run({.duration = 10min, .reconnect_every = 1s, .seed = 1, .early_stop = false});
  Event never;
  TaskGroup left_behind(run.loop());

  run.drive([&](Cycle& cycle) -> Task<> {
    left_behind.start({"forgotten", cycle.number()}, never.wait());
    co_await until_the_end(run, cycle);
  });

  EXPECT_FALSE(run.ended_early());
  EXPECT_GE(run.elapsed(), 10min);
  ASSERT_THAT(run.verdict().findings, ElementsAre(Field(&Finding::subject, "tasks"))) << run.summary();
  EXPECT_THAT(run.summary(), Not(HasSubstr("early")));
  left_behind.end_in_place();
}

// A pool that closes what is idle after five seconds, which a cycle of ten seconds leaves open.
TEST_F(AsyncRunTest, SettlingLastsAsLongAsTheSlowestTimerOfADriver) {
  for (const bool declared : {false, true}) {
    soak::AsyncRun run({.duration = 5min, .reconnect_every = 10s, .counts_exact = true, .seed = 1});
    TaskGroup idle(run.loop());

    run.drive([&](Cycle& cycle) -> Task<> {
      if (declared) {
        RunDriver(run).has_timer(5s);
      }
      co_await until_the_end(run, cycle);
      if (cycle.number() > 0) {  // The baseline has none.
        idle.start("idle", sleep_for(5s));
      }
    });

    EXPECT_EQ(run.verdict().passed(), declared) << run.summary();
    EXPECT_EQ(RunDriver(run).slowest_timer(), declared ? 5s : 0s);
    idle.end_in_place();
  }
}

TEST_F(AsyncRunTest, TheSameLoadComesAgainForATenthOfTheTime) {
  soak::AsyncRun run({.duration = 10min, .reconnect_every = 10s, .reload = true, .seed = 1});
  std::vector<std::chrono::nanoseconds> began;

  run.drive([&](Cycle& cycle) -> Task<> {
    began.push_back(run.elapsed());
    run.due("frames", run.elapsed());
    run.met("frames", run.elapsed());
    co_await until_the_end(run, cycle);
  });

  EXPECT_TRUE(run.verdict().passed()) << run.summary();
  EXPECT_THAT(began, SizeIs(66));
  EXPECT_GE(run.elapsed(), 11min);
  EXPECT_LE(run.elapsed(), 11min + 5s);
  EXPECT_THAT(run.verdict().remarks, testing::Contains(testing::StartsWith("reload: ")));
}

TEST_F(AsyncRunTest, WhatEndsWhileSettlingIsNoLeak) {
  soak::AsyncRun run({.duration = 30s, .reconnect_every = 1s, .seed = 1});
  TaskGroup closing(run.loop());

  run.drive([&](Cycle& cycle) -> Task<> {
    co_await until_the_end(run, cycle);
    closing.start("closing", sleep_for(30ms));
  });

  EXPECT_TRUE(run.verdict().passed()) << run.summary();
}

// A cycle that opens a connection through this mock fails or works as the test says.
class AsyncRunBackoffTest : public AsyncRunTest {
 protected:
  static Task<> lost() {
    throw net::ConnectionClosed("ws://mock",
                                net::CloseStatus(net::kCloseAbnormal, "reset", net::CloseStatus::By::kLost));
    co_return;
  }
  static Task<> sent() { co_return; }
};

TEST_F(AsyncRunBackoffTest, AFailedCycleIsTriedAgainAfterALongerAndLongerBackoff) {
  soak::AsyncRun run({.duration = 60s, .reconnect_every = 60s, .seed = 3});
  testing::StrictMock<MockWebSocket> socket;
  EXPECT_CALL(socket, send)
      .WillOnce([](net::Message) { return lost(); })
      .WillOnce([](net::Message) { return lost(); })
      .WillOnce([](net::Message) { return lost(); })
      .WillOnce([](net::Message) { return lost(); })
      .WillOnce([](net::Message) { return sent(); });
  std::vector<std::chrono::nanoseconds> tries;

  run.drive([&](Cycle& cycle) -> Task<> {
    tries.push_back(run.elapsed());
    co_await socket.send(net::Message::text("hello"));
    co_await until_the_end(run, cycle);
  });

  ASSERT_THAT(tries, SizeIs(5));
  for (std::size_t i = 1; i < tries.size(); ++i) {
    const auto ceiling = 500ms * (1 << (i - 1));
    const auto waited = tries[i] - tries[i - 1];
    EXPECT_GE(waited, ceiling / 10) << i;
    EXPECT_LE(waited, ceiling + 100ms) << i;  // And settling.
  }
  ASSERT_THAT(run.verdict().findings, ElementsAre(Field(&Finding::subject, "failed_cycles"))) << run.summary();
  EXPECT_EQ(run.verdict().findings[0].text, "4 cycles failed, allowed 0");
  EXPECT_THAT(run.verdict().findings[0].evidence,
              Contains(Field(&probe::Evidence::text, HasSubstr("cycle 1: ws://mock"))));
}

TEST_F(AsyncRunBackoffTest, FailuresThatAreAllowedPass) {
  soak::AsyncRun run({.duration = 60s, .reconnect_every = 20s, .seed = 3, .failed_cycles_max = 1});
  testing::NiceMock<MockWebSocket> socket;
  EXPECT_CALL(socket, send).WillOnce([](net::Message) { return lost(); }).WillRepeatedly([](net::Message) {
    return sent();
  });

  run.drive([&](Cycle& cycle) -> Task<> {
    co_await socket.send(net::Message::text("hello"));
    co_await until_the_end(run, cycle);
  });

  EXPECT_TRUE(run.verdict().passed()) << run.summary();
  EXPECT_EQ(run.record().cycles, 3u);
  EXPECT_EQ(run.record().failed_cycles, 1u);
}

TEST_F(AsyncRunBackoffTest, KeepsTheFirstFiveMessagesAndCountsTheRest) {
  soak::AsyncRun run({.duration = 20min, .reconnect_every = 20min, .seed = 3});
  testing::NiceMock<MockWebSocket> socket;
  EXPECT_CALL(socket, send).WillRepeatedly([](net::Message) { return lost(); });

  run.drive([&](Cycle&) -> Task<> { co_await socket.send(net::Message::text("hello")); });

  EXPECT_THAT((run.verdict(), run.record().failures), SizeIs(5));
  EXPECT_GT(run.record().failed_cycles, 20u);
  EXPECT_LT(run.record().failed_cycles, 100u);  // Thirty seconds at the most between two: no hot loop, no stop.
  // That no cycle was finished has the same cause.
  EXPECT_THAT(run.verdict().findings, ElementsAre(Field(&Finding::subject, "failed_cycles"))) << run.summary();
}

TEST_F(AsyncRunTest, AnotherExceptionEndsTheRun) {
  soak::AsyncRun run({.duration = 60min, .reconnect_every = 10s, .seed = 1});

  run.drive([&](Cycle& cycle) -> Task<> {
    co_await until_the_end(run, cycle);
    if (cycle.number() == 2) {
      throw std::logic_error("a bug in the client");
    }
  });

  ASSERT_THAT(run.verdict().findings, ElementsAre(Field(&Finding::subject, "crash"))) << run.summary();
  EXPECT_THAT(run.verdict().findings[0].text, HasSubstr("cycle 3: a bug in the client"));
  EXPECT_LT(run.elapsed(), 32s);
}

TEST_F(AsyncRunTest, AnInvalidArgumentEndsTheRun) {
  soak::AsyncRun run({.duration = 60min, .reconnect_every = 10s, .seed = 1});

  run.drive([&](Cycle&) -> Task<> {
    throw Error(Errc::kInvalidArgument, "frame is 0 ms");
    co_return;
  });

  ASSERT_THAT(run.verdict().findings, ElementsAre(Field(&Finding::subject, "crash"))) << run.summary();
  EXPECT_THAT(run.verdict().findings[0].text, HasSubstr("cycle 1: frame is 0 ms"));
}

TEST_F(AsyncRunTest, AnExceptionOfAnyTypeEndsTheRun) {
  soak::AsyncRun run({.duration = 60min, .reconnect_every = 10s, .seed = 1});

  run.drive([&](Cycle&) -> Task<> {
    throw 42;
    co_return;
  });

  EXPECT_THAT(run.verdict().findings, ElementsAre(Field(&Finding::subject, "crash")));
}

TEST_F(AsyncRunTest, ABodyThatNeverEndsIsCancelledAndNamed) {
  soak::AsyncRun run({.duration = 2min, .reconnect_every = 60s, .seed = 1});
  Event never;

  run.drive([&](Cycle&) -> Task<> { co_await never.wait(); });

  ASSERT_THAT(run.verdict().findings, ElementsAre(Field(&Finding::subject, "failed_cycles"))) << run.summary();
  EXPECT_THAT(run.record().failures[0], HasSubstr("cycle 1 was still running 30.0s after its end and was cancelled: "));
  EXPECT_THAT(run.record().failures[0], HasSubstr("async_run_test.cc"));
}

TEST_F(AsyncRunTest, ABodyThatSwallowsItsCancellationIsDestroyed) {
  soak::AsyncRun run({.duration = 1min, .reconnect_every = 60s, .seed = 1});
  Event never;

  run.drive([&](Cycle&) -> Task<> {
    while (true) {
      try {
        co_await never.wait();
      } catch (const Cancelled&) {
      }
    }
  });

  ASSERT_THAT(run.verdict().findings, SizeIs(1)) << run.summary();
  EXPECT_THAT(run.record().failures[0], HasSubstr("destroyed where it stood"));
}

TEST_F(AsyncRunTest, ABlockingCallThatNeverReturnsFailsTheVerdictByName) {
  const conftest::CapturedLog log;
  soak::AsyncRun run({.duration = 300s, .reconnect_every = 60s, .seed = 1});

  run.drive([&](Cycle& cycle) -> Task<> {
    TaskGroup group(run.loop());
    if (cycle.number() == 2) {
      group.start({"upload", 7}, run_blocking([] {}, {.virtual_duration = std::chrono::nanoseconds::max()}));
    }
    co_await until_the_end(run, cycle);
    const DrainResult drained = co_await drain(group, {.timeout = 1s, .grace = 1s});
    EXPECT_EQ(drained.unresponsive.size(), cycle.number() == 2 ? 1u : 0u);
  });

  EXPECT_FALSE(run.verdict().passed());
  EXPECT_THAT(run.summary(), HasSubstr("1 blocking call never returned: upload-7 awaits blocking call at "));
}

TEST_F(AsyncRunTest, TheSameSeedIsTheSameRun) {
  const auto cycle_starts = [](std::uint64_t seed) {
    soak::AsyncRun run({.duration = 60min, .reconnect_every = 90s, .seed = seed});
    std::vector<std::chrono::nanoseconds> starts;
    run.drive([&](Cycle& cycle) -> Task<> {
      starts.push_back(run.elapsed());
      co_await until_the_end(run, cycle);
    });
    run.verdict();
    return starts;
  };

  EXPECT_EQ(cycle_starts(5), cycle_starts(5));
  EXPECT_NE(cycle_starts(5), cycle_starts(6));
}

TEST_F(AsyncRunTest, OnTheRealClockItRunsOnLibuv) {
  detail::run_context().mode = Mode::kReal;
  soak::AsyncRun run({.duration = 200ms, .reconnect_every = 50ms, .seed = 1});

  run.drive([&](Cycle& cycle) { return until_the_end(run, cycle); });

  EXPECT_FALSE(run.loop().is_virtual());
  EXPECT_EQ(run.verdict().find("failed_cycles"), nullptr) << run.summary();
  EXPECT_GE(run.elapsed(), 200ms);
}

}  // namespace
}  // namespace soak
