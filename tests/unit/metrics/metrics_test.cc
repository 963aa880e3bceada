// SPDX-License-Identifier: Apache-2.0
#include "soak/metrics/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include "soak/metrics/collector.h"

namespace soak::metrics {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

// There is one registry in a process, so each test has names of its own, and looks at differences: it may be repeated.

static_assert(!std::is_convertible_v<std::string, Label> && !std::is_convertible_v<const char*, Label>,
              "a label is text that is in the program");

TEST(CounterTest, CountsUpOnly) {
  const Counter frames = counter("counts_up_total", "Frames.");

  const double before = frames.value();
  frames.increment();
  frames.increment(2.5);
  frames.increment(-100);

  EXPECT_DOUBLE_EQ(frames.value() - before, 3.5);
}

TEST(CounterTest, TheSameNameAndLabelsAreTheSameMetric) {
  const Counter first = counter("same_total", "Exits.", {{"label", "pusher"}, {"reason", "crash"}});
  const Counter again = counter("same_total", "Exits.", {{"reason", "crash"}, {"label", "pusher"}});
  const Counter other = counter("same_total", "Exits.", {{"label", "pusher"}, {"reason", "disconnect"}});

  const double before = again.value();
  first.increment();

  EXPECT_EQ(again.value() - before, 1);
  EXPECT_EQ(other.value(), 0);
}

TEST(CounterTest, CountsFromEveryThread) {
  const double before = counter("threads_total", "Of every thread.").value();
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

  EXPECT_EQ(counter("threads_total", "Of every thread.").value() - before, 4000);
}

TEST(GaugeTest, GoesUpAndDown) {
  const Gauge sessions = gauge("gauge_sessions", "Open sessions.", {{"label", "listen"}});

  sessions.set(10);
  sessions.increment();
  sessions.decrement(3);

  EXPECT_EQ(sessions.value(), 8);
}

TEST(HistogramTest, CountsAndSumsDurationsInSeconds) {
  const Histogram drain = histogram("sum_seconds", "Time to drain.");

  const double sum_before = drain.sum_seconds();
  const std::uint64_t count_before = drain.count();
  drain.observe(1ms);
  drain.observe(2min);

  EXPECT_EQ(drain.count() - count_before, 2u);
  EXPECT_NEAR(drain.sum_seconds() - sum_before, 120.001, 1e-6);
}

TEST(HistogramTest, HasBucketsFromAMillisecondToAMinute) {
  const Histogram drain = histogram("buckets_seconds", "Time to drain.");
  if (drain.count() == 0) {
    drain.observe(1ms);
    drain.observe(4ms);
    drain.observe(61s);
  }

  const std::string text = exposition();

  // A bucket holds what is at most its bound, and all that the smaller ones hold.
  EXPECT_THAT(text, HasSubstr("buckets_seconds_bucket{le=\"0.001\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("buckets_seconds_bucket{le=\"0.0025\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("buckets_seconds_bucket{le=\"0.005\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("buckets_seconds_bucket{le=\"60\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("buckets_seconds_bucket{le=\"+Inf\"} 3\n"));
}

TEST(ExpositionTest, IsPrometheusText) {
  gauge("text_things", "Things that are.", {{"label", "a \"quoted\" one"}}).set(2);

  const std::string text = exposition();

  EXPECT_THAT(text, HasSubstr("# HELP text_things Things that are.\n"
                              "# TYPE text_things gauge\n"
                              "text_things{label=\"a \\\"quoted\\\" one\"} 2\n"));
  EXPECT_THAT(text, Not(HasSubstr("never_registered")));
}

TEST(CollectorTest, IsReadWhenSomebodyAsksAndGoneAfterwards) {
  int reads = 0;
  {
    const Collector collector([&reads] {
      return std::vector<Family>{
          {"collected_total", "Things.", Kind::kCounter, {{{{"event", "a \"b\""}}, 1}, {{{"event", "c"}}, 2}}},
          {"collected_bytes", "Bytes.", Kind::kGauge, {{{}, static_cast<double>(++reads)}}},
          {"collected_nothing", "Nothing.", Kind::kGauge, {}}};
    });
    EXPECT_EQ(reads, 0);

    EXPECT_THAT(exposition(), HasSubstr("collected_bytes 1\n"));
    const std::string text = exposition();

    EXPECT_THAT(text, HasSubstr("# HELP collected_bytes Bytes.\n# TYPE collected_bytes gauge\ncollected_bytes 2\n"));
    EXPECT_THAT(text, HasSubstr("# TYPE collected_total counter\ncollected_total{event=\"a \\\"b\\\"\"} 1\n"
                                "collected_total{event=\"c\"} 2\n"));
    EXPECT_THAT(text, Not(HasSubstr("collected_nothing")));
  }
  EXPECT_THAT(exposition(), Not(HasSubstr("collected_")));
}

// Two families of one name make a text that Prometheus refuses as a whole.
TEST(CollectorTest, TheOlderOneOfANameStands) {
  gauge("older_bytes", "Bytes.").set(1);
  const auto family = [](Label name, double value) {
    return [name, value] { return std::vector<Family>{{name, "Bytes.", Kind::kGauge, {{{}, value}}}}; };
  };
  const Collector shadowed(family("older_bytes", 2));
  const Collector older(family("twice_bytes", 3));
  const Collector younger(family("twice_bytes", 4));

  const std::string text = exposition();

  EXPECT_THAT(text, HasSubstr("older_bytes 1\n"));
  EXPECT_THAT(text, Not(HasSubstr("older_bytes 2\n")));
  EXPECT_THAT(text, HasSubstr("twice_bytes 3\n"));
  EXPECT_THAT(text, Not(HasSubstr("twice_bytes 4\n")));
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
  EXPECT_DEATH(counter("2nd_total", "Things."), "'2nd_total' is not a valid metric name");
  EXPECT_DEATH(counter("a-b_total", "Things."), "'a-b_total' is not a valid metric name");
  EXPECT_DEATH(counter("", "Things."), "'' is not a valid metric name");
  EXPECT_DEATH(gauge("names", "Things.", {{"a-b", "x"}}), "'a-b' is not a valid label name for the metric names");
  EXPECT_DEATH(histogram("names", "Things.", {{"le", "x"}}), "'le' is not a valid label name for the metric names");
  EXPECT_DEATH(gauge("names", "Things.", {{"a", "x"}, {"a", "y"}}), "the metric names has its label a twice");
}

}  // namespace
}  // namespace soak::metrics
