// SPDX-License-Identifier: Apache-2.0
// A verdict that cries wolf is switched off: clients that hold now more and now less, but do not leak, over five
// minutes with a reconnect a second and the default budgets. Each must pass. Under the same interval, real leaks are
// found: leaks_soak.cc.
//
//   PlainClient             nothing beside its work
//   CacheWarmsUp            a cache that fills with what is asked for, most of it in the first half minute
//   HeapFragments           2,000 objects of random sizes, two of which are replaced by ones of each other's size
//   BurstOfMemory           8 MiB more for three reconnects, freed again
//   BurstOfTasks            fifty tasks more for some frames in one reconnect
//   LogBuffersFillAndFlush  a buffer that grows by 200 bytes a frame and is flushed at 64 KiB
//   ThreadPoolStarts        four threads in the first reconnect, kept
//   TableIsBuiltLazily      1 MiB from the tenth reconnect on, kept
//   PoolGrowsToItsMost      buffers that are kept for reuse, as many as were ever needed at once
//   ThreadsComeAndGo        a thread for each reconnect, joined
//   FilesComeAndGo          a file for each frame, closed
//   MemoryIsFreedLate       what a reconnect allocates is freed five reconnects later

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "voice_fixture.h"

namespace {

using namespace std::chrono_literals;
using Buffer = std::vector<char>;
using Pcm = std::span<const std::byte>;

class Clean : public soak::tests::VoiceSoak {
 protected:
  // For what takes longer to fill up than a smoke run lasts: within four cycles it looks like a leak.
  static void expect_clean_in_time(soak::AsyncRun& run) {
    if (run.mode() == soak::Mode::kSmoke) {
      run.verdict();
      GTEST_SKIP() << "a smoke run ends before this has filled up";
    }
    EXPECT_SOAK(run);
  }
};

SOAK_TEST_F(Clean, PlainClient) {
  soak::AsyncRun run(five_minutes());

  drive(run, {});

  EXPECT_SOAK(run);
}

SOAK_TEST_F(Clean, CacheWarmsUp) {
  soak::AsyncRun run(five_minutes());
  std::mt19937_64 random(run.seed());
  std::map<std::uint64_t, Buffer> cache;  // 1 MiB when it is full.

  drive(run, {.at_frame = [&](Pcm) {
          Buffer& entry = cache[random() % 256];
          entry.resize(4 * soak::kKiB);
        }});

  expect_clean_in_time(run);
}

SOAK_TEST_F(Clean, HeapFragments) {
  soak::AsyncRun run(five_minutes());
  std::mt19937_64 random(run.seed());
  std::vector<Buffer> objects(2000);
  for (Buffer& object : objects) {
    object = Buffer(16 + random() % 4096);
  }

  drive(run, {.at_frame = [&](Pcm) {
          for (int i = 0; i < 20; ++i) {
            Buffer& one = objects[random() % objects.size()];
            Buffer& other = objects[random() % objects.size()];
            const std::size_t size = one.size();
            one = Buffer(other.size());
            other = Buffer(size);
          }
        }});

  EXPECT_SOAK(run);
}

SOAK_TEST_F(Clean, BurstOfMemory) {
  soak::AsyncRun run(five_minutes());
  std::deque<Buffer> burst;

  drive(run, {.at_connect = [&](std::uint64_t reconnect) {
          if (reconnect == 20) {
            burst.assign(128, Buffer(64 * soak::kKiB));
          } else if (reconnect == 23) {
            burst.clear();
          }
        }});

  EXPECT_SOAK(run);
}

SOAK_TEST_F(Clean, BurstOfTasks) {
  soak::AsyncRun run(five_minutes());
  soak::TaskGroup burst(run.loop());

  drive(run, {.at_connect = [&](std::uint64_t reconnect) {
          for (int i = 0; reconnect == 20 && i < 50; ++i) {
            burst.start({"burst", static_cast<std::uint64_t>(i)}, soak::sleep_for(100ms), soak::TaskKind::kFinite);
          }
        }});

  EXPECT_SOAK(run);
  burst.end_in_place();
}

SOAK_TEST_F(Clean, LogBuffersFillAndFlush) {
  soak::AsyncRun run(five_minutes());
  std::string buffer;

  drive(run, {.at_frame = [&](Pcm) {
          buffer.append(200, 'x');
          if (buffer.size() >= 64 * soak::kKiB) {
            buffer.clear();
            buffer.shrink_to_fit();
          }
        }});

  EXPECT_SOAK(run);
}

SOAK_TEST_F(Clean, ThreadPoolStarts) {
  soak::AsyncRun run(five_minutes());
  std::mutex mutex;
  std::condition_variable changed;
  bool end = false;
  std::vector<std::thread> pool;

  drive(run, {.at_connect = [&](std::uint64_t reconnect) {
          for (int i = 0; reconnect == 0 && i < 4; ++i) {
            pool.emplace_back([&] {
              std::unique_lock lock(mutex);
              changed.wait(lock, [&] { return end; });
            });
          }
        }});

  EXPECT_SOAK(run);
  {
    const std::lock_guard lock(mutex);
    end = true;
  }
  changed.notify_all();
  for (std::thread& thread : pool) {
    thread.join();
  }
}

SOAK_TEST_F(Clean, TableIsBuiltLazily) {
  soak::AsyncRun run(five_minutes());
  Buffer table;

  drive(run, {.at_connect = [&](std::uint64_t reconnect) {
          if (reconnect == 9) {
            table.resize(soak::kMiB);
          }
        }});

  EXPECT_SOAK(run);
}

SOAK_TEST_F(Clean, PoolGrowsToItsMost) {
  soak::AsyncRun run(five_minutes());
  std::mt19937_64 random(run.seed());
  std::vector<std::unique_ptr<Buffer>> pool;

  drive(run, {.at_connect = [&](std::uint64_t) {
          const std::uint64_t needed = 1 + random() % 16;
          while (pool.size() < needed) {
            pool.push_back(std::make_unique<Buffer>(16 * soak::kKiB));
          }
        }});

  expect_clean_in_time(run);
}

SOAK_TEST_F(Clean, ThreadsComeAndGo) {
  soak::AsyncRun run(five_minutes());

  drive(run,
        {.at_connect = [&](std::uint64_t) { std::thread([] { Buffer(100 * soak::kKiB).front() = 'x'; }).join(); }});

  EXPECT_SOAK(run);
}

SOAK_TEST_F(Clean, FilesComeAndGo) {
  soak::AsyncRun run(five_minutes());

  drive(run, {.at_frame = [](Pcm) { ::close(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }});

  EXPECT_SOAK(run);
}

SOAK_TEST_F(Clean, MemoryIsFreedLate) {
  soak::AsyncRun run(five_minutes());
  std::deque<Buffer> recent;

  drive(run, {.at_connect = [&](std::uint64_t) {
          recent.emplace_back(100 * soak::kKiB);
          if (recent.size() > 5) {
            recent.pop_front();
          }
        }});

  expect_clean_in_time(run);
}

}  // namespace
