// SPDX-License-Identifier: Apache-2.0
#include "soak/peers/channel_ledger.h"

#include <set>

#include "lib/peers/channel_book.h"
#include "tests/unit/peers/telegram/fixture.h"

namespace soak::peers {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using Kind = ChannelFaultKind;

TEST(MessageKeyTest, IsTheWholeTextAndItsFirstNumber) {
  const MessageKey key = whole_text_key("soak 17 of conversation 3");

  EXPECT_EQ(key.order, 17u);
  EXPECT_EQ(key.key, whole_text_key("soak 17 of conversation 3").key);
  EXPECT_NE(key.key, whole_text_key("soak 17 of conversation 4").key);
  EXPECT_EQ(whole_text_key("hello").order, std::nullopt);
  EXPECT_EQ(whole_text_key("99999999999999999999").order, std::nullopt);  // More than there are.
}

TEST(RecentKeysTest, KnowsAtLeastTheLastOnesAndForgetsThoseBefore) {
  RecentKeys keys(10);
  for (std::uint64_t key = 0; key < 30; ++key) {
    EXPECT_TRUE(keys.add(key * 64)) << key;
  }

  for (std::uint64_t key = 20; key < 30; ++key) {
    EXPECT_FALSE(keys.add(key * 64)) << key;
  }
  EXPECT_TRUE(keys.add(0));
}

TEST(ChannelFindingTest, EveryKindHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kChannelFindingKinds; ++i) {
    names.insert(to_string(static_cast<ChannelFindingKind>(i)));
  }

  EXPECT_THAT(names, SizeIs(kChannelFindingKinds));
}

class ChannelLedgerTest : public TelegramTest {};

TEST_F(ChannelLedgerTest, AWellBehavedClientHasNoFindings) {
  faults_.on_send(3, {.kind = Kind::kRateLimited, .retry_after = 30s});
  TelegramPeer peer(loop_, {.faults = &faults_});
  for (int i = 1; i <= 20; ++i) {
    for (const int chat : {42, 43}) {
      while (send(peer, "soak " + std::to_string(i), chat).status == 429) {
        pass(30s);
      }
    }
    pass(1s);
  }

  const ChannelLedger& ledger = peer.ledger();
  EXPECT_EQ(ledger.messages_stored, 40u);
  EXPECT_EQ(ledger.requests, 41u);
  EXPECT_EQ(ledger.answers_by_status, (std::map<int, std::uint64_t>{{200, 40}, {429, 1}}));
  EXPECT_EQ(ledger.rate_limited, 1u);
  EXPECT_EQ(ledger.longest_429_row, 1u);
  EXPECT_EQ(ledger.conversations, 2u);
  EXPECT_EQ(
      ledger.stored_twice + ledger.out_of_order + ledger.inside_window + ledger.credential_failures + ledger.sent_again,
      0u);
  EXPECT_LE(ledger.largest_wave, 1u);
  EXPECT_THAT(ledger.findings, IsEmpty());
}

TEST_F(ChannelLedgerTest, FindsWhatWasStoredTwice) {
  TelegramPeer peer(loop_);
  send(peer, "soak 1");
  send(peer, "soak 1", 43);  // Another conversation's.
  EXPECT_EQ(peer.ledger().stored_twice, 0u);

  send(peer, "soak 2");
  send(peer, "soak 1");

  EXPECT_EQ(peer.ledger().stored_twice, 1u);
  EXPECT_EQ(peer.ledger().out_of_order, 0u);  // It is one thing, not two.
  ASSERT_THAT(peer.ledger().findings, SizeIs(1));
  EXPECT_EQ(peer.ledger().findings[0].kind, ChannelFindingKind::kStoredTwice);
  EXPECT_EQ(peer.ledger().findings[0].text, "conversation 42: 00:00:00 message 1 was stored again");
}

TEST_F(ChannelLedgerTest, FindsWhatWasStoredOutOfOrder) {
  TelegramPeer peer(loop_);
  send(peer, "soak 1");
  send(peer, "soak 3");
  send(peer, "hello");  // It tells no order.
  send(peer, "soak 2", 43);
  EXPECT_EQ(peer.ledger().out_of_order, 0u);

  send(peer, "soak 2");

  EXPECT_EQ(peer.ledger().out_of_order, 1u);
  ASSERT_THAT(kinds(peer.ledger()), ElementsAre(ChannelFindingKind::kOutOfOrder));
  EXPECT_EQ(peer.ledger().findings[0].text, "conversation 42: 00:00:00 message 2 was stored after message 3");
}

TEST_F(ChannelLedgerTest, AKeyOfOnesOwnDecidesWhatIsTheSame) {
  TelegramPeer peer(loop_, {.ledger = {.key_of = [](std::string_view text) {
                              return MessageKey{.key = static_cast<std::uint64_t>(text.size())};
                            }}});
  send(peer, "abc");
  send(peer, "xyz");

  EXPECT_EQ(peer.ledger().stored_twice, 1u);
}

TEST_F(ChannelLedgerTest, FindsRequestsInsideAWindowAndHowEarlyTheyWere) {
  faults_.on_send(1, {.kind = Kind::kRateLimited, .retry_after = 30s});
  TelegramPeer peer(loop_, {.faults = &faults_});
  pass(12h + 4min + 31s);
  send(peer, "soak 1");
  send(peer, "soak 1", 43);  // Its window is of the other one.
  EXPECT_EQ(peer.ledger().inside_window, 0u);

  pass(4100ms);
  send(peer, "soak 1");

  EXPECT_EQ(peer.ledger().inside_window, 1u);
  ASSERT_THAT(kinds(peer.ledger()), ElementsAre(ChannelFindingKind::kInsideWindow));
  EXPECT_EQ(peer.ledger().findings[0].text,
            "conversation 42: 12:04:31 429 with Retry-After 30, next request 4.1 s later");
  EXPECT_EQ(peer.ledger().longest_429_row, 2u);
}

TEST_F(ChannelLedgerTest, OneSecondIsWaitedForWhereNoneIsSaid) {
  faults_.on_send(1, {.kind = Kind::kRateLimitedUnsaid});
  faults_.on_send(2, {.kind = Kind::kRateLimitedZero});
  TelegramPeer peer(loop_, {.faults = &faults_});
  send(peer, "soak 1");
  pass(1s);
  send(peer, "soak 1");
  EXPECT_EQ(peer.ledger().inside_window, 0u);

  pass(300ms);
  send(peer, "soak 1");

  EXPECT_EQ(peer.ledger().inside_window, 1u);
  EXPECT_THAT(peer.ledger().findings[0].text, HasSubstr("429 with Retry-After 0, next request 0.3 s later"));
}

TEST_F(ChannelLedgerTest, WhatWasUnderWayIsCountedApart) {
  faults_.on_send(1, {.kind = Kind::kRateLimitedGlobal, .retry_after = 30s});
  TelegramPeer peer(loop_, {.faults = &faults_});

  ask_together({message(peer, "soak 1", 1), message(peer, "soak 2", 2), message(peer, "soak 3", 3)});

  EXPECT_EQ(peer.ledger().rate_limited, 3u);
  EXPECT_EQ(peer.ledger().under_way_in_window, 2u);
  EXPECT_EQ(peer.ledger().inside_window, 0u);
}

TEST_F(ChannelLedgerTest, WhoComesAtOnceWithTheSameOrOnTheSameConnectionWasNotUnderWay) {
  faults_.on_send(1, {.kind = Kind::kRateLimited, .retry_after = 30s});
  faults_.on_send(2, {.kind = Kind::kRateLimited, .retry_after = 30s});
  TelegramPeer peer(loop_, {.faults = &faults_});
  send(peer, "soak 1");
  send(peer, "soak 2");  // On the same connection.
  EXPECT_EQ(peer.ledger().inside_window, 1u);

  ask_together({message(peer, "soak 1", 43), message(peer, "soak 1", 43)});

  EXPECT_EQ(peer.ledger().inside_window, 2u);
  EXPECT_EQ(peer.ledger().under_way_in_window, 0u);
}

TEST_F(ChannelLedgerTest, TellsTheRefusalThatARotationBringsFromThoseAfterIt) {
  faults_.on_send(2, {.kind = Kind::kRotate});
  TelegramPeer peer(loop_, {.token = kToken, .faults = &faults_});
  send(peer, "soak 1");
  send(peer, "soak 2");
  EXPECT_EQ(peer.ledger().rotation_refusals, 1u);
  EXPECT_EQ(peer.ledger().credential_failures, 0u);
  send(peer, "soak 2", 42, peer.valid_token());

  pass(10s);
  send(peer, "soak 3");
  send(peer, "soak 3", 42, "7:never");

  EXPECT_EQ(peer.ledger().rotation_refusals, 1u);
  EXPECT_EQ(peer.ledger().credential_failures, 2u);
  ASSERT_THAT(kinds(peer.ledger()),
              ElementsAre(ChannelFindingKind::kCredentialRefused, ChannelFindingKind::kCredentialRefused));
  EXPECT_THAT(peer.ledger().findings[0].text,
              HasSubstr("00:00:10 a credential that was rotated at 00:00:00, 10.0 s after its first refusal"));
  EXPECT_THAT(peer.ledger().findings[1].text, HasSubstr("a credential that never was valid"));
}

TEST_F(ChannelLedgerTest, RefusalsUnderWayWhenTheCredentialWasRotatedAreInevitable) {
  TelegramPeer peer(loop_, {.token = kToken});
  peer.rotate_token("7:new");
  pass(1h);  // Nobody could know until somebody is told.

  ask_together({message(peer, "soak 1", 1), message(peer, "soak 1", 2)});
  EXPECT_EQ(peer.ledger().rotation_refusals, 2u);
  EXPECT_EQ(peer.ledger().credential_failures, 0u);

  pass(1s);
  send(peer, "soak 1", 3);  // To confirm it.
  EXPECT_EQ(peer.ledger().rotation_refusals, 3u);
  EXPECT_EQ(peer.ledger().credential_failures, 0u);

  pass(1s);
  send(peer, "soak 1", 4);
  EXPECT_EQ(peer.ledger().credential_failures, 1u);
}

TEST_F(ChannelLedgerTest, FindsARetryOfWhatMayHaveArrived) {
  faults_.on_send(1, {.kind = Kind::kStoreThenReset});
  faults_.on_send(2, {.kind = Kind::kBadGateway});
  faults_.on_send(4, {.kind = Kind::kResetBeforeRead});
  TelegramPeer peer(loop_, {.faults = &faults_});
  send(peer, "soak 1");
  send(peer, "soak 2");
  send(peer, "soak 3");
  send(peer, "soak 4");
  send(peer, "soak 4");  // That one was not stored, as the fake knows.
  EXPECT_EQ(peer.ledger().unknown_outcomes, 2u);
  EXPECT_EQ(peer.ledger().sent_again, 0u);

  pass(10s);
  send(peer, "soak 1");
  send(peer, "soak 2");

  EXPECT_EQ(peer.ledger().sent_again, 2u);
  EXPECT_EQ(peer.ledger().stored_twice, 1u);  // The first of them had been stored.
  EXPECT_THAT(kinds(peer.ledger()), ElementsAre(ChannelFindingKind::kSentAgain, ChannelFindingKind::kStoredTwice,
                                                ChannelFindingKind::kSentAgain, ChannelFindingKind::kOutOfOrder));
}

TEST_F(ChannelLedgerTest, TheLongestRowOf429sIsOfOneConversation) {
  for (const std::uint64_t number : {1u, 2u, 4u, 5u, 6u}) {
    faults_.on_send(number, {.kind = Kind::kRateLimited, .retry_after = 1s});
  }
  TelegramPeer peer(loop_, {.faults = &faults_});
  send(peer, "soak 1", 1);
  send(peer, "soak 1", 2);
  EXPECT_EQ(peer.ledger().longest_429_row, 1u);  // Two conversations.

  pass(1s);
  send(peer, "soak 1", 1);  // Stored.
  pass(1s);
  send(peer, "soak 2", 1);
  pass(1s);
  send(peer, "soak 2", 1);
  pass(1s);
  send(peer, "soak 2", 1);

  EXPECT_EQ(peer.ledger().longest_429_row, 3u);
}

TEST_F(ChannelLedgerTest, ConversationsThatBeginAfterALimitAreNoWave) {
  faults_.on_send(1, {.kind = Kind::kRateLimitedGlobal, .retry_after = 10s});
  TelegramPeer peer(loop_, {.faults = &faults_});
  send(peer, "soak 1", 1);
  pass(10s);

  std::vector<net::HttpRequest> all;
  for (int chat = 1; chat <= 5; ++chat) {
    all.push_back(message(peer, "soak 1", chat));
  }
  ask_together(all);

  EXPECT_EQ(peer.ledger().largest_wave, 1u);
  EXPECT_THAT(peer.ledger().findings, IsEmpty());
}

TEST_F(ChannelLedgerTest, FindsAWaveOfThoseThatASharedLimitHeldBack) {
  faults_.on_send(6, {.kind = Kind::kRateLimitedGlobal, .retry_after = 10s});
  TelegramPeer peer(loop_, {.faults = &faults_});
  for (int chat = 1; chat <= 5; ++chat) {
    send(peer, "soak 1", chat);
  }
  send(peer, "soak 2", 1);
  pass(10s);

  std::vector<net::HttpRequest> all;
  for (int chat = 1; chat <= 5; ++chat) {
    all.push_back(message(peer, "soak 2", chat));
  }
  ask_together(all);

  EXPECT_EQ(peer.ledger().largest_wave, 5u);
  ASSERT_THAT(kinds(peer.ledger()), ElementsAre(ChannelFindingKind::kWave));
  EXPECT_EQ(peer.ledger().findings[0].text, "00:00:10: 5 conversations came back within 100 ms after a limit");
}

TEST_F(ChannelLedgerTest, WhoComesBackOneByOneMakesNoWave) {
  faults_.on_send(6, {.kind = Kind::kRateLimitedGlobal, .retry_after = 10s});
  TelegramPeer peer(loop_, {.faults = &faults_});
  for (int chat = 1; chat <= 5; ++chat) {
    send(peer, "soak 1", chat);
  }
  send(peer, "soak 2", 1);
  pass(10s);

  for (int chat = 1; chat <= 5; ++chat) {
    send(peer, "soak 2", chat);
    pass(150ms);
  }

  EXPECT_EQ(peer.ledger().largest_wave, 1u);
  EXPECT_THAT(peer.ledger().findings, IsEmpty());
}

TEST_F(ChannelLedgerTest, ConversationsLimitedEachForItselfMakeAWaveToo) {
  for (const std::uint64_t number : {1u, 2u, 3u}) {
    faults_.on_send(number, {.kind = Kind::kRateLimited, .retry_after = 5s});
  }
  TelegramPeer peer(loop_, {.faults = &faults_});
  for (int chat = 1; chat <= 3; ++chat) {
    send(peer, "soak 1", chat);
  }
  pass(5s);

  ask_together({message(peer, "soak 1", 1), message(peer, "soak 1", 2), message(peer, "soak 1", 3)});

  EXPECT_EQ(peer.ledger().largest_wave, 3u);
}

TEST_F(ChannelLedgerTest, KeepsTheLastRequestsWithoutTheirTokens) {
  faults_.on_send(2, {.kind = Kind::kRateLimited, .retry_after = 7s});
  TelegramPeer peer(loop_, {.token = kToken, .faults = &faults_, .ledger = {.requests_kept = 3}});
  ask("GET", url(peer, "getMe"));
  send(peer, "soak 1");
  pass(2s);
  send(peer, "soak 2");
  send(peer, "soak 2", 42, "7:never");

  const std::vector<ChannelRequest>& last = peer.ledger().last_requests;
  ASSERT_EQ(last.size(), 3u);
  EXPECT_EQ(last[0].conversation, "42");
  EXPECT_EQ(last[0].outcome, ChannelOutcome::kStored);
  EXPECT_EQ(last[0].credential, 1u);
  EXPECT_EQ(last[0].key, whole_text_key("soak 1").key);
  EXPECT_TRUE(last[0].stored);
  EXPECT_NE(last[0].connection, 0u);
  EXPECT_EQ(last[1].status, 429);
  EXPECT_EQ(last[1].retry_after, 7s);
  EXPECT_GE(last[1].at, last[0].at + 2s);
  EXPECT_EQ(last[2].status, 401);
  EXPECT_EQ(last[2].credential, 0u);
}

TEST_F(ChannelLedgerTest, ForgetsTheOrderOfTheConversationThatWasSilentForLongest) {
  TelegramPeer peer(loop_, {.ledger = {.conversations_max = 2}});
  send(peer, "soak 5", 1);
  pass(1s);
  send(peer, "soak 5", 2);
  pass(1s);
  send(peer, "soak 6", 1);
  pass(1s);
  send(peer, "soak 5", 3);  // In the place of 2.
  send(peer, "soak 4", 1);
  EXPECT_EQ(peer.ledger().out_of_order, 1u);

  send(peer, "soak 4", 2);

  EXPECT_EQ(peer.ledger().out_of_order, 1u);
  EXPECT_EQ(peer.ledger().conversations_forgotten, 2u);
  send(peer, "soak 5", 2);  // What was stored is known all the same.
  EXPECT_EQ(peer.ledger().stored_twice, 1u);
}

TEST_F(ChannelLedgerTest, FiveFindingsOfAKindAreKeptAndAllAreCounted) {
  TelegramPeer peer(loop_, {.limits = {.on = false}});
  for (int i = 0; i < 10; ++i) {
    send(peer, "soak 1");
  }

  EXPECT_EQ(peer.ledger().stored_twice, 9u);
  EXPECT_THAT(peer.ledger().findings, SizeIs(5));
}

TEST_F(ChannelLedgerTest, StaysWithinItsBoundsForAHundredThousandMessages) {
  TelegramPeer peer(loop_, {.limits = {.on = false}, .ledger = {.keys_kept = 1000, .requests_kept = 10}});
  for (int i = 0; i < 100'000; ++i) {
    if (send(peer, "soak " + std::to_string(i)).status != 200) {
      FAIL() << i;
    }
  }

  EXPECT_EQ(peer.ledger().messages_stored, 100'000u);
  EXPECT_EQ(peer.ledger().last_requests.size(), 10u);
  EXPECT_THAT(peer.ledger().findings, IsEmpty());
  send(peer, "soak 99999");
  EXPECT_EQ(peer.ledger().stored_twice, 1u);
}

TEST_F(ChannelLedgerTest, DoesNotGrowWithTheMessages) {
  TelegramPeer peer(loop_);

  const std::int64_t bytes = heap_growth([&](int i) {
    EXPECT_EQ(send(peer, "soak " + std::to_string(i)).status, 200);
    pass(30s);
  });

  EXPECT_LT(bytes, 2000);  // Less than a byte for each.
}

TEST_F(ChannelLedgerTest, TheSameSeedGivesTheSameAnswersAndTheSameRequests) {
  const auto day = [](std::uint64_t seed) {
    VirtualLoop loop({.seed = seed});
    ChannelFaults faults(daily_channel_faults({.seed = seed, .day = 2h}));
    std::string heard;
    loop.run([](EventLoop& own, ChannelFaults& plan, std::string& into, std::uint64_t own_seed) -> Task<> {
      TelegramPeerOptions options;
      options.seed = own_seed;
      options.faults = &plan;
      TelegramPeer peer(own, options);
      net::HttpClient client(own);
      std::string token = "7:secret";
      for (int i = 0; i < 240; ++i) {
        net::HttpRequest request = message(peer, "soak " + std::to_string(i), 42, token);
        try {
          const net::HttpResponse response = co_await client.send(std::move(request));
          into += response.body + response.headers.get("retry-after") + "\n";
        } catch (const net::HttpError&) {
          into += "lost\n";
        }
        if (!peer.valid_token().empty()) {
          token = peer.valid_token();
        }
        co_await sleep_for(30s);
      }
      into += std::to_string(peer.ledger().requests) + " " + std::to_string(peer.ledger().rate_limited);
    }(loop, faults, heard, seed));
    return heard;
  };

  const std::string first = day(3);
  EXPECT_EQ(first, day(3));
  EXPECT_NE(first, day(4));
  EXPECT_THAT(first, HasSubstr("lost\n"));
}

}  // namespace
}  // namespace soak::peers
