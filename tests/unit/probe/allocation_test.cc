// SPDX-License-Identifier: Apache-2.0

// What the probe measures does not move because it measures: no allocation, no memory.

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <span>

#include "soak/probe/probe.h"
#include "soak/probe/process.h"

namespace {

std::atomic<std::uint64_t> g_allocations{0};

}  // namespace

// Every way into the allocator, of whatever library: a sanitizer has taken these for itself, and there only
// operator new is seen.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SOAK_TEST_SANITIZED
#endif
#endif
#else
#define SOAK_TEST_SANITIZED
#endif

#ifndef SOAK_TEST_SANITIZED
extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* memory, std::size_t size);

[[gnu::noinline]] void* malloc(std::size_t size) {
  ++g_allocations;
  return __libc_malloc(size);
}
[[gnu::noinline]] void* calloc(std::size_t count, std::size_t size) {
  ++g_allocations;
  return __libc_calloc(count, size);
}
[[gnu::noinline]] void* realloc(void* memory, std::size_t size) {
  ++g_allocations;
  return __libc_realloc(memory, size);
}
}
#else
[[gnu::noinline]] void* operator new(std::size_t size) {
  ++g_allocations;
  if (void* const memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  ++g_allocations;
  return std::malloc(size);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
#endif

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
  const std::uint64_t before = g_allocations;

  ::operator delete(::operator new(100));

  EXPECT_GT(g_allocations, before);
}

TEST_F(ProbeAllocationTest, NeitherSamplingNorRestingAllocates) {
  const std::uint64_t before = g_allocations;

  measure(kSamples);

  EXPECT_EQ(g_allocations - before, 0u);
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
