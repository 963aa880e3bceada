// SPDX-License-Identifier: Apache-2.0
// A soak with a leak, beside a cache that holds more and is replaced all the time; run from outside by
// heap_profile_test.cc.

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "soak/async_run.h"
#include "soak/probe/process.h"
#include "soak/soak_test.h"

namespace {

using namespace std::chrono_literals;

std::vector<std::unique_ptr<char[]>> g_records;

[[gnu::noinline]] void leak_a_record() { g_records.push_back(std::make_unique<char[]>(soak::kKiB)); }

// 16 MiB from the first cycle on, a quarter of it new in each.
class Cache {
 public:
  [[gnu::noinline]] void replace_some() {
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      if (!entries_[i] || i % 4 == turn_ % 4) {
        entries_[i] = std::make_unique<char[]>(4 * soak::kKiB);
      }
    }
    ++turn_;
  }

 private:
  std::vector<std::unique_ptr<char[]>> entries_ = std::vector<std::unique_ptr<char[]>>(4096);
  std::size_t turn_ = 0;
};

void soak_records(int leaked_a_cycle) {
  soak::AsyncRun run(
      {.duration = 2min, .reconnect_every = 1s, .rss_growth_max = 4 * soak::kMiB, .seed = 1, .early_stop = false});
  Cache cache;
  run.drive([&](soak::Cycle&) -> soak::Task<> {
    cache.replace_some();
    for (int i = 0; i < leaked_a_cycle; ++i) {
      leak_a_record();
    }
    co_return;
  });
  EXPECT_SOAK(run);
}

SOAK_TEST(Records, Leak) { soak_records(64); }

SOAK_TEST(Records, AreKeptClean) { soak_records(0); }

SOAK_TEST(Records, AskInCode) {
  soak::AsyncRun run({.duration = 2s, .reconnect_every = 1s, .heap_profile = true});
  run.drive([](soak::Cycle&) -> soak::Task<> { co_return; });
  EXPECT_SOAK(run);
}

// Sampled objects have pages of their own, which are no more in use than what was asked for.
TEST(Heap, IsCountedWithoutWhatSamplesAdd) {
  constexpr std::size_t kObjects = 16 * 1024;
  std::vector<std::unique_ptr<char[]>> objects(kObjects);

  const auto before = soak::probe::read_heap_bytes();
  for (auto& object : objects) {
    object = std::make_unique<char[]>(soak::kKiB);
  }
  const auto after = soak::probe::read_heap_bytes();

  ASSERT_TRUE(before && after);
  // With what the samples add it would be twice as much; which allocations are sampled is a matter of chance.
  EXPECT_NEAR(static_cast<double>(*after - *before), kObjects * 1024.0, kObjects * 1024.0 * 0.1);
}

TEST(Start, SaysHowThisProgramCameToBe) {
  std::ifstream file("/proc/self/environ");
  const std::string at_start{std::istreambuf_iterator<char>(file), {}};
  const char* preload = std::getenv("LD_PRELOAD");
  const char* options = std::getenv("MALLOC_CONF");
  std::printf("allocator=%s restarted=%s preload=%s options=%s\n",
              ::dlsym(RTLD_DEFAULT, "mallctl") != nullptr ? "jemalloc" : "other",
              at_start.find("SOAK_HEAP_PROFILE_RESTARTED=") != std::string::npos ? "yes" : "no",
              preload == nullptr ? "" : preload, options == nullptr ? "" : options);
}

}  // namespace
