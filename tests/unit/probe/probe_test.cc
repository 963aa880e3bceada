// SPDX-License-Identifier: Apache-2.0
#include "soak/probe/probe.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>

namespace soak::probe {
namespace {

using namespace std::chrono_literals;

TEST(ProbeTest, SamplesWhatIsCheapAndRestsWithEverything) {
  Probe probe;

  probe.sample(1s, 0);
  probe.rest(2s, 1);

  const Measurements measured = probe.measurements();
  for (const char* name : {"rss", "fds", "threads"}) {
    EXPECT_EQ(measured.find(name)->timeline.added(), 2u) << name;
    EXPECT_EQ(measured.find(name)->at_rest.added(), 1u) << name;
  }
  for (const char* name : {"heap", "sockets"}) {
    EXPECT_EQ(measured.find(name)->timeline.added(), 1u) << name;
    EXPECT_EQ(measured.find(name)->at_rest.added(), 1u) << name;
  }
  EXPECT_EQ(measured.quiescent_points, 1u);
  EXPECT_EQ(measured.find("nothing"), nullptr);
}

TEST(ProbeTest, AGaugeIsATrackOfItsOwn) {
  Probe probe;
  std::int64_t sessions = 3;
  probe.add_gauge("sessions", [&] { return sessions; });

  probe.sample(1s, 0);
  sessions = 7;
  probe.rest(2s, 5);

  EXPECT_EQ(probe.measurements().find("sessions")->timeline.first()->value, 3);
  EXPECT_EQ(probe.latest("sessions")->value, 7);
  EXPECT_EQ(probe.latest("sessions")->cycle, 5u);
}

TEST(ProbeTest, RemembersWhereItDidNotSettle) {
  Probe probe;

  probe.rest(1s, 1, "tasks");
  probe.rest(2s, 2);

  const Measurements measured = probe.measurements();
  EXPECT_TRUE(measured.baseline_unsettled);
  EXPECT_FALSE(measured.last_unsettled);
  EXPECT_EQ(measured.unsettled_points, 1u);
  EXPECT_EQ(measured.unsettled_by, "tasks");
}

TEST(SamplerTest, TicksUntilItIsDestroyed) {
  std::atomic<int> ticks = 0;
  std::promise<void> third;

  {
    const Sampler sampler(1ms, [&] {
      if (++ticks == 3) {
        third.set_value();
      }
    });
    third.get_future().wait();
  }

  const int when_destroyed = ticks;
  EXPECT_GE(when_destroyed, 3);
}

}  // namespace
}  // namespace soak::probe
