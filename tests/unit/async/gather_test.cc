// SPDX-License-Identifier: Apache-2.0
#include "soak/gather.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ranges>
#include <string>
#include <utility>
#include <vector>

#include "conftest/captured_log.h"
#include "soak/metrics/metrics.h"
#include "soak/semaphore.h"

namespace soak {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""s;

Task<int> after(std::chrono::nanoseconds delay, int value) {
  co_await sleep_for(delay);
  co_return value;
}

Task<int> fail_after(std::chrono::nanoseconds delay, const char* what) {
  co_await sleep_for(delay);
  throw std::runtime_error(what);
}

Task<int> swallow_for_ever() {
  for (;;) {
    try {
      co_await sleep_for(1h);
    } catch (const Cancelled&) {
    }
  }
}

template <typename... Tasks>
auto all(Tasks... tasks) {
  std::vector<Task<int>> many;
  (many.push_back(std::move(tasks)), ...);
  return many;
}

class GatherTest : public testing::Test {
 protected:
  VirtualLoop loop_;
  conftest::CapturedLog log_;
};

TEST_F(GatherTest, KeepsTheOrderOfItsTasks) {
  auto results = loop_.run(gather(all(after(3s, 1), after(1s, 2), after(2s, 3))));

  ASSERT_EQ(results.size(), 3u);
  EXPECT_EQ(results[0].value(), 1);
  EXPECT_EQ(results[1].value(), 2);
  EXPECT_EQ(results[2].value(), 3);
  EXPECT_EQ(loop_.elapsed(), 3s);
}

TEST_F(GatherTest, TellsAValueAnExceptionATimeoutAndACancellationApart) {
  auto results = loop_.run(gather(all(after(1s, 1), fail_after(1s, "disk full"), swallow_for_ever(), after(1h, 2)),
                                  {.label = "mixed", .timeout = 5s, .grace = 1s}));

  EXPECT_EQ(results[0].outcome(), Outcome::kValue);
  EXPECT_EQ(results[1].outcome(), Outcome::kFailed);
  EXPECT_EQ(results[1].what(), "disk full");
  EXPECT_EQ(results[2].outcome(), Outcome::kTimedOut);
  EXPECT_EQ(results[3].outcome(), Outcome::kTimedOut);
  EXPECT_EQ(loop_.elapsed(), 6s);
  EXPECT_THAT(log_.text(), testing::HasSubstr("error gather 'mixed': task 1 (mixed-1) failed: disk full\n"));
  EXPECT_EQ(loop_.live_tasks(), 0u);
}

TEST_F(GatherTest, RunsNoMoreThanItsConcurrencyAtATime) {
  std::vector<Task<int>> tasks;
  for (int i = 0; i < 25; ++i) tasks.push_back(after(1s, i));

  auto results = loop_.run(gather(std::move(tasks), {.max_concurrency = 10}));

  EXPECT_EQ(loop_.elapsed(), 3s);
  EXPECT_EQ(results[24].value(), 24);
}

TEST_F(GatherTest, SharesALimitBetweenCalls) {
  Semaphore limit(2);
  TaskGroup group(loop_);
  const auto call = [&]() -> Task<> {
    auto tasks = all(after(1s, 1), after(1s, 2), after(1s, 3));
    auto results = co_await gather(std::move(tasks), {.limit = &limit});
    EXPECT_TRUE(results[2].ok());
  };
  group.start("one", call());
  group.start("two", call());

  const DrainResult result = loop_.run(drain(group));

  EXPECT_TRUE(result.clean());
  EXPECT_EQ(loop_.elapsed(), 3s);
  EXPECT_EQ(limit.available(), 2u);
}

TEST_F(GatherTest, TimesEachChildApart) {
  auto results =
      loop_.run(gather(all(after(1s, 1), after(1h, 2), after(2s, 3)), {.max_concurrency = 1, .task_timeout = 5s}));

  EXPECT_EQ(results[0].outcome(), Outcome::kValue);
  EXPECT_EQ(results[1].outcome(), Outcome::kTimedOut);
  EXPECT_EQ(results[2].outcome(), Outcome::kValue);
  EXPECT_EQ(loop_.elapsed(), 8s);
}

TEST_F(GatherTest, ForcesOneChildThatSwallowsAndLetsTheOthersRun) {
  auto results = loop_.run(gather(all(swallow_for_ever(), after(20s, 2)), {.task_timeout = 30s, .grace = 2s}));

  EXPECT_EQ(results[0].outcome(), Outcome::kTimedOut);
  EXPECT_EQ(results[1].value(), 2);
  EXPECT_EQ(loop_.elapsed(), 32s);
}

TEST_F(GatherTest, TakesTheTimesOfItsChildrenWithItWhenItIsDestroyed) {
  TaskGroup group(loop_);
  const auto call = [&]() -> Task<> {
    auto tasks = all(swallow_for_ever(), swallow_for_ever());
    (void)co_await gather(std::move(tasks), {.task_timeout = 1h, .grace = 1h});
  };
  group.start("call", call());

  const DrainResult result = loop_.run(drain(group, {.timeout = 1s, .grace = 1s}));

  EXPECT_EQ(result.forced, 3u);
  EXPECT_TRUE(loop_.core().timers.empty());
}

TEST_F(GatherTest, PullsChunksLazily) {
  int made = 0;
  const auto make = [&](int i) {
    ++made;
    EXPECT_LE(made - i, 1);
    return after(1s, i);
  };
  const auto tasks = std::views::iota(0, 7) | std::views::transform(make);

  auto results = loop_.run(gather_chunked(tasks, {.chunk_size = 3}));

  EXPECT_EQ(made, 7);
  ASSERT_EQ(results.size(), 7u);
  EXPECT_EQ(results[6].value(), 6);
  EXPECT_EQ(loop_.elapsed(), 3s);
}

}  // namespace
}  // namespace soak
