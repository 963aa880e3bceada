// SPDX-License-Identifier: Apache-2.0
// That Cancelled is an exception like any other, though it is not thrown by a `throw`.

#include "soak/detail/throw_cancelled.h"

#include <gtest/gtest.h>

#include <exception>

#include "soak/task.h"

namespace soak {
namespace {

using std::chrono_literals::operator""h;

struct CountsUncaught {
  ~CountsUncaught() { uncaught = std::uncaught_exceptions(); }
  int& uncaught;
};

// Not inlined, so that the exception has a frame to leave.
[[gnu::noinline]] void unwind(int& uncaught) {
  const CountsUncaught counts{uncaught};
  detail::throw_cancelled();
}

TEST(ThrowCancelledTest, CallsDestructorsWhileItIsCountedAsUncaught) {
  int uncaught = -1;

  EXPECT_THROW(unwind(uncaught), Cancelled);

  EXPECT_EQ(uncaught, 1);
  EXPECT_EQ(std::uncaught_exceptions(), 0);
}

TEST(ThrowCancelledTest, CountsOneMoreInADestructorThatRunsForAnotherException) {
  struct Nested {
    ~Nested() {
      try {
        unwind(uncaught);
      } catch (const Cancelled&) {
      }
    }
    int& uncaught;
  };
  int uncaught = -1;

  try {
    const Nested nested{uncaught};
    unwind(uncaught);
  } catch (const Cancelled&) {
  }

  EXPECT_EQ(uncaught, 2);
  EXPECT_EQ(std::uncaught_exceptions(), 0);
}

TEST(ThrowCancelledTest, CanBeThrownOnAndKept) {
  int uncaught = 0;
  std::exception_ptr kept;

  const auto catch_and_throw_on = [&] {
    try {
      unwind(uncaught);
    } catch (const std::exception&) {
      ADD_FAILURE() << "Cancelled is no std::exception";
    } catch (...) {
      kept = std::current_exception();
      throw;
    }
  };

  EXPECT_THROW(catch_and_throw_on(), Cancelled);
  EXPECT_THROW(std::rethrow_exception(kept), Cancelled);
  EXPECT_THROW(std::rethrow_exception(kept), Cancelled);
}

// Each level of awaited tasks sees it, whatever its task would have returned.
TEST(ThrowCancelledTest, LeavesEveryTaskThatAwaitsTheOneThatIsCancelled) {
  int caught = 0;
  const auto innermost = []() -> Task<int> {
    co_await sleep_for(1h);
    co_return 1;
  };
  const auto middle = [&]() -> Task<> {
    try {
      (void)co_await innermost();
    } catch (const Cancelled&) {
      ++caught;
      throw;
    }
  };
  const auto outer = [&]() -> Task<int&> {
    try {
      co_await middle();
    } catch (...) {
      ++caught;
      throw;
    }
    co_return caught;
  };
  const auto task = [&]() -> Task<> { (void)co_await outer(); };
  VirtualLoop loop;
  TaskGroup group(loop);
  group.start("task", task());
  loop.run(yield());

  EXPECT_EQ(loop.run(drain(group, {.cancel_first = true})).cancelled, 1u);

  EXPECT_EQ(caught, 2);
  EXPECT_EQ(std::uncaught_exceptions(), 0);
}

// A handler that awaits holds the exception meanwhile; others are thrown.
TEST(ThrowCancelledTest, MayBeUnderWayInManyTasksAtOnce) {
  constexpr int kTasks = 100;
  int unwound = 0;
  const auto task = [&]() -> Task<> {
    std::exception_ptr held;
    try {
      co_await sleep_for(1h);
    } catch (const Cancelled&) {
      held = std::current_exception();
    }
    co_await yield();
    ++unwound;
    std::rethrow_exception(held);
  };
  VirtualLoop loop;
  TaskGroup group(loop);
  for (int i = 0; i < kTasks; ++i) {
    group.start({"task", i}, task());
  }
  loop.run(yield());

  EXPECT_EQ(loop.run(drain(group, {.cancel_first = true})).cancelled, 100u);

  EXPECT_EQ(unwound, kTasks);
}

}  // namespace
}  // namespace soak
