// SPDX-License-Identifier: Apache-2.0
#include "soak/probe/probe.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <future>
#include <span>
#include <vector>

namespace soak::probe {
namespace {

using namespace std::chrono_literals;

std::vector<std::int64_t> values(const Series& series) {
  std::vector<std::int64_t> values;
  for (const Point& point : series.points()) {
    values.push_back(point.value);
  }
  return values;
}

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

TEST(ProbeTest, AnOperationThatIsNewWasNoneBefore) {
  Probe probe;
  std::vector<OperationCount> counted = {{"frames", 10}};
  probe.watch_operations(4, [&](std::span<OperationCount> counts) {
    std::copy(counted.begin(), counted.end(), counts.begin());
    return counted.size();
  });

  probe.rest(1s, 1);
  counted = {{"frames", 20}, {"reconnects of a name that no short string holds", 1}};
  probe.rest(2s, 2);
  counted[1].count = 3;
  probe.rest(3s, 3);

  const Measurements measured = probe.measurements();
  ASSERT_EQ(measured.operations.size(), 2u);
  EXPECT_EQ(measured.operations[0].name, "frames");
  EXPECT_EQ(measured.operations[1].name, "reconnects of a name that no short string holds");
  EXPECT_EQ(values(measured.operations[0].at_rest), (std::vector<std::int64_t>{10, 20, 20}));
  EXPECT_EQ(values(measured.operations[1].at_rest), (std::vector<std::int64_t>{0, 1, 3}));
  EXPECT_EQ(measured.operations[1].at_rest.points()[0].at, 1s);
}

TEST(ProbeTest, OperationsKeepThePointsThatTracksKeep) {
  Probe probe;
  std::size_t operations = 0;
  probe.watch_operations(2, [&](std::span<OperationCount> counts) {
    std::fill_n(counts.begin(), operations, OperationCount{"frames", 1});
    return operations;
  });

  const auto points = static_cast<std::int64_t>(Series::kDefaultCapacity) * 5;
  for (std::int64_t i = 0; i < points; ++i) {
    operations = i < points / 2 ? 0 : 1;
    probe.rest(i * 1s, 0);
  }

  const Measurements measured = probe.measurements();
  const std::vector<Point> rss = measured.find("rss")->at_rest.points();
  const std::vector<Point> frames = measured.operations.at(0).at_rest.points();
  ASSERT_EQ(frames.size(), rss.size());
  for (std::size_t i = 0; i < rss.size(); ++i) {
    ASSERT_EQ(frames[i].at, rss[i].at) << i;
  }
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
