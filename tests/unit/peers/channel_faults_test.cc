// SPDX-License-Identifier: Apache-2.0
#include "soak/peers/channel_faults.h"

#include <map>
#include <ostream>
#include <set>

#include "soak/error.h"
#include "soak/peers/slack_peer.h"
#include "tests/unit/peers/telegram/fixture.h"

namespace soak::peers {
namespace {

using testing::HasSubstr;
using Kind = ChannelFaultKind;

// How each of them looks to a client of Telegram.
struct Form {
  Kind kind;
  const char* header;
  const char* body;
};
void PrintTo(const Form& form, std::ostream* out) { *out << to_string(form.kind); }

class TelegramFormTest : public TelegramTest, public testing::WithParamInterface<Form> {};

TEST_P(TelegramFormTest, ForbidsTheChatUntilItHasPassed) {
  faults_.on_send(1, {.kind = GetParam().kind, .retry_after = 3s});
  TelegramPeer peer(loop_, {.faults = &faults_});

  const Got limited = send(peer, "1");
  pass(3s);
  const Got stored = send(peer, "1");

  EXPECT_EQ(limited.status, 429);
  EXPECT_EQ(limited.header("retry-after"), GetParam().header);
  EXPECT_EQ(limited.body, GetParam().body);
  EXPECT_EQ(stored.status, 200);
  EXPECT_EQ(peer.ledger().messages_stored, 1u);
  EXPECT_EQ(faults_.played(GetParam().kind), 1u);
  EXPECT_EQ(faults_.rate_limits_played(), 1u);
}

INSTANTIATE_TEST_SUITE_P(
    All, TelegramFormTest,
    testing::Values(
        Form{Kind::kRateLimited, "3",
             R"({"ok":false,"error_code":429,"description":"Too Many Requests: retry after 3",)"
             R"("parameters":{"retry_after":3}})"},
        Form{Kind::kRateLimitedLowerCase, "3",
             R"({"ok":false,"error_code":429,"description":"Too Many Requests: retry after 3",)"
             R"("parameters":{"retry_after":3}})"},
        Form{Kind::kRateLimitedHeaderOnly, "3", R"({"ok":false,"error_code":429,"description":"Too Many Requests"})"},
        Form{Kind::kRateLimitedBodyOnly, "(absent)",
             R"({"ok":false,"error_code":429,"description":"Too Many Requests: retry after 3"})"},
        Form{Kind::kRateLimitedUnsaid, "(absent)",
             R"({"ok":false,"error_code":429,"description":"Too Many Requests"})"},
        Form{Kind::kRateLimitedJunk, "abc", R"({"ok":false,"error_code":429,"description":"Too Many Requests"})"},
        Form{Kind::kRateLimitedZero, "0",
             R"({"ok":false,"error_code":429,"description":"Too Many Requests: retry after 0",)"
             R"("parameters":{"retry_after":0}})"},
        Form{Kind::kRateLimitedGlobal, "3",
             R"({"ok":false,"error_code":429,"description":"Too Many Requests: retry after 3",)"
             R"("parameters":{"retry_after":3}})"}),
    [](const auto& test) { return std::string(to_string(test.param.kind)); });

TEST_F(TelegramTest, ALongWindowCountsDown) {
  faults_.on_send(1, {.kind = Kind::kRateLimited, .retry_after = 6775s});
  TelegramPeer peer(loop_, {.faults = &faults_});

  EXPECT_EQ(send(peer, "1").header("retry-after"), "6775");
  pass(75s);
  EXPECT_EQ(send(peer, "1").header("retry-after"), "6700");
  EXPECT_EQ(send(peer, "1", 43).status, 200);
  pass(6700s);
  EXPECT_EQ(send(peer, "1").status, 200);
}

TEST_F(TelegramTest, AGlobalWindowIsOfAllChats) {
  faults_.on_send(1, {.kind = Kind::kRateLimitedGlobal, .retry_after = 10s});
  TelegramPeer peer(loop_, {.faults = &faults_});

  EXPECT_EQ(send(peer, "1").status, 429);
  pass(4s);
  EXPECT_EQ(send(peer, "1", 43).header("retry-after"), "6");
  EXPECT_EQ(ask("GET", url(peer, "getMe")).status, 429);
}

TEST_F(TelegramTest, StoredAndReset) {
  faults_.on_send(1, {.kind = Kind::kStoreThenReset});
  TelegramPeer peer(loop_, {.faults = &faults_});

  const Got got = send(peer, "1");

  EXPECT_EQ(got.status, 0);
  EXPECT_TRUE(got.may_have_arrived);
  EXPECT_EQ(peer.ledger().messages_stored, 1u);
  EXPECT_EQ(peer.ledger().resets, 1u);
  EXPECT_EQ(peer.ledger().unknown_outcomes, 1u);
}

TEST_F(TelegramTest, StoredAndAnsweredTooLate) {
  faults_.on_send(1, {.kind = Kind::kStoreThenSlow, .lasts = 20s});
  TelegramPeer peer(loop_, {.faults = &faults_});

  const Got got = send(peer, "1");  // The client waits for 15 s.

  EXPECT_EQ(got.status, 0);
  EXPECT_TRUE(got.may_have_arrived);
  EXPECT_EQ(peer.ledger().messages_stored, 1u);
  pass(10s);
  EXPECT_EQ(send(peer, "2").status, 200);
}

TEST_F(TelegramTest, StoredOrNotAnd5xx) {
  faults_.on_send(1, {.kind = Kind::kStoreThenError});
  faults_.on_send(2, {.kind = Kind::kServerError});
  faults_.on_send(3, {.kind = Kind::kBadGateway});
  TelegramPeer peer(loop_, {.faults = &faults_});

  const Got stored = send(peer, "1");
  const Got failed = send(peer, "2");
  const Got proxy = send(peer, "3");

  EXPECT_EQ(stored.body, R"({"ok":false,"error_code":500,"description":"Internal Server Error: restart"})");
  EXPECT_EQ(failed.status, 500);
  EXPECT_EQ(proxy.status, 502);
  EXPECT_EQ(proxy.header("content-type"), "text/html");
  EXPECT_EQ(peer.ledger().messages_stored, 1u);
  EXPECT_EQ(peer.ledger().failed, 3u);
  EXPECT_EQ(peer.ledger().unknown_outcomes, 3u);
}

TEST_F(TelegramTest, APageOfAProxyIsNoAnswerOfTheProvider) {
  faults_.on_send(1, {.kind = Kind::kPage, .status = 404});
  faults_.on_send(2, {.kind = Kind::kPage, .status = 403, .text = "error code: 1015"});
  TelegramPeer peer(loop_, {.faults = &faults_});

  const Got page = send(peer, "1");
  const Got text = send(peer, "1");

  EXPECT_EQ(page.status, 404);
  EXPECT_EQ(page.header("content-type"), "text/html");
  EXPECT_THAT(page.body, HasSubstr("<title>404 Not Found</title>"));
  EXPECT_EQ(text.status, 403);
  EXPECT_EQ(text.body, "error code: 1015");
  EXPECT_EQ(peer.ledger().messages_stored, 0u);
  EXPECT_EQ(peer.ledger().credential_failures, 0u);
  EXPECT_EQ(send(peer, "1").status, 200);
}

TEST_F(TelegramTest, StoredAndUnavailableForAWhile) {
  faults_.on_send(1, {.kind = Kind::kStoreThenUnavailable, .retry_after = 600s});
  TelegramPeer peer(loop_, {.faults = &faults_});

  const Got got = send(peer, "1");

  EXPECT_EQ(got.status, 503);
  EXPECT_EQ(got.header("retry-after"), "600");
  EXPECT_EQ(peer.ledger().messages_stored, 1u);
  EXPECT_EQ(peer.ledger().unknown_outcomes, 1u);
}

TEST_F(TelegramTest, AGroupThatMovesKeepsItsOrder) {
  faults_.on_send(2, {.kind = Kind::kMigrate});
  TelegramPeer peer(loop_, {.limits = {.on = false}, .faults = &faults_});
  send(peer, "soak 2", -42);
  EXPECT_EQ(send(peer, "soak 3", -42).get("parameters.migrate_to_chat_id"), "-10042");

  send(peer, "soak 1", -10042);

  EXPECT_EQ(peer.ledger().out_of_order, 1u);
}

TEST_F(ChannelTest, ARefreshOfATokenFailsAsAskedFor) {
  faults_.on_refresh(1, {.kind = Kind::kServerError});
  faults_.on_refresh(2, {.kind = Kind::kRateLimited, .retry_after = 7s});
  faults_.on_refresh(3, {.kind = Kind::kPage, .status = 404});
  faults_.on_refresh(4, {.kind = Kind::kRefuse, .text = "invalid_refresh_token"});
  SlackPeer peer(loop_, {.token = "xoxb-1", .faults = &faults_});
  const auto refresh = [&] {
    return ask("POST", peer.url() + "/oauth.v2.access",
               "client_id=1&client_secret=2&grant_type=refresh_token&refresh_token=" + peer.refresh_token(),
               {{"Content-Type", "application/x-www-form-urlencoded"}});
  };

  EXPECT_EQ(refresh().status, 503);
  const Got limited = refresh();
  EXPECT_EQ(limited.status, 429);
  EXPECT_EQ(limited.header("retry-after"), "7");
  EXPECT_EQ(refresh().status, 404);
  EXPECT_EQ(refresh().get("error"), "invalid_refresh_token");
  EXPECT_EQ(refresh().get("ok"), "true");
  EXPECT_EQ(faults_.refreshes(), 5u);
}

TEST_F(TelegramTest, ResetBeforeItIsReadNothingIsStoredAndItMayComeAgain) {
  faults_.on_send(2, {.kind = Kind::kResetBeforeRead});
  TelegramPeer peer(loop_, {.faults = &faults_});
  EXPECT_EQ(send(peer, "1").status, 200);
  EXPECT_EQ(ask("GET", url(peer, "getMe")).status, 200);  // No send, and takes no fault.

  const Got reset = send(peer, "2");
  const Got again = send(peer, "2");

  EXPECT_EQ(reset.status, 0);
  EXPECT_EQ(again.status, 200);
  EXPECT_EQ(peer.ledger().messages_stored, 2u);
  EXPECT_EQ(peer.ledger().unknown_outcomes, 0u);
  EXPECT_EQ(peer.ledger().sent_again, 0u);
  EXPECT_EQ(faults_.played(Kind::kResetBeforeRead), 1u);
}

TEST_F(TelegramTest, RefusedInWhateverWords) {
  faults_.on_send(1, {.kind = Kind::kRefuse, .status = 403, .text = "Forbidden: user is deactivated"});
  TelegramPeer peer(loop_, {.faults = &faults_});

  EXPECT_EQ(send(peer, "1").body, R"({"ok":false,"error_code":403,"description":"Forbidden: user is deactivated"})");
}

TEST_F(TelegramTest, AFaultThatTheProviderHasNotIsAnError) {
  faults_.on_send(1, {.kind = Kind::kEdgeBan});
  faults_.on_send(2, {.kind = Kind::kStoreNothing});
  TelegramPeer peer(loop_, {.faults = &faults_});

  EXPECT_EQ(send(peer, "1").status, 500);
  EXPECT_EQ(send(peer, "1").status, 500);
  EXPECT_EQ(faults_.played(Kind::kEdgeBan), 0u);
  EXPECT_EQ(faults_.played(Kind::kStoreNothing), 0u);
}

TEST_F(TelegramTest, WhoIsRefusedTakesNoFaultWithIt) {
  faults_.on_send(2, {.kind = Kind::kBlock});
  TelegramPeer peer(loop_, {.token = kToken, .faults = &faults_});

  EXPECT_EQ(send(peer, "1").status, 200);
  EXPECT_EQ(send(peer, "2", 42, "7:other").status, 401);
  EXPECT_EQ(send(peer, "").status, 400);
  EXPECT_EQ(send(peer, "2").status, 403);
  EXPECT_EQ(faults_.sends(), 2u);
}

TEST(ChannelFaultsTest, EveryKindHasANameOfItsOwn) {
  std::set<std::string_view> names;
  int rate_limits = 0;
  for (std::size_t i = 0; i < kChannelFaultKinds; ++i) {
    names.insert(to_string(static_cast<Kind>(i)));
    if (is_rate_limit(static_cast<Kind>(i))) {
      ++rate_limits;
    }
  }
  EXPECT_EQ(names.size(), kChannelFaultKinds);
  EXPECT_FALSE(names.contains("unknown"));
  EXPECT_EQ(rate_limits, 11);
}

// A day of sends at `interval`, each answered at once: what the plan has for each of them.
std::vector<ChannelFault> faults_of_a_day(const DailyChannelFaults& options) {
  const ChannelFaults::Plan plan = daily_channel_faults(options);
  std::vector<ChannelFault> faults;
  std::uint64_t number = 0;
  for (auto at = options.interval; at <= options.day; at += options.interval) {
    faults.push_back(plan({.number = ++number, .since = at}));
  }
  return faults;
}

struct DayOf {
  ChannelProvider provider;
  const char* name;
};
void PrintTo(const DayOf& day, std::ostream* out) { *out << day.name; }

class DailyFaultsTest : public testing::TestWithParam<DayOf> {};

TEST_P(DailyFaultsTest, HasItsFaultsAndNeverTwoInARowForAnySeed) {
  std::set<Kind> seen;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const std::vector<ChannelFault> day = faults_of_a_day({.provider = GetParam().provider, .seed = seed});
    ASSERT_EQ(day.size(), 2880u);
    std::map<Kind, int> counts;
    int rate_limits = 0;
    for (std::size_t i = 0; i < day.size(); ++i) {
      if (day[i].kind == Kind::kNone) {
        continue;
      }
      ++counts[day[i].kind];
      if (is_rate_limit(day[i].kind)) {
        ++rate_limits;
        ASSERT_GT(day[i].retry_after, 0s);
        ASSERT_LE(day[i].retry_after, 30s);
      }
      ASSERT_TRUE(i == 0 || day[i - 1].kind == Kind::kNone) << "seed " << seed << ", send " << i;
      ASSERT_TRUE(day[i].kind != Kind::kRotate || i > 288) << "seed " << seed;
      seen.insert(day[i].kind);
    }
    ASSERT_EQ(rate_limits, 12) << "seed " << seed;
    ASSERT_EQ(counts[Kind::kStoreThenReset], 1);
    ASSERT_EQ(counts[Kind::kStoreThenSlow] + counts[Kind::kStoreThenError], 1);
    ASSERT_EQ(counts[Kind::kRotate], 1);
  }
  EXPECT_TRUE(seen.contains(Kind::kStoreThenSlow));
  EXPECT_TRUE(seen.contains(Kind::kStoreThenError));
  EXPECT_TRUE(seen.contains(Kind::kRateLimited));
}

INSTANTIATE_TEST_SUITE_P(All, DailyFaultsTest,
                         testing::Values(DayOf{ChannelProvider::kTelegram, "telegram"},
                                         DayOf{ChannelProvider::kSlack, "slack"},
                                         DayOf{ChannelProvider::kSlackWebhook, "slack_webhook"},
                                         DayOf{ChannelProvider::kDiscordBot, "discord_bot"},
                                         DayOf{ChannelProvider::kDiscordWebhook, "discord_webhook"}),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(DailyFaultsTest, TheSameSeedGivesTheSameDay) {
  const auto kinds = [](std::uint64_t seed) {
    std::vector<Kind> list;
    for (const ChannelFault& fault : faults_of_a_day({.seed = seed})) {
      list.push_back(fault.kind);
    }
    return list;
  };

  EXPECT_EQ(kinds(7), kinds(7));
  EXPECT_NE(kinds(7), kinds(8));
}

TEST(DailyFaultsTest, WhatPassesComesToTheOthersAndLeavesOneServedBetween) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    const std::vector<ChannelFault> day =
        faults_of_a_day({.provider = ChannelProvider::kDiscordBot, .seed = seed, .passing = 6});
    std::map<Kind, int> counts;
    for (std::size_t i = 0; i < day.size(); ++i) {
      ++counts[day[i].kind];
      EXPECT_TRUE(i == 0 || day[i].kind == Kind::kNone || day[i - 1].kind == Kind::kNone) << i;
    }
    EXPECT_EQ(counts[Kind::kNone], 2880 - 15 - 6);
    EXPECT_EQ(counts[Kind::kRefuse], 3);  // 401, blocked, 40333.
    EXPECT_EQ(counts[Kind::kPage], 2);    // 404, 1015.
    EXPECT_EQ(counts[Kind::kStoreThenUnavailable], 1);
  }
  EXPECT_THROW(daily_channel_faults({.passing = -1}), Error);
}

TEST(DailyFaultsTest, AShortDayHasNothingThatHoldsAClientForTenMinutes) {
  for (const ChannelFault& fault :
       faults_of_a_day({.provider = ChannelProvider::kDiscordBot, .interval = 1s, .day = 10min, .passing = 6})) {
    EXPECT_NE(fault.kind, Kind::kStoreThenUnavailable);
    EXPECT_TRUE(fault.kind != Kind::kRefuse || fault.status == 401);
  }
}

TEST(DailyFaultsTest, TheNextDayHasItsOwn) {
  const ChannelFaults::Plan plan = daily_channel_faults({});
  int faults = 0;
  std::uint64_t number = 0;
  for (auto at = 30s; at <= 72h; at += 30s) {
    if (plan({.number = ++number, .since = at}).kind != Kind::kNone) {
      ++faults;
    }
  }

  EXPECT_EQ(faults, 45);
}

TEST(DailyFaultsTest, ADayInTwoProcessesHasEachFaultOnce) {
  const std::vector<ChannelFault> whole = faults_of_a_day({.seed = 7});
  const ChannelFaults::Plan second_half = daily_channel_faults({.seed = 7, .from = 12h});

  for (std::uint64_t number = 1; number <= 1440; ++number) {
    const ChannelFault fault = second_half({.number = number, .since = 30s * number});
    EXPECT_EQ(fault.kind, whole[1440 + number - 1].kind) << number;
  }
}

TEST(DailyFaultsTest, WhoComesLateStillHasOneServedBetweenTwoFaults) {
  const ChannelFaults::Plan plan = daily_channel_faults({});
  std::vector<Kind> kinds;
  for (std::uint64_t number = 1; number <= 30; ++number) {  // All are due.
    kinds.push_back(plan({.number = number, .since = 23h + 59min}).kind);
  }

  for (std::size_t i = 1; i < kinds.size(); ++i) {
    EXPECT_TRUE(kinds[i] == Kind::kNone || kinds[i - 1] == Kind::kNone) << i;
  }
  EXPECT_EQ(std::count(kinds.begin(), kinds.end(), Kind::kNone), 15);
}

TEST(DailyFaultsTest, ADayTooShortIsRefusedWithBothNumbers) {
  try {
    daily_channel_faults({.interval = 30s, .day = 10min});
    ADD_FAILURE() << "it was taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::kInvalidArgument);
    EXPECT_STREQ(error.what(),
                 "daily_channel_faults: a day of 600 s has 20 messages at an interval of 30 s; 15 faults need 120 of "
                 "them");
  }
  EXPECT_THROW(daily_channel_faults({.rate_limits = -1}), Error);
  EXPECT_THROW(daily_channel_faults({.interval = 0s}), Error);
  EXPECT_THROW(daily_channel_faults({.from = -1s}), Error);
}

TEST(DailyFaultsTest, NoneAtAllIsADayToo) {
  const ChannelFaults::Plan plan = daily_channel_faults({.rate_limits = 0, .unknown_outcomes = 0, .rotations = 0});

  EXPECT_EQ(plan({.number = 1, .since = 100h}).kind, Kind::kNone);
}

}  // namespace
}  // namespace soak::peers
