// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <optional>

#include "soak/event.h"
#include "soak/task.h"
#include "witness.h"

namespace soak {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""s;

// A client as users write them: its tasks end with it, without a word.
class Client {
 public:
  Client(EventLoop& loop, int& alive) : group_(loop) {
    group_.start("reader", read(alive));
    group_.start("pinger", ping(alive));
  }
  ~Client() { group_.end_in_place(); }

 private:
  static Task<> nested(int& alive) {
    const Witness witness(alive);
    co_await sleep_for(1h);
  }

  Task<> read(int& alive) {
    const Witness witness(alive);
    TaskGroup inner(group_.loop());
    inner.start("nested", nested(alive));
    co_await drain(inner);
  }

  Task<> ping(int& alive) {
    const Witness witness(alive);
    co_await event_.wait();
  }

  Event event_;
  TaskGroup group_;
};

class EndInPlaceTest : public testing::Test {
 protected:
  int alive_ = 0;
  VirtualLoop loop_;
};

TEST_F(EndInPlaceTest, LeavesNoTaskOfTheGroupNorOfTheGroupsWithin) {
  std::optional<Client> client(std::in_place, loop_, alive_);
  loop_.run([](int& alive) -> Task<> {
    co_await sleep_for(1s);
    EXPECT_EQ(alive, 3);
  }(alive_));

  client.reset();

  EXPECT_EQ(alive_, 0);
  EXPECT_EQ(loop_.live_tasks(), 0u);
}

TEST_F(EndInPlaceTest, EndsTasksThatHaveNotHadTheirFirstTurn) {
  Client client(loop_, alive_);

  EXPECT_EQ(alive_, 0);  // Leaving the scope is the test: the group would abort.
}

TEST_F(EndInPlaceTest, IsNotCountedAsForcedByTheDrainAround) {
  const DrainResult result = loop_.run([](EventLoop& loop, int& alive) -> Task<DrainResult> {
    TaskGroup group(loop);
    group.start("owner", [](EventLoop& own, int& count) -> Task<> {
      const Client client(own, count);
      co_await sleep_for(1s);
    }(loop, alive));
    co_return co_await drain(group);
  }(loop_, alive_));

  EXPECT_EQ(result.completed, 1u);
  EXPECT_TRUE(result.clean());
  EXPECT_EQ(alive_, 0);
}

TEST_F(EndInPlaceTest, LeavesTheGroupFitForNewTasks) {
  TaskGroup group(loop_);
  group.start("first", sleep_for(1h));
  group.end_in_place();

  group.start("second", sleep_for(1s));

  const DrainResult result = loop_.run(drain(group));
  EXPECT_EQ(result.completed, 1u);
  EXPECT_EQ(result.forced, 0u);
}

using EndInPlaceDeathTest = EndInPlaceTest;

TEST_F(EndInPlaceDeathTest, AbortsWhenATaskOfTheGroupCallsIt) {
  EXPECT_DEATH(
      {
        TaskGroup group(loop_);
        group.start("suicidal", [](TaskGroup& own) -> Task<> {
          own.end_in_place();
          co_return;
        }(group));
        loop_.run(drain(group));
      },
      "suicidal");
}

}  // namespace
}  // namespace soak
