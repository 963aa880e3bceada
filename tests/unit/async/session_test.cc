// SPDX-License-Identifier: Apache-2.0
#include "soak/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "conftest/captured_log.h"
#include "sample_tasks.h"
#include "soak/metrics/metrics.h"
#include "soak/queue.h"
#include "soak/run_blocking.h"

namespace soak {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""s;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr BlockingOptions kNeverReturns{.virtual_duration = std::chrono::nanoseconds::max()};

double sessions(Label label) {
  return metrics::gauge("async_sessions", "Sessions that have started and not ended.", {{"label", label}}).value();
}

std::vector<std::string> names_of(const std::vector<TaskReport>& reports) {
  std::vector<std::string> names;
  for (const TaskReport& report : reports) {
    names.push_back(report.name);
  }
  return names;
}

// A client as users write them: its tasks end with it, without a word.
class Client {
 public:
  Client(EventLoop& loop, int& alive) : tasks_(loop) {
    tasks_.start("reader", swallow_for_ever(alive));
    tasks_.start("pinger", swallow_for_ever(alive));
  }
  ~Client() { tasks_.end_in_place(); }

 private:
  TaskGroup tasks_;
};

class SessionTest : public testing::Test {
 protected:
  // Ends by itself when the session does.
  Task<> heartbeat(Event& shutdown, int& beats) {
    for (;;) {
      const bool closing = co_await shutdown.wait_for(10s);
      if (closing) {
        break;
      }
      ++beats;
    }
  }

  // A frame that ends only by force, and owns what has tasks of its own.
  Task<> own_everything() {
    Client client(loop_, alive_);
    Session session(loop_, {.label = "nested"});
    session.start("nested", swallow_for_ever(alive_));
    TaskGroup group(loop_);
    group.start("grandchild", swallow_for_ever(alive_));
    co_await swallow_for_ever(alive_);
  }

  int alive_ = 0;
  int beats_ = 0;
  VirtualLoop loop_;
  conftest::CapturedLog log_;
};

using SessionDeathTest = SessionTest;

TEST_F(SessionTest, EndsWithItsFirstEndThatMattersAndDrains) {
  Session session(loop_);
  session.start("receive", sleep_for(25s), TaskKind::kReceive);
  session.start("heartbeat", heartbeat(session.shutdown(), beats_));

  const SessionResult result = loop_.run(session.run());

  EXPECT_EQ(result.exit.reason, ExitReason::kDisconnect);
  EXPECT_EQ(result.exit.task, "receive");
  EXPECT_EQ(result.drained.completed, 1u);
  EXPECT_TRUE(result.drained.clean());
  EXPECT_TRUE(session.shutdown().is_set());
  EXPECT_EQ(beats_, 2);
  EXPECT_EQ(loop_.elapsed(), 25s);
}

TEST_F(SessionTest, WithoutTasksEndsAtOnce) {
  Session session(loop_);

  const SessionResult result = loop_.run(session.run());

  EXPECT_EQ(result.exit.reason, ExitReason::kAllDone);
  EXPECT_TRUE(result.drained.clean());
  EXPECT_EQ(loop_.elapsed(), 0s);
}

TEST_F(SessionTest, TellsACrashAndCountsIt) {
  Session session(loop_);
  session.start("upload", crash_after(1s));
  session.start("heartbeat", heartbeat(session.shutdown(), beats_));

  const SessionResult result = loop_.run(session.run());

  EXPECT_EQ(result.exit.reason, ExitReason::kCrash);
  EXPECT_EQ(result.exit.what, "disk full");
  EXPECT_EQ(result.drained.failed, 1u);
  EXPECT_EQ(result.drained.completed, 1u);
}

TEST_F(SessionTest, CancelsItsReceiveTaskAtOnceAfterACrashAndLeavesTheOthersTheirTime) {
  Session session(loop_);
  session.start("receive", sleep_for(1h), TaskKind::kReceive);
  session.start("crash", crash_after(1s));
  session.start("upload", sleep_for(3s), TaskKind::kFinite);

  const SessionResult result = loop_.run(session.run());

  EXPECT_EQ(result.exit.reason, ExitReason::kCrash);
  EXPECT_EQ(result.drained.cancelled, 1u);
  EXPECT_EQ(result.drained.completed, 1u);
  EXPECT_EQ(loop_.elapsed(), 3s);
}

TEST_F(SessionTest, CancelsItsReceiveTaskAtOnceAfterALifetimeEnd) {
  Session session(loop_);
  session.start("receive", sleep_for(1h), TaskKind::kReceive);
  session.start("call", sleep_for(1s));

  const SessionResult result = loop_.run(session.run());

  EXPECT_EQ(result.exit.reason, ExitReason::kLifetimeDone);
  EXPECT_EQ(loop_.elapsed(), 1s);
  EXPECT_THAT(log_.lines(), testing::IsEmpty());
}

TEST_F(SessionTest, EndsTimeoutAndGraceAtItsDeadline) {
  Session session(loop_, {.timeout = 30s, .grace = 5s, .deadline = loop_.now() + 4s});
  session.start("receive", sleep_for(1s), TaskKind::kReceive);
  session.start("stubborn", swallow_for_ever(alive_));

  const SessionResult result = loop_.run(session.run());

  EXPECT_EQ(result.drained.forced, 1u);
  EXPECT_EQ(loop_.elapsed(), 4s);
}

TEST_F(SessionTest, ReturnsItsResultWhenItsLastTaskEndsInTheTurnInWhichItIsCancelled) {
  Event event;
  const auto wait = [&]() -> Task<> { co_await event.wait(); };
  std::optional<ExitReason> reason;
  bool went_on = false;
  const auto serve = [&]() -> Task<> {
    Session session(loop_);
    session.start("receive", wait(), TaskKind::kReceive);
    const SessionResult result = co_await session.run();
    reason = result.exit.reason;
    co_await yield();
    went_on = true;
  };
  TaskGroup group(loop_);
  group.start("serve", serve());
  loop_.run(sleep_for(1s));
  event.set();
  group.cancel();

  EXPECT_EQ(loop_.run(drain(group)).cancelled, 1u);

  EXPECT_EQ(reason, ExitReason::kDisconnect);
  EXPECT_FALSE(went_on);
}

TEST_F(SessionTest, LogsACrashOnceAlsoWhenTheDisconnectWins) {
  Session session(loop_, {.label = "pusher"});
  session.start("upload", crash_after(1s));
  session.start("receive", sleep_for(1s), TaskKind::kReceive);

  const SessionResult result = loop_.run(session.run());

  EXPECT_EQ(result.exit.reason, ExitReason::kDisconnect);
  EXPECT_EQ(result.drained.failed, 1u);
  EXPECT_THAT(log_.lines(), ElementsAre("error supervise 'pusher': upload crashed: disk full"));
}

TEST_F(SessionTest, CancelsWhatIsLeftAtItsTimeoutAndForcesItPastItsGrace) {
  Session session(loop_, {.timeout = 7s, .grace = 2s});
  session.start("receive", sleep_for(1s), TaskKind::kReceive);
  session.start("polite", sleep_for(1h));
  session.start("stubborn", swallow_for_ever(alive_));

  const SessionResult result = loop_.run(session.run());

  EXPECT_EQ(result.drained.cancelled, 1u);
  EXPECT_EQ(result.drained.forced, 1u);
  EXPECT_EQ(alive_, 0);
  EXPECT_EQ(loop_.elapsed(), 10s);
}

TEST_F(SessionTest, RefusesTasksOnceItEnds) {
  Session session(loop_);
  std::optional<Errc> code;
  const auto late = [&]() -> Task<> {
    co_await session.shutdown().wait();
    co_await yield();
    try {
      session.start("new", sleep_for(1s));
    } catch (const Error& error) {
      code = error.code();
    }
  };
  session.start("late", late());
  session.start("receive", sleep_for(1s), TaskKind::kReceive);

  (void)loop_.run(session.run());

  EXPECT_EQ(code, Errc::kDraining);
}

TEST_F(SessionTest, SaysHowMuchItsQueuesHeldWhenItsDrainWasNotClean) {
  Queue<int> uploads(20);
  Queue<int> audio(5);
  for (int i = 0; i < 17; ++i) {
    EXPECT_TRUE(uploads.try_push(int{i}));
  }
  Session session(loop_, {.label = "pusher", .timeout = 7s, .grace = 2s});
  session.watch_queue("uploads", uploads);
  session.watch_queue("audio", audio);
  session.start("receive", sleep_for(1s), TaskKind::kReceive);
  session.start("upload", swallow_for_ever(alive_));

  (void)loop_.run(session.run());

  EXPECT_THAT(log_.lines(),
              ElementsAre("warning drain 'pusher': 1 task still running after 7.000 s is cancelled:\n"
                          "  upload awaits sleep at sample_tasks.h since 0.000 s\n"
                          "  queues: uploads 17, audio 0",
                          "error drain 'pusher': 1 task did not unwind within 2.000 s of being cancelled and is "
                          "destroyed in place:\n"
                          "  upload awaits sleep at sample_tasks.h since 8.000 s\n"
                          "  queues: uploads 17, audio 0"));
}

TEST_F(SessionTest, SaysNothingOfItsQueuesWhenItsDrainWasClean) {
  Queue<int> uploads(20);
  Session session(loop_);
  session.watch_queue("uploads", uploads);
  session.start("receive", sleep_for(1s), TaskKind::kReceive);

  (void)loop_.run(session.run());

  EXPECT_THAT(log_.lines(), testing::IsEmpty());
}

// Cancellation

TEST_F(SessionTest, CancelsItsTasksAtOnceAndThrowsWhenItIsCancelled) {
  int cancellations = 0;
  const auto serve = [&]() -> Task<> {
    Session session(loop_, {.label = "cancelled"});
    const auto upload = [&]() -> Task<> { (void)co_await unwind_for(3s, cancellations); };
    session.start("upload", upload());
    Task<SessionResult> running = session.run();
    (void)co_await std::move(running);
  };

  EXPECT_TRUE(loop_.run(cancelled_after(loop_, 2s, serve)));

  EXPECT_EQ(cancellations, 1);
  EXPECT_EQ(sessions("cancelled"), 0);
  EXPECT_EQ(loop_.elapsed(), 5s);
}

TEST_F(SessionTest, CancelsItsTasksAtOnceWhenItIsCancelledWhileItDrains) {
  int cancellations = 0;
  const auto serve = [&]() -> Task<> {
    Session session(loop_, {.label = "cancelled"});
    const auto upload = [&]() -> Task<> { (void)co_await unwind_for(3s, cancellations); };
    session.start("receive", sleep_for(1s), TaskKind::kReceive);
    session.start("upload", upload());
    Task<SessionResult> running = session.run();
    (void)co_await std::move(running);
  };

  EXPECT_TRUE(loop_.run(cancelled_after(loop_, 2s, serve)));

  EXPECT_EQ(cancellations, 1);
  EXPECT_EQ(sessions("cancelled"), 0);
  EXPECT_EQ(loop_.elapsed(), 5s);
}

// The gauge

TEST_F(SessionTest, IsCountedFromWhenItIsBuiltUntilItsRunEnds) {
  const double before = sessions("counted");
  std::optional<Session> session(std::in_place, loop_, SessionOptions{.label = "counted"});
  session->start("receive", sleep_for(1s), TaskKind::kReceive);
  EXPECT_EQ(sessions("counted"), before + 1);

  (void)loop_.run(session->run());
  EXPECT_EQ(sessions("counted"), before);

  session.reset();
  EXPECT_EQ(sessions("counted"), before);
}

TEST_F(SessionTest, IsCountedOutWhenItNeverRan) {
  const double before = sessions("counted");
  {
    const Session session(loop_, {.label = "counted"});
    EXPECT_EQ(sessions("counted"), before + 1);
  }

  EXPECT_EQ(sessions("counted"), before);
}

TEST_F(SessionTest, IsCountedOutWhenAnExceptionLeavesItsScope) {
  const double before = sessions("counted");
  const auto serve = [&]() -> Task<> {
    Session session(loop_, {.label = "counted"});
    session.start("upload", swallow_for_ever(alive_));
    co_await sleep_for(1s);
    throw std::runtime_error("broken");
  };

  EXPECT_THROW(loop_.run(serve()), std::runtime_error);

  EXPECT_EQ(sessions("counted"), before);
  EXPECT_EQ(alive_, 0);
  EXPECT_THAT(log_.text(), HasSubstr("warning task group 'counted': ended 1 task where it stood, its owner is gone:\n"
                                     "  upload awaits sleep at sample_tasks.h since 0.000 s\n"));
}

TEST_F(SessionTest, IsCountedOutWhenItIsForcedInTheMiddleOfItsRun) {
  const double before = sessions("counted");
  TaskGroup group(loop_);
  const auto serve = [&]() -> Task<> {
    Session session(loop_, {.label = "counted", .timeout = 1h, .grace = 1h});
    session.start("upload", swallow_for_ever(alive_));
    Task<SessionResult> running = session.run();
    (void)co_await std::move(running);
  };
  group.start("serve", serve());

  const DrainResult result = loop_.run(drain(group, {.timeout = 1s, .grace = 1s}));

  EXPECT_EQ(result.forced, 2u);
  EXPECT_EQ(sessions("counted"), before);
  EXPECT_EQ(alive_, 0);
}

// What must not happen to the others

class HungSessionTest : public SessionTest {
 protected:
  static constexpr int kSessions = 1000;
  static constexpr int kHung = 500;

  // Runs them all; number kHung holds a hung blocking call, and `stubborn`. An hour later the others disconnect.
  void run_sessions(std::function<Task<>()> stubborn) {
    results_.resize(kSessions);
    const auto serve = [&](int id) -> Task<> {
      const bool hung = id == kHung;
      Session session(loop_, {.label = "hung", .timeout = 30s, .grace = 5s});
      session.start({"receive", id}, sleep_for(hung ? 10s : 3600s), TaskKind::kReceive);
      session.start({"heartbeat", id}, heartbeat(session.shutdown(), beats_));
      if (hung) {
        session.start({"upload", id}, run_blocking([] {}, kNeverReturns));
        session.start({"stubborn", id}, stubborn());
      }
      Task<SessionResult> running = session.run();
      results_[static_cast<std::size_t>(id)] = co_await std::move(running);
      if (hung) {
        ended_ = loop_.elapsed();
        left_ = sessions("hung") - before_;
      }
    };
    before_ = sessions("hung");
    TaskGroup group(loop_);
    for (int id = 0; id < kSessions; ++id) {
      group.start({"session", id}, serve(id));
    }

    EXPECT_TRUE(loop_.run(drain(group, {.timeout = 2h})).clean());
  }

  std::vector<SessionResult> results_;
  double before_ = 0;
  double left_ = 0;
  std::chrono::nanoseconds ended_{};
};

TEST_F(HungSessionTest, EndsInItsTimeAndLeavesTheOthersAlone) {
  run_sessions([&] { return swallow_for_ever(alive_); });

  const SessionResult& hung = results_[kHung];
  EXPECT_EQ(ended_, 10s + 30s + 5s);
  EXPECT_EQ(left_, 999);
  EXPECT_EQ(hung.exit.reason, ExitReason::kDisconnect);
  EXPECT_EQ(hung.drained.completed, 1u);
  EXPECT_EQ(hung.drained.cancelled, 0u);
  EXPECT_EQ(hung.drained.forced, 1u);
  EXPECT_THAT(names_of(hung.drained.unresponsive), ElementsAre("upload-500"));
  EXPECT_EQ(alive_, 0);
  EXPECT_THAT(names_of(loop_.stragglers()), ElementsAre("upload-500"));
  EXPECT_EQ(loop_.live_tasks(), 1u);
  EXPECT_THAT(log_.lines(),
              ElementsAre("warning drain 'hung': 2 tasks still running after 30.000 s are cancelled:\n"
                          "  upload-500 awaits blocking call at session_test.cc since 0.000 s\n"
                          "  stubborn-500 awaits sleep at sample_tasks.h since 0.000 s",
                          "error drain 'hung': 2 tasks did not unwind within 5.000 s of being cancelled and are "
                          "destroyed in place:\n"
                          "  upload-500 awaits blocking call at session_test.cc since 0.000 s\n"
                          "  stubborn-500 awaits sleep at sample_tasks.h since 40.000 s",
                          "error drain 'hung': 1 task cannot be ended, its thread is in a blocking call:\n"
                          "  upload-500 awaits blocking call at session_test.cc since 0.000 s"));

  EXPECT_EQ(sessions("hung"), before_);
  EXPECT_EQ(loop_.elapsed(), 3600s);
  EXPECT_GE(beats_, 359 * 999);
  for (std::size_t id = 0; id < kSessions; ++id) {
    if (id == kHung) {
      continue;
    }
    EXPECT_EQ(results_[id].exit.reason, ExitReason::kDisconnect);
    EXPECT_TRUE(results_[id].drained.clean());
  }
}

TEST_F(HungSessionTest, EndsWithAllThatTheFrameOwnsWhichIsDestroyedInPlace) {
  const double nested = sessions("nested");

  run_sessions([&] { return own_everything(); });

  const SessionResult& hung = results_[kHung];
  EXPECT_EQ(ended_, 45s);
  EXPECT_EQ(left_, 999);
  EXPECT_EQ(hung.drained.forced, 3u);  // The frame, and the tasks of its group and its session; a client ends its own.
  EXPECT_THAT(names_of(hung.drained.unresponsive), ElementsAre("upload-500"));
  EXPECT_EQ(alive_, 0);
  EXPECT_EQ(sessions("nested"), nested);
  EXPECT_EQ(loop_.live_tasks(), 1u);
}

TEST_F(HungSessionTest, EndsWithAllThatAnExceptionLeavesBehind) {
  const double nested = sessions("nested");
  const auto stubborn = [&]() -> Task<> {
    try {
      co_await sleep_for(1h);
    } catch (const Cancelled&) {
    }
    Client client(loop_, alive_);
    Session session(loop_, {.label = "nested"});
    session.start("nested", swallow_for_ever(alive_));
    TaskGroup group(loop_);
    group.start("grandchild", swallow_for_ever(alive_));
    co_await sleep_for(1s);
    throw std::runtime_error("broken");
  };

  run_sessions(stubborn);

  const SessionResult& hung = results_[kHung];
  EXPECT_EQ(ended_, 45s);
  EXPECT_EQ(left_, 999);
  EXPECT_EQ(hung.drained.failed, 1u);
  EXPECT_EQ(hung.drained.forced, 2u);
  EXPECT_EQ(alive_, 0);
  EXPECT_EQ(sessions("nested"), nested);
  EXPECT_THAT(log_.text(), HasSubstr("error drain 'hung': stubborn-500 crashed: broken\n"));
}

TEST_F(SessionDeathTest, AbortsAndNamesItsTasksWhenItsScopeIsLeftWithoutARun) {
  EXPECT_DEATH(
      {
        Session session(loop_);
        session.start({"receive", 3}, sleep_for(1s));
      },
      "TaskGroup destroyed while it owns 1 task: receive-3; drain\\(\\) it first");
}

}  // namespace
}  // namespace soak
