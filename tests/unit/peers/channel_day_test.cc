// SPDX-License-Identifier: Apache-2.0
// A day of each channel with the faults that daily_channel_faults() has for it, and a client that behaves: it waits as
// long as it is told, sends nothing again that may have arrived, and takes the new credential. A ledger that finds
// something in that day is wrong, and so is one that finds nothing where the client does not wait.

#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <ostream>

#include "soak/peers/discord_peer.h"
#include "soak/peers/slack_peer.h"
#include "soak/peers/telegram_peer.h"
#include "tests/unit/peers/channel_fixture.h"

namespace soak::peers {
namespace {

using testing::Contains;
using testing::IsEmpty;
using Kind = ChannelFaultKind;

// One of the fakes, as the client below needs it.
struct Fake {
  std::function<net::HttpRequest(const std::string& text)> message;  // With the credential that is valid now.
  const ChannelLedger* ledger = nullptr;
  std::shared_ptr<void> peer;
};

struct Provider {
  ChannelProvider provider;
  const char* name;
  Fake (*make)(EventLoop& loop, ChannelFaults& faults);
};
void PrintTo(const Provider& provider, std::ostream* out) { *out << provider.name; }

constexpr const char* kJson = "application/json; charset=utf-8";
constexpr const char* kAgent = "DiscordBot (https://example.com, 1)";

Fake make_telegram(EventLoop& loop, ChannelFaults& faults) {
  auto peer =
      std::make_shared<TelegramPeer>(loop, TelegramPeerOptions{.seed = 1, .token = "7:first", .faults = &faults});
  return {[own = peer.get()](const std::string& text) {
            return net::HttpRequest("POST", own->url() + "/bot" + own->valid_token() + "/sendMessage",
                                    R"({"chat_id":42,"text":")" + text + "\"}", {{"Content-Type", kJson}});
          },
          &peer->ledger(), peer};
}

Fake make_slack(EventLoop& loop, ChannelFaults& faults) {
  auto peer = std::make_shared<SlackPeer>(loop, SlackPeerOptions{.seed = 1, .token = "xoxb-1", .faults = &faults});
  return {[own = peer.get()](const std::string& text) {
            return net::HttpRequest("POST", own->url() + "/chat.postMessage",
                                    R"({"channel":"C1","text":")" + text + "\"}",
                                    {{"Content-Type", kJson}, {"Authorization", "Bearer " + own->valid_token()}});
          },
          &peer->ledger(), peer};
}

Fake make_slack_webhook(EventLoop& loop, ChannelFaults& faults) {
  auto peer = std::make_shared<SlackPeer>(loop, SlackPeerOptions{.seed = 1, .faults = &faults});
  return {
      [own = peer.get()](const std::string& text) {
        return net::HttpRequest("POST", own->webhook_url(), R"({"text":")" + text + "\"}", {{"Content-Type", kJson}});
      },
      &peer->ledger(), peer};
}

Fake make_discord(EventLoop& loop, ChannelFaults& faults) {
  auto peer = std::make_shared<DiscordPeer>(loop, DiscordPeerOptions{.seed = 1, .token = "first", .faults = &faults});
  return {[own = peer.get()](const std::string& text) {
            return net::HttpRequest(
                "POST", own->url() + "/channels/222/messages", R"({"content":")" + text + "\"}",
                {{"Content-Type", kJson}, {"User-Agent", kAgent}, {"Authorization", "Bot " + own->valid_token()}});
          },
          &peer->ledger(), peer};
}

Fake make_discord_webhook(EventLoop& loop, ChannelFaults& faults) {
  auto peer = std::make_shared<DiscordPeer>(loop, DiscordPeerOptions{.seed = 1, .faults = &faults});
  return {[own = peer.get()](const std::string& text) {
            return net::HttpRequest("POST", own->webhook_url() + "?wait=true", R"({"content":")" + text + "\"}",
                                    {{"Content-Type", kJson}, {"User-Agent", kAgent}});
          },
          &peer->ledger(), peer};
}

// What a 429 asks to wait; a second, where it does not say.
std::chrono::nanoseconds asked(const net::HttpResponse& response) {
  const auto seconds = [](const std::string& text) {
    char* end = nullptr;
    const double number = std::strtod(text.c_str(), &end);
    return end != text.c_str() && number > 0
               ? std::chrono::ceil<std::chrono::milliseconds>(std::chrono::duration<double>(number))
               : 0ms;
  };
  const Heard body(response.body);
  std::chrono::nanoseconds wait =
      std::max(seconds(body.get("parameters.retry_after")), seconds(body.get("retry_after")));
  if (wait == 0s) {
    wait = seconds(response.headers.get("retry-after"));
  }
  const std::string description = body.get("description");
  const std::size_t number = description.find("retry after ");
  if (wait == 0s && number != std::string::npos) {
    wait = seconds(description.substr(number + 12));
  }
  return wait == 0s ? 1s : wait;
}

bool is_credential_refused(const net::HttpResponse& response) {
  return response.status == 401 || response.status == 404 || Heard(response.body).get("error") == "token_expired";
}

// A message each half minute; `patient` waits after a 429.
Task<> send_for_a_day(EventLoop& loop, Fake& fake, bool patient, int& sent) {
  net::HttpClient client(loop);
  const Instant begin = loop.now();
  for (Instant due = begin; due < begin + 24h; due += 30s) {
    co_await sleep_for(due - loop.now());
    const std::string text = "soak " + std::to_string(++sent);
    bool again = true;
    while (again) {
      again = false;
      net::HttpRequest request = fake.message(text);
      std::chrono::nanoseconds wait{0};
      try {
        const net::HttpResponse response = co_await client.send(std::move(request));
        if (response.status == 429) {
          again = true;
          wait = patient ? asked(response) : 100ms;
        } else {
          again = is_credential_refused(response);
        }
      } catch (const net::HttpError&) {  // It may have arrived, and is not sent again.
      }
      co_await sleep_for(wait);
    }
  }
}

class ChannelDayTest : public ChannelTest, public testing::WithParamInterface<Provider> {
 public:
  // Plays the day of `seed`, and returns the ledger at its end.
  ChannelLedger day(std::uint64_t seed, bool patient) {
    faults_.emplace(daily_channel_faults({.provider = GetParam().provider, .seed = seed}));
    Fake fake = GetParam().make(loop_, *faults_);
    sent_ = 0;
    loop_.run(send_for_a_day(loop_, fake, patient, sent_));
    return *fake.ledger;
  }

  std::optional<ChannelFaults> faults_;
  int sent_ = 0;
};

TEST_P(ChannelDayTest, NothingIsFoundOfAClientThatBehaves) {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    const ChannelLedger ledger = day(seed, true);

    EXPECT_EQ(sent_, 2880);
    EXPECT_EQ(ledger.messages_stored, 2880u) << "seed " << seed;  // What was lost had been stored.
    EXPECT_EQ(faults_->rate_limits_played(), 12u);
    EXPECT_EQ(faults_->played(Kind::kStoreThenReset), 1u);
    EXPECT_EQ(faults_->played(Kind::kStoreThenSlow) + faults_->played(Kind::kStoreThenError), 1u);
    EXPECT_EQ(faults_->played(Kind::kRotate), 1u);
    EXPECT_EQ(ledger.rate_limited, 12u);
    EXPECT_EQ(ledger.longest_429_row, 1u);
    EXPECT_EQ(ledger.unknown_outcomes, 2u);
    EXPECT_EQ(ledger.rotation_refusals, 1u);
    EXPECT_EQ(ledger.credential_failures, 0u);
    EXPECT_THAT(ledger.findings, IsEmpty()) << "seed " << seed << ": " << ledger.findings[0].text;
  }
}

TEST_P(ChannelDayTest, AClientThatDoesNotWaitIsFound) {
  const ChannelLedger ledger = day(1, false);

  EXPECT_GT(ledger.inside_window, 12u);
  EXPECT_GT(ledger.longest_429_row, 3u);
  EXPECT_THAT(kinds(ledger), Contains(ChannelFindingKind::kInsideWindow));
}

INSTANTIATE_TEST_SUITE_P(All, ChannelDayTest,
                         testing::Values(Provider{ChannelProvider::kTelegram, "telegram", &make_telegram},
                                         Provider{ChannelProvider::kSlack, "slack", &make_slack},
                                         Provider{ChannelProvider::kSlackWebhook, "slack_webhook", &make_slack_webhook},
                                         Provider{ChannelProvider::kDiscordBot, "discord_bot", &make_discord},
                                         Provider{ChannelProvider::kDiscordWebhook, "discord_webhook",
                                                  &make_discord_webhook}),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace soak::peers
