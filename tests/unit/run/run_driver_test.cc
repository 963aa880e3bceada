// SPDX-License-Identifier: Apache-2.0
// A driver of one's own, as soak/run_driver.h shows it.

#include "soak/run_driver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <stdexcept>
#include <utility>

#include "soak/detail/run_context.h"

namespace soak {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::StartsWith;

struct BatchFailed : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class BatchRun : public Run {
 public:
  explicit BatchRun(RunOptions options) : Run(std::move(options), Driven{}) {
    RunDriver(*this).use_virtual_clock([this] { return now_; });
  }

  // A round a second.
  void drive(const std::function<void(Cycle&)>& body) {
    RunDriver driver(*this);
    driver.begin_run();
    while (elapsed() < driver.part_to() && !interrupted() && !ended_early()) {
      Cycle cycle(*this, driver.cycles(), driver.part_to());
      driver.describe("QUEUE SOAK / orders", "round");
      now_ += 1s;
      try {
        body(cycle);
        driver.finish_cycle();
      } catch (const BatchFailed& failed) {
        driver.fail_cycle(failed.what());
      }
      driver.quiescent_point();
    }
    driver.end_run();
  }

 private:
  std::chrono::nanoseconds now_{};
};

class RunDriverTest : public testing::Test {
 protected:
  RunDriverTest() {
    detail::RunContext& context = detail::run_context();
    context = {};
    context.name = "Soak/Queue.Orders";
    context.quiet = true;
  }
  ~RunDriverTest() override { detail::run_context() = {}; }
};

TEST_F(RunDriverTest, TurnsTheCyclesAndNamesThem) {
  BatchRun run({.duration = 20s});

  run.drive([&run](Cycle&) { run.count("orders", 2); });

  EXPECT_TRUE(run.verdict().passed()) << run.summary();
  EXPECT_THAT(run.summary(), StartsWith("[QUEUE SOAK / orders] PASS: elapsed=20.0s rounds=20 orders=40 "));
  EXPECT_EQ(RunDriver(run).cycles_in_part(), 20u);
  EXPECT_EQ(RunDriver(run).counted_in_part("orders"), 40u);
}

TEST_F(RunDriverTest, AFailedCycleIsAFindingWithItsWords) {
  BatchRun run({.duration = 20s});

  run.drive([](Cycle& cycle) {
    if (cycle.number() == 3) {
      throw BatchFailed("order 17 was lost");
    }
  });

  ASSERT_THAT(run.verdict().findings, ElementsAre(Field(&Finding::subject, "failed_cycles")));
  EXPECT_THAT(run.verdict().findings[0].evidence[0].text, HasSubstr("order 17 was lost"));
}

TEST_F(RunDriverTest, TheScheduleIsHeldWithinOneCycle) {
  BatchRun run({.duration = 20s});
  RunDriver(run).expect_cycles(25);

  run.drive([](Cycle&) {});

  EXPECT_THAT(run.verdict().findings, ElementsAre(Field(&Finding::subject, "cycles")));
}

TEST_F(RunDriverTest, ARefusedRunLeavesNoVerdictToMiss) {
  bool unread = false;
  detail::run_context().on_unread = [&unread](const std::string&) { unread = true; };

  EXPECT_THROW(
      {
        BatchRun run({.duration = 20s});
        RunDriver(run).refuse("no queue is there");
      },
      detail::RunRefused);
  EXPECT_FALSE(unread);
}

}  // namespace
}  // namespace soak
