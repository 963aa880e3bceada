// SPDX-License-Identifier: Apache-2.0
#include "soak/probe/probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <future>
#include <span>
#include <string_view>
#include <vector>

#include "soak/error.h"

namespace soak::probe {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

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

TEST(ProbeTest, RssIsWhatIsResidentAndWhatIsInSwap) {
  Probe probe;

  probe.sample(1s, 0);

  const Measurements measured = probe.measurements();
  std::int64_t parts = 0;
  for (const char* name : {"swap", "rss_anon", "rss_file", "rss_shmem"}) {
    EXPECT_EQ(measured.find(name)->part_of, "rss") << name;
    parts += measured.find(name)->timeline.last()->value;
  }
  EXPECT_EQ(measured.find("rss")->timeline.last()->value, parts);
}

TEST(ProbeTest, TheFirstQuiescentPointForgetsTheCandidatesBeforeIt) {
  Probe probe;
  std::uint64_t puts = 0;
  probe.watch_operations(1, [&puts](std::span<OperationCount> counts) {
    counts[0] = {"puts", ++puts};
    return std::size_t{1};
  });

  probe.end_pass(1s, 1);
  probe.end_pass(2s, 2);
  EXPECT_TRUE(probe.measurements().candidates);
  EXPECT_EQ(probe.measurements().quiescent_points, 2u);
  EXPECT_EQ(probe.measurements().find("heap")->at_rest.added(), 2u);
  probe.rest(3s, 3);
  probe.end_pass(4s, 4);

  const Measurements measured = probe.measurements();
  EXPECT_FALSE(measured.candidates);
  EXPECT_EQ(measured.quiescent_points, 1u);
  for (const char* name : {"rss", "heap", "sockets", "tcp.established"}) {
    EXPECT_EQ(measured.find(name)->at_rest.added(), 1u) << name;
    EXPECT_EQ(measured.find(name)->at_rest.first()->cycle, 3u) << name;
  }
  EXPECT_THAT(values(measured.operations.at(0).at_rest), testing::ElementsAre(3));
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

TEST(ProbeTest, AGaugeMayStandForWhatTheKernelCounts) {
  Probe probe;

  probe.add_gauge("sessions", [] { return 1; }, {.stands_for = "sockets"});
  probe.add_gauge("leases", [] { return 1; }, {.stands_for = "sessions"});

  EXPECT_EQ(probe.measurements().find("sessions")->stands_for, "sockets");
  EXPECT_EQ(probe.measurements().find("leases")->stands_for, "sessions");
}

TEST(ProbeTest, AGaugeThatStandsForNothingIsAnErrorThatNamesWhatThereIs) {
  Probe probe;

  try {
    probe.add_gauge("sessions", [] { return 1; }, {.stands_for = "socket"});
    FAIL() << "it was taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::kInvalidArgument);
    EXPECT_THAT(error.what(), HasSubstr("gauge 'sessions' stands for 'socket', but the counts here are fds, "
                                        "sockets, pipes, "));
    EXPECT_THAT(error.what(), Not(HasSubstr("rss")));
  }
  EXPECT_EQ(probe.measurements().find("sessions"), nullptr);
}

// A probe whose every reading takes `cost` of the processor.
class ProbePaceTest : public testing::Test {
 protected:
  ProbePaceTest() : probe_({.cpu_time = [this] { return cpu_ += cost_; }}) {}

  std::uint64_t at_rest(std::string_view track) const { return probe_.measurements().find(track)->at_rest.added(); }
  std::uint64_t seen(std::string_view track) const { return probe_.measurements().find(track)->timeline.added(); }

  std::chrono::nanoseconds cost_ = 20ms;
  std::chrono::nanoseconds cpu_{};
  Probe probe_;
};

TEST_F(ProbePaceTest, WhatIsDearIsLeftOutOfMostQuiescentPoints) {
  for (int i = 1; i <= 1000; ++i) {
    probe_.rest(i * 1s, 0);
  }

  EXPECT_EQ(at_rest("rss"), 1000u);
  // A sixth of a thousandth of a core: 20 ms in two minutes.
  EXPECT_GE(at_rest("sockets"), 8u);
  EXPECT_LE(at_rest("sockets"), 10u);
  EXPECT_EQ(at_rest("heap"), at_rest("sockets"));
  EXPECT_EQ(at_rest("tcp.established"), at_rest("sockets"));
}

TEST_F(ProbePaceTest, TheFirstQuiescentPointHasEverythingAndSoHasACompletedOne) {
  probe_.rest(1s, 1);
  EXPECT_EQ(at_rest("sockets"), 1u);
  EXPECT_EQ(at_rest("pss"), 1u);

  probe_.rest(2s, 2);
  EXPECT_EQ(at_rest("sockets"), 1u);

  probe_.complete_rest();
  EXPECT_EQ(at_rest("rss"), 2u);
  for (const char* dear : {"sockets", "heap", "pss"}) {
    EXPECT_EQ(at_rest(dear), probe_.measurements().find(dear)->unavailable.empty() ? 2u : 0u) << dear;
  }
  EXPECT_EQ(probe_.measurements().find("sockets")->at_rest.last()->at, 2s);
  EXPECT_EQ(probe_.measurements().find("sockets")->at_rest.last()->cycle, 2u);
  EXPECT_EQ(probe_.measurements().quiescent_points, 2u);

  probe_.complete_rest();
  EXPECT_EQ(at_rest("sockets"), 2u);
}

TEST_F(ProbePaceTest, ACheapReadingThatHasBecomeDearIsSlowedBetweenQuiescentPoints) {
  for (int i = 1; i <= 1000; ++i) {
    probe_.sample(i * 1s, 0);
  }

  EXPECT_GE(seen("rss"), 5u);
  EXPECT_LE(seen("rss"), 20u);
}

TEST_F(ProbePaceTest, EveryReadingIsTakenWhereThatIsAsked) {
  probe_.take_every_reading();

  for (int i = 1; i <= 10; ++i) {
    probe_.rest(i * 1s, 0);
    probe_.sample(i * 1s, 0);
  }

  EXPECT_EQ(at_rest("sockets"), 10u);
  EXPECT_EQ(seen("rss"), 20u);
}

TEST_F(ProbePaceTest, WhatItCostIsKnown) {
  cost_ = 10us;
  probe_.sample(1s, 0);

  // Three cheap readings, the first proportional set size, and the end.
  const int readings = 3 + static_cast<int>(seen("pss"));
  EXPECT_EQ(probe_.measurements().probe_cpu, (readings + 1) * 10us);
}

TEST_F(ProbePaceTest, TheKindsAreReadBetweenQuiescentPointsWhenTheDescriptorsHaveMoved) {
  cost_ = 10us;
  probe_.sample(1s, 0);
  EXPECT_EQ(seen("sockets"), 0u) << "before the first quiescent point";
  probe_.rest(2s, 1);
  probe_.sample(3s, 1);
  EXPECT_EQ(seen("sockets"), 1u) << "nothing has moved";

  std::vector<int> open;
  for (int i = 0; i < 40; ++i) {
    open.push_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  }
  probe_.sample(4s, 1);
  probe_.sample(5s, 1);

  EXPECT_EQ(seen("sockets"), 2u);
  const Series sockets = probe_.measurements().find("sockets")->timeline;
  EXPECT_EQ(sockets.last()->value - sockets.first()->value, 40);
  EXPECT_EQ(at_rest("sockets"), 1u);
  for (const int fd : open) {
    ::close(fd);
  }
}

TEST_F(ProbePaceTest, TheProportionalSetSizeIsReadEveryHalfMinute) {
  cost_ = 1us;
  for (int i = 1; i <= 300; ++i) {
    probe_.sample(i * 1s, 0);
  }

  EXPECT_EQ(seen("pss"), 10u);
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
