// SPDX-License-Identifier: Apache-2.0
// The metrics of an AsyncRun, and where it serves them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <string>

#include "conftest/http_get.h"
#include "conftest/scratch_folder.h"
#include "soak/async_run.h"
#include "soak/detail/run_context.h"
#include "soak/error.h"
#include "soak/metrics/endpoint.h"
#include "soak/metrics/metrics.h"

namespace soak {
namespace {

using namespace std::chrono_literals;
using conftest::connect_to;
using conftest::http_get;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class RunMetricsTest : public testing::Test {
 protected:
  RunMetricsTest() {
    detail::RunContext& context = detail::run_context();
    context = {};
    context.name = "Soak/Metrics.Test";
    context.mode = Mode::kReal;
    context.progress = false;
  }
  ~RunMetricsTest() override { detail::run_context() = {}; }

  static constexpr AsyncRunOptions kServed{.metrics_port = std::uint16_t{0}};

  // The options of a short run in real time.
  static RunOptions short_run() {
    return {.duration = 200ms, .reconnect_every = 50ms, .seed = 1, .report_dir = conftest::scratch_folder().path()};
  }

  static Task<> until_the_end(AsyncRun& run, Cycle& cycle) { co_await sleep_for(cycle.ends_at() - run.elapsed()); }
};

TEST_F(RunMetricsTest, AreThereAsLongAsTheRun) {
  detail::run_context().mode = Mode::kVirtual;
  detail::run_context().quiet = true;
  std::string text;
  {
    AsyncRun run({.duration = 30s, .reconnect_every = 10s, .seed = 1, .failed_cycles_max = 1});
    run.drive([&](Cycle& cycle) -> Task<> {
      run.count("frames", 25);
      run.count("sent");
      if (cycle.number() == 1 && run.counted("sent") == 2) {
        throw Error(Errc::kConnectFailed, "nobody listens");
      }
      co_await until_the_end(run, cycle);
      text = metrics::exposition();
    });
    EXPECT_TRUE(run.verdict().passed()) << run.summary();
  }

  // As the last cycle saw them, before it was finished.
  EXPECT_THAT(text, HasSubstr("soak_run_info{name=\"Soak/Metrics.Test\",mode=\"virtual\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("# TYPE soak_cycles_total counter\nsoak_cycles_total 2\n"));
  EXPECT_THAT(text, HasSubstr("soak_failed_cycles_total 1\n"));
  EXPECT_THAT(text, HasSubstr("soak_events_total{event=\"frames\"} 100\nsoak_events_total{event=\"sent\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("soak_watched{name=\"tasks\"} "));
  EXPECT_THAT(text, HasSubstr("soak_rss_bytes "));
  EXPECT_THAT(metrics::exposition(), Not(HasSubstr("soak_")));
}

TEST_F(RunMetricsTest, AreServedWhereTheRunSays) {
  testing::internal::CaptureStdout();
  AsyncRun run(short_run(), kServed);
  const std::string said = testing::internal::GetCapturedStdout();
  const std::string url = run.metrics_url();
  std::string response;

  run.drive([&](Cycle& cycle) -> Task<> {
    run.count("frames");
    const auto port = static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1)));
    response = http_get(port, "/metrics");  // Answered by the endpoint's thread while this one stands still.
    co_await until_the_end(run, cycle);
  });

  EXPECT_THAT(url, StartsWith("http://127.0.0.1:"));
  EXPECT_EQ(said, "metrics at " + url + "\n");
  EXPECT_THAT(response, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(response, HasSubstr("soak_events_total{event=\"frames\"} 4\n"));
  run.verdict();
  EXPECT_EQ(run.record().cycles, 4u);
}

// A scrape holds descriptors, which are nothing that the run leaves behind.
TEST_F(RunMetricsTest, AScrapeIsWaitedForBeforeAQuiescentPoint) {
  AsyncRun run(short_run(), kServed);
  const std::string url = run.metrics_url();
  const auto port = static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1)));
  TaskGroup scrapers(run.loop());
  // Longer than the 50 ms in which a count that does not move is at rest.
  const auto end_scrape = [](int fd) -> Task<> {
    co_await sleep_for(200ms);
    ::close(fd);
  };

  run.drive([&](Cycle& cycle) -> Task<> {
    co_await until_the_end(run, cycle);
    if (cycle.number() == 3) {
      const int fd = connect_to("127.0.0.1", port);
      for (int i = 0; i < 1000 && metrics::Endpoint::open_connections() == 0; ++i) {
        co_await sleep_for(1ms);
      }
      scrapers.start("scraper", end_scrape(fd));
    }
  });

  run.verdict();
  for (const char* series : {"fds", "sockets"}) {
    const probe::Series& at_rest = run.record().measured.find(series)->at_rest;
    EXPECT_EQ(at_rest.last()->value, at_rest.first()->value) << series;
  }
  EXPECT_EQ(run.record().measured.unsettled_points, 0u);
  scrapers.end_in_place();
}

TEST_F(RunMetricsTest, APortThatIsTakenRefusesTheRun) {
  const metrics::Endpoint other;

  try {
    AsyncRun run(short_run(), {.metrics_port = other.port()});
    FAIL() << "the run started";
  } catch (const detail::RunRefused& refused) {
    EXPECT_EQ(std::string(refused.what()), "metrics endpoint: cannot listen on 127.0.0.1:" +
                                               std::to_string(other.port()) + ": Address already in use");
  }
}

TEST_F(RunMetricsTest, OnTheVirtualClockNoneAreServedAndTheVerdictSaysSo) {
  detail::run_context().mode = Mode::kVirtual;
  AsyncRun run(short_run(), kServed);

  run.drive([&](Cycle& cycle) { return until_the_end(run, cycle); });

  EXPECT_EQ(run.metrics_url(), "");
  EXPECT_THAT(run.verdict().remarks, Contains("metrics_port: a run on the virtual clock serves no metrics"));
}

}  // namespace
}  // namespace soak
