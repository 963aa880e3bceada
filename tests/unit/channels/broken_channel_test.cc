// SPDX-License-Identifier: Apache-2.0
// Six clients with a bug, each soaked for a day: the verdict says what is wrong, and shows it. What a check of the
// success rate alone would have said stands beside it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "soak/async_run.h"
#include "soak/detail/run_context.h"
#include "soak/peers/telegram_peer.h"
#include "tests/unit/channels/naive_channel.h"
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

struct Case {
  const char* name;
  Bug bug;
  int conversations;
  const char* subject;   // Of the finding.
  const char* evidence;  // A regular expression.
  bool success_rate_passes;

  friend void PrintTo(const Case& one, std::ostream* out) { *out << one.name; }
};

class BrokenChannelTest : public testing::TestWithParam<Case> {
 protected:
  BrokenChannelTest() {
    detail::RunContext& context = detail::run_context();
    context = {};
    context.name = "Soak/Channels.Broken";
    context.mode = Mode::kVirtual;
    context.quiet = true;
  }
  ~BrokenChannelTest() override { detail::run_context() = {}; }
};

TEST_P(BrokenChannelTest, IsCaughtWithWhatShowsIt) {
  AsyncRun run({.duration = 24h, .reconnect_every = 1h, .seed = 3});
  NaiveTelegram faked(run.loop(), tools::faked_options(run), GetParam().bug, GetParam().conversations);

  tools::drive(run, faked);

  const Verdict& verdict = run.verdict();
  const double rate = static_cast<double>(run.counted("ok")) / static_cast<double>(run.counted("sent"));
  EXPECT_EQ(rate >= 0.99, GetParam().success_rate_passes) << rate;
  if (GetParam().bug == Bug::kNone) {
    EXPECT_TRUE(verdict.passed()) << run.summary();
    return;
  }
  const Finding* const finding = verdict.find(GetParam().subject);
  ASSERT_NE(finding, nullptr) << run.summary();
  ASSERT_FALSE(finding->evidence.empty()) << run.summary();
  EXPECT_THAT(finding->evidence[0].text, ContainsRegex(GetParam().evidence));
  std::printf("%-28s success rate %.4f: %s; soak: %s: %s\n", GetParam().name, rate, rate >= 0.99 ? "PASS" : "FAIL",
              finding->text.c_str(), finding->evidence[0].text.c_str());
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
                         "conversation 1: [0-9:]{8} message [0-9]+ was stored again", true},
                    Case{"BacksOffInStep", Bug::kBacksOffInStep, 20, "spread",
                         "[0-9:]{8}: 20 conversations came back within 100 ms after a limit", true},
                    Case{"LosesTheNewToken", Bug::kLosesTheNewToken, 1, "credential_followed",
                         "[0-9:]{8} a credential that was rotated at [0-9:]{8}", false}),
    [](const auto& one) { return std::string(one.param.name); });

}  // namespace
}  // namespace soak::channels
