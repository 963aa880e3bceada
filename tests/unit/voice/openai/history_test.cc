// SPDX-License-Identifier: Apache-2.0
#include "lib/voice/openai/history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "soak/backoff.h"
#include "soak/peers/openai_realtime_peer.h"
#include "tests/unit/voice/openai/fixture.h"

namespace soak::voice {
namespace {

using testing::ElementsAre;
using Speaker = Transcript::Speaker;

std::vector<std::string> told(const History& history) {
  std::vector<std::string> texts;
  for (const History::Item& item : history.items()) {
    texts.push_back((item.speaker == Speaker::kUser ? "user " : "assistant ") + item.id + ": " + item.text);
  }
  return texts;
}

TEST(HistoryTest, KeepsTheOrderInWhichItemsBeganNotThatOfTheirTexts) {
  History history(10'000);
  history.begin(Speaker::kUser, "u1");
  history.begin(Speaker::kAssistant, "a1");
  history.complete(Speaker::kAssistant, "a1", "Hello.");
  history.complete(Speaker::kUser, "u1", "Hello?");
  history.complete(Speaker::kAssistant, "a2", "Still there?");

  EXPECT_THAT(told(history), ElementsAre("user u1: Hello?", "assistant a1: Hello.", "assistant a2: Still there?"));
}

TEST(HistoryTest, OfAnItemThatWasBrokenOffThereIsNoText) {
  History history(10'000);
  history.break_off("a1");
  history.complete(Speaker::kAssistant, "a1", "What nobody heard.");
  history.complete(Speaker::kAssistant, "a2", "Heard in part.");
  history.break_off("a2");

  EXPECT_THAT(told(history), ElementsAre("assistant a1: ", "assistant a2: "));
}

TEST(HistoryTest, ForgetsTheOldestBeyondItsBound) {
  History history(1000);
  for (int i = 0; i < 100; ++i) {
    history.complete(Speaker::kUser, "u" + std::to_string(i), std::string(50, 'x'));
  }
  ASSERT_FALSE(history.items().empty());
  EXPECT_LT(history.items().size(), 10u);
  EXPECT_EQ(history.items().back().id, "u99");

  for (int i = 0; i < 10'000; ++i) {
    history.begin(Speaker::kUser, "never " + std::to_string(i));
  }
  EXPECT_LT(history.items().size(), 20u);

  history.complete(Speaker::kUser, "large", std::string(2000, 'x'));
  EXPECT_TRUE(history.items().empty());
}

TEST(HistoryTest, OfNoSizeKeepsNothing) {
  History history(0);
  history.complete(Speaker::kUser, "u", "Hello?");

  EXPECT_TRUE(history.items().empty());
}

class HistoryReplayTest : public OpenAiClientTest {
 protected:
  // What the client told the connection of the conversation.
  static std::vector<std::string> told_to(const Connection& connection) {
    std::vector<std::string> items;
    for (const std::string& event : connection.received) {
      if (text_at(event, "type") == "conversation.item.create") {
        items.push_back(event.substr(event.find("\"item\"")));
      }
    }
    return items;
  }

  static Task<> converse(Connection& connection) {
    co_await begin(connection);
    co_await connection.send_text(R"({"type":"input_audio_buffer.committed","item_id":"u1"})");
    co_await connection.send_text(
        R"({"type":"response.output_audio_transcript.done","item_id":"a1","transcript":"Good \"day\"."})");
    co_await connection.send_text(
        R"({"type":"conversation.item.input_audio_transcription.completed","item_id":"u1","transcript":"Hello?"})");
    co_await connection.send_text(R"({"type":"input_audio_buffer.committed","item_id":"never transcribed"})");
    std::string not_utf8 =
        "{\"type\":\"response.output_audio_transcript.done\",\"item_id\":\"a2\",\"transcript\":\"\xc3\x28\"}";
    co_await connection.send_binary(std::move(not_utf8));
    co_await sleep_for(1s);
    co_await connection.close(1011, "");
  }
};

TEST_F(HistoryReplayTest, TheNextSessionIsToldWhatWasSaidBeforeItStreams) {
  options_.backoff = BackoffOptions{.initial = 100ms};
  run({converse, closing_after(1s, 1011, ""), begin}, [](OpenAiRealtimeClient& client) -> Task<> {
    co_await client.connect();
    Task<std::optional<Error>> streaming = stream(client, 200);
    const std::optional<Error> thrown = co_await std::move(streaming);
    EXPECT_FALSE(thrown);
    EXPECT_EQ(client.counters().items_replayed, 4u);
    co_await client.close();
  });

  ASSERT_EQ(connections_.size(), 3u);
  EXPECT_THAT(told_to(*connections_[0]), ElementsAre());
  for (const std::size_t i : {1u, 2u}) {
    EXPECT_THAT(told_to(*connections_[i]),
                ElementsAre(R"("item":{"id":"u1","type":"message","role":"user",)"
                            R"("content":[{"type":"input_text","text":"Hello?"}]}})",
                            R"("item":{"id":"a1","type":"message","role":"assistant",)"
                            R"("content":[{"type":"output_text","text":"Good \"day\"."}]}})"));
    EXPECT_EQ(text_at(connections_[i]->received[1], "type"), "conversation.item.create");  // After session.update.
    EXPECT_EQ(text_at(connections_[i]->received[2], "type"), "conversation.item.create");
  }
}

TEST_F(HistoryReplayTest, SwitchedOffNothingIsTold) {
  options_.backoff = BackoffOptions{.initial = 100ms};
  options_.history_bytes_max = 0;
  run({converse, begin}, [](OpenAiRealtimeClient& client) -> Task<> {
    co_await client.connect();
    co_await sleep_for(10s);
    EXPECT_EQ(client.counters().items_replayed, 0u);
    co_await client.close();
  });

  ASSERT_EQ(connections_.size(), 2u);
  EXPECT_THAT(told_to(*connections_[1]), ElementsAre());
}

// The fake checks each item as the provider does, and knows those it was told.
TEST(HistoryTogetherTest, TheFakeTakesTheConversationInEachRenewedSession) {
  VirtualLoop loop;
  peers::OpenAiRealtimePeer peer(loop, {.session_max = 60s});
  OpenAiRealtimeClient client(loop, {.url = peer.url(), .transcription_model = "whisper-1"});
  loop.run([](OpenAiRealtimeClient& own) -> Task<> {
    co_await own.connect();
    for (int i = 0; i < 100; ++i) {
      co_await own.send_audio(kShortTurn);
      co_await own.end_turn();
      co_await sleep_for(3s);
    }
    co_await own.close();
    co_await sleep_for(1s);
  }(client));

  EXPECT_GE(client.counters().renewals, 4u);
  EXPECT_GT(client.counters().items_replayed, 100u);
  EXPECT_EQ(peer.ledger().events_by_type.at("conversation.item.create"), client.counters().items_replayed);
  EXPECT_EQ(peer.ledger().errors_sent, 0u) << client.last_error();
}

}  // namespace
}  // namespace soak::voice
