// SPDX-License-Identifier: Apache-2.0
#include "tools/providers/faked_channel.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "soak/channels/discord.h"
#include "soak/channels/message_stream.h"
#include "soak/channels/options.h"
#include "soak/channels/slack.h"
#include "soak/channels/telegram.h"
#include "soak/error.h"
#include "soak/peers/channel_verdict.h"
#include "soak/peers/discord_peer.h"
#include "soak/peers/slack_peer.h"
#include "soak/peers/telegram_peer.h"

namespace soak::tools {
namespace {

// One fault of these among so many messages keeps success_rate above 0.99 and the 429s below 1%.
constexpr std::int64_t kMessagesForAFault = 150;
constexpr std::int64_t kMessagesForARotation = 100;
constexpr std::int64_t kPassingMax = 6;

peers::DailyChannelFaults faults_of(peers::ChannelProvider provider, const FakedChannelOptions& options) {
  const std::int64_t messages = options.duration / options.interval;
  peers::DailyChannelFaults daily;
  daily.provider = provider;
  daily.seed = options.seed;
  daily.interval = options.interval;
  daily.day = options.duration;
  daily.from = options.from;
  daily.rate_limits = static_cast<int>(std::min<std::int64_t>(messages / kMessagesForAFault, 12));
  daily.unknown_outcomes = static_cast<int>(std::min<std::int64_t>(messages / kMessagesForAFault, 2));
  daily.rotations = messages >= kMessagesForARotation ? 1 : 0;
  daily.passing = static_cast<int>(std::min<std::int64_t>(messages / (2 * kMessagesForAFault), kPassingMax));
  daily.slow = options.http_timeout + std::chrono::seconds{5};
  return daily;
}

class FakedTelegram final : public FakedChannel {
 public:
  FakedTelegram(EventLoop& loop, const FakedChannelOptions& options)
      : FakedChannel(peers::ChannelProvider::kTelegram, options),
        peer_(loop, {.tls = identity(),
                     .seed = options.seed,
                     .token = "424242:the-first-token-of-the-bot",
                     .faults = faults_.get(),
                     .on_rotation = [this](const std::string& token) { channel_.set_token(token); }}),
        channel_(loop, {.url = peer_.url(), .token = peer_.valid_token(), .delivery = delivery()}) {}

  channels::Channel& channel() override { return channel_; }
  const peers::ChannelLedger& ledger() const override { return peer_.ledger(); }
  std::vector<std::string> conversations() const override { return {"-42"}; }  // A group, which may move.

 private:
  peers::TelegramPeer peer_;
  channels::TelegramChannel channel_;
};

// The client refreshes its token itself.
class FakedSlack final : public FakedChannel {
 public:
  FakedSlack(EventLoop& loop, const FakedChannelOptions& options)
      : FakedChannel(peers::ChannelProvider::kSlack, options),
        peer_(loop, {.tls = identity(),
                     .seed = options.seed,
                     .token = "xoxe.xoxb-the-first-token",
                     .client_id = "42.42",
                     .client_secret = "the-secret-of-the-app",
                     .faults = faults_.get()}),
        channel_(loop, {.url = peer_.url(),
                        .token = peer_.valid_token(),
                        .refresh_token = peer_.refresh_token(),
                        .client_id = "42.42",
                        .client_secret = "the-secret-of-the-app",
                        .delivery = delivery()}) {}

  channels::Channel& channel() override { return channel_; }
  const peers::ChannelLedger& ledger() const override { return peer_.ledger(); }
  std::vector<std::string> conversations() const override { return {"C0123456789"}; }

 private:
  peers::SlackPeer peer_;
  channels::SlackChannel channel_;
};

class FakedWebhook final : public FakedChannel {
 public:
  FakedWebhook(EventLoop& loop, const FakedChannelOptions& options)
      : FakedChannel(peers::ChannelProvider::kDiscordWebhook, options),
        peer_(loop, {.tls = identity(),
                     .seed = options.seed,
                     .faults = faults_.get(),
                     .on_rotation = [this](const std::string& url) { channel_.set_webhook(url); }}),
        channel_(loop, {.webhook = peer_.webhook_url(), .delivery = delivery()}) {}

  channels::Channel& channel() override { return channel_; }
  const peers::ChannelLedger& ledger() const override { return peer_.ledger(); }
  std::vector<std::string> conversations() const override { return {""}; }

 private:
  peers::DiscordPeer peer_;
  channels::DiscordWebhookChannel channel_;
};

class FakedBot final : public FakedChannel {
 public:
  FakedBot(EventLoop& loop, const FakedChannelOptions& options)
      : FakedChannel(peers::ChannelProvider::kDiscordBot, options),
        peer_(loop, {.tls = identity(),
                     .seed = options.seed,
                     .token = "the-first-token-of-the-bot",
                     .faults = faults_.get(),
                     .on_rotation = [this](const std::string& token) { channel_.set_token(token); }}),
        channel_(loop, {.url = peer_.url(), .token = peer_.valid_token(), .delivery = delivery()}) {}

  channels::Channel& channel() override { return channel_; }
  const peers::ChannelLedger& ledger() const override { return peer_.ledger(); }
  std::vector<std::string> conversations() const override { return {"222222222222222222"}; }

 private:
  peers::DiscordPeer peer_;
  channels::DiscordBotChannel channel_;
};

}  // namespace

FakedChannel::FakedChannel(peers::ChannelProvider provider, const FakedChannelOptions& options)
    : options_(options), ca_(options.tls ? std::make_unique<net::TestCa>() : nullptr) {
  const peers::DailyChannelFaults daily = faults_of(provider, options);
  plays_all_ = daily.rate_limits > 0 && daily.unknown_outcomes > 0 && daily.rotations > 0;
  faults_ = daily.rotations == 0 ? std::make_unique<peers::ChannelFaults>()
                                 : std::make_unique<peers::ChannelFaults>(peers::daily_channel_faults(daily));
}

FakedChannel::~FakedChannel() = default;

net::TlsIdentity FakedChannel::identity() const {
  return ca_ == nullptr ? net::TlsIdentity{} : ca_->issue({"127.0.0.1"});
}

channels::DeliveryOptions FakedChannel::delivery() const {
  channels::DeliveryOptions delivery;
  delivery.ca_file = ca_file();
  delivery.http_timeout = options_.http_timeout;
  delivery.pacing = options_.pacing;
  return delivery;
}

std::unique_ptr<FakedChannel> FakedChannel::make(std::string_view provider, EventLoop& loop,
                                                 const FakedChannelOptions& options) {
  if (provider == "telegram") {
    return std::make_unique<FakedTelegram>(loop, options);
  }
  if (provider == "slack") {
    return std::make_unique<FakedSlack>(loop, options);
  }
  if (provider == "discord") {
    return std::make_unique<FakedWebhook>(loop, options);
  }
  if (provider == "discord-bot") {
    return std::make_unique<FakedBot>(loop, options);
  }
  throw Error(Errc::kInvalidArgument,
              fmt::format("channel is '{}': expected telegram, slack, discord or discord-bot", provider));
}

FakedChannelOptions faked_options(AsyncRun& run) {
  FakedChannelOptions options;
  options.seed = run.seed();
  options.duration = run.settings().duration;
  options.from = run.elapsed();
  options.interval = channels::message_interval(run);
  options.http_timeout = channels::http_timeout(run);
  options.pacing = run.mode() != Mode::kSmoke;  // Four messages in two seconds.
  options.tls = run.mode() != Mode::kVirtual;
  return options;
}

void drive(AsyncRun& run, FakedChannel& faked) {
  channels::MessageStream messages(
      run, run.loop(), faked.channel(),
      {.conversations = faked.conversations(), .has_arrived = [&faked](const std::string&, const std::string& text) {
         return peers::has_message(faked.ledger(), text);
       }});
  run.drive([&messages](Cycle& cycle) { return messages.send_until_end_of(cycle); });
  messages.judge(faked.plays_all() && !run.interrupted());
  for (Finding& finding : peers::judge(faked.ledger())) {
    run.add_finding(std::move(finding));
  }
}

}  // namespace soak::tools
