// SPDX-License-Identifier: Apache-2.0
// Ten clients with a bug, each soaked for a day: the verdict says what is wrong, and shows it. What a check of the
// success rate alone would have said stands beside it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "soak/async_run.h"
#include "soak/channels/message_stream.h"
#include "soak/detail/run_context.h"
#include "soak/peers/channel_verdict.h"
#include "soak/peers/discord_peer.h"
#include "soak/peers/slack_peer.h"
#include "soak/peers/telegram_peer.h"
#include "tests/unit/channels/naive_channel.h"
#include "tests/unit/channels/naive_discord.h"
#include "tests/unit/channels/naive_slack.h"
#include "tools/providers/faked_channel.h"

namespace soak::channels {
namespace {

using namespace std::chrono_literals;
using testing::ContainsRegex;

class NaiveTelegram final : public tools::FakedChannel {
 public:
  NaiveTelegram(EventLoop& loop, const tools::FakedChannelOptions& options, Bug bug, int conversations)
      : FakedChannel(peers::ChannelProvider::kTelegram, options),
        peer_(loop, {.seed = options.seed,
                     .token = "424242:the-first-token-of-the-bot",
                     .faults = faults_.get(),
                     .on_rotation = [this](const std::string& token) { channel_.set_token(token); }}),
        channel_(loop, peer_.url(), peer_.valid_token(), bug) {
    for (int chat = 1; chat <= conversations; ++chat) {
      conversations_.push_back(std::to_string(chat));
    }
    // One limit for all chats at once, in the middle of the day.
    if (conversations > 1) {
      faults_->on_send(7001, {.kind = peers::ChannelFaultKind::kRateLimitedGlobal, .retry_after = 5s});
    }
  }

  Channel& channel() override { return channel_; }
  const peers::ChannelLedger& ledger() const override { return peer_.ledger(); }
  std::vector<std::string> conversations() const override { return conversations_; }

 private:
  peers::TelegramPeer peer_;
  NaiveChannel channel_;
  std::vector<std::string> conversations_;
};

// The finding with all of its evidence.
std::string shown_by(const Finding& finding) {
  std::string shown = finding.text;
  for (const probe::Evidence& one : finding.evidence) {
    shown += "\n" + one.text;
  }
  return shown;
}

struct Case {
  const char* name;
  Bug bug;
  int conversations;
  const char* subject;   // Of the finding.
  const char* evidence;  // A regular expression.
  bool success_rate_passes;

  friend void PrintTo(const Case& one, std::ostream* out) { *out << one.name; }
};

class SoakedChannelTest : public testing::Test {
 protected:
  SoakedChannelTest() {
    detail::RunContext& context = detail::run_context();
    context = {};
    context.name = "Soak/Channels.Broken";
    context.mode = Mode::kVirtual;
    context.quiet = true;
  }
  ~SoakedChannelTest() override { detail::run_context() = {}; }
};

double success_rate(const AsyncRun& run) {
  return static_cast<double>(run.counted("ok")) / static_cast<double>(run.counted("sent"));
}

// What a table in docs/channels.md says of each bug is printed here.
void expect_finding(AsyncRun& run, const char* subject, const char* evidence) {
  const Finding* const finding = run.verdict().find(subject);
  ASSERT_NE(finding, nullptr) << run.summary();
  EXPECT_THAT(shown_by(*finding), ContainsRegex(evidence));
  std::printf("success rate %.4f: %s\n", success_rate(run), shown_by(*finding).c_str());
}

class BrokenChannelTest : public SoakedChannelTest, public testing::WithParamInterface<Case> {};

TEST_P(BrokenChannelTest, IsCaughtWithWhatShowsIt) {
  AsyncRun run({.duration = 24h, .reconnect_every = 1h, .seed = 3});
  NaiveTelegram faked(run.loop(), tools::faked_options(run), GetParam().bug, GetParam().conversations);

  tools::drive(run, faked);

  const bool passed = run.verdict().passed();
  EXPECT_EQ(success_rate(run) >= 0.99, GetParam().success_rate_passes) << success_rate(run);
  if (GetParam().bug == Bug::kNone) {
    EXPECT_TRUE(passed) << run.summary();
  } else {
    expect_finding(run, GetParam().subject, GetParam().evidence);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Bugs, BrokenChannelTest,
    testing::Values(Case{"None", Bug::kNone, 1, "", "", true},
                    Case{"IgnoresRetryAfter", Bug::kIgnoresRetryAfter, 1, "retry_after_honoured",
                         "[0-9:]{8} 429 with Retry-After [0-9]+, next request 0[.]5 s later", true},
                    Case{"MillisecondsForSeconds", Bug::kMillisecondsForSeconds, 1, "retry_after_honoured",
                         "[0-9:]{8} 429 with Retry-After [0-9]+, next request 0[.][01] s later", true},
                    Case{"RetriesAtOnce", Bug::kRetriesAtOnce, 1, "retry_after_honoured",
                         "[0-9:]{8} 429 with Retry-After [0-9]+, next request 0[.]0 s later", true},
                    Case{"RetriesWhatMayHaveArrived", Bug::kRetriesWhatMayHaveArrived, 1, "stored_twice",
                         "conversation (-100)?1: [0-9:]{8} message [0-9]+ was stored again", true},
                    Case{"BacksOffInStep", Bug::kBacksOffInStep, 20, "spread",
                         "[0-9:]{8}: 20 conversations came back within 100 ms after a limit", true},
                    Case{"LosesTheNewToken", Bug::kLosesTheNewToken, 1, "credential_followed",
                         "[0-9:]{8} a credential that was rotated at [0-9:]{8}", false},
                    Case{"BelievesAnHtml404", Bug::kBelievesAnHtml404, 1, "success_rate",
                         "soak [0-9]+. failed: stopped for good by a 404", false}),
    [](const auto& one) { return std::string(one.param.name); });

class FakedNaiveSlack final : public tools::FakedChannel {
 public:
  FakedNaiveSlack(EventLoop& loop, const tools::FakedChannelOptions& options, bool gives_up)
      : FakedChannel(peers::ChannelProvider::kSlack, options),
        peer_(loop, {.seed = options.seed, .token = "xoxe.xoxb-the-first-token", .faults = faults_.get()}),
        channel_(loop, peer_.url(), peer_.valid_token(), peer_.refresh_token(), gives_up) {}

  Channel& channel() override { return channel_; }
  const peers::ChannelLedger& ledger() const override { return peer_.ledger(); }
  std::vector<std::string> conversations() const override { return {"C0123456789"}; }

 private:
  peers::SlackPeer peer_;
  NaiveSlack channel_;
};

class FakedNaiveBot final : public tools::FakedChannel {
 public:
  FakedNaiveBot(EventLoop& loop, const tools::FakedChannelOptions& options, DiscordBug bug)
      : FakedChannel(peers::ChannelProvider::kDiscordBot, options),
        peer_(loop, {.seed = options.seed,
                     .token = "the-first-token-of-the-bot",
                     .faults = faults_.get(),
                     .on_rotation = [this](const std::string& token) { channel_.set_secret(token); }}),
        channel_(loop, peer_.url(), peer_.valid_token(), true, bug) {}

  Channel& channel() override { return channel_; }
  const peers::ChannelLedger& ledger() const override { return peer_.ledger(); }
  std::vector<std::string> conversations() const override { return {"222222222222222222"}; }

 private:
  peers::DiscordPeer peer_;
  NaiveDiscord channel_;
};

class RefreshTest : public SoakedChannelTest, public testing::WithParamInterface<bool> {};

TEST_P(RefreshTest, AClientThatGivesUpAfterOneFailedRefreshIsCaught) {
  const bool gives_up = GetParam();
  AsyncRun run({.duration = 24h, .reconnect_every = 1h, .seed = 3});
  FakedNaiveSlack faked(run.loop(), tools::faked_options(run), gives_up);

  tools::drive(run, faked);

  if (gives_up) {
    expect_finding(run, "success_rate", "soak [0-9]+. failed: the refresh of the token failed");
  } else {
    EXPECT_TRUE(run.verdict().passed()) << run.summary();
  }
}

INSTANTIATE_TEST_SUITE_P(Clients, RefreshTest, testing::Bool(),
                         [](const auto& one) { return std::string(one.param ? "GivesUp" : "TriesAgain"); });

class NonceDeathTest : public SoakedChannelTest, public testing::WithParamInterface<DiscordBug> {};

TEST_P(NonceDeathTest, AClientThatResendsAfterTheNonceHasDiedIsCaught) {
  AsyncRun run({.duration = 24h, .reconnect_every = 1h, .seed = 3});
  FakedNaiveBot faked(run.loop(), tools::faked_options(run), GetParam());

  tools::drive(run, faked);

  if (GetParam() == DiscordBug::kResendsWithoutLimit) {
    expect_finding(run, "stored_twice", "message [0-9]+ was stored again");
  } else {
    EXPECT_TRUE(run.verdict().passed()) << run.summary();
  }
}

INSTANTIATE_TEST_SUITE_P(Clients, NonceDeathTest, testing::Values(DiscordBug::kNone, DiscordBug::kResendsWithoutLimit),
                         [](const auto& one) {
                           return std::string(one.param == DiscordBug::kNone ? "InTime" : "WithoutLimit");
                         });

class ThreadsTest : public SoakedChannelTest, public testing::WithParamInterface<DiscordBug> {};

TEST_P(ThreadsTest, AClientThatPacesByThreadIsCaught) {
  AsyncRun run({.duration = 2h, .reconnect_every = 30min, .seed = 3});
  peers::DiscordPeer peer(run.loop(), {.seed = 3});
  NaiveDiscord channel(run.loop(), "", peer.webhook_url(), false, GetParam());
  MessageStreamOptions options;
  for (int thread = 1; thread <= 8; ++thread) {
    options.conversations.push_back(std::to_string(500 + thread));
  }
  MessageStream messages(run, run.loop(), channel, options);

  run.drive([&messages](Cycle& cycle) { return messages.send_until_end_of(cycle); });
  messages.judge();
  for (Finding& finding : peers::judge(peer.ledger())) {
    run.add_finding(std::move(finding));
  }

  if (GetParam() == DiscordBug::kPacesByThread) {
    expect_finding(run, "max_consecutive_429s", "max_consecutive_429s is [0-9]+, allowed 1");
    expect_finding(run, "rate_limited", "rate_limited is [0-9]+ of 1920 messages");
  } else {
    EXPECT_TRUE(run.verdict().passed()) << run.summary();
  }
}

INSTANTIATE_TEST_SUITE_P(Clients, ThreadsTest, testing::Values(DiscordBug::kNone, DiscordBug::kPacesByThread),
                         [](const auto& one) {
                           return std::string(one.param == DiscordBug::kNone ? "ByWebhook" : "ByThread");
                         });

}  // namespace
}  // namespace soak::channels
