// SPDX-License-Identifier: Apache-2.0
// A virtual hour of listen and the pusher with all faults at once, for each seed.
//
// PUSHER_FAULT_SEEDS sets how many seeds are run, PUSHER_FAULT_SEED runs that one alone.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include "soak/event_loop.h"
#include "soak/log.h"
#include "tests/examples/pusher/listen/pair_world.h"

namespace pusher::listen::tests {
namespace {

using testing::IsEmpty;

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* const text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

TEST(PairFaultsTest, NoSeedOfAnHourWithAllFaultsIsUnbalancedOrGhosted) {
  const std::uint64_t only = number_from("PUSHER_FAULT_SEED", 0);
  const std::uint64_t first = only == 0 ? 1 : only;
  const std::uint64_t count = only == 0 ? number_from("PUSHER_FAULT_SEEDS", 2) : 1;
  soak::set_log_sink([](const soak::LogRecord&) {});
  for (std::uint64_t seed = first; seed < first + count && !HasFailure(); ++seed) {
    SCOPED_TRACE("PUSHER_FAULT_SEED=" + std::to_string(seed));
    soak::VirtualLoop loop({.seed = seed, .shuffle = true});
    PairOptions options;
    options.seed = seed;
    PairWorld world(loop, options);
    loop.run(world.play());
    EXPECT_THAT(world.complaints(), IsEmpty());
    EXPECT_GT(world.sessions(), 20u);  // It was no hour in which nothing happened.
    EXPECT_GT(world.faults(), 10u);
  }
  soak::set_log_sink(nullptr);
}

}  // namespace
}  // namespace pusher::listen::tests
