// SPDX-License-Identifier: Apache-2.0
#include "soak/log.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "lib/async/line_limit.h"
#include "lib/async/log_lines.h"
#include "soak/detail/secrets.h"
#include "soak/task.h"

namespace soak {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using detail::LineLimit;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::ResultOf;
using testing::StrEq;

int let_through(LineLimit& limit, int lines, LineLimit::Time now) {
  int taken = 0;
  for (int i = 0; i < lines; ++i) {
    taken += limit.take(now) ? 1 : 0;
  }
  return taken;
}

// Leaves the sink as it was.
class LogTest : public testing::Test {
 protected:
  LogTest() : before_(set_log_sink({})) {}
  ~LogTest() override { set_log_sink(before_); }

  static LogRecord record(LogLevel level, std::string_view message) {
    return {.level = level, .at = Instant(12500ms), .source = "drain", .label = "pusher", .message = message};
  }

 private:
  LogSink before_;
};

// The default sink writes a limited number of lines for the whole process, so each test of it has a process of its own.
class DefaultSinkTest : public LogTest {
 protected:
  DefaultSinkTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }

  // Ends the process of a test: what it wrote to stderr is what is expected of it.
  [[noreturn]] static void done() { std::_Exit(0); }
};

TEST_F(DefaultSinkTest, WritesNoTextFromOutsideAsItCame) {
  const auto body = [] {
    log(record(LogLevel::kError, "a\n[  SKIPPED ] b\x1b[2J"));
    done();
  };

  EXPECT_EXIT(body(), testing::ExitedWithCode(0), StrEq("soak: 12.500 s drain 'pusher': a\\n[SKIPPED] b\\x1b[2J\n"));
}

// Drain's rows are its own; what a task threw is one row of them.
TEST_F(DefaultSinkTest, ALineThatCannotBeWrittenEndsNothing) {
  EXPECT_EXIT(
      {
        ::dup2(::open("/dev/full", O_WRONLY), STDERR_FILENO);
        log(record(LogLevel::kError, "nobody reads this"));
        done();
      },
      testing::ExitedWithCode(0), "");
}

TEST_F(DefaultSinkTest, KeepsTheRowsOfThePrimitives) {
  const auto body = [] {
    VirtualLoop loop;
    TaskGroup group(loop);
    group.start("long", sleep_for(1h));
    group.start("failing", []() -> Task<> {
      co_await sleep_for(1s);
      throw std::runtime_error("a\n[  SKIPPED ] b\x1b[2J");
    }());
    (void)loop.run(drain(group, {.timeout = 5s}));
    done();
  };

  EXPECT_EXIT(
      body(), testing::ExitedWithCode(0),
      AllOf(HasSubstr("failing crashed: a\\n[SKIPPED] b\\x1b[2J\n"),
            HasSubstr("1 task still running after 5.000 s is cancelled:\n  long"), Not(HasSubstr("cancelled:\\n"))));
}

TEST_F(DefaultSinkTest, LeavesOutInformationAndWhatIsTooMuch) {
  const auto body = [] {
    log(record(LogLevel::kInfo, "unasked"));
    for (int i = 0; i < 500; ++i) {
      log(record(LogLevel::kError, "text"));
    }
    done();
  };
  const auto lines = [](const std::string& text) { return std::count(text.begin(), text.end(), '\n'); };

  EXPECT_EXIT(body(), testing::ExitedWithCode(0),
              AllOf(HasSubstr("soak: 12.500 s drain 'pusher': text\n"), Not(HasSubstr("unasked")),
                    ResultOf(lines, testing::Lt(400))));
}

// Of a thousand sessions that end at once, say, each with all its tasks.
TEST_F(DefaultSinkTest, HasNoTextMadeThatIsLeftOut) {
  const auto body = [] {
    int made = 0;
    for (int i = 0; i < 500; ++i) {
      detail::log_text(LogLevel::kError, Instant(), "drain", "pusher", [&made] {
        ++made;
        return std::string("text");
      });
    }
    std::_Exit(made < 400 ? 0 : 1);
  };

  EXPECT_EXIT(body(), testing::ExitedWithCode(0), HasSubstr("drain 'pusher': text\n"));
}

TEST(LineLimitTest, LetsTwentyLinesThroughAndThenTenASecond) {
  LineLimit::Time now{};
  LineLimit limit(now);

  EXPECT_EQ(let_through(limit, 100, now), 20);
  now += 99ms;
  EXPECT_EQ(let_through(limit, 1, now), 0);
  now += 2ms;
  EXPECT_EQ(let_through(limit, 5, now), 1);
  now += 1h;
  EXPECT_EQ(let_through(limit, 100, now), 20);
}

TEST(LineLimitTest, CountsWhatItLeavesOut) {
  LineLimit::Time now{};
  LineLimit limit(now);
  EXPECT_EQ(limit.take_left_out(), 0u);

  (void)let_through(limit, 100, now);

  EXPECT_EQ(limit.take_left_out(), 80u);
  EXPECT_EQ(limit.take_left_out(), 0u);
}

TEST_F(LogTest, LeavesSecretsOutOfWhatEverySinkGets) {
  text::keep_secret("sk-canary-in-the-log");
  std::string message;
  set_log_sink([&](const LogRecord& got) { message = got.message; });

  log(record(LogLevel::kError, "no such key: sk-canary-in-the-log"));

  EXPECT_EQ(message, "no such key: ***");
}

TEST_F(LogTest, HandsARecordOverAsItIs) {
  std::vector<std::string> seen;
  Instant at{};
  set_log_sink([&](const LogRecord& got) {
    at = got.at;
    seen = {std::string(to_string(got.level)), std::string(got.source), std::string(got.label),
            std::string(got.message)};
  });

  log(record(LogLevel::kWarning, "text"));

  EXPECT_THAT(seen, testing::ElementsAre("warning", "drain", "pusher", "text"));
  EXPECT_EQ(at, Instant(12500ms));
}

TEST_F(LogTest, SaysWhenByTheLoopThatItHappenedOn) {
  std::vector<Instant> at;
  set_log_sink([&](const LogRecord& got) { at.push_back(got.at); });
  VirtualLoop loop;
  TaskGroup group(loop);
  group.start("long", sleep_for(1h));

  (void)loop.run(drain(group, {.timeout = 5s}));

  EXPECT_THAT(at, testing::ElementsAre(Instant(5s)));
}

TEST_F(LogTest, ReturnsTheSinkBefore) {
  int first = 0;
  int second = 0;

  EXPECT_FALSE(set_log_sink([&](const LogRecord&) { ++first; }));
  const LogSink before = set_log_sink([&](const LogRecord&) { ++second; });
  log(record(LogLevel::kError, "to the second"));
  set_log_sink(before);
  log(record(LogLevel::kError, "to the first"));

  EXPECT_EQ(first, 1);
  EXPECT_EQ(second, 1);
}

TEST_F(LogTest, WantsInformationOnlyWhereASinkWasSet) {
  EXPECT_FALSE(log_wanted(LogLevel::kInfo));
  EXPECT_TRUE(log_wanted(LogLevel::kWarning));
  EXPECT_TRUE(log_wanted(LogLevel::kError));

  set_log_sink([](const LogRecord&) {});
  EXPECT_TRUE(log_wanted(LogLevel::kInfo));

  set_log_sink({});
  EXPECT_FALSE(log_wanted(LogLevel::kInfo));
}

TEST_F(LogTest, MayBeCalledFromAnyThreadAndCallsItsSinkOneAtATime) {
  int records = 0;  // No atomic: ThreadSanitizer would say if two came at once.
  set_log_sink([&](const LogRecord&) { ++records; });
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([] {
      for (int line = 0; line < 100; ++line) {
        log(record(LogLevel::kError, "text"));
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }

  EXPECT_EQ(records, 400);
}

TEST_F(LogTest, WritesLevelsAsWords) {
  EXPECT_EQ(to_string(LogLevel::kInfo), "info");
  EXPECT_EQ(to_string(LogLevel::kWarning), "warning");
  EXPECT_EQ(to_string(LogLevel::kError), "error");
}

}  // namespace
}  // namespace soak
