// SPDX-License-Identifier: Apache-2.0
#include "soak/run_blocking.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "conftest/captured_log.h"
#include "sample_tasks.h"

namespace soak {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr BlockingOptions kNeverReturns{.virtual_duration = std::chrono::nanoseconds::max()};

std::vector<std::string> names_of(const std::vector<TaskReport>& reports) {
  std::vector<std::string> names;
  for (const TaskReport& report : reports) {
    names.push_back(report.name);
  }
  return names;
}

// Calls that stay on their pool threads until it is opened, ten seconds at most.
class Gate {
 public:
  ~Gate() { open(); }

  // A call that returns `value`.
  auto call(int value) {
    return [state = state_, value] {
      ++state->entered;
      state->opened.wait_for(10s);
      return value;
    };
  }

  void open() {
    if (!std::exchange(open_, true)) {
      state_->opening.set_value();
    }
  }

  // Returns when so many calls are on their threads.
  Task<> entered(int count) {
    for (int turn = 0; state_->entered < count && turn < 10'000; ++turn) {
      co_await sleep_for(1ms);
    }
  }

  // The calls that have not been destroyed.
  long calls() const { return state_.use_count() - 1; }

 private:
  struct State {
    std::promise<void> opening;
    std::shared_future<void> opened = opening.get_future().share();
    std::atomic<int> entered = 0;
  };

  std::shared_ptr<State> state_ = std::make_shared<State>();
  bool open_ = false;
};

int pool_size() {
  const char* const size = std::getenv("UV_THREADPOOL_SIZE");  // NOLINT: nobody sets it meanwhile.
  return size == nullptr ? 4 : std::atoi(size);
}

Task<> no_stragglers(EventLoop& loop) {
  for (int turn = 0; !loop.stragglers().empty() && turn < 10'000; ++turn) {
    co_await sleep_for(1ms);
  }
}

class RunBlockingTest : public testing::Test {
 protected:
  int alive_ = 0;
  std::optional<int> got_;
  bool went_on_ = false;
  Gate gate_;
  conftest::CapturedLog log_;

  // Keeps what the call returned, then waits once more.
  Task<> call(Gate& gate, int value) {
    const Witness witness(alive_);
    auto function = gate.call(value);
    got_ = co_await run_blocking(std::move(function));
    co_await sleep_for(1ms);
    went_on_ = true;
  }

  // Has the pool run nothing but `gate_`.
  void fill_pool(UvLoop& loop, TaskGroup& group) {
    for (int i = 0; i < pool_size(); ++i) {
      group.start({"busy", i}, call(gate_, 0));
    }
    loop.run(gate_.entered(pool_size()));
    alive_ -= pool_size();
  }
};

TEST_F(RunBlockingTest, RunsOnAThreadOfThePool) {
  UvLoop loop;

  EXPECT_NE(loop.run(run_blocking([] { return std::this_thread::get_id(); })), std::this_thread::get_id());
}

TEST_F(RunBlockingTest, ReturnsWhatTheFunctionReturns) {
  UvLoop loop;
  int called = 0;

  EXPECT_EQ(loop.run(run_blocking([] { return 42; })), 42);
  EXPECT_FALSE(loop.run(run_blocking([] { return false; })));
  EXPECT_EQ(*loop.run(run_blocking([] { return std::make_unique<int>(7); })), 7);
  EXPECT_EQ(loop.run(run_blocking([owned = std::make_unique<int>(8)] { return *owned; })), 8);
  loop.run(run_blocking([&] { ++called; }));

  EXPECT_EQ(called, 1);
}

TEST_F(RunBlockingTest, ThrowsWhatTheFunctionThrows) {
  UvLoop loop;

  EXPECT_THROW(loop.run(run_blocking([]() -> int { throw std::runtime_error("no file"); })), std::runtime_error);
  EXPECT_THROW(loop.run(run_blocking([] { throw 42; })), int);
}

TEST_F(RunBlockingTest, LetsTheLoopRunOnMeanwhile) {
  UvLoop loop;
  TaskGroup group(loop);
  group.start("call", call(gate_, 42));

  loop.run(gate_.entered(1));
  EXPECT_EQ(got_, std::nullopt);
  EXPECT_EQ(group.tasks()[0].awaiting, "blocking call");
  gate_.open();

  EXPECT_TRUE(loop.run(drain(group)).clean());
  EXPECT_EQ(got_, 42);
}

TEST_F(RunBlockingTest, RunsMoreCallsThanThePoolHasThreads) {
  UvLoop loop;
  TaskGroup group(loop);
  int returned = 0;
  const auto caller = [&]() -> Task<> {
    co_await run_blocking([] {});
    ++returned;
  };
  for (int i = 0; i < 100; ++i) {
    group.start({"call", i}, caller());
  }

  EXPECT_TRUE(loop.run(drain(group)).clean());

  EXPECT_EQ(returned, 100);
}

TEST_F(RunBlockingTest, KeepsItsResultWhenItIsCancelledWhileItRuns) {
  UvLoop loop;
  TaskGroup group(loop);
  group.start("call", call(gate_, 42));
  loop.run(gate_.entered(1));

  group.cancel();
  loop.run(yield());
  EXPECT_EQ(group.size(), 1u);
  gate_.open();
  const DrainResult result = loop.run(drain(group));

  EXPECT_EQ(result.cancelled, 1u);  // At the next await.
  EXPECT_EQ(got_, 42);
  EXPECT_FALSE(went_on_);
}

TEST_F(RunBlockingTest, IsDroppedWhenItIsCancelledWhileItWaitsForAThread) {
  UvLoop loop;
  TaskGroup busy(loop);
  fill_pool(loop, busy);
  TaskGroup group(loop);
  Gate never;
  group.start("queued", call(never, 42));
  loop.run(yield());

  const DrainResult result = loop.run(drain(group, {.cancel_first = true}));

  EXPECT_EQ(result.cancelled, 1u);
  EXPECT_TRUE(result.unresponsive.empty());
  EXPECT_TRUE(loop.stragglers().empty());
  gate_.open();
  got_.reset();
  EXPECT_EQ(loop.run(drain(busy)).completed, static_cast<std::size_t>(pool_size()));
  EXPECT_EQ(never.calls(), 0);
  EXPECT_NE(got_, 42);
}

TEST_F(RunBlockingTest, IsDroppedWhenItIsForcedWhileItWaitsForAThread) {
  UvLoop loop;
  TaskGroup busy(loop);
  fill_pool(loop, busy);
  TaskGroup group(loop);
  Gate never;
  group.start("queued", call(never, 42));
  loop.run(yield());
  EXPECT_EQ(alive_, 1);

  group.end_in_place();

  EXPECT_EQ(alive_, 0);
  EXPECT_TRUE(loop.stragglers().empty());
  gate_.open();
  EXPECT_TRUE(loop.run(drain(busy)).clean());
  EXPECT_EQ(never.calls(), 0);
}

TEST_F(RunBlockingTest, IsDroppedByALoopThatEndsBeforeThePoolToldItSo) {
  Gate never;
  {
    UvLoop loop;
    TaskGroup busy(loop);
    fill_pool(loop, busy);
    TaskGroup group(loop);
    group.start("queued", call(never, 42));
    loop.run(yield());
    group.end_in_place();
    busy.end_in_place();
    gate_.open();
  }

  EXPECT_EQ(never.calls(), 0);
  EXPECT_EQ(gate_.calls(), 0);
}

TEST_F(RunBlockingTest, LogsWhatACallThrowsWhoseTaskIsGone) {
  const conftest::CapturedLog log;
  VirtualLoop loop;
  TaskGroup group(loop);
  const auto caller = []() -> Task<> {
    co_await run_blocking([] { throw std::runtime_error("401"); }, {.virtual_duration = 5s});
  };
  group.start("upload", caller());
  loop.run(sleep_for(1s));
  group.end_in_place();
  EXPECT_THAT(log.lines(), testing::IsEmpty());

  loop.run(sleep_for(5s));

  EXPECT_THAT(log.lines(),
              ElementsAre("error run_blocking 'default': the call of upload failed when no task waited for "
                          "it any more: 401"));
}

TEST_F(RunBlockingTest, IsNotBegunByATaskThatWasCancelledBefore) {
  UvLoop loop;
  TaskGroup group(loop);
  bool ran = false;
  const auto late = [&]() -> Task<> {
    co_await yield();
    co_await run_blocking([&] { ran = true; });
  };
  group.start("late", late());
  loop.run(yield());
  group.cancel();

  EXPECT_EQ(loop.run(drain(group)).cancelled, 1u);

  EXPECT_FALSE(ran);
}

TEST_F(RunBlockingTest, StaysBehindAsAStragglerUntilItReturns) {
  UvLoop loop;
  TaskGroup group(loop);
  group.start({"upload", 3}, call(gate_, 42));
  loop.run(gate_.entered(1));

  const DrainResult result = loop.run(drain(group, {.grace = 0s, .cancel_first = true, .label = "pusher"}));

  EXPECT_THAT(names_of(result.unresponsive), ElementsAre("upload-3"));
  EXPECT_EQ(result.forced, 0u);
  EXPECT_FALSE(result.clean());
  EXPECT_EQ(alive_, 0);  // The frame is gone; what the call owns is not.
  EXPECT_EQ(gate_.calls(), 1);
  EXPECT_THAT(names_of(loop.stragglers()), ElementsAre("upload-3"));
  EXPECT_THAT(names_of(loop.tasks()), ElementsAre("upload-3"));
  EXPECT_EQ(loop.tasks()[0].awaiting, "blocking call");
  EXPECT_EQ(loop.live_tasks(), 1u);
  EXPECT_THAT(log_.text(), HasSubstr("error drain 'pusher': 1 task cannot be ended, its thread is in a blocking call:\n"
                                     "  upload-3 awaits blocking call at run_blocking_test.cc since "));

  gate_.open();
  loop.run(no_stragglers(loop));

  EXPECT_TRUE(loop.stragglers().empty());
  EXPECT_EQ(loop.live_tasks(), 0u);
  EXPECT_EQ(gate_.calls(), 0);
  EXPECT_EQ(got_, std::nullopt);
}

TEST_F(RunBlockingTest, IsAwaitedByALoopThatEnds) {
  {
    UvLoop loop;
    TaskGroup group(loop);
    group.start("upload", call(gate_, 42));
    loop.run(gate_.entered(1));
    (void)loop.run(drain(group, {.grace = 0s, .cancel_first = true}));
    EXPECT_EQ(loop.stragglers().size(), 1u);
    gate_.open();
  }

  EXPECT_EQ(gate_.calls(), 0);
}

TEST_F(RunBlockingTest, IsNoStragglerWhenItReturnedInTheGrace) {
  UvLoop loop;
  TaskGroup group(loop);
  group.start("upload", call(gate_, 42));
  loop.run(gate_.entered(1));
  gate_.open();

  const DrainResult result = loop.run(drain(group, {.cancel_first = true}));

  EXPECT_EQ(result.cancelled, 1u);
  EXPECT_TRUE(result.unresponsive.empty());
  EXPECT_EQ(got_, 42);
}

// In virtual time

TEST_F(RunBlockingTest, TakesTheVirtualTimeItIsTold) {
  VirtualLoop loop;

  EXPECT_EQ(loop.run(run_blocking([] { return std::this_thread::get_id(); }, {.virtual_duration = 3s})),
            std::this_thread::get_id());
  EXPECT_EQ(loop.elapsed(), 3s);
  EXPECT_THROW(loop.run(run_blocking([]() -> int { throw 42; }, {.virtual_duration = 2s})), int);
  EXPECT_EQ(loop.elapsed(), 5s);
  EXPECT_EQ(*loop.run(run_blocking([] { return std::make_unique<int>(7); })), 7);
  EXPECT_EQ(loop.elapsed(), 5s);
}

TEST_F(RunBlockingTest, KeepsItsResultWhenItIsCancelledInVirtualTime) {
  VirtualLoop loop;
  const auto caller = [&]() -> Task<> {
    got_ = co_await run_blocking([] { return 42; }, {.virtual_duration = 5s});
    co_await yield();
    went_on_ = true;
  };

  EXPECT_TRUE(loop.run(cancelled_after(loop, 1s, caller)));

  EXPECT_EQ(got_, 42);
  EXPECT_FALSE(went_on_);
  EXPECT_EQ(loop.elapsed(), 5s);
}

TEST_F(RunBlockingTest, LeavesTheCensusWhenAVirtualStragglerReturns) {
  VirtualLoop loop;
  TaskGroup group(loop);
  group.start("upload", run_blocking([] {}, {.virtual_duration = 60s}));

  const DrainResult result = loop.run(drain(group, {.timeout = 1s, .grace = 1s}));

  EXPECT_THAT(names_of(result.unresponsive), ElementsAre("upload"));
  EXPECT_EQ(loop.live_tasks(), 1u);
  loop.run(sleep_for(58s));
  loop.run(yield());
  EXPECT_EQ(loop.live_tasks(), 0u);
  EXPECT_TRUE(loop.stragglers().empty());
}

TEST_F(RunBlockingTest, IsNamedByAVirtualLoopThatItHangs) {
  VirtualLoop loop;
  try {
    loop.run(run_blocking([] {}, kNeverReturns));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::kStuck);
    EXPECT_THAT(error.what(), HasSubstr("main awaits blocking call at "));
  }
}

TEST_F(RunBlockingTest, LeavesAStragglerThatNeverReturnsToTheEndOfAVirtualLoop) {
  const auto owned = std::make_shared<int>(1);
  {
    VirtualLoop loop;
    TaskGroup group(loop);
    // Apart: of a function that is made in the call of start(), clang 16 keeps the temporary until the block ends.
    Task<> upload = run_blocking([owned] {}, kNeverReturns);
    group.start("upload", std::move(upload));
    (void)loop.run(drain(group, {.timeout = 1s}));
    EXPECT_EQ(loop.stragglers().size(), 1u);
    EXPECT_EQ(owned.use_count(), 2);
  }

  EXPECT_EQ(owned.use_count(), 1);
}

TEST_F(RunBlockingTest, IsReportedByTheDrainAroundWhenANestedTaskHangs) {
  VirtualLoop loop;
  TaskGroup group(loop);
  const auto owner = [&]() -> Task<> {
    TaskGroup inner(loop);
    inner.start("upload", run_blocking([] {}, kNeverReturns));
    co_await swallow_for_ever(alive_);
  };
  group.start("owner", owner());

  const DrainResult result = loop.run(drain(group, {.timeout = 1s, .grace = 1s}));

  EXPECT_EQ(result.forced, 1u);
  EXPECT_THAT(names_of(result.unresponsive), ElementsAre("upload"));
  EXPECT_THAT(names_of(loop.stragglers()), ElementsAre("upload"));
}

}  // namespace
}  // namespace soak
