// SPDX-License-Identifier: Apache-2.0
#include "lib/run/parts.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "soak/growth/verdict.h"

namespace soak {
namespace {

using namespace std::chrono_literals;
using probe::Measurements;
using probe::Point;

// Ten cycles of a minute each from `from` on, of a process that starts at 5 MiB, holds `base` after its first cycle and
// `more` with each later one.
Measurements a_part(std::chrono::nanoseconds from, std::uint64_t cycle, std::int64_t base, std::int64_t more) {
  Measurements part;
  probe::Track rss;
  rss.name = "rss";
  rss.unit = probe::Unit::kBytes;
  rss.timeline.add({from, cycle, 5 << 20});
  probe::Operation frames{"frames", probe::Series{}};
  for (std::uint64_t i = 0; i < 10; ++i) {
    const Point point{from + (i + 1) * 1min, cycle + i + 1, base + static_cast<std::int64_t>(i) * more};
    rss.timeline.add(point);
    rss.at_rest.add(point);
    frames.at_rest.add({point.at, point.cycle, static_cast<std::int64_t>(point.cycle * 25)});
  }
  part.tracks.push_back(rss);
  part.operations.push_back(frames);
  part.quiescent_points = 10;
  return part;
}

TEST(PartsTest, APartBeginsWhereTheOneBeforeEnded) {
  const Measurements joined = join_parts(a_part(0s, 0, 9'000'000, 0), a_part(10min, 10, 9'700'000, 0));

  const auto growth = probe::rss_growth(joined);
  EXPECT_EQ(growth->start, 9'000'000);
  EXPECT_EQ(growth->end, 9'000'000) << "another process is not a leak";
  EXPECT_EQ(joined.find("rss")->at_rest.points().size(), 20u);
  EXPECT_EQ(joined.quiescent_points, 20u);
}

TEST(PartsTest, EachPartIsASegment) {
  Measurements later = a_part(10min, 10, 9'700'000, 0);
  later.tracks[0].restart(15min);
  later.restarts = {{15min, "process 7 (fake) was replaced by process 8"}};

  const Measurements joined = join_parts(a_part(0s, 0, 9'000'000, 0), later);

  EXPECT_EQ(joined.find("rss")->restarts, (std::vector<std::chrono::nanoseconds>{11min, 15min}));
  ASSERT_EQ(joined.restarts.size(), 2u);
  EXPECT_EQ(joined.restarts[0].at, 11min);
  EXPECT_EQ(joined.restarts[0].text, "the soak went on in another process");
  EXPECT_EQ(joined.restarts[1].at, 15min);
}

TEST(PartsTest, TheFirstPartIsNoRestart) {
  const Measurements joined = join_parts({}, a_part(0s, 0, 9'000'000, 0));

  EXPECT_TRUE(joined.restarts.empty());
  EXPECT_TRUE(joined.find("rss")->restarts.empty());
}

TEST(PartsTest, WhatEachPartLeavesBehindAddsUp) {
  Measurements joined = a_part(0s, 0, 9'000'000, 1000);
  joined = join_parts(joined, a_part(10min, 10, 8'000'000, 1000));
  joined = join_parts(joined, a_part(20min, 20, 9'900'000, 1000));

  EXPECT_EQ(probe::rss_growth(joined)->end - probe::rss_growth(joined)->start, 27'000);
}

TEST(PartsTest, TheWarmUpOfALaterPartIsLeftOut) {
  const Measurements joined = join_parts(a_part(0s, 0, 9'000'000, 0), a_part(10min, 10, 9'000'000, 0));

  std::size_t at_start = 0;
  for (const Point& point : joined.find("rss")->timeline.points()) {
    at_start += point.value == 5 << 20 ? 1u : 0u;
  }
  EXPECT_EQ(at_start, 1u);  // That of the first part.
}

TEST(PartsTest, OperationsGoOnAsTheyWereCounted) {
  const Measurements joined = join_parts(a_part(0s, 0, 9'000'000, 0), a_part(10min, 10, 9'000'000, 0));

  ASSERT_EQ(joined.operations.size(), 1u);
  EXPECT_EQ(joined.operations[0].at_rest.points().size(), 20u);
  EXPECT_EQ(joined.operations[0].at_rest.last()->value, 500);
}

TEST(PartsTest, AnOperationThatIsNewWasNeverDoneBefore) {
  Measurements later = a_part(10min, 10, 9'000'000, 0);
  later.operations.push_back({"retries", later.operations[0].at_rest});

  const Measurements joined = join_parts(a_part(0s, 0, 9'000'000, 0), later);

  const auto points = joined.operations[1].at_rest.points();
  ASSERT_EQ(points.size(), 20u);
  EXPECT_EQ(points[9].value, 0);
  EXPECT_EQ(points[10].value, 275);
}

TEST(PartsTest, AGaugeThatIsNewStandsAsItIs) {
  Measurements later = a_part(10min, 10, 9'000'000, 0);
  later.tracks.push_back(later.tracks[0]);
  later.tracks.back().name = "sessions";

  const Measurements joined = join_parts(a_part(0s, 0, 8'000'000, 0), later);

  EXPECT_EQ(joined.find("sessions")->at_rest.first()->value, 9'000'000);
}

// A part that ends 1 s late, while it settles, overlaps with the next one.
TEST(PartsTest, TimeNeverGoesBackwards) {
  Measurements before = a_part(0s, 0, 9'000'000, 0);
  before.tracks[0].timeline.add({11min + 30s, 10, 9'000'000});  // While it ended.

  const Measurements joined = join_parts(before, a_part(9min - 1s, 10, 9'000'000, 0));

  for (const auto* series : {&joined.find("rss")->timeline, &joined.find("rss")->at_rest}) {
    const auto points = series->points();
    for (std::size_t i = 1; i < points.size(); ++i) {
      EXPECT_GE(points[i].at, points[i - 1].at);
    }
  }
}

TEST(PartsTest, WithoutQuiescentPointsTheFirstValueAfterACycleIsTheBaseline) {
  Measurements before = a_part(0s, 0, 9'000'000, 0);
  Measurements later = a_part(10min, 10, 9'500'000, 100);
  for (Measurements* part : {&before, &later}) {
    part->tracks[0].at_rest = probe::Series{};
    part->quiescent_points = 0;
  }

  const Measurements joined = join_parts(before, later);

  EXPECT_EQ(joined.find("rss")->timeline.last()->value, 9'000'900);
}

TEST(PartsTest, WhatDidNotSettleIsRemembered) {
  Measurements before = a_part(0s, 0, 9'000'000, 0);
  before.baseline_unsettled = true;
  before.unsettled_points = 1;
  before.unsettled_by = "tasks";

  const Measurements joined = join_parts(before, a_part(10min, 10, 9'000'000, 0));

  EXPECT_TRUE(joined.baseline_unsettled);
  EXPECT_FALSE(joined.last_unsettled);
  EXPECT_EQ(joined.unsettled_points, 1u);
  EXPECT_EQ(joined.unsettled_by, "tasks");
}

}  // namespace
}  // namespace soak
