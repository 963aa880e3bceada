// SPDX-License-Identifier: Apache-2.0
#include "soak/circuit_breaker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "conftest/captured_log.h"
#include "sample_tasks.h"
#include "soak/metrics/metrics.h"
#include "soak/timeout.h"

namespace soak {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using testing::ElementsAre;
using testing::HasSubstr;

struct Malformed : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class CircuitBreakerTest : public testing::Test {
 protected:
  static constexpr CircuitBreakerOptions kOptions{
      .label = "speech", .failure_threshold = 3, .reset_timeout = std::chrono::seconds{30}};

  Task<int> answer() {
    ++calls_;
    co_await sleep_for(1s);
    co_return 42;
  }
  Task<int> refuse(const char* what = "503") {
    ++calls_;
    co_await sleep_for(1s);
    throw std::runtime_error(what);
  }
  Task<int> malformed() {
    ++calls_;
    co_await sleep_for(1s);
    throw Malformed("400");
  }
  Task<int> hang() {
    ++calls_;
    co_await sleep_for(1000h);
    co_return 0;
  }

  // "42", or what was thrown.
  std::string call(CircuitBreaker& breaker, Task<int> task) {
    try {
      return std::to_string(loop_.run(breaker.call(std::move(task))));
    } catch (const std::runtime_error& error) {
      return error.what();
    }
  }
  void open(CircuitBreaker& breaker) {
    for (std::size_t i = 0; i < kOptions.failure_threshold; ++i) {
      EXPECT_EQ(call(breaker, refuse()), "503");
    }
    EXPECT_EQ(breaker.state(), CircuitState::kOpen);
    calls_ = 0;
  }

  int calls_ = 0;
  VirtualLoop loop_;
  conftest::CapturedLog log_;
};

TEST_F(CircuitBreakerTest, LogsNoLineOfTextFromOutside) {
  CircuitBreaker breaker(loop_, {.label = "speech", .failure_threshold = 1});

  (void)call(breaker, refuse("a\n[  SKIPPED ] b\x1b[2J"));

  EXPECT_THAT(log_.text(), HasSubstr("the last: a\\n[SKIPPED] b\\x1b[2J\n"));
}

TEST_F(CircuitBreakerTest, OpensAfterSoManyFailuresInARow) {
  CircuitBreaker breaker(loop_, kOptions);

  call(breaker, refuse());
  call(breaker, refuse());
  EXPECT_EQ(call(breaker, answer()), "42");  // The row is broken.
  call(breaker, refuse());
  call(breaker, refuse());
  EXPECT_EQ(breaker.state(), CircuitState::kClosed);
  call(breaker, refuse());

  EXPECT_EQ(breaker.state(), CircuitState::kOpen);
}

TEST_F(CircuitBreakerTest, RejectsCallsAtOnceWhileItIsOpen) {
  CircuitBreaker breaker(loop_, kOptions);
  open(breaker);
  loop_.run(sleep_for(10s));
  const Instant before = loop_.now();

  const std::string what = call(breaker, answer());

  EXPECT_EQ(what,
            "circuit breaker 'speech' is open: 3 calls failed in a row, the last: 503; one call is let through in "
            "20.000 s");
  EXPECT_EQ(calls_, 0);
  EXPECT_EQ(loop_.now(), before);
}

TEST_F(CircuitBreakerTest, ThrowsAnErrorWithItsOwnCode) {
  CircuitBreaker breaker(loop_, kOptions);
  open(breaker);

  try {
    (void)loop_.run(breaker.call(answer()));
    FAIL() << "it let the call through";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::kCircuitOpen);
  }
}

TEST_F(CircuitBreakerTest, ClosesWhenTheProbeSucceeds) {
  CircuitBreaker breaker(loop_, kOptions);
  open(breaker);
  loop_.run(sleep_for(30s));
  EXPECT_EQ(breaker.state(), CircuitState::kHalfOpen);

  EXPECT_EQ(call(breaker, answer()), "42");

  EXPECT_EQ(breaker.state(), CircuitState::kClosed);
  call(breaker, refuse());  // It counts from zero again.
  call(breaker, refuse());
  EXPECT_EQ(breaker.state(), CircuitState::kClosed);
}

TEST_F(CircuitBreakerTest, StaysOpenForAnotherTimeWhenTheProbeFails) {
  CircuitBreaker breaker(loop_, kOptions);
  open(breaker);
  loop_.run(sleep_for(30s));

  EXPECT_EQ(call(breaker, refuse("still 503")), "still 503");

  EXPECT_EQ(breaker.state(), CircuitState::kOpen);
  EXPECT_THAT(call(breaker, answer()), HasSubstr("4 calls failed in a row, the last: still 503; one call is let "
                                                 "through in 30.000 s"));
  loop_.run(sleep_for(30s));
  EXPECT_EQ(breaker.state(), CircuitState::kHalfOpen);
}

TEST_F(CircuitBreakerTest, LetsOneProbeThroughAtATime) {
  CircuitBreaker breaker(loop_, kOptions);
  open(breaker);
  loop_.run(sleep_for(31s));
  int answered = 0;
  int rejected = 0;
  const auto caller = [&]() -> Task<> {
    try {
      Task<int> calling = breaker.call(answer());
      (void)co_await std::move(calling);
      ++answered;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(),
                  HasSubstr("is half open: 3 calls failed in a row, the last: 503; a probe is under way"));
      ++rejected;
    }
  };
  TaskGroup group(loop_);
  for (int i = 0; i < 10; ++i) {
    group.start({"caller", i}, caller());
  }

  EXPECT_TRUE(loop_.run(drain(group)).clean());

  EXPECT_EQ(answered, 1);
  EXPECT_EQ(rejected, 9);
  EXPECT_EQ(calls_, 1);
  EXPECT_EQ(breaker.state(), CircuitState::kClosed);
}

TEST_F(CircuitBreakerTest, MakesTheNextCallTheProbeWhenAProbeIsCancelledOrDestroyed) {
  for (const bool destroyed : {false, true}) {
    CircuitBreaker breaker(loop_, kOptions);
    open(breaker);
    loop_.run(sleep_for(30s));
    TaskGroup group(loop_);
    const auto caller = [&]() -> Task<> {
      Task<int> calling = breaker.call(hang());
      (void)co_await std::move(calling);
    };
    group.start("caller", caller());
    loop_.run(sleep_for(1s));
    EXPECT_THAT(call(breaker, answer()), HasSubstr("a probe is under way"));

    if (destroyed) {
      group.end_in_place();
    } else {
      (void)loop_.run(drain(group, {.cancel_first = true}));
    }

    EXPECT_EQ(breaker.state(), CircuitState::kHalfOpen);
    EXPECT_EQ(call(breaker, answer()), "42");
    EXPECT_EQ(breaker.state(), CircuitState::kClosed);
  }
}

TEST_F(CircuitBreakerTest, CountsACancelledCallAsNeitherFailureNorSuccess) {
  CircuitBreaker breaker(loop_, kOptions);
  call(breaker, refuse());
  call(breaker, refuse());

  const auto caller = [&]() -> Task<> {
    Task<int> calling = breaker.call(hang());
    (void)co_await std::move(calling);
  };
  EXPECT_TRUE(loop_.run(cancelled_after(loop_, 1s, caller)));
  EXPECT_EQ(breaker.state(), CircuitState::kClosed);
  call(breaker, refuse());

  EXPECT_EQ(breaker.state(), CircuitState::kOpen);
}

TEST_F(CircuitBreakerTest, CountsATimeoutWithinTheCallAsAFailure) {
  CircuitBreaker breaker(loop_, kOptions);
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(call(breaker, with_timeout(5s, hang(), {.name = "transcribe"})), HasSubstr("transcribe timed out"));
  }

  EXPECT_EQ(breaker.state(), CircuitState::kOpen);
}

// Ten calls are under way when the third of them opens the circuit.
TEST_F(CircuitBreakerTest, IgnoresCallsThatBeganBeforeItOpened) {
  CircuitBreaker breaker(loop_, kOptions);
  TaskGroup group(loop_);
  const auto caller = [&](Task<int> task) -> Task<> {
    try {
      Task<int> calling = breaker.call(std::move(task));
      (void)co_await std::move(calling);
    } catch (const std::runtime_error&) {
    }
  };
  const auto answer_late = [&]() -> Task<int> {
    co_await sleep_for(2s);
    co_return 42;
  };
  for (int i = 0; i < 9; ++i) {
    group.start("caller", caller(refuse()));
  }
  group.start("caller", caller(answer_late()));

  EXPECT_TRUE(loop_.run(drain(group)).clean());

  EXPECT_EQ(breaker.state(), CircuitState::kOpen);  // The late answer did not close it,
  loop_.run(sleep_for(28s));
  EXPECT_EQ(breaker.state(), CircuitState::kOpen);
  loop_.run(sleep_for(1s));
  EXPECT_EQ(breaker.state(), CircuitState::kHalfOpen);  // and the failures after the third did not prolong it.
  EXPECT_THAT(log_.lines(), ElementsAre("warning circuit breaker 'speech': open for 30.000 s: 3 calls failed in a row, "
                                        "the last: 503"));
}

TEST_F(CircuitBreakerTest, TakesAnExceptionThatIsNoFailureForAnAnswer) {
  CircuitBreakerOptions options = kOptions;
  options.is_failure = [](const std::exception_ptr& thrown) {
    try {
      std::rethrow_exception(thrown);
    } catch (const Malformed&) {
      return false;
    } catch (...) {
      return true;
    }
  };
  CircuitBreaker breaker(loop_, options);
  call(breaker, refuse());
  call(breaker, refuse());

  EXPECT_EQ(call(breaker, malformed()), "400");
  call(breaker, refuse());

  EXPECT_EQ(breaker.state(), CircuitState::kClosed);
}

TEST_F(CircuitBreakerTest, TakesOutcomesThatAreNoExceptions) {
  CircuitBreaker breaker(loop_, kOptions);

  for (int i = 0; i < 3; ++i) {
    CircuitCall call = breaker.begin();
    call.fail("status 500");
    call.succeed();  // Too late: the first outcome counts.
  }

  EXPECT_EQ(breaker.state(), CircuitState::kOpen);
  EXPECT_EQ(breaker.try_begin(), std::nullopt);
  EXPECT_THROW((void)breaker.begin(), Error);
  loop_.run(sleep_for(30s));
  std::optional<CircuitCall> probe = breaker.try_begin();
  ASSERT_TRUE(probe);
  EXPECT_EQ(breaker.try_begin(), std::nullopt);
  probe->succeed();
  EXPECT_EQ(breaker.state(), CircuitState::kClosed);
}

TEST_F(CircuitBreakerTest, ReturnsReferencesAndNothing) {
  CircuitBreaker breaker(loop_, kOptions);
  int target = 7;
  const auto refer = [&]() -> Task<int&> { co_return target; };
  const auto nothing = []() -> Task<> { co_return; };

  EXPECT_EQ(&loop_.run(breaker.call(refer())), &target);
  loop_.run(breaker.call(nothing()));
}

TEST_F(CircuitBreakerTest, MayDieBeforeItsCalls) {
  std::optional<CircuitBreaker> breaker(std::in_place, loop_, kOptions);
  std::string what;
  const auto caller = [&](Task<int> calling) -> Task<> {
    try {
      (void)co_await std::move(calling);
    } catch (const std::runtime_error& error) {
      what = error.what();
    }
  };
  TaskGroup group(loop_);
  group.start("caller", caller(breaker->call(refuse())));
  loop_.run(sleep_for(500ms));

  breaker.reset();

  EXPECT_TRUE(loop_.run(drain(group)).clean());
  EXPECT_EQ(what, "503");
}

TEST_F(CircuitBreakerTest, IsCountedInItsMetrics) {
  const auto counted = [](Label name, Label help) {
    return metrics::counter(name, help, {{"label", "metered speech"}}).value();
  };
  const auto opened = [&] {
    return counted("async_circuit_breaker_opened_total", "Times that a CircuitBreaker opened.");
  };
  const auto rejected = [&] {
    return counted("async_circuit_breaker_rejected_total", "Calls that a CircuitBreaker did not let through.");
  };
  const metrics::Gauge now_open = metrics::gauge(
      "async_circuit_breakers_open", "Circuit breakers that are open or half open.", {{"label", "metered speech"}});
  CircuitBreakerOptions options = kOptions;
  options.label = "metered speech";
  {
    CircuitBreaker breaker(loop_, options);
    open(breaker);
    call(breaker, answer());
    call(breaker, answer());
    EXPECT_EQ(now_open.value(), 1);
    EXPECT_EQ(opened(), 1);
    EXPECT_EQ(rejected(), 2);
    loop_.run(sleep_for(30s));
    call(breaker, answer());
    EXPECT_EQ(now_open.value(), 0);
    open(breaker);
  }

  EXPECT_EQ(now_open.value(), 0);
  EXPECT_EQ(opened(), 2);
}

TEST_F(CircuitBreakerTest, RefusesAThresholdOfZero) {
  EXPECT_THROW(CircuitBreaker(loop_, {.failure_threshold = 0}), Error);
}

TEST_F(CircuitBreakerTest, WritesStatesAsWords) {
  EXPECT_EQ(to_string(CircuitState::kClosed), "closed");
  EXPECT_EQ(to_string(CircuitState::kOpen), "open");
  EXPECT_EQ(to_string(CircuitState::kHalfOpen), "half open");
}

// In whatever order calls come and end: never two probes at a time, and none before its time.
TEST_F(CircuitBreakerTest, NeverLetsTwoProbesThroughInWhateverOrderCallsEnd) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    VirtualLoop loop({.seed = seed, .shuffle = true});
    CircuitBreaker breaker(loop, {.label = "shuffled", .failure_threshold = 2, .reset_timeout = 5s});
    int probing = 0;
    const auto work = [&](bool fails) -> Task<int> {
      const bool is_probe = breaker.state() == CircuitState::kHalfOpen;
      EXPECT_NE(breaker.state(), CircuitState::kOpen);
      const Witness witness(probing);
      EXPECT_TRUE(!is_probe || probing == 1) << "seed " << seed;
      co_await sleep_for(1s);
      if (fails) {
        throw std::runtime_error("503");
      }
      co_return 1;
    };
    const auto caller = [&](int number) -> Task<> {
      co_await sleep_for(std::chrono::seconds{loop.random()() % 30});
      try {
        Task<int> calling = breaker.call(work(number % 3 != 0));
        (void)co_await std::move(calling);
      } catch (const std::runtime_error&) {
      }
    };
    TaskGroup group(loop);
    for (int i = 0; i < 60; ++i) {
      group.start({"caller", i}, caller(i));
    }
    EXPECT_EQ(loop.run(drain(group, {.timeout = 100s})).completed, 60u);
  }
}

}  // namespace
}  // namespace soak
