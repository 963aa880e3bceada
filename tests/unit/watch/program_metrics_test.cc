// SPDX-License-Identifier: Apache-2.0
#include "tools/watch/program_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <string>

#include "soak/error.h"

namespace soak::tools {
namespace {

using testing::ElementsAre;

ProgramMetrics metrics_of(const std::string& counter, const std::string& gauge = "open") {
  return ProgramMetrics({parse_selector(counter)}, {parse_selector(gauge)});
}

TEST(ProgramMetricsTest, ACounterIsSummedOverItsLabelsFromTheFirstPageOn) {
  ProgramMetrics metrics = metrics_of("requests_total");

  metrics.take_page("requests_total{code=\"200\"} 1e3\nrequests_total{code=\"500\"} 5\n");
  EXPECT_EQ(metrics.counted(0), 0u);
  metrics.take_page("requests_total{code=\"200\"} 1.01e3\nrequests_total{code=\"500\"} 6\n");

  EXPECT_EQ(metrics.counted(0), 11u);
}

TEST(ProgramMetricsTest, ASelectorTakesOnlyTheSeriesWithItsLabels) {
  ProgramMetrics metrics = metrics_of("requests_total{code=\"200\"}");

  metrics.take_page("requests_total{code=\"200\"} 1\nrequests_total{code=\"500\"} 1\n");
  metrics.take_page("requests_total{code=\"200\"} 4\nrequests_total{code=\"500\"} 100\n");

  EXPECT_EQ(metrics.counted(0), 3u);
}

TEST(ProgramMetricsTest, ACounterThatAppearsWithItsFirstOperationBeganAtZero) {
  ProgramMetrics metrics = metrics_of("requests_total");

  metrics.take_page("up 1\n");
  EXPECT_FALSE(metrics.counter_was_seen(0));
  metrics.take_page("up 1\nrequests_total 3\n");

  EXPECT_TRUE(metrics.counter_was_seen(0));
  EXPECT_EQ(metrics.counted(0), 3u);
}

TEST(ProgramMetricsTest, ARestartOfTheProgramAddsUp) {
  ProgramMetrics metrics = metrics_of("requests_total");

  metrics.take_page("requests_total 100\n");
  metrics.take_page("requests_total 150\n");
  metrics.take_page("requests_total 7\n");
  metrics.take_page("requests_total 9\n");

  EXPECT_EQ(metrics.counted(0), 59u);
}

TEST(ProgramMetricsTest, TheNameMayLackTheTotalOfOpenMetricsUnlessThereIsOneWithoutIt) {
  ProgramMetrics with_total = metrics_of("requests");
  with_total.take_page("requests_total 1\n");
  with_total.take_page("requests_total 5\n");
  ProgramMetrics without = metrics_of("connections");
  without.take_page("connections 1\nconnections_total 10\n");
  without.take_page("connections 2\nconnections_total 90\n");

  EXPECT_EQ(with_total.counted(0), 4u);
  EXPECT_EQ(without.counted(0), 1u);
}

TEST(ProgramMetricsTest, AGaugeIsSummedAndHasNoValueWhereItIsNoNumber) {
  ProgramMetrics metrics = metrics_of("requests_total");

  metrics.take_page("open{pool=\"a\"} 3\nopen{pool=\"b\"} 4\nopen_total 100\n");
  EXPECT_EQ(metrics.gauge(0), std::optional<std::int64_t>(7));
  metrics.take_page("open NaN\n");
  EXPECT_EQ(metrics.gauge(0), std::nullopt);
  metrics.take_page("open 2\n");
  metrics.lose_page();

  EXPECT_EQ(metrics.gauge(0), std::nullopt);
  EXPECT_TRUE(metrics.gauge_was_seen(0));
}

TEST(ProgramMetricsTest, APageThatIsRefusedCountsNothing) {
  ProgramMetrics metrics = metrics_of("requests_total");
  metrics.take_page("requests_total 1\n");

  EXPECT_THROW(metrics.take_page("requests_total 5\n<html>\n"), Error);

  metrics.take_page("requests_total 2\n");
  EXPECT_EQ(metrics.counted(0), 1u);
  EXPECT_EQ(metrics.pages(), 2u);
}

TEST(ProgramMetricsTest, TheCountersOfAPageCanBeListed) {
  ProgramMetrics metrics = metrics_of("nothing");
  metrics.take_page("# TYPE a_total counter\na_total 1\n# TYPE b gauge\nb 1\n# HELP c C.\n# TYPE c counter\n");

  EXPECT_THAT(metrics.declared(), ElementsAre("a_total", "c"));
}

}  // namespace
}  // namespace soak::tools
