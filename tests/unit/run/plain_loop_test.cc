// SPDX-License-Identifier: Apache-2.0
// What the verdict makes of the loops that people write: libraries that start a thread late, caches that fill, leaks
// that begin at half-time. Their time is what the test says, so that a busy machine is no slow one.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <future>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "soak/detail/run_context.h"
#include "soak/run.h"
#include "soak/run_driver.h"

namespace soak {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::Contains;
using testing::ContainsRegex;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;

class LoopTest : public testing::Test {
 protected:
  LoopTest() {
    detail::RunContext& context = detail::run_context();
    context = {};
    context.name = "Soak/Loop.Test";
    context.quiet = true;
  }
  ~LoopTest() override { detail::run_context() = {}; }

  class JumpingRun : public soak::Run {
   public:
    explicit JumpingRun(RunOptions options) : Run(std::move(options), Driven{}) {
      RunDriver(*this).use_virtual_clock([this] { return now_; });
    }
    void jump(std::chrono::nanoseconds time = 1s) { now_ += time; }

   private:
    std::chrono::nanoseconds now_{};
  };
};

// A newcomer's plain loop, which does not say when it is at rest: 600 passes of 10 ms.
class PlainLoopTest : public LoopTest {
 protected:
  static constexpr std::uint64_t kPasses = 600;

  static JumpingRun six_seconds(RunOptions options = {}) {
    options.duration = 10ms * kPasses;
    return JumpingRun(std::move(options));
  }

  static int open_null() { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }

  // Descriptors, closed at the end of the test.
  class Descriptors {
   public:
    ~Descriptors() { resize(0); }
    void resize(std::size_t count) {
      while (open_.size() < count) {
        open_.push_back(open_null());
      }
      while (open_.size() > count) {
        ::close(open_.back());
        open_.pop_back();
      }
    }

   private:
    std::vector<int> open_;
  };

  // A thread that a library starts when it first needs it, and keeps.
  class LateThread {
   public:
    ~LateThread() {
      if (thread_.joinable()) {
        end_.set_value();
        thread_.join();
      }
    }
    void start() {
      thread_ = std::thread([ended = end_.get_future()]() mutable { ended.wait(); });
      ::pthread_setname_np(thread_.native_handle(), "compaction");
    }

   private:
    std::promise<void> end_;
    std::thread thread_;
  };
};

TEST_F(PlainLoopTest, ADescriptorThatIsOpenedEverySoOftenIsAFinding) {
  Descriptors kept;
  JumpingRun run = six_seconds();
  for (auto cycle : run) {
    kept.resize(cycle.number() / 50);
    run.count("opens");
    run.jump(10ms);
  }

  ASSERT_THAT(run.verdict().findings, ElementsAre(Field(&Finding::subject, "fds"))) << run.summary();
  EXPECT_THAT(run.summary(), HasSubstr("one per 50 "));
}

TEST_F(PlainLoopTest, AThreadThatIsStartedLateIsARemarkThatSaysWhenAndWhichItIs) {
  LateThread thread;
  JumpingRun run = six_seconds();
  for (auto cycle : run) {
    if (cycle.number() == 300) {
      thread.start();
    }
    run.jump(10ms);
  }

  EXPECT_TRUE(run.verdict().passed()) << run.summary();
  EXPECT_THAT(run.verdict().remarks,
              Contains(AllOf(HasSubstr("threads"), HasSubstr("00:00:03"), HasSubstr("1 thread named compaction"))));
}

TEST_F(PlainLoopTest, CountsThatGoUpAndDownAreJudgedByTheirLevel) {
  Descriptors sockets;
  JumpingRun run = six_seconds();
  for (auto cycle : run) {
    sockets.resize(cycle.number() * 7 % 4);  // Closed late, by a thread of a library; the last value is high.
    run.jump(10ms);
  }

  EXPECT_TRUE(run.verdict().passed()) << run.summary();
}

TEST_F(PlainLoopTest, ExactCountsNeedQuiescentPoints) {
  Descriptors kept;
  JumpingRun plain = six_seconds({.counts_exact = true});
  for (auto cycle : plain) {
    kept.resize(cycle.number() < 300 ? 0 : 1);
    plain.jump(10ms);
  }
  EXPECT_TRUE(plain.verdict().passed()) << plain.summary();
  EXPECT_THAT(plain.verdict().remarks, Contains(HasSubstr("counts_exact")));

  kept.resize(0);
  JumpingRun exact = six_seconds({.counts_exact = true});
  for (auto cycle : exact) {
    kept.resize(cycle.number() < 300 ? 0 : 1);
    exact.jump(10ms);
    cycle.quiescent();
  }
  EXPECT_THAT(exact.verdict().findings, ElementsAre(Field(&Finding::subject, "fds"))) << exact.summary();
}

// 3.6 KiB a pass for the first six seconds, as a database's page cache fills, and then no more.
TEST_F(PlainLoopTest, ACacheThatFillsInItsFirstPassesIsNoLeak) {
  std::vector<std::unique_ptr<char[]>> cache;
  JumpingRun run({.duration = 10ms * kPasses * 10});
  for (auto cycle : run) {
    if (cycle.number() < kPasses) {
      cache.push_back(std::make_unique<char[]>(3600));
    }
    run.jump(10ms);
    if (cycle.number() % 10 == 9) {
      cycle.quiescent();
    }
  }

  EXPECT_FALSE(run.ended_early());
  EXPECT_TRUE(run.verdict().passed()) << run.summary();
}

// Each cycle keeps 10 KiB: from half-time on, or until then.
class HalfTimeTest : public LoopTest {
 protected:
  static constexpr std::uint64_t kCycles = 720;

  template <typename Keeps>
  static void drive(JumpingRun& run, Keeps keeps) {
    std::vector<std::unique_ptr<char[]>> kept;
    kept.reserve(kCycles);
    for (auto cycle : run) {
      if (keeps(cycle.number())) {
        kept.push_back(std::make_unique<char[]>(10 * kKiB));
      }
      run.jump();
      cycle.quiescent();
    }
    run.verdict();
  }
};

TEST_F(HalfTimeTest, ALeakThatBeginsThereIsAFinding) {
  JumpingRun run({.duration = 1s * kCycles});

  drive(run, [](std::uint64_t cycle) { return cycle >= kCycles / 2; });

  ASSERT_THAT(run.verdict().findings, ElementsAre(Field(&Finding::subject, "heap"))) << run.summary();
}

TEST_F(HalfTimeTest, GrowthThatEndsThereIsARemark) {
  JumpingRun run({.duration = 1s * kCycles});

  drive(run, [](std::uint64_t cycle) { return cycle < kCycles / 2; });

  EXPECT_TRUE(run.verdict().passed()) << run.summary();
  EXPECT_THAT(run.verdict().remarks, Contains(ContainsRegex("heap grew by 3\\.[56] MiB until")));
}

}  // namespace
}  // namespace soak
