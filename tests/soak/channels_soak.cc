// SPDX-License-Identifier: Apache-2.0
// A message every 30 seconds for a day, through each channel, against its fake: refused now and then for its rate, left
// without an answer twice, and with a credential that is rotated. On the real clock over TLS.

#include <gtest/gtest.h>

#include <chrono>
#include <memory>

#include "soak/soak.h"
#include "tools/providers/faked_channel.h"

namespace {

using namespace std::chrono_literals;
using soak::tools::FakedChannel;

// A cycle is a quarter of an hour, after which nothing is held that was not held before.
void soak_channel(const char* provider) {
  soak::AsyncRun run(
      {.duration = 24h, .reconnect_every = 15min, .rss_growth_max = 20 * soak::kMiB, .counts_exact = true});
  const std::unique_ptr<FakedChannel> faked = FakedChannel::make(provider, run.loop(), soak::tools::faked_options(run));

  soak::tools::drive(run, *faked);

  EXPECT_SOAK(run);
}

SOAK_TEST(Channels, Telegram) { soak_channel("telegram"); }
SOAK_TEST(Channels, Slack) { soak_channel("slack"); }
SOAK_TEST(Channels, DiscordWebhook) { soak_channel("discord"); }
SOAK_TEST(Channels, DiscordBot) { soak_channel("discord-bot"); }

}  // namespace
