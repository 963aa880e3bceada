// SPDX-License-Identifier: Apache-2.0
#include "soak/supervise.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "conftest/captured_log.h"
#include "soak/event.h"
#include "soak/queue.h"
#include "soak/run_blocking.h"
#include "soak/session.h"
#include "soak/timeout.h"

namespace soak {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""s;

Task<> crash_after(std::chrono::nanoseconds delay) {
  co_await sleep_for(delay);
  throw std::runtime_error("disk full");
}

class SuperviseTest : public testing::Test {
 protected:
  VirtualLoop loop_;
  conftest::CapturedLog log_;
};

TEST_F(SuperviseTest, PrefersTheDisconnectToACrashInTheSameRound) {
  TaskGroup group(loop_);
  group.start("upload", crash_after(1s));
  group.start("receive", sleep_for(1s), TaskKind::kReceive);
  group.start("heartbeat", sleep_for(1h));

  const SupervisorExit exit = loop_.run(supervise(group, {.label = "pusher"}));

  EXPECT_EQ(exit.reason, ExitReason::kDisconnect);
  EXPECT_EQ(exit.task, "receive");
  EXPECT_EQ(loop_.elapsed(), 1s);
  EXPECT_THAT(log_.lines(), testing::ElementsAre("error supervise 'pusher': upload crashed: disk full"));
  const SupervisorExit second = loop_.run(supervise(group, {.label = "pusher"}));
  EXPECT_EQ(second.reason, ExitReason::kCrash);
  EXPECT_EQ(second.what, "disk full");
  (void)loop_.run(drain(group, {.cancel_first = true}));
}

TEST_F(SuperviseTest, OneSessionEndsBesideAHungCall) {
  Session session(loop_, {.label = "pusher"});
  session.start("receive", sleep_for(1s), TaskKind::kReceive);
  session.start("upload", run_blocking([] {}, {.virtual_duration = std::chrono::nanoseconds::max()}));

  const SessionResult result = loop_.run(session.run());

  EXPECT_EQ(result.exit.reason, ExitReason::kDisconnect);
  ASSERT_EQ(result.drained.unresponsive.size(), 1u);
  EXPECT_EQ(result.drained.unresponsive[0].name, "upload");
  EXPECT_EQ(result.drained.forced, 0u);
  EXPECT_EQ(loop_.elapsed(), 36s);
  ASSERT_EQ(loop_.stragglers().size(), 1u);
  EXPECT_EQ(loop_.live_tasks(), 1u);
}

TEST_F(SuperviseTest, Timeout) {
  const auto body = []() -> Task<int> {
    co_await sleep_for(1h);
    co_return 1;
  };
  try {
    loop_.run(with_timeout(5s, body(), {.name = "upload"}));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::kTimeout);
    EXPECT_THAT(error.what(), testing::HasSubstr("upload timed out after 5.000 s: it awaits sleep at "));
  }
}

TEST_F(SuperviseTest, QueueBackPressure) {
  Queue<std::string> queue(2);
  std::vector<std::string> got;
  TaskGroup group(loop_);
  const auto produce = [&]() -> Task<> {
    for (int i = 0; i < 5; ++i) {
      std::string item = std::to_string(i);
      const bool accepted = co_await queue.push(std::move(item));
      EXPECT_TRUE(accepted);
    }
    queue.close();
  };
  const auto consume = [&]() -> Task<> {
    for (;;) {
      std::optional<std::string> item = co_await queue.pop();
      if (!item) break;
      got.push_back(*item);
      co_await sleep_for(1s);
    }
  };
  group.start("producer", produce());
  group.start("consumer", consume());

  EXPECT_TRUE(loop_.run(drain(group)).clean());

  EXPECT_THAT(got, testing::ElementsAre("0", "1", "2", "3", "4"));
}

TEST(RunBlockingTest, OnAThreadPool) {
  UvLoop loop;
  EXPECT_EQ(loop.run(run_blocking([] { return 42; })), 42);
  EXPECT_THROW(loop.run(run_blocking([]() -> int { throw std::runtime_error("no file"); })), std::runtime_error);
}

}  // namespace
}  // namespace soak
