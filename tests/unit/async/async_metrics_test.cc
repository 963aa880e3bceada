// SPDX-License-Identifier: Apache-2.0
// What the primitives count. The series are the process's, so each test looks at the difference it makes.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <ranges>
#include <string>
#include <utility>
#include <vector>

#include "conftest/captured_log.h"
#include "sample_tasks.h"
#include "soak/gather.h"
#include "soak/metrics/metrics.h"
#include "soak/session.h"

namespace soak {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using testing::ElementsAre;
using testing::HasSubstr;

class AsyncMetricsTest : public testing::Test {
 protected:
  static constexpr Label kLabel = "metered";

  static double exits(Label reason) {
    return metrics::counter("async_supervisor_exit_total", "Returns of supervise(), by reason.",
                            {{"label", kLabel}, {"reason", reason}})
        .value();
  }
  static std::array<double, 4> all_exits() {
    return {exits("disconnect"), exits("crash"), exits("lifetime_done"), exits("all_done")};
  }
  std::array<double, 4> new_exits() const {
    std::array<double, 4> counts = all_exits();
    for (std::size_t i = 0; i < counts.size(); ++i) {
      counts[i] -= exits_before_[i];
    }
    return counts;
  }

  struct Measured {
    double events = 0;  // Drain timeouts, gather failures.
    double count = 0;
    double seconds = 0;
    bool operator==(const Measured&) const = default;
  };
  static Measured drains() {
    const metrics::Histogram duration =
        metrics::histogram("async_drain_duration_seconds", "Time that drain() took.", {{"label", kLabel}});
    return {metrics::counter("async_drain_timeout_total", "Drains whose timeout passed while tasks were running.",
                             {{"label", kLabel}})
                .value(),
            static_cast<double>(duration.count()), duration.sum_seconds()};
  }
  static Measured gathers() {
    const metrics::Histogram duration =
        metrics::histogram("async_gather_duration_seconds", "Time that gather() took.", {{"label", kLabel}});
    return {metrics::counter("async_gather_failures_total",
                             "Children of gather() that threw or timed out, not counting cancelled ones.",
                             {{"label", kLabel}})
                .value(),
            static_cast<double>(duration.count()), duration.sum_seconds()};
  }
  static Measured difference(const Measured& before, const Measured& after) {
    return {after.events - before.events, after.count - before.count, after.seconds - before.seconds};
  }
  Measured new_drains() const { return difference(drains_before_, drains()); }
  Measured new_gathers() const { return difference(gathers_before_, gathers()); }

  int alive_ = 0;
  VirtualLoop loop_;
  conftest::CapturedLog log_;

 private:
  std::array<double, 4> exits_before_ = all_exits();
  Measured drains_before_ = drains();
  Measured gathers_before_ = gathers();
};

TEST_F(AsyncMetricsTest, CountEachExitOfASupervisorByItsReason) {
  TaskGroup group(loop_);
  group.start("receive", sleep_for(1s), TaskKind::kReceive);
  group.start("upload", crash_after(1s));
  group.start("heartbeat", sleep_for(1s));

  for (int i = 0; i < 5; ++i) {
    (void)loop_.run(supervise(group, {.label = kLabel}));
  }

  EXPECT_THAT(new_exits(), ElementsAre(1, 1, 1, 2));
}

TEST_F(AsyncMetricsTest, CountNoExitOfASupervisorThatIsCancelled) {
  TaskGroup group(loop_);
  group.start("heartbeat", sleep_for(10s));
  const auto supervisor = [&]() -> Task<> { (void)co_await supervise(group, {.label = kLabel}); };

  EXPECT_TRUE(loop_.run(cancelled_after(loop_, 1s, supervisor)));
  (void)loop_.run(drain(group));

  EXPECT_THAT(new_exits(), ElementsAre(0, 0, 0, 0));
}

TEST_F(AsyncMetricsTest, TimeADrainThatNeededNoCancellation) {
  TaskGroup group(loop_);
  group.start("short", sleep_for(2500ms));

  (void)loop_.run(drain(group, {.label = kLabel}));

  EXPECT_EQ(new_drains(), (Measured{.events = 0, .count = 1, .seconds = 2.5}));
}

TEST_F(AsyncMetricsTest, CountADrainWhoseTimeoutWasNotEnough) {
  TaskGroup group(loop_);
  group.start("polite", sleep_for(1h));
  group.start("stubborn", swallow_for_ever(alive_));

  (void)loop_.run(drain(group, {.timeout = 3s, .grace = 1s, .label = kLabel}));

  EXPECT_EQ(new_drains(), (Measured{.events = 1, .count = 1, .seconds = 4}));
}

TEST_F(AsyncMetricsTest, CountADeadlineThatIsPastAsATimeout) {
  TaskGroup group(loop_);
  group.start("polite", sleep_for(1h));
  loop_.run(sleep_for(2s));

  (void)loop_.run(drain(group, {.deadline = Instant(1s), .label = kLabel}));

  EXPECT_EQ(new_drains(), (Measured{.events = 1, .count = 1, .seconds = 0}));
}

TEST_F(AsyncMetricsTest, CountNoTimeoutOfADrainThatIsToCancelFirst) {
  TaskGroup group(loop_);
  group.start("polite", sleep_for(1h));

  (void)loop_.run(drain(group, {.cancel_first = true, .label = kLabel}));

  EXPECT_EQ(new_drains(), (Measured{.events = 0, .count = 1, .seconds = 0}));
}

TEST_F(AsyncMetricsTest, CountNoTimeoutOfADrainThatIsCancelled) {
  TaskGroup group(loop_);
  group.start("polite", sleep_for(1h));
  const auto drainer = [&]() -> Task<> { (void)co_await drain(group, {.label = kLabel}); };

  EXPECT_TRUE(loop_.run(cancelled_after(loop_, 2s, drainer)));

  EXPECT_EQ(new_drains(), (Measured{.events = 0, .count = 1, .seconds = 2}));
}

TEST_F(AsyncMetricsTest, CountTheExceptionsAndTimeoutsOfAGatherAndNotItsCancellations) {
  const auto gives_up = []() -> Task<int> {
    co_await sleep_for(1s);
    throw Cancelled{};
  };

  (void)loop_.run(gather(tasks_of(value_after(1s, 1), no_value_after(1s, "disk full"), gives_up(), value_after(1h, 2)),
                         {.label = kLabel, .timeout = 5s}));

  EXPECT_EQ(new_gathers(), (Measured{.events = 2, .count = 1, .seconds = 5}));
}

TEST_F(AsyncMetricsTest, CountTasksThatAGatherNeverStarted) {
  (void)loop_.run(gather(tasks_of(value_after(1h, 1), value_after(1h, 2), value_after(1h, 3)),
                         {.label = kLabel, .max_concurrency = 1, .timeout = 5s}));

  EXPECT_EQ(new_gathers(), (Measured{.events = 3, .count = 1, .seconds = 5}));
}

TEST_F(AsyncMetricsTest, CountNoFailureOfAGatherThatIsCancelled) {
  const auto caller = [&]() -> Task<> {
    auto tasks = tasks_of(value_after(1h, 1), value_after(1h, 2));
    (void)co_await gather(std::move(tasks), {.label = kLabel, .max_concurrency = 1});
  };

  EXPECT_TRUE(loop_.run(cancelled_after(loop_, 2s, caller)));

  EXPECT_EQ(new_gathers(), (Measured{.events = 0, .count = 1, .seconds = 2}));
}

TEST_F(AsyncMetricsTest, TimeAnEmptyGather) {
  (void)loop_.run(gather(std::vector<Task<int>>(), {.label = kLabel}));

  EXPECT_EQ(new_gathers(), (Measured{.events = 0, .count = 1, .seconds = 0}));
}

TEST_F(AsyncMetricsTest, TimeAChunkedGatherOnceAndCountTheFailuresOfAllItsChunks) {
  const auto child = [](int i) { return i % 2 == 0 ? value_after(1s, i) : no_value_after(1s, "disk full"); };
  const auto tasks = std::views::iota(0, 9) | std::views::transform(child);

  (void)loop_.run(gather_chunked(tasks, {.chunk_size = 2, .label = kLabel, .timeout = 2500ms}));

  // Two failed, two were cut short, and three never started.
  EXPECT_EQ(new_gathers(), (Measured{.events = 7, .count = 1, .seconds = 2.5}));
}

TEST_F(AsyncMetricsTest, SaySessionsAreThereWhileTheyAre) {
  const metrics::Gauge sessions =
      metrics::gauge("async_sessions", "Sessions that have started and not ended.", {{"label", kLabel}});
  const double before = sessions.value();
  Session session(loop_, {.label = kLabel});
  session.start("receive", sleep_for(1s), TaskKind::kReceive);
  EXPECT_EQ(sessions.value(), before + 1);

  (void)loop_.run(session.run());

  EXPECT_EQ(sessions.value(), before);
  EXPECT_THAT(new_exits(), ElementsAre(1, 0, 0, 0));
  EXPECT_EQ(new_drains().count, 1);
}

TEST_F(AsyncMetricsTest, AreExposedByTheirNamesAndLabels) {
  Session session(loop_, {.label = kLabel});
  (void)loop_.run(session.run());
  (void)loop_.run(gather(tasks_of(no_value_after(1s, "disk full")), {.label = kLabel}));

  const std::string text = metrics::exposition();

  EXPECT_THAT(text, HasSubstr("async_supervisor_exit_total{label=\"metered\",reason=\"all_done\"}"));
  EXPECT_THAT(text, HasSubstr("async_drain_timeout_total{label=\"metered\"}"));
  EXPECT_THAT(text, HasSubstr("async_drain_duration_seconds_count{label=\"metered\"}"));
  EXPECT_THAT(text, HasSubstr("async_gather_failures_total{label=\"metered\"}"));
  EXPECT_THAT(text, HasSubstr("async_gather_duration_seconds_count{label=\"metered\"}"));
  EXPECT_THAT(text, HasSubstr("async_sessions{label=\"metered\"}"));
}

}  // namespace
}  // namespace soak
