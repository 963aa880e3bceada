// SPDX-License-Identifier: Apache-2.0
// Days of each channel with its fake's faults, for many seeds: nothing is lost, sent twice or out of order.
// SOAK_DAY_SEEDS=1000 tries so many of each instead of a few.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "soak/channels/channel.h"
#include "soak/event_loop.h"
#include "soak/peers/channel_verdict.h"
#include "soak/task.h"
#include "tools/providers/faked_channel.h"

namespace soak::channels {
namespace {

using namespace std::chrono_literals;
using tools::FakedChannel;

constexpr int kMessages = 2880;

std::uint64_t seeds() {
  const char* const asked = std::getenv("SOAK_DAY_SEEDS");
  std::uint64_t count = 10;
  if (asked != nullptr) {
    const std::string_view text = asked;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    EXPECT_TRUE(error == std::errc{} && end == text.data() + text.size() && count > 0)
        << "SOAK_DAY_SEEDS is " << text << ": expected a number of 1 or more";
  }
  return count;
}

// What became of the day's messages.
struct Day {
  std::uint64_t lost = 0;  // Delivered, says the client, and not there.
  std::uint64_t arrived_all_the_same = 0;
};

Task<> send_for_a_day(FakedChannel& faked, Day& day) {
  EventLoop& loop = co_await this_loop();
  const std::string conversation = faked.conversations().front();
  for (int i = 0; i < kMessages; ++i) {
    const std::string text = fmt::format("soak {}", i + 1);
    const Delivery delivery = co_await faked.channel().send(conversation, text);
    const bool arrived = peers::has_message(faked.ledger(), text);
    if (delivery.outcome == DeliveryOutcome::kDelivered && !arrived) {
      ++day.lost;
    }
    if (delivery.outcome == DeliveryOutcome::kFailed && arrived) {
      ++day.arrived_all_the_same;
    }
    co_await sleep_for(30s * (i + 1) - loop.elapsed());
  }
}

class ChannelDayTest : public testing::TestWithParam<const char*> {};

TEST_P(ChannelDayTest, LosesDoublesAndReordersNothing) {
  const std::uint64_t count = seeds();
  for (std::uint64_t seed = 1; seed <= count; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    VirtualLoop loop({.seed = seed});
    const auto faked = FakedChannel::make(GetParam(), loop, {.seed = seed});
    Day day;

    loop.run(send_for_a_day(*faked, day));

    const ChannelCounters& counters = faked->channel().counters();
    EXPECT_EQ(counters.sent, static_cast<std::uint64_t>(kMessages));
    EXPECT_EQ(day.lost, 0u);
    EXPECT_EQ(day.arrived_all_the_same, 0u);
    EXPECT_EQ(counters.failed, 0u);
    const std::uint64_t unavailable = faked->faults().played(peers::ChannelFaultKind::kStoreThenUnavailable);
    EXPECT_LE(counters.uncertain, 2u + unavailable);
    EXPECT_EQ(counters.auth_failures, 0u);
    EXPECT_EQ(counters.early_requests, 0u);
    EXPECT_EQ(counters.max_consecutive_429s, 1u);
    EXPECT_EQ(counters.rotations, 1u);
    EXPECT_GE(counters.rate_limited, 10u);
    EXPECT_EQ(counters.uncertain + counters.resolved, 2u + unavailable);
    EXPECT_GE(counters.wrong_refusals, 1u);
    EXPECT_GE(faked->faults().played(peers::ChannelFaultKind::kPage), 1u);
    EXPECT_GE(faked->faults().refreshes(), std::string_view(GetParam()) == "slack" ? 2u : 0u);
    for (const probe::Finding& finding : peers::judge(faked->ledger())) {
      ADD_FAILURE() << finding.text;
    }
    if (HasFailure()) {
      return;
    }
  }
}

TEST_P(ChannelDayTest, IsTheSameForTheSameSeed) {
  const auto log_of = [](std::uint64_t seed) {
    VirtualLoop loop({.seed = seed});
    std::string log;
    loop.record_events(&log);
    const auto faked = FakedChannel::make(GetParam(), loop, {.seed = seed});
    Day day;
    loop.run(send_for_a_day(*faked, day));
    loop.record_events(nullptr);
    return log;
  };

  const std::string first = log_of(7);

  EXPECT_GT(first.size(), 100'000u);
  EXPECT_TRUE(first == log_of(7));
  EXPECT_FALSE(first == log_of(8));
}

INSTANTIATE_TEST_SUITE_P(Channels, ChannelDayTest, testing::Values("telegram", "slack", "discord", "discord-bot"),
                         [](const auto& one) {
                           const std::string name = one.param;
                           return name == "discord-bot" ? std::string("discord_bot") : name;
                         });

}  // namespace
}  // namespace soak::channels
