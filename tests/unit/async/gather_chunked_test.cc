// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <iterator>
#include <optional>
#include <ranges>
#include <string>
#include <utility>
#include <vector>

#include "conftest/captured_log.h"
#include "sample_tasks.h"
#include "soak/gather.h"
#include "soak/semaphore.h"

namespace soak {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using testing::ElementsAre;
using testing::HasSubstr;

class GatherChunkedTest : public testing::Test {
 protected:
  int made_ = 0;
  int alive_ = 0;
  VirtualLoop loop_;
  conftest::CapturedLog log_;

  // `count` tasks of one second, each made when it is asked for.
  auto made_lazily(int count) {
    return std::views::iota(0, count) | std::views::transform([this](int i) {
             ++made_;
             return value_after(1s, i);
           });
  }
};

// A source that makes its elements as it advances, and cannot say how many there will be.
class Source {
 public:
  Source(int& pulled, int count) : pulled_(&pulled), count_(count) {}

  struct Iterator {
    using iterator_concept = std::input_iterator_tag;
    using value_type = Task<int>;
    using difference_type = std::ptrdiff_t;

    Task<int> operator*() const { return value_after(1s, index); }
    Iterator& operator++() {
      ++index;
      ++*pulled;
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const Iterator& at, std::default_sentinel_t) { return at.index == at.count; }

    int* pulled = nullptr;
    int index = 0;
    int count = 0;
  };

  Iterator begin() {
    ++*pulled_;
    return {pulled_, 0, count_};
  }
  std::default_sentinel_t end() const { return {}; }

 private:
  int* pulled_;
  int count_;
};

TEST_F(GatherChunkedTest, EndsAChunkBeforeTheNextBegins) {
  std::vector<std::pair<int, std::chrono::nanoseconds>> begun;
  const auto child = [&](int i) -> Task<> {
    begun.emplace_back(i, loop_.elapsed());
    co_await sleep_for(i == 1 ? 5s : 1s);
  };
  const auto tasks = std::views::iota(0, 4) | std::views::transform(child);

  (void)loop_.run(gather_chunked(tasks, {.chunk_size = 2}));

  EXPECT_THAT(begun, ElementsAre(std::pair(0, 0s), std::pair(1, 0s), std::pair(2, 5s), std::pair(3, 5s)));
  EXPECT_EQ(loop_.elapsed(), 6s);
}

TEST_F(GatherChunkedTest, KeepsTheOrderAlsoOfAChunkThatIsNotFull) {
  auto results = loop_.run(gather_chunked(made_lazily(7), {.chunk_size = 3}));

  ASSERT_EQ(results.size(), 7u);
  for (std::size_t i = 0; i < 7; ++i) {
    EXPECT_EQ(results[i].value(), static_cast<int>(i));
  }
  EXPECT_EQ(loop_.elapsed(), 3s);
}

TEST_F(GatherChunkedTest, MakesTheTasksOfAChunkWhenItIsDue) {
  TaskGroup group(loop_);
  const auto caller = [&]() -> Task<> {
    auto tasks = made_lazily(7);
    (void)co_await gather_chunked(tasks, {.chunk_size = 3});
  };
  group.start("caller", caller());

  EXPECT_EQ(made_, 0);
  loop_.run(yield());
  EXPECT_EQ(made_, 3);
  loop_.run(sleep_for(1500ms));
  EXPECT_EQ(made_, 6);
  EXPECT_TRUE(loop_.run(drain(group)).clean());
  EXPECT_EQ(made_, 7);
}

TEST_F(GatherChunkedTest, AdvancesASinglePassRangeOnlyForTheChunkThatIsDue) {
  int pulled = 0;
  TaskGroup group(loop_);
  const auto caller = [&]() -> Task<> {
    Source source(pulled, 5);
    auto results = co_await gather_chunked(source, {.chunk_size = 2});
    EXPECT_EQ(results.size(), 5u);
  };
  group.start("caller", caller());

  loop_.run(yield());
  EXPECT_EQ(pulled, 2);
  EXPECT_TRUE(loop_.run(drain(group)).clean());
}

TEST_F(GatherChunkedTest, TakesTasksThatAreThereAlready) {
  auto results = loop_.run(gather_chunked(tasks_of(value_after(1s, 1), value_after(1s, 2)), {.chunk_size = 1}));

  EXPECT_EQ(results[1].value(), 2);
  EXPECT_EQ(loop_.elapsed(), 2s);
}

TEST_F(GatherChunkedTest, OfNothingIsNothingAndTakesNoTime) {
  EXPECT_TRUE(loop_.run(gather_chunked(made_lazily(0))).empty());
  EXPECT_TRUE(loop_.run(gather_chunked(made_lazily(0), {.timeout = 0s})).empty());
  EXPECT_EQ(loop_.elapsed(), 0s);
}

TEST_F(GatherChunkedTest, TakesTenAtATimeUnlessToldOtherwise) {
  (void)loop_.run(gather_chunked(made_lazily(20)));

  EXPECT_EQ(loop_.elapsed(), 2s);
}

TEST_F(GatherChunkedTest, RefusesAChunkSizeOfZero) {
  try {
    (void)loop_.run(gather_chunked(made_lazily(1), {.chunk_size = 0}));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::kInvalidArgument);
    EXPECT_STREQ(error.what(), "gather_chunked: chunk_size is 0: expected 1 or more");
  }
  EXPECT_EQ(made_, 0);
}

TEST_F(GatherChunkedTest, NumbersItsTasksThroughAllChunks) {
  const auto child = [](int i) { return no_value_after(1s, i == 3 ? "disk full" : "quota"); };
  const auto tasks = std::views::iota(0, 4) | std::views::transform(child);

  (void)loop_.run(gather_chunked(tasks, {.chunk_size = 3, .label = "upload"}));

  EXPECT_THAT(log_.text(), HasSubstr("error gather 'upload': task 3 (upload-3) failed: disk full\n"));
}

TEST_F(GatherChunkedTest, CallsWhatASizedRangeStillHoldsAtTheTimeoutTimeouts) {
  auto results = loop_.run(gather_chunked(made_lazily(7), {.chunk_size = 2, .label = "upload", .timeout = 1500ms}));

  ASSERT_EQ(results.size(), 7u);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_TRUE(results[i].ok());
  }
  for (std::size_t i = 2; i < 7; ++i) {
    EXPECT_EQ(results[i].outcome(), GatherOutcome::kTimedOut);
  }
  EXPECT_EQ(made_, 4);
  EXPECT_EQ(loop_.elapsed(), 1500ms);
  EXPECT_THAT(log_.text(), HasSubstr("error gather 'upload': 3 tasks never started in time\n"));
}

TEST_F(GatherChunkedTest, LeavesOutWhatARangeWithoutASizeStillHoldsAtTheTimeout) {
  int pulled = 0;

  auto results = loop_.run(gather_chunked(Source(pulled, 100), {.chunk_size = 2, .timeout = 1500ms}));

  ASSERT_EQ(results.size(), 4u);
  EXPECT_TRUE(results[1].ok());
  EXPECT_EQ(results[2].outcome(), GatherOutcome::kTimedOut);
}

TEST_F(GatherChunkedTest, PullsNothingWhenTheTimeoutIsZeroOrLess) {
  for (const auto timeout : {0s, -1s}) {
    auto results = loop_.run(gather_chunked(made_lazily(2), {.timeout = timeout}));

    ASSERT_EQ(results.size(), 2u);
    EXPECT_EQ(results[0].outcome(), GatherOutcome::kTimedOut);
  }
  EXPECT_EQ(made_, 0);
  EXPECT_EQ(loop_.elapsed(), 0s);
}

TEST_F(GatherChunkedTest, TimesEachTaskApart) {
  const auto child = [](int i) { return value_after(i == 1 ? 1h : 1s, i); };
  const auto tasks = std::views::iota(0, 4) | std::views::transform(child);

  auto results = loop_.run(gather_chunked(tasks, {.chunk_size = 2, .task_timeout = 5s}));

  EXPECT_EQ(results[1].outcome(), GatherOutcome::kTimedOut);
  EXPECT_EQ(results[3].value(), 3);
  EXPECT_EQ(loop_.elapsed(), 6s);
}

TEST_F(GatherChunkedTest, TakesPermitsOfALimit) {
  Semaphore limit(1);

  (void)loop_.run(gather_chunked(made_lazily(4), {.chunk_size = 2, .limit = &limit}));

  EXPECT_EQ(loop_.elapsed(), 4s);
  EXPECT_EQ(limit.available(), 1u);
}

TEST_F(GatherChunkedTest, PullsNothingMoreOnceItIsCancelled) {
  const auto caller = [&]() -> Task<> {
    auto tasks = made_lazily(10);
    (void)co_await gather_chunked(tasks, {.chunk_size = 2});
  };

  EXPECT_TRUE(loop_.run(cancelled_after(loop_, 1500ms, caller)));

  EXPECT_EQ(made_, 4);
  EXPECT_EQ(loop_.elapsed(), 1500ms);
}

TEST_F(GatherChunkedTest, ThrowsWhatTheRangeThrows) {
  const auto child = [](int i) {
    if (i == 3) {
      throw std::runtime_error("no such id");
    }
    return value_after(1s, i);
  };
  const auto tasks = std::views::iota(0, 5) | std::views::transform(child);

  EXPECT_THROW(loop_.run(gather_chunked(tasks, {.chunk_size = 2})), std::runtime_error);

  EXPECT_EQ(loop_.elapsed(), 1s);
  EXPECT_EQ(loop_.live_tasks(), 0u);
}

TEST_F(GatherChunkedTest, EndsItsTasksInPlaceWhenItIsForced) {
  TaskGroup group(loop_);
  const auto caller = [&]() -> Task<> {
    for (;;) {
      auto tasks = std::views::iota(0, 5) | std::views::transform([&](int) { return no_value_ever(alive_); });
      try {
        (void)co_await gather_chunked(tasks, {.chunk_size = 2, .task_timeout = 1h, .grace = 1h});
      } catch (const Cancelled&) {
      }
    }
  };
  group.start("caller", caller());

  EXPECT_EQ(loop_.run(drain(group, {.timeout = 1s, .grace = 1s})).forced, 3u);

  EXPECT_EQ(alive_, 0);
}

TEST_F(GatherChunkedTest, TakesAHundredThousandTasks) {
  auto results = loop_.run(gather_chunked(made_lazily(100'000), {.chunk_size = 1000}));

  EXPECT_EQ(results[99'999].value(), 99'999);
  EXPECT_EQ(loop_.elapsed(), 100s);
}

}  // namespace
}  // namespace soak
