// SPDX-License-Identifier: Apache-2.0
// How long after its client a session ends: at once if its pollers sleep on the event of its end, up to a minute if
// they just sleep.

#include <gtest/gtest.h>

#include <chrono>
#include <memory>

#include "pusher_fixture.h"
#include "soak/session.h"

namespace pusher::tests {
namespace {

using namespace std::chrono_literals;
using soak::Task;

Task<> wakes_on_the_event(soak::Event& shutdown) {
  for (;;) {
    const bool over = co_await shutdown.wait_for(60s);
    if (over) {
      co_return;
    }
  }
}

Task<> just_sleeps(soak::Event& shutdown) {
  while (!shutdown.is_set()) {
    co_await soak::sleep_for(60s);
  }
}

// How long a session with this poller takes to end, once its client has left after 90 s.
std::chrono::nanoseconds time_to_end(Task<> (*poller)(soak::Event&)) {
  soak::VirtualLoop loop;
  soak::Session session(loop, {.label = "test", .timeout = 2min});
  const auto receive = []() -> Task<> { co_await soak::sleep_for(90s); };
  session.start("receive", receive(), soak::TaskKind::kReceive);
  session.start("poller", poller(session.shutdown()));
  const soak::SessionResult result = loop.run(session.run());
  EXPECT_EQ(result.exit.reason, soak::ExitReason::kDisconnect);
  EXPECT_TRUE(result.drained.clean());
  return loop.elapsed() - 90s;
}

TEST(PollersTest, WakeInTheInstantOfTheDisconnectWherePlainSleepsTakeUpToAMinute) {
  EXPECT_EQ(time_to_end(&wakes_on_the_event), 0s);
  EXPECT_EQ(time_to_end(&just_sleeps), 30s);
}

class PusherPollersTest : public PusherFixture {};

TEST_F(PusherPollersTest, AnIdleSessionEndsInTheInstantInWhichItsClientVanishes) {
  run([&](Pusher& service) -> Task<> {
    ListenClient client = co_await connect(service);
    co_await soak::sleep_for(12345ms);  // In the middle of every interval.
    EXPECT_EQ(service.active(), 1);
    const soak::Instant left = loop.now();
    client.vanish();
    while (service.active() > 0 && loop.now() - left < 10ms) {
      co_await soak::sleep_for(1us);
    }
    EXPECT_LE(loop.now() - left, 100us);
  });
}

}  // namespace
}  // namespace pusher::tests
