// SPDX-License-Identifier: Apache-2.0
#include "tools/providers/real_channel.h"

#include <fmt/format.h>

#include <cstdlib>
#include <utility>

#include "soak/channels/discord.h"
#include "soak/channels/slack.h"
#include "soak/channels/telegram.h"
#include "soak/error.h"
#include "tools/providers/secret_variable.h"

namespace soak::tools {
namespace {

constexpr char kTelegramToken[] = "SOAK_TELEGRAM_TOKEN";
constexpr char kTelegramChat[] = "SOAK_TELEGRAM_CHAT_ID";
constexpr char kSlackToken[] = "SOAK_SLACK_TOKEN";
constexpr char kSlackChannel[] = "SOAK_SLACK_CHANNEL";
constexpr char kDiscordWebhook[] = "SOAK_DISCORD_WEBHOOK";

std::string value_of(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

std::vector<const char*> variables_of(std::string_view provider) {
  if (provider == "telegram") {
    return {kTelegramToken, kTelegramChat};
  }
  if (provider == "slack") {
    return {kSlackToken, kSlackChannel};
  }
  if (provider == "discord") {
    return {kDiscordWebhook};
  }
  return {};
}

std::vector<std::string> missing_variables(std::string_view provider) {
  std::vector<std::string> missing;
  for (const char* const name : variables_of(provider)) {
    if (value_of(name).empty()) {
      missing.emplace_back(name);
    }
  }
  return missing;
}

RealChannel real_channel(std::string_view provider, EventLoop& loop, const RealChannelOptions& options) {
  if (provider == "discord" && !options.url.empty()) {
    throw Error(Errc::kInvalidArgument,
                fmt::format("a webhook of Discord is a whole URL, in {}: expected no other one", kDiscordWebhook));
  }
  channels::DeliveryOptions delivery;
  delivery.ca_file = options.ca_file;
  delivery.http_timeout = options.http_timeout;
  delivery.credential_timeout = {};  // There is no other.
  RealChannel real;
  if (provider == "telegram") {
    channels::TelegramOptions own{.token = secret_variable(kTelegramToken), .delivery = delivery};
    if (!options.url.empty()) {
      own.url = options.url;
    }
    real.channel = std::make_unique<channels::TelegramChannel>(loop, own);
    real.conversation = value_of(kTelegramChat);
  } else if (provider == "slack") {
    channels::SlackOptions own{.token = secret_variable(kSlackToken), .delivery = delivery};
    if (!options.url.empty()) {
      own.url = options.url;
    }
    real.channel = std::make_unique<channels::SlackChannel>(loop, own);
    real.conversation = value_of(kSlackChannel);
  } else {
    const channels::DiscordWebhookOptions own{.webhook = secret_variable(kDiscordWebhook), .delivery = delivery};
    real.channel = std::make_unique<channels::DiscordWebhookChannel>(loop, own);
  }
  real.channel->check_conversation(real.conversation);
  return real;
}

}  // namespace soak::tools
