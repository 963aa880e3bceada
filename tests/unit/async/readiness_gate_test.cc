// SPDX-License-Identifier: Apache-2.0
#include "soak/readiness_gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "conftest/captured_log.h"
#include "sample_tasks.h"

namespace soak {
namespace {

using std::chrono_literals::operator""s;

std::string message_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::kInvalidArgument);
    return error.what();
  }
  return "nothing was thrown";
}

class ReadinessGateTest : public testing::Test {
 protected:
  VirtualLoop loop_;
  ReadinessGate gate_{"speech", "storage"};
};

TEST_F(ReadinessGateTest, IsReadyWhenAllConditionsHold) {
  EXPECT_FALSE(gate_.ready());
  EXPECT_EQ(gate_.missing(), "speech, storage");

  gate_.set("storage");
  EXPECT_FALSE(gate_.ready());
  EXPECT_EQ(gate_.missing(), "speech");
  gate_.set("speech");

  EXPECT_TRUE(gate_.ready());
  EXPECT_EQ(gate_.missing(), "");
}

TEST_F(ReadinessGateTest, IsNoLongerReadyWhenAConditionIsLost) {
  gate_.set("speech");
  gate_.set("storage");

  gate_.reset("speech");

  EXPECT_FALSE(gate_.ready());
  EXPECT_FALSE(loop_.run([](ReadinessGate& gate) -> Task<bool> {
    const bool ready = co_await gate.wait_for(1s);
    co_return ready;
  }(gate_)));
  EXPECT_EQ(loop_.elapsed(), 1s);
}

TEST_F(ReadinessGateTest, CountsNoConditionTwice) {
  gate_.set("speech");
  gate_.set("speech");
  EXPECT_FALSE(gate_.ready());

  gate_.reset("speech");
  gate_.set("storage");

  EXPECT_FALSE(gate_.ready());
  EXPECT_EQ(gate_.missing(), "speech");
}

// The first condition is lost while the second is waited for.
TEST_F(ReadinessGateTest, WakesItsWaitersOnceAllHoldAtTheSameTime) {
  Instant woken{};
  const auto waiter = [&]() -> Task<> {
    co_await gate_.wait();
    EXPECT_TRUE(gate_.ready());
    woken = loop_.now();
  };
  TaskGroup group(loop_);
  group.start("waiter", waiter());
  const auto connect = [&]() -> Task<> {
    co_await sleep_for(1s);
    gate_.set("speech");
    co_await sleep_for(1s);
    gate_.reset("speech");
    gate_.set("storage");
    co_await sleep_for(1s);
    gate_.set("speech");
  };

  loop_.run(connect());

  EXPECT_TRUE(loop_.run(drain(group)).clean());
  EXPECT_EQ(woken, Instant(3s));
}

TEST_F(ReadinessGateTest, EndsAWaitAtItsDeadline) {
  const auto wait = [&]() -> Task<bool> {
    const bool ready = co_await gate_.wait_until(Instant(4s));
    co_return ready;
  };

  EXPECT_FALSE(loop_.run(wait()));
  EXPECT_EQ(loop_.elapsed(), 4s);
}

TEST_F(ReadinessGateTest, DoesNotWaitIfItIsReady) {
  gate_.set("speech");
  gate_.set("storage");
  const auto wait = [&]() -> Task<> { co_await gate_.wait(); };

  loop_.run(wait());

  EXPECT_EQ(loop_.elapsed(), 0s);
}

TEST_F(ReadinessGateTest, RefusesAConditionThatItDoesNotHave) {
  EXPECT_EQ(message_of([&] { gate_.set("speach"); }),
            "ReadinessGate has no condition 'speach': expected one of speech, storage");
  EXPECT_EQ(message_of([&] { gate_.reset("disk"); }),
            "ReadinessGate has no condition 'disk': expected one of speech, storage");
}

TEST_F(ReadinessGateTest, RefusesToHaveNoConditionOrOneTwice) {
  EXPECT_EQ(message_of([] { const ReadinessGate gate({}); }), "ReadinessGate of no conditions: expected at least one");
  EXPECT_EQ(message_of([] {
              const ReadinessGate gate({"speech", "speech"});
            }),
            "ReadinessGate has the condition 'speech' twice");
}

}  // namespace
}  // namespace soak
