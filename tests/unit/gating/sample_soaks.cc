// SPDX-License-Identifier: Apache-2.0
// A small program with soak tests in it, run from outside by gating_test.cc.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <vector>

#include "soak/error.h"
#include "soak/run.h"
#include "soak/soak_test.h"

namespace {

// What SAMPLE_OUTSIDER asks for: something beside the soaks that keeps GoogleTest from running them.
bool outsider_is(std::string_view wanted) {
  const char* outsider = std::getenv("SAMPLE_OUTSIDER");
  return outsider != nullptr && outsider == wanted;
}

class OtherEnvironment : public testing::Environment {
 public:
  void SetUp() override {
    if (outsider_is("environment skips")) {
      GTEST_SKIP() << "there is no database here";
    }
    if (outsider_is("environment fails")) {
      FAIL() << "the database did not start";
    }
  }
};
[[maybe_unused]] const testing::Environment* const g_other = testing::AddGlobalTestEnvironment(new OtherEnvironment);

class SkippingListener : public testing::EmptyTestEventListener {
 public:
  void OnTestStart(const testing::TestInfo&) override {
    if (outsider_is("listener skips")) {
      GTEST_SKIP() << "no test of this list today";
    }
  }
};
[[maybe_unused]] const bool g_listens = [] {
  testing::UnitTest::GetInstance()->listeners().Append(new SkippingListener);
  return true;
}();

TEST(Unit, AlwaysRuns) { SUCCEED(); }

TEST(Unit, FailsIfAsked) { EXPECT_FALSE(outsider_is("unit test fails")); }

SOAK_TEST(Loop, Passes) {  // A test looks for this line in the report.
  soak::Run run;
  for (auto cycle : run) {
    run.count("puts");
    cycle.quiescent();
  }
  EXPECT_SOAK(run);
}

SOAK_TEST(Loop, SaysThatItRuns) {
  soak::Run run;
  for (auto cycle : run) {
    if (cycle.number() == 0) {
      std::puts("in the loop");
      std::fflush(stdout);
    }
    cycle.quiescent();
  }
  EXPECT_SOAK(run);
}

SOAK_TEST(Loop, LeavesHeapBehind) {
  std::vector<std::unique_ptr<char[]>> kept;
  soak::Run run({.heap_per_cycle_max = 16 * soak::kKiB});
  for (auto cycle : run) {
    kept.push_back(std::make_unique<char[]>(64 * soak::kKiB));
    cycle.quiescent();
    // A leak every 10 ms, whatever the machine: without a pace it would be gigabytes.
    for (const auto next = run.elapsed() + std::chrono::milliseconds(10); run.elapsed() < next;) {
      std::this_thread::yield();
    }
  }
  EXPECT_SOAK(run);
}

SOAK_TEST(Loop, BodyHasAnAssert) {
  soak::Run run;
  ASSERT_EQ(1, 2) << "before the loop";
  EXPECT_SOAK(run);
}

SOAK_TEST(Loop, Throws) {
  soak::Run run;
  for (auto cycle : run) {
    throw std::runtime_error("thrown in the loop");
  }
  EXPECT_SOAK(run);
}

// Its Run is destroyed after GoogleTest has caught the exception.
class FixtureRun : public testing::Test {
 public:
  soak::Run run_;
};

SOAK_TEST_F(FixtureRun, Throws) {
  for (auto cycle : run_) {
    throw std::runtime_error("thrown in the loop");
  }
  EXPECT_SOAK(run_);
}

// What a peer may say. CTest takes a test for skipped when its output has this marker.
constexpr const char* kHostile = "a\n[  SKIPPED ] b\x1b[2J";

SOAK_TEST(Hostile, IsInAFinding) {
  soak::Run run;
  for (auto cycle : run) {
    cycle.quiescent();
  }
  run.add_finding({"closed", kHostile, {{"reason", kHostile}}});
  run.add_note(kHostile);
  EXPECT_SOAK(run);
}

SOAK_TEST(Hostile, IsThrown) {
  soak::Run run;
  throw soak::Error(soak::Errc::kConnectionClosed, kHostile);
}

SOAK_TEST(Hostile, IsThrownByCodeThatIsNotOurs) {
  soak::Run run;
  throw std::runtime_error(kHostile);
}

// Asks for what no run of a few milliseconds can show.
SOAK_TEST(Bound, CannotBeShown) {
  soak::Run run({.leak_max = "1B/day"});
  for (auto cycle : run) {
  }
  EXPECT_SOAK(run);
}

// This process, with all of its threads.
void stop_for(std::chrono::milliseconds time) {
  const pid_t waker = ::fork();
  if (waker == 0) {
    ::usleep(static_cast<useconds_t>(time.count()) * 1000);
    ::kill(::getppid(), SIGCONT);
    ::_exit(0);
  }
  ::kill(::getpid(), SIGSTOP);
  ::waitpid(waker, nullptr, 0);
}

// A frame each millisecond, sent unless it is late by more than a tenth of a second. For one and a half seconds none is
// sent: because the whole process is stopped, or because only this thread sleeps.
SOAK_TEST(Frames, Pause) {
  constexpr std::chrono::milliseconds kPause{1500};
  soak::Run run;
  bool paused = false;
  std::chrono::nanoseconds next{};
  for (auto cycle : run) {
    if (!paused && run.elapsed() > std::chrono::milliseconds{300}) {
      paused = true;
      outsider_is("stops the process") ? stop_for(kPause) : std::this_thread::sleep_for(kPause);
    }
    for (; next <= run.elapsed(); next += std::chrono::milliseconds{1}) {
      run.due("frames", next);
      if (run.elapsed() - next < std::chrono::milliseconds{100}) {
        run.met("frames", next);
      }
    }
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  EXPECT_SOAK(run);
}

SOAK_TEST(Loop, ForgetsItsVerdict) {
  soak::Run run;
  for (auto cycle : run) {
    run.count("puts");
  }
}

SOAK_TEST(Skip, BeforeTheFirstCycle) {
  soak::Run run;
  GTEST_SKIP() << "nothing to soak here";
  EXPECT_SOAK(run);
}

SOAK_TEST(Skip, InACycle) {
  soak::Run run;
  for (auto cycle : run) {
    GTEST_SKIP() << "in a cycle";
  }
  EXPECT_SOAK(run);
}

// Skips in its SetUp(), when it already has a Run.
class Unwilling : public testing::Test {
 public:
  void SetUp() override { GTEST_SKIP() << "the fixture will not"; }
  soak::Run run_;
};

SOAK_TEST_F(Unwilling, IsSkipped) {
  for (auto cycle : run_) {
  }
  EXPECT_SOAK(run_);
}

// Skips in SetUpTestSuite(): from GoogleTest 1.13 on none of its tests is entered.
class UnwillingSuite : public testing::Test {
 public:
  static void SetUpTestSuite() { GTEST_SKIP() << "none of this suite"; }
};
SOAK_TEST_F(UnwillingSuite, HasNoRun) {}

SOAK_TEST(Loop, HasNoCycle) {
  soak::Run run;
  EXPECT_SOAK(run);
}

SOAK_TEST(Options, AreSaid) {
  soak::Run run({.duration = std::chrono::milliseconds{70}, .rss_growth_max = 20 * soak::kMiB});
  std::printf("duration=%lldms rss=%lluKiB seed=%llu\n",
              static_cast<long long>(run.settings().duration / std::chrono::milliseconds{1}),
              static_cast<unsigned long long>(run.settings().rss_growth_max / soak::kKiB),
              static_cast<unsigned long long>(run.seed()));
  for (auto cycle : run) {
  }
  EXPECT_SOAK(run);
}

SOAK_TEST(Options, OutOfRangeInCode) {
  soak::Run run({.duration = std::chrono::seconds{0}});
  EXPECT_SOAK(run);
}

SOAK_TEST(Env, NeedsTwoVariables) {
  const auto env = SOAK_REQUIRE_ENV("SOAK_TELEGRAM_TOKEN", "SOAK_TELEGRAM_CHAT_ID");
  std::printf("chat %s\n", env["SOAK_TELEGRAM_CHAT_ID"].c_str());
}

SOAK_TEST(Service, TwoSessions) {
  soak::Run run({.sessions = 2});
  run.use_service();
  std::printf("used the service\n");
  for (auto cycle : run) {
  }
  EXPECT_SOAK(run);
}

// Ends only if its own process sees the mode that the parent was given; that process says nothing.
SOAK_TEST(Death, SeesTheSameMode) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(std::exit(7), testing::ExitedWithCode(7), "^$");
}

class Fixture : public testing::Test {
 public:
  Fixture() { std::puts("Fixture constructed"); }
  void SetUp() override { value_ = 42; }
  int value_ = 0;
};

SOAK_TEST_F(Fixture, IsSetUp) {
  EXPECT_EQ(value_, 42);
  soak::Run run;
  for (auto cycle : run) {
  }
  EXPECT_SOAK(run);
}

// Instantiated before the values exist: GoogleTest makes them in InitGoogleTest(), not while static objects are made.
class Param : public testing::TestWithParam<std::string> {
 public:
  Param() { std::printf("Param constructed for %s\n", GetParam().c_str()); }
  void SetUp() override { std::puts("Param is set up"); }
};
extern std::vector<std::string> g_faults;
SOAK_INSTANTIATE_TEST_SUITE_P(Fault, Param, testing::ValuesIn(g_faults));
std::vector<std::string> g_faults = {"reset", "stall"};

SOAK_TEST_P(Param, Runs) {
  soak::Run run;
  for (auto cycle : run) {
    run.count(GetParam() + "s");
  }
  EXPECT_SOAK(run);
}

SOAK_TEST_P(Param, SeesTheSameModeInADeathTest) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(std::exit(GetParam() == "stall" ? 7 : 8), testing::ExitedWithCode(GetParam() == "stall" ? 7 : 8), "");
}

// The stock macro and ours, side by side: each reaches its own tests.
TEST_P(Param, IsAUnitTest) { EXPECT_EQ(GetParam(), "unit"); }
INSTANTIATE_TEST_SUITE_P(Stock, Param, testing::Values("unit"));
// Below Soak/ by the prefix that somebody chose, and no soak.
INSTANTIATE_TEST_SUITE_P(Soak, Param, testing::Values("unit"));

class Grid : public testing::TestWithParam<std::tuple<int, bool>> {};
SOAK_TEST_P(Grid, HasItsParameters) { std::printf("grid %d %d\n", std::get<0>(GetParam()), std::get<1>(GetParam())); }
SOAK_INSTANTIATE_TEST_SUITE_P(, Grid, testing::Combine(testing::Range(3, 5), testing::Bool()), [](const auto& info) {
  return "N" + std::to_string(std::get<0>(info.param)) + (std::get<1>(info.param) ? "_on" : "_off");
});
SOAK_INSTANTIATE_TEST_SUITE_P(DISABLED_Grid, Grid, testing::Values(std::tuple(9, true)));

class Unused : public testing::TestWithParam<int> {};
SOAK_TEST_P(Unused, HasNoParameters) { FAIL() << "it has none"; }
SOAK_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Unused);

SOAK_TEST(DISABLED_Loop, IsNotRun) { FAIL() << "disabled tests do not run"; }

}  // namespace
