// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TESTS_SOAK_LIBRARIES_LIBRARY_SOAK_H_
#define SOAK_TESTS_SOAK_LIBRARIES_LIBRARY_SOAK_H_

// Libraries as somebody would soak them for the first time: a plain loop, a quiescent point at the end of each pass,
// the library's default settings, and a budget of RSS that its caches fit in. Each has a soak of clean use, which must
// pass, and one that forgets something once in fifty times, which must be found and told per operation.

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <thread>

#include "conftest/scratch_folder.h"
#include "soak/run.h"
#include "soak/soak_test.h"

namespace soak::tests {

inline RunOptions ten_minutes(std::uint64_t rss_growth_max) {
  return {.duration = std::chrono::minutes{10}, .rss_growth_max = rss_growth_max};
}

// So that ten minutes of it do not take ten minutes of a core.
inline void pause_between_passes() { std::this_thread::sleep_for(std::chrono::milliseconds{50}); }

// One pass in fifty forgets something.
inline bool is_one_in_fifty(std::uint64_t pass) { return pass % 50 == 17; }

// Within the four passes of a smoke run, a cache that fills looks like a leak.
inline void expect_clean(Run& run) {
  if (run.mode() == Mode::kSmoke) {
    run.verdict();
    GTEST_SKIP() << "a smoke run ends before the caches have filled up";
  }
  EXPECT_SOAK(run);
}

// The verdict has a finding, and a trend that says how much grows per `operation`.
inline void expect_leak_per(Run& run, const std::string& operation) {
  const Verdict& verdict = run.verdict();
  std::fputs(run.summary().c_str(), stdout);
  if (run.mode() == Mode::kSmoke) {
    GTEST_SKIP() << "a smoke run ends before the leak can be seen";
  }
  EXPECT_FALSE(verdict.passed());
  const bool named = std::any_of(verdict.trends.begin(), verdict.trends.end(), [&](const probe::Trend& trend) {
    return trend.leak && (trend.per == operation || trend.per.starts_with(operation + " or "));
  });
  EXPECT_TRUE(named) << "nothing says how much grows per " << operation;
}

}  // namespace soak::tests

#endif  // SOAK_TESTS_SOAK_LIBRARIES_LIBRARY_SOAK_H_
