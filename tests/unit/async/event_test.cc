// SPDX-License-Identifier: Apache-2.0
#include "soak/event.h"
#include "conftest/captured_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "soak/task.h"

namespace soak {
namespace {

using std::chrono_literals::operator""s;

class EventTest : public testing::Test {
 protected:
  std::vector<std::string> log_;
  VirtualLoop loop_;
  Event event_;

  Task<> wait_then_say(std::string what) {
    co_await event_.wait();
    log_.push_back(what);
  }

  Task<> set_after(std::chrono::nanoseconds time) {
    co_await sleep_for(time);
    event_.set();
  }

  Task<bool> wait_for(std::chrono::nanoseconds time) { co_return co_await event_.wait_for(time); }
};

using EventDeathTest = EventTest;

TEST_F(EventTest, WakesAllWhoWaitInTheirOrder) {
  TaskGroup group(loop_);
  group.start("a", wait_then_say("a"));
  group.start("b", wait_then_say("b"));
  loop_.run(yield());

  event_.set();
  EXPECT_THAT(log_, testing::IsEmpty());  // It only marks; they run on the loop's turn.
  EXPECT_TRUE(loop_.run(drain(group)).clean());

  EXPECT_THAT(log_, testing::ElementsAre("a", "b"));
}

TEST_F(EventTest, DoesNotMakeAnyoneWaitWhileItIsSet) {
  event_.set();
  event_.set();

  loop_.run(wait_then_say("a"));
  loop_.run(wait_then_say("b"));

  EXPECT_TRUE(event_.is_set());
  EXPECT_THAT(log_, testing::ElementsAre("a", "b"));
}

TEST_F(EventTest, MakesTasksWaitAgainOnceReset) {
  event_.set();
  event_.reset();
  EXPECT_FALSE(event_.is_set());
  TaskGroup group(loop_);
  group.start("setter", set_after(3s));

  loop_.run(wait_then_say("a"));

  EXPECT_EQ(loop_.elapsed(), 3s);
}

TEST_F(EventTest, WakesAlsoThoseForWhomItIsResetAtOnce) {
  TaskGroup group(loop_);
  group.start("a", wait_then_say("a"));
  loop_.run(yield());

  event_.set();
  event_.reset();
  EXPECT_TRUE(loop_.run(drain(group)).clean());

  EXPECT_THAT(log_, testing::ElementsAre("a"));
}

TEST_F(EventTest, WaitForIsTrueWhenTheEventWokeIt) {
  TaskGroup group(loop_);
  group.start("setter", set_after(3s));

  EXPECT_TRUE(loop_.run(wait_for(10s)));
  EXPECT_EQ(loop_.elapsed(), 3s);
}

TEST_F(EventTest, WaitForIsFalseWhenTheTimeRanOut) {
  TaskGroup group(loop_);
  group.start("setter", set_after(3s));

  EXPECT_FALSE(loop_.run(wait_for(2s)));
  EXPECT_EQ(loop_.elapsed(), 2s);
  EXPECT_TRUE(loop_.run(drain(group)).clean());
}

TEST_F(EventTest, WaitForIsTrueAtOnceWhenAlreadySet) {
  event_.set();

  for (const auto time : {-1s, 0s, 10s}) {
    EXPECT_TRUE(loop_.run(wait_for(time)));
  }
  EXPECT_EQ(loop_.elapsed(), 0s);
}

TEST_F(EventTest, WaitForOfNoTimeIsFalseWhenNotSet) {
  for (const auto time : {-1s, 0s}) {
    EXPECT_FALSE(loop_.run(wait_for(time)));
  }
  EXPECT_EQ(loop_.elapsed(), 0s);
}

TEST_F(EventTest, WaitForForEverEndsWithTheEvent) {
  TaskGroup group(loop_);
  group.start("setter", set_after(3s));

  EXPECT_TRUE(loop_.run(wait_for(std::chrono::nanoseconds::max())));
}

TEST_F(EventTest, WaitForLeavesNoTimerBehind) {
  TaskGroup group(loop_);
  group.start("setter", set_after(3s));
  EXPECT_TRUE(loop_.run(wait_for(10s)));
  event_.reset();

  EXPECT_THROW(loop_.run(wait_then_say("never")), Error);
  EXPECT_EQ(loop_.elapsed(), 3s);
}

TEST_F(EventTest, WaitUntilEndsAtItsDeadline) {
  const auto body = [&]() -> Task<bool> { co_return co_await event_.wait_until(loop_.now() + 4s); };

  EXPECT_FALSE(loop_.run(body()));
  EXPECT_EQ(loop_.elapsed(), 4s);
}

TEST_F(EventTest, IsTheSleepThatAShutdownInterrupts) {
  int polls = 0;
  TaskGroup group(loop_);
  const auto poller = [&]() -> Task<> {
    bool shutdown = false;  // A variable, for g++ 12.2: see task.h.
    while (!shutdown) {
      shutdown = co_await event_.wait_for(2s);
      if (!shutdown) {
        ++polls;
      }
    }
  };
  group.start("poller", poller());
  group.start("setter", set_after(7s));

  EXPECT_TRUE(loop_.run(drain(group)).clean());

  EXPECT_EQ(polls, 3);
  EXPECT_EQ(loop_.elapsed(), 7s);
}

TEST_F(EventTest, MayDieWithItsWaitersWhileAnExceptionUnwinds) {
  const conftest::CapturedLog log;
  const auto leave = [&] {
    TaskGroup group(loop_);
    const auto event = std::make_unique<Event>();  // Goes before the group whose task waits on it.
    group.start("waiter", event->wait());
    loop_.run(yield());
    throw std::runtime_error("lost");
  };

  EXPECT_THROW(leave(), std::runtime_error);
  EXPECT_THAT(log.lines(),
              testing::ElementsAre("warning task group 'default': ended 1 task where it stood, its owner is "
                                   "gone:\n  waiter awaits event at event_test.cc since 0.000 s"));
}

TEST_F(EventDeathTest, AbortsAndNamesItsWaitersWhenItDiesBeforeThem) {
  EXPECT_DEATH(
      {
        auto event = std::make_unique<Event>();
        TaskGroup group(loop_);
        group.start({"session", 1}, event->wait());
        group.start({"session", 2}, event->wait());
        loop_.run(yield());
        event.reset();
      },
      "^Event destroyed while tasks wait on it: session-1, session-2; end them first");
}

}  // namespace
}  // namespace soak
