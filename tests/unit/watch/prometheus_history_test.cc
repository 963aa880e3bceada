// SPDX-License-Identifier: Apache-2.0
// What a Prometheus answered, as measurements. The answers have the form that its API documents.

#include "tools/watch/prometheus_history.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "soak/error.h"
#include "soak/growth/verdict.h"

namespace soak::tools {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

constexpr double kBegin = 1.7e9;

RangeSeries series(Labels labels, int points, double step, const std::function<double(int)>& value) {
  RangeSeries made{std::move(labels), {}};
  for (int i = 0; i < points; ++i) {
    made.points.emplace_back(kBegin + i * step, value(i));
  }
  return made;
}

Labels rss_of(const std::string& instance) {
  return {{"__name__", "process_resident_memory_bytes"}, {"instance", instance}, {"job", "api"}};
}

probe::Verdict judged(const Recorded& recorded) {
  constexpr std::int64_t kAny = std::numeric_limits<std::int64_t>::max();
  probe::JudgeWords words;
  words.cycle = "http_request";
  return probe::judge_growth(recorded.measured, {kAny, kAny}, words);
}

std::string error_of(const History& history) {
  try {
    to_recorded(history);
    return {};
  } catch (const Error& error) {
    return error.what();
  }
}

// With a little noise, which is the same every time.
double noisy(int i, double slope) { return 5e7 + slope * i + (i * 7919 % 13) * 4096.0; }

TEST(PrometheusHistoryTest, AnAnswerIsSeriesWithLabelsAndPoints) {
  const std::vector<RangeSeries> all = parse_range(
      R"({"status":"success","data":{"resultType":"matrix","result":[
        {"metric":{"__name__":"up","job":"a"},"values":[[1700000000,"1"],[1700000015.5,"NaN"]]},
        {"metric":{},"values":[[1700000000,"1.5e3"]]}]}})");

  ASSERT_THAT(all, SizeIs(2));
  EXPECT_THAT(all[0].labels, ElementsAre(std::pair("__name__", "up"), std::pair("job", "a")));
  EXPECT_EQ(all[0].points[1].first, 1700000015.5);
  EXPECT_TRUE(std::isnan(all[0].points[1].second));
  EXPECT_EQ(all[1].points[0].second, 1500);
}

TEST(PrometheusHistoryTest, ARefusalHasPrometheusOwnWordsAndAnythingElseSaysWhatIsExpected) {
  const auto error = [](const std::string& body) {
    try {
      parse_range(body);
      return std::string();
    } catch (const Error& refused) {
      return std::string(refused.what());
    }
  };

  EXPECT_THAT(error(R"({"status":"error","errorType":"bad_data","error":"parse error: unexpected end"})"),
              HasSubstr("refused the query: parse error: unexpected end"));
  EXPECT_THAT(error("<html>"), HasSubstr("expected a Prometheus"));
  EXPECT_THAT(error(R"({"status":"success","data":{"resultType":"scalar","result":[1,"2"]}})"),
              HasSubstr("not a matrix"));
  EXPECT_THAT(error(R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[1]}]}})"),
              HasSubstr("not [time"));
}

TEST(PrometheusHistoryTest, OfSeveralSeriesTheOneThatLeaksIsNamed) {
  History history{.query = "process_resident_memory_bytes"};
  history.values = {series(rss_of("a:1"), 400, 60, [](int i) { return noisy(i, 0); }),
                    series(rss_of("b:1"), 400, 60, [](int i) { return noisy(i, 60'000); })};

  const probe::Verdict verdict = judged(to_recorded(history));

  ASSERT_THAT(verdict.trends, SizeIs(2));
  EXPECT_FALSE(verdict.trends[0].leak);
  EXPECT_TRUE(verdict.trends[1].leak);
  EXPECT_NEAR(verdict.trends[1].growth, 1000, 30);  // Per second.
  EXPECT_THAT(verdict.trends[1].series, HasSubstr("process_resident_memory{instance=\"b:1\",job=\"api\"}"));
  EXPECT_EQ(verdict.trends[1].unit, probe::Unit::kBytes);
}

TEST(PrometheusHistoryTest, ALeakIsGivenPerOperation) {
  History history{.query = "process_resident_memory_bytes", .with_ops = true};
  history.ops_query = "sum(http_requests_total)";
  history.values = {series(rss_of("a:1"), 400, 60, [](int i) { return noisy(i, 300 * 200); })};
  history.ops = {series({}, 400, 60, [](int i) { return 1000 + 300.0 * i; })};

  const Recorded recorded = to_recorded(history);
  const probe::Verdict verdict = judged(recorded);

  EXPECT_EQ(recorded.operation, "http_requests");
  EXPECT_EQ(recorded.operations, 300u * 399);
  ASSERT_THAT(verdict.trends, SizeIs(1));
  EXPECT_TRUE(verdict.trends[0].leak);
  EXPECT_EQ(verdict.trends[0].per, "http_request");
  EXPECT_NEAR(verdict.trends[0].growth, 200, 5);
}

// Every life of the process has its own level: taken as one, the falls would hide the leak.
TEST(PrometheusHistoryTest, ARestartBeginsASegment) {
  const auto sawtooth = [](int i) { return noisy(i % 100, 60'000); };
  const auto born = [](int i) { return kBegin - 5 + i / 100 * 6000; };
  History history{.query = "process_resident_memory_bytes"};
  history.values = {series(rss_of("a:1"), 400, 60, sawtooth)};
  history.starts = {series({{"instance", "a:1"}, {"job", "api"}}, 400, 60, born)};

  const Recorded recorded = to_recorded(history);

  EXPECT_THAT(recorded.measured.tracks[0].restarts, ElementsAre(6000s, 12000s, 18000s));
  EXPECT_TRUE(judged(recorded).trends[0].leak);
  history.starts.clear();
  EXPECT_FALSE(judged(to_recorded(history)).trends[0].leak);
}

TEST(PrometheusHistoryTest, ACounterThatFellBeginsASegmentWhereTheStartIsNotKnownAndAddsUp) {
  History history{.query = "process_resident_memory_bytes", .with_ops = true};
  history.ops_query = "http_requests_total";
  history.values = {series(rss_of("a:1"), 200, 60, [](int i) { return noisy(i % 100, 60'000); })};
  history.ops = {series(rss_of("a:1"), 200, 60, [](int i) { return 10.0 * (i % 100); })};

  const Recorded recorded = to_recorded(history);

  EXPECT_THAT(recorded.measured.tracks[0].restarts, ElementsAre(6000s));
  EXPECT_EQ(recorded.operations, 990u + 990u);
}

// A query gives the last sample again at each step until the next scrape, and for five minutes after the last one.
TEST(PrometheusHistoryTest, AStepWithoutANewSampleIsNoPoint) {
  History history{.query = "process_resident_memory_bytes"};
  history.values = {series(rss_of("a:1"), 100, 1, [](int i) { return i / 10; })};
  history.scraped = {
      series({{"instance", "a:1"}, {"job", "api"}}, 100, 1, [](int i) { return kBegin - 3 + i / 10 * 10; })};

  const Recorded recorded = to_recorded(history);

  EXPECT_EQ(recorded.rows, 10u);
  EXPECT_EQ(recorded.measured.tracks[0].timeline.last()->at, 87s);
}

TEST(PrometheusHistoryTest, AGapIsLeftOut) {
  History history{.query = "go_goroutines"};
  history.values = {series({{"__name__", "go_goroutines"}}, 10, 60, [](int i) { return i == 4 ? std::nan("") : i; })};

  const Recorded recorded = to_recorded(history);

  EXPECT_EQ(recorded.rows, 9u);
  EXPECT_EQ(recorded.measured.tracks[0].unit, probe::Unit::kCount);
}

TEST(PrometheusHistoryTest, OperationsOfManyInstancesAreMatchedOrRefused) {
  History history{.query = "process_resident_memory_bytes", .with_ops = true};
  history.ops_query = "http_requests_total";
  history.values = {series(rss_of("a:1"), 50, 60, [](int) { return 1; })};
  history.ops = {series(rss_of("b:1"), 50, 60, [](int i) { return i; }),
                 series(rss_of("a:1"), 50, 60, [](int i) { return 2 * i; })};
  EXPECT_EQ(to_recorded(history).operations, 98u);

  history.ops = {series({{"code", "200"}}, 50, 60, [](int i) { return i; }),
                 series({{"code", "500"}}, 50, 60, [](int i) { return i; })};
  EXPECT_THAT(error_of(history), HasSubstr("has 2 series, and none with the instance and job of"));
  history.ops.clear();
  EXPECT_THAT(error_of(history), HasSubstr("--ops http_requests_total: no series in that time"));
  history.values.clear();
  EXPECT_THAT(error_of(history), HasSubstr("--query process_resident_memory_bytes: no series in that time"));
}

TEST(PrometheusHistoryTest, TheOperationIsNamedByTheCounterOfItsQuery) {
  EXPECT_EQ(operation_in("sum(http_requests_total)"), "http_requests");
  EXPECT_EQ(operation_in("sum by (job) (increase(jobs_done_total{a=\"x_total\"}[5m]))"), "jobs_done");
  EXPECT_EQ(operation_in("rpc_count"), "operations");
}

}  // namespace
}  // namespace soak::tools
