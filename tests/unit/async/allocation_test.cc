// SPDX-License-Identifier: Apache-2.0

// What a parked task costs: its frame, and nothing else.

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>

#include "conftest/allocations.h"
#include "soak/detail/frame_cache.h"
#include "soak/event.h"
#include "soak/event_loop.h"
#include "soak/task.h"

namespace soak {
namespace {

using std::chrono_literals::operator""h;

// A timer also has a key in the loop's heap, whose room at most doubles.
constexpr std::size_t kTimerKeyBytes = 2 * 24;

Task<> on_event(Event& event) { co_await event.wait(); }

Task<> on_timer(std::chrono::nanoseconds time) { co_await sleep_for(time); }

// Per task, of starting and parking it; `make` makes one. What the loop itself needs is there already.
template <typename Make>
conftest::Allocations cost_of(Make make) {
  constexpr std::size_t kTasks = 512;
  detail::keep_frames(false);  // Each is to be seen.
  VirtualLoop loop;
  {
    TaskGroup first(loop);
    for (std::size_t i = 0; i < 2 * kTasks; ++i) {
      first.start({"a.name.of.24.characters", i}, make());
    }
    loop.run(yield());
    (void)loop.run(drain(first, {.cancel_first = true}));
  }
  TaskGroup group(loop);
  conftest::Allocations cost = conftest::thread_allocations();
  for (std::size_t i = 0; i < kTasks; ++i) {
    group.start({"a.name.of.24.characters", i}, make());
  }
  const conftest::Allocations now = conftest::thread_allocations();
  cost = {(now.count - cost.count) / kTasks, (now.bytes - cost.bytes) / kTasks};
  const std::size_t before = conftest::thread_allocations().count;
  loop.run(yield());
  EXPECT_EQ(conftest::thread_allocations().count - before, 1u);  // The frame of this yield().
  (void)loop.run(drain(group, {.cancel_first = true}));
  detail::keep_frames(true);
  return cost;
}

TEST(AllocationTest, ATaskOnAnEventIsOneFrameOfAtMost256Bytes) {
  Event event;

  const conftest::Allocations cost = cost_of([&] { return on_event(event); });

  RecordProperty("bytes", std::to_string(cost.bytes));
  EXPECT_EQ(cost.count, 1u);
  EXPECT_LE(cost.bytes, 256u);
}

TEST(AllocationTest, ATaskOnATimerIsOneFrameOfAtMost384Bytes) {
  const conftest::Allocations cost = cost_of([] { return on_timer(1h); });

  RecordProperty("bytes", std::to_string(cost.bytes));
  EXPECT_EQ(cost.count, 1u);
  EXPECT_LE(cost.bytes + kTimerKeyBytes, 384u);
}

TEST(AllocationTest, AWaitStartedAsATaskIsNoBigger) {
  Event event;

  EXPECT_LE(cost_of([&]() -> Task<> { return event.wait(); }).bytes, 256u);
  EXPECT_LE(cost_of([&]() -> Task<> { return sleep_for(1h); }).bytes + kTimerKeyBytes, 384u);
}

}  // namespace
}  // namespace soak
