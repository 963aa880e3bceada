// SPDX-License-Identifier: Apache-2.0

// What the probe measures does not move because it measures: no allocation, no memory.

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "conftest/allocations.h"
#include "soak/probe/probe.h"
#include "soak/probe/process.h"

namespace soak::probe {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kSamples = 100'000;
constexpr std::int64_t kSamplesToARest = 10;

class ProbeAllocationTest : public testing::Test {
 protected:
  ProbeAllocationTest() {
    probe_.add_gauge("sessions", [] { return std::int64_t{7}; });
    probe_.watch_operations(32, [this](std::span<OperationCount> counts) {
      counts[0] = {"frames", ++frames_};
      counts[1] = {"requests of a name that no short string holds", 5};
      return frames_ > 100 ? std::size_t{2} : std::size_t{1};  // One that appears late.
    });
  }

  void measure(std::int64_t samples) {
    for (std::int64_t i = 0; i < samples; ++i, at_ += 100ms) {
      probe_.sample(at_, frames_);
      if (i % kSamplesToARest == 0) {
        probe_.rest(at_, frames_, i % 1000 == 0 ? "a count that takes its time to settle" : "");
      }
    }
  }

  Probe probe_;
  std::uint64_t frames_ = 0;
  std::chrono::nanoseconds at_{};
};

TEST_F(ProbeAllocationTest, TheCountersOfThisTestSeeAnAllocation) {
  const std::size_t before = conftest::allocations().count;

  ::operator delete(::operator new(100));

  EXPECT_GT(conftest::allocations().count, before);
}

TEST_F(ProbeAllocationTest, NeitherSamplingNorRestingAllocates) {
  const std::size_t before = conftest::allocations().count;

  measure(kSamples);

  EXPECT_EQ(conftest::allocations().count - before, 0u);
}

TEST_F(ProbeAllocationTest, WhatAHundredThousandSamplesHoldIsWhatAThousandDo) {
  measure(2000);
  const auto heap = read_heap_bytes();
  const auto rss = read_rss_bytes();

  measure(kSamples);

  EXPECT_EQ(read_heap_bytes(), heap);
  if (!rss_is_distorted()) {
    EXPECT_LE(*read_rss_bytes() - *rss, 64 * 1024);  // Pages of this test's own code and of the C library's.
  }
}

}  // namespace
}  // namespace soak::probe
