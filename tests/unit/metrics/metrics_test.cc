// SPDX-License-Identifier: Apache-2.0
#include "soak/metrics/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

namespace soak::metrics {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

// There is one registry in a process, so each test has names of its own.

static_assert(!std::is_convertible_v<std::string, Label> && !std::is_convertible_v<const char*, Label>,
              "a label is text that is in the program");

TEST(CounterTest, CountsUpOnly) {
  const Counter frames = counter("counts_up_total", "Frames.");

  frames.increment();
  frames.increment(2.5);
  frames.increment(-100);

  EXPECT_DOUBLE_EQ(frames.value(), 3.5);
}

TEST(CounterTest, TheSameNameAndLabelsAreTheSameMetric) {
  const Counter first = counter("same_total", "Exits.", {{"label", "pusher"}, {"reason", "crash"}});
  const Counter again = counter("same_total", "Exits.", {{"reason", "crash"}, {"label", "pusher"}});
  const Counter other = counter("same_total", "Exits.", {{"label", "pusher"}, {"reason", "disconnect"}});

  first.increment();

  EXPECT_EQ(again.value(), 1);
  EXPECT_EQ(other.value(), 0);
}

TEST(CounterTest, CountsFromEveryThread) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([] {
      for (int n = 0; n < 1000; ++n) {
        counter("threads_total", "Of every thread.").increment();
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }

  EXPECT_EQ(counter("threads_total", "Of every thread.").value(), 4000);
}

TEST(GaugeTest, GoesUpAndDown) {
  const Gauge sessions = gauge("gauge_sessions", "Open sessions.", {{"label", "listen"}});

  sessions.set(10);
  sessions.increment();
  sessions.decrement(3);

  EXPECT_EQ(sessions.value(), 8);
}

TEST(HistogramTest, CountsAndSumsDurationsInSeconds) {
  const Histogram drain = histogram("drain_seconds", "Time to drain.");

  drain.observe(1ms);
  drain.observe(4ms);
  drain.observe(61s);

  EXPECT_EQ(drain.count(), 3u);
  EXPECT_DOUBLE_EQ(drain.sum_seconds(), 61.005);
  // A bucket holds what is at most its bound, and all that the smaller ones hold.
  const std::string text = exposition();
  EXPECT_THAT(text, HasSubstr("drain_seconds_bucket{le=\"0.001\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("drain_seconds_bucket{le=\"0.0025\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("drain_seconds_bucket{le=\"0.005\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("drain_seconds_bucket{le=\"60\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("drain_seconds_bucket{le=\"+Inf\"} 3\n"));
}

TEST(ExpositionTest, IsPrometheusText) {
  counter("text_total", "Things that happened.", {{"label", "a \"quoted\" one"}}).increment(2);

  const std::string text = exposition();

  EXPECT_THAT(text, HasSubstr("# HELP text_total Things that happened.\n"
                              "# TYPE text_total counter\n"
                              "text_total{label=\"a \\\"quoted\\\" one\"} 2\n"));
  EXPECT_THAT(text, Not(HasSubstr("never_registered")));
}

TEST(MetricsDeathTest, ANameIsOfOneKind) {
  counter("kind_total", "Things.");

  EXPECT_DEATH(gauge("kind_total", "Things."), "the metric kind_total is a counter already: it cannot be a gauge too");
  EXPECT_DEATH(histogram("kind_total", "Things."), "kind_total is a counter already: it cannot be a histogram too");
}

TEST(MetricsDeathTest, ANameHasOneHelp) {
  gauge("help_bytes", "Bytes held.", {{"label", "one"}});

  EXPECT_DEATH(gauge("help_bytes", "Bytes.", {{"label", "two"}}),
               "the metric help_bytes has the help 'Bytes held.' already: it cannot have 'Bytes.' too");
}

TEST(MetricsDeathTest, AHelpIsOneLine) {
  EXPECT_DEATH(counter("lines_total", "Two\nlines."), "the help of the metric lines_total has more than one line");
}

TEST(MetricsDeathTest, NamesAreThoseThatPrometheusAccepts) {
  EXPECT_DEATH(counter("2nd_total", "Things."), "'2nd_total' is no name for a metric");
  EXPECT_DEATH(counter("a-b_total", "Things."), "'a-b_total' is no name for a metric");
  EXPECT_DEATH(counter("", "Things."), "'' is no name for a metric");
  EXPECT_DEATH(gauge("names", "Things.", {{"a-b", "x"}}), "'a-b' is no name for a label of the metric names");
  EXPECT_DEATH(histogram("names", "Things.", {{"le", "x"}}), "'le' is no name for a label of the metric names");
  EXPECT_DEATH(gauge("names", "Things.", {{"a", "x"}, {"a", "y"}}), "the metric names is given its label a twice");
}

}  // namespace
}  // namespace soak::metrics
