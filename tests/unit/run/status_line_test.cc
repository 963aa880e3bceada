// SPDX-License-Identifier: Apache-2.0
#include "lib/run/status_line.h"

#include <gtest/gtest.h>

#include <array>

namespace soak {
namespace {

using namespace std::chrono_literals;

TEST(StatusLineTest, RatesAreSinceTheLineBefore) {
  StatusLine line;
  std::array counts{probe::OperationCount{"frames", 250}};
  const StatusLine::Now first{.at = 10s, .cycle_noun = "reconnect", .cycles = 1, .counts = counts};

  EXPECT_EQ(line.text(first), "reconnects=1 frames=250 (25.0/s)");
  counts[0].count = 255;
  const StatusLine::Now second{
      .at = 11s, .cycle_noun = "reconnect", .cycles = 1, .counts = counts, .rss_bytes = 8 << 20, .fds = 14};
  EXPECT_EQ(line.text(second), "reconnects=1 frames=255 (5.0/s) rss=8.0 MiB fds=14");
}

TEST(StatusLineTest, TheVerdictSoFarStandsAtItsEnd) {
  StatusLine line;

  EXPECT_EQ(line.text({.at = 1s, .cycle_noun = "cycle", .cycles = 0, .so_far = "no finding"}),
            "cycles=0; so far: no finding");
}

TEST(StatusLineTest, ALeakIsSaidPerOperationAndAnythingElseAsItWasFound) {
  probe::Verdict verdict;
  EXPECT_EQ(verdict_so_far(verdict), "no finding");

  verdict.inconclusive.push_back({"rss", "rss may have grown +1.2 KiB per second", {}});
  EXPECT_EQ(verdict_so_far(verdict), "not certain: rss may have grown +1.2 KiB per second");

  verdict.findings.push_back({"sockets", "sockets rose 3 -> 61 in 28.8s, allowed +0", {}});
  EXPECT_EQ(verdict_so_far(verdict), "sockets rose 3 -> 61 in 28.8s, allowed +0");

  probe::Trend heap;
  heap.series = "heap";
  heap.unit = probe::Unit::kBytes;
  heap.per = "reconnect";
  heap.growth = 15 << 20;
  heap.leak = true;
  verdict.trends.push_back(heap);
  EXPECT_EQ(verdict_so_far(verdict), "heap +15.0 MiB per reconnect");
}

}  // namespace
}  // namespace soak
