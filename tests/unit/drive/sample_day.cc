// SPDX-License-Identifier: Apache-2.0
// Soaks that last a day of virtual time, run from outside by resume_test.cc, as one process and as several.

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include "soak/run_driver.h"
#include "soak/soak.h"

namespace {

using namespace std::chrono_literals;

// Says once a minute which cycle of which time it is, and counts it.
soak::Task<> one_cycle(soak::Cycle& cycle) {
  while (cycle.run().elapsed() < cycle.ends_at()) {
    cycle.run().met("ticks", cycle.run().elapsed());
    cycle.run().due("ticks", cycle.run().elapsed());
    co_await soak::sleep_for(std::min<std::chrono::nanoseconds>(1min, cycle.ends_at() - cycle.run().elapsed()));
  }
}

SOAK_TEST(Day, IsClean) {
  soak::AsyncRun run({.duration = 24h, .reconnect_every = 7min});
  bool first = true;
  run.drive([&](soak::Cycle& cycle) -> soak::Task<> {
    if (first) {
      std::printf("begins at %lld s with cycle %llu\n", static_cast<long long>(run.elapsed() / 1s),
                  static_cast<unsigned long long>(cycle.number()));
      first = false;
    }
    co_await one_cycle(cycle);
  });
  EXPECT_SOAK(run);
  std::printf("this process: %llu of %llu cycles\n",
              static_cast<unsigned long long>(soak::RunDriver(run).cycles_in_part()),
              static_cast<unsigned long long>(run.record().cycles));
  EXPECT_EQ(run.counted("ticks") - soak::RunDriver(run).counted_in_part("ticks") == 0, run.record().parts.size() <= 1);
}

// From the twentieth hour on, one in every cycle.
SOAK_TEST(Day, LeaksInTheEvening) {
  std::int64_t kept = 0;
  soak::AsyncRun run({.duration = 24h, .reconnect_every = 7min});
  run.add_gauge("kept", [&kept] { return kept; });
  run.drive([&](soak::Cycle& cycle) -> soak::Task<> {
    kept += run.elapsed() > 20h ? 1 : 0;
    co_await one_cycle(cycle);
  });
  EXPECT_SOAK(run);
}

SOAK_TEST(Day, LeaksInTheMorning) {
  std::int64_t kept = 0;
  soak::AsyncRun run({.duration = 24h, .reconnect_every = 7min});
  run.add_gauge("kept", [&kept] { return kept; });
  run.drive([&](soak::Cycle& cycle) -> soak::Task<> {
    ++kept;
    co_await one_cycle(cycle);
  });
  EXPECT_SOAK(run);
}

SOAK_TEST(Day, HasTwoRuns) {
  for (int i = 0; i < 2; ++i) {
    soak::AsyncRun run({.duration = 24h, .reconnect_every = 1h});
    run.drive([](soak::Cycle& cycle) { return one_cycle(cycle); });
    EXPECT_SOAK(run);
  }
}

// On the real clock.
SOAK_TEST(Loop, SaysThatItRuns) {
  soak::Run run({.duration = 60s});
  for (auto cycle : run) {
    if (soak::RunDriver(run).cycles_in_part() == 10) {
      std::printf("in the loop\n");
      std::fflush(stdout);
    }
    cycle.quiescent();
    run.count("turns");
  }
  EXPECT_SOAK(run);
}

}  // namespace
