// SPDX-License-Identifier: Apache-2.0
#include "soak/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "soak/detail/secrets.h"
#include "soak/task.h"

namespace soak {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using testing::HasSubstr;

// Leaves the sink as it was.
class LogTest : public testing::Test {
 protected:
  LogTest() : before_(set_log_sink({})) {}
  ~LogTest() override { set_log_sink(before_); }

  static LogRecord record(LogLevel level, std::string_view message) {
    return {.level = level, .at = Instant(12500ms), .source = "drain", .label = "pusher", .message = message};
  }

  // What the default sink writes meanwhile.
  template <typename Body>
  std::string written(Body body) {
    testing::internal::CaptureStderr();
    body();
    return testing::internal::GetCapturedStderr();
  }

  // Waits until the default sink lets a line through.
  static void fill_bucket() {
    UvLoop loop;
    loop.run(sleep_for(150ms));
  }

 private:
  LogSink before_;
};

TEST_F(LogTest, TheDefaultSinkWritesNoTextFromOutsideAsItCame) {
  fill_bucket();

  const std::string line = written([] { log(record(LogLevel::kError, "a\n[  SKIPPED ] b\x1b[2J")); });

  EXPECT_EQ(line, "soak: 12.500 s drain 'pusher': a\\n[SKIPPED] b\\x1b[2J\n");
}

// Drain's rows are its own; what a task threw is one row of them.
TEST_F(LogTest, TheRowsOfThePrimitivesStayRows) {
  fill_bucket();
  VirtualLoop loop;
  TaskGroup group(loop);
  group.start("long", sleep_for(1h));
  group.start("failing", []() -> Task<> {
    co_await sleep_for(1s);
    throw std::runtime_error("a\n[  SKIPPED ] b\x1b[2J");
  }());

  const std::string lines = written([&] { (void)loop.run(drain(group, {.timeout = 5s})); });

  EXPECT_THAT(lines, HasSubstr("failing crashed: a\\n[SKIPPED] b\\x1b[2J\n"));
  EXPECT_THAT(lines, HasSubstr("1 task still running after 5.000 s is cancelled:\n  long"));
  EXPECT_THAT(lines, testing::Not(HasSubstr("cancelled:\\n")));
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

// Tests before may have written as much as they could, so this one waits for its turn.
TEST_F(LogTest, WritesToStderrByDefaultAndLeavesOutWhatIsTooMuch) {
  fill_bucket();
  const std::string burst = written([] {
    log(record(LogLevel::kInfo, "unasked"));
    for (int i = 0; i < 500; ++i) {
      log(record(LogLevel::kError, "text"));
    }
  });
  fill_bucket();
  const std::string later = written([] { log(record(LogLevel::kWarning, "later")); });

  EXPECT_THAT(burst, HasSubstr("soak: 12.500 s drain 'pusher': text\n"));
  EXPECT_THAT(burst, testing::Not(HasSubstr("unasked")));
  const auto lines = std::count(burst.begin(), burst.end(), '\n');
  EXPECT_LT(lines, 400);
  EXPECT_THAT(later, testing::MatchesRegex("soak: [0-9]+ lines omitted here\n"
                                           "soak: 12.500 s drain 'pusher': later\n"));
}

TEST_F(LogTest, WritesLevelsAsWords) {
  EXPECT_EQ(to_string(LogLevel::kInfo), "info");
  EXPECT_EQ(to_string(LogLevel::kWarning), "warning");
  EXPECT_EQ(to_string(LogLevel::kError), "error");
}

}  // namespace
}  // namespace soak
