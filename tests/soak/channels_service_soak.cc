// SPDX-License-Identifier: Apache-2.0
// A message every 30 seconds for a day to the providers' own services, in real time only, with their secrets in the
// environment. SOAK_TELEGRAM_URL and SOAK_SLACK_URL name another endpoint of the same API, SOAK_CA_FILE whom to trust
// there.

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <string>

#include "soak/channels/message_stream.h"
#include "soak/channels/options.h"
#include "soak/soak.h"
#include "tools/providers/real_channel.h"

namespace {

using namespace std::chrono_literals;

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

void soak_service(const char* provider, const std::string& url) {
  soak::AsyncRun run(
      {.duration = 24h, .reconnect_every = 15min, .rss_growth_max = 20 * soak::kMiB, .counts_exact = true});
  run.use_service(soak::ServiceCost::kFree);
  soak::tools::RealChannelOptions options;
  options.url = url;
  options.ca_file = variable("SOAK_CA_FILE");
  options.http_timeout = soak::channels::http_timeout(run);
  const soak::tools::RealChannel real = soak::tools::real_channel(provider, run.loop(), options);
  soak::channels::MessageStream messages(run, run.loop(), *real.channel, {.conversations = {real.conversation}});

  run.drive([&messages](soak::Cycle& cycle) { return messages.send_until_end_of(cycle); });
  messages.judge();

  EXPECT_SOAK(run);
}

SOAK_TEST(Channels, TelegramService) {
  const auto env = SOAK_REQUIRE_ENV("SOAK_TELEGRAM_TOKEN", "SOAK_TELEGRAM_CHAT_ID");
  soak_service("telegram", variable("SOAK_TELEGRAM_URL"));
}

SOAK_TEST(Channels, SlackService) {
  const auto env = SOAK_REQUIRE_ENV("SOAK_SLACK_TOKEN", "SOAK_SLACK_CHANNEL");
  soak_service("slack", variable("SOAK_SLACK_URL"));
}

SOAK_TEST(Channels, DiscordService) {
  const auto env = SOAK_REQUIRE_ENV("SOAK_DISCORD_WEBHOOK");
  soak_service("discord", "");
}

}  // namespace
