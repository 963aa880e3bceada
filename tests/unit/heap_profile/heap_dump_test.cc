// SPDX-License-Identifier: Apache-2.0
#include "lib/heap_profile/heap_dump.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

namespace soak::probe {
namespace {

constexpr std::uint64_t kKiB = 1024;

// A dump of one sample in 16 KiB, as jemalloc writes it.
struct Entry {
  std::uint64_t address;
  std::uint64_t objects;
  std::uint64_t bytes;
};

HeapDump dump(const std::vector<Entry>& entries) {
  std::string text = "heap_v2/16384\n  t*: 9: 9 [0: 0]\n  t0: 9: 9 [0: 0]\n";
  for (const Entry& entry : entries) {
    text += fmt::format("@ {:#x} 0x7f00\n  t*: {}: {} [0: 0]\n  t3: {}: {} [0: 0]\n", entry.address, entry.objects,
                        entry.bytes, entry.objects, entry.bytes);
  }
  return parse_heap_dump(text + "\nMAPPED_LIBRARIES:\n5578df210000-5578df211000 r--p 00000000 fe:00 1  /tmp/t\n");
}

TEST(HeapDumpTest, ASampleStandsForWhatWasNotSampled) {
  const HeapDump read = dump({{0x10, 100, 100 * kKiB}, {0x20, 2, 2048 * kKiB}});

  ASSERT_EQ(read.stacks.size(), 2u);
  EXPECT_EQ(read.sample_bytes, 16 * kKiB);
  const Alive& small = read.stacks.at({0x10, 0x7f00});
  EXPECT_NEAR(small.objects, 1650, 1);  // 1 KiB is sampled one time in 16.5.
  EXPECT_NEAR(small.bytes, 1650 * 1024.0, 1000);
  EXPECT_GT(small.bytes_variance, 0);
  const Alive& large = read.stacks.at({0x20, 0x7f00});
  EXPECT_NEAR(large.objects, 2, 1e-9);  // What is much larger than the distance never escapes.
  EXPECT_NEAR(large.bytes_variance, 0, 1);
}

TEST(HeapDumpTest, WhatIsNoDumpHasNoSampleDistance) {
  for (const char* text : {"", "heap profile: 1: 2 [3: 4] @ heapprofile\n", "heap_v2/x\n", "heap_v2/0\n"}) {
    EXPECT_EQ(parse_heap_dump(text).sample_bytes, 0u) << text;
  }
}

TEST(HeapDumpTest, ADumpThatIsCutOffIsReadAsFarAsItGoes) {
  EXPECT_EQ(parse_heap_dump("heap_v2/16384\n@ 0x10 0x20\n  t*: 1: 10").stacks.size(), 1u);
  EXPECT_EQ(parse_heap_dump("heap_v2/16384\n@ 0x10 0x20\n  t*: 1").stacks.size(), 0u);
}

TEST(HeapDumpTest, WhatGrowsSteadilyComesBeforeWhatFilledUpEarlyOrIsReplaced) {
  const HeapDump baseline = dump({{0x10, 500, 500 * kKiB}, {0x20, 10, 10 * kKiB}, {0x30, 100, 100 * kKiB}});
  const HeapDump middle = dump({{0x10, 500, 500 * kKiB}, {0x20, 60, 60 * kKiB}, {0x30, 900, 900 * kKiB}});
  const HeapDump last = dump({{0x10, 501, 501 * kKiB}, {0x20, 110, 110 * kKiB}, {0x30, 900, 900 * kKiB}});

  const std::vector<GrownStack> growths = grown(baseline, middle, last);

  ASSERT_EQ(growths.size(), 2u);  // The one that filled up by the middle is not among them.
  EXPECT_EQ(growths[0].stack[0], 0x20u);
  EXPECT_TRUE(growths[0].is_certain());
  EXPECT_NEAR(growths[0].objects, 1650, 1);
  EXPECT_EQ(growths[1].stack[0], 0x10u);
  EXPECT_FALSE(growths[1].is_certain());
}

TEST(HeapDumpTest, WhatShrankDidNotGrow) {
  EXPECT_TRUE(grown(dump({{0x10, 9, 9 * kKiB}}), dump({{0x10, 5, 5 * kKiB}}), dump({{0x10, 6, 6 * kKiB}})).empty());
  EXPECT_TRUE(grown(dump({{0x10, 9, 9 * kKiB}}), dump({}), dump({})).empty());
}

}  // namespace
}  // namespace soak::probe
