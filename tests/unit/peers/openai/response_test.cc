// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "tests/unit/peers/openai/fixture.h"

namespace soak::peers {
namespace {

using testing::ElementsAre;

class OpenAiResponseTest : public OpenAiTest {
 public:
  // Says `events` in a new session, and returns all it hears until `last`.
  std::vector<Heard> converse(OpenAiRealtimePeer& peer, std::vector<std::string> events,
                              std::string last = "response.done") {
    return loop_.run([](OpenAiResponseTest& test, OpenAiRealtimePeer& own, std::vector<std::string>& sayings,
                        std::string until) -> Task<std::vector<Heard>> {
      RawClient client = co_await test.enter(own);
      for (const std::string& saying : sayings) {
        co_await client.say(saying);
      }
      co_return co_await client.hear_until(until);
    }(*this, peer, events, last));
  }
};

TEST_F(OpenAiResponseTest, EventsComeInTheRecordedOrder) {
  OpenAiRealtimePeer peer(loop_, {.response_audio = 250ms});

  const std::vector<Heard> events = converse(peer, {R"({"type":"response.create"})"});

  EXPECT_THAT(types_of(events), ElementsAre("response.created", "response.output_item.added", "conversation.item.added",
                                            "response.content_part.added",                                            //
                                            "response.output_audio_transcript.delta", "response.output_audio.delta",  //
                                            "response.output_audio_transcript.delta", "response.output_audio.delta",  //
                                            "response.output_audio_transcript.delta", "response.output_audio.delta",  //
                                            "response.output_audio.done", "response.output_audio_transcript.done",
                                            "response.content_part.done", "conversation.item.done",
                                            "response.output_item.done", "response.done"));
}

TEST_F(OpenAiResponseTest, EventsCarryTheirIdsAndContent) {
  OpenAiRealtimePeer peer(loop_, {.response_audio = 250ms});

  const std::vector<Heard> events = converse(peer, {R"({"type":"response.create"})"});

  ASSERT_EQ(events.size(), 16u);
  const std::string response = events[0].get("response.id");
  const std::string item = events[1].get("item.id");
  EXPECT_EQ(events[0].get("response.status"), "in_progress");
  EXPECT_EQ(events[0].get("response.output"), "[]");
  EXPECT_EQ(events[0].get("response.usage"), "null");
  EXPECT_EQ(events[1].get("response_id"), response);
  EXPECT_EQ(events[1].get("item"), R"({"id":")" + item +
                                       R"(","type":"message","status":"in_progress",)"
                                       R"("role":"assistant","content":[]})");
  EXPECT_EQ(events[2].get("item"), events[1].get("item"));
  EXPECT_EQ(events[3].get("part"), R"({"type":"audio","transcript":""})");
  for (const Heard& event : events) {
    if (event.get("content_index") == "(absent)") {
      continue;
    }
    EXPECT_EQ(event.get("response_id"), response) << event.text();
    EXPECT_EQ(event.get("item_id"), item);
    EXPECT_EQ(event.get("output_index"), "0");
    EXPECT_EQ(event.get("content_index"), "0");
  }
  EXPECT_EQ(events[11].get("transcript"), "This is a");
  EXPECT_EQ(events[12].get("part"), R"({"type":"audio","transcript":"This is a"})");
  EXPECT_EQ(events[13].get("previous_item_id"), "null");
  EXPECT_EQ(events[14].get("item"),
            R"({"id":")" + item +
                R"(","type":"message","status":"completed",)"
                R"("role":"assistant","content":[{"type":"output_audio","transcript":"This is a"}]})");
  EXPECT_EQ(events[15].get("response.output.0"), events[14].get("item"));
}

TEST_F(OpenAiResponseTest, ResponseDoneHasUsageThatAddsUp) {
  OpenAiRealtimePeer peer(loop_, {.response_audio = 1s});

  const std::vector<Heard> events = converse(
      peer, {append_event(48'000), R"({"type":"input_audio_buffer.commit"})", R"({"type":"response.create"})"});

  const Heard& done = events.back();
  EXPECT_EQ(done.get("response.object"), "realtime.response");
  EXPECT_EQ(done.get("response.status"), "completed");
  EXPECT_EQ(done.get("response.status_details"), "null");
  EXPECT_THAT(done.get("response.conversation_id"), testing::StartsWith("conv_"));
  EXPECT_EQ(done.get("response.max_output_tokens"), "inf");
  EXPECT_EQ(done.get("response.audio.output"), R"({"format":{"type":"audio/pcm","rate":24000},"voice":"alloy"})");
  EXPECT_EQ(done.get("response.usage.input_token_details.audio_tokens"), "10");
  EXPECT_EQ(done.get("response.usage.output_token_details"), R"({"text_tokens":10,"audio_tokens":20})");
  EXPECT_EQ(done.get("response.usage.output_tokens"), "30");
  EXPECT_EQ(std::stoi(done.get("response.usage.total_tokens")),
            std::stoi(done.get("response.usage.input_tokens")) + 30);
}

TEST_F(OpenAiResponseTest, DeltasHoldTheAskedAudioInTheSessionsFormat) {
  for (const auto& [format, bytes_per_second] : {std::pair("audio/pcm", 48'000), std::pair("audio/pcmu", 8'000)}) {
    OpenAiRealtimePeer peer(loop_, {.response_audio = 1050ms});
    const std::vector<Heard> events = converse(
        peer, {R"({"type":"session.update","session":{"type":"realtime","audio":{"output":{"format":{"type":")" +
                   std::string(format) + R"("}}}}})",
               R"({"type":"response.create"})"});

    std::string audio;
    int deltas = 0;
    for (const Heard& event : events) {
      if (event.type() != "response.output_audio.delta") {
        continue;
      }
      std::string bytes;
      ASSERT_TRUE(text::decode_base64(event.get("delta"), bytes));
      audio += bytes;
      ++deltas;
    }
    EXPECT_EQ(deltas, 11);
    EXPECT_EQ(audio.size(), static_cast<std::size_t>(bytes_per_second * 105 / 100));
    EXPECT_EQ(peer.ledger().audio_bytes_sent, audio.size());
    EXPECT_EQ(peer.ledger().audio_deltas_sent, 11u);
  }
}

TEST_F(OpenAiResponseTest, DeltasComePaceTimesAsFastAsTheyPlay) {
  OpenAiRealtimePeer four_times(loop_, {.response_audio = 2s, .pace = 4});
  OpenAiRealtimePeer at_once(loop_, {.response_audio = 60s, .pace = std::numeric_limits<double>::infinity()});

  const Instant start = loop_.now();
  converse(four_times, {R"({"type":"response.create"})"});
  const Instant paced = loop_.now();
  converse(at_once, {R"({"type":"response.create"})"});

  EXPECT_EQ(paced - start, 475ms);  // The last of 20 pieces goes out when 19 would have been played.
  EXPECT_EQ(loop_.now(), paced);
}

TEST_F(OpenAiResponseTest, TextModalityComesAsTextInTheSameOrder) {
  OpenAiRealtimePeer peer(loop_, {.response_audio = 200ms});

  const std::vector<Heard> events =
      converse(peer, {R"({"type":"response.create","response":{"output_modalities":["text"]}})"});

  EXPECT_THAT(types_of(events),
              ElementsAre("response.created", "response.output_item.added", "conversation.item.added",
                          "response.content_part.added", "response.output_text.delta", "response.output_text.delta",
                          "response.output_text.done", "response.content_part.done", "conversation.item.done",
                          "response.output_item.done", "response.done"));
  EXPECT_EQ(events[3].get("part"), R"({"type":"text","text":""})");
  EXPECT_EQ(events[6].get("text"), "This is");
  EXPECT_EQ(events[9].get("item.content"), R"([{"type":"output_text","text":"This is"}])");
  EXPECT_EQ(events[10].get("response.output_modalities"), R"(["text"])");
}

TEST_F(OpenAiResponseTest, ObfuscationIsOnTextDeltasOnly) {
  OpenAiRealtimePeer peer(loop_);

  for (const Heard& event : converse(peer, {R"({"type":"response.create"})"})) {
    const bool text = event.type() == "response.output_audio_transcript.delta";
    EXPECT_EQ(event.get("obfuscation") != "(absent)", text) << event.type();
  }
}

TEST_F(OpenAiResponseTest, SecondResponseWhileOneRunsIsRefused) {
  OpenAiRealtimePeer peer(loop_, {.tokens_per_minute = 0});
  loop_.run([](OpenAiResponseTest& test, OpenAiRealtimePeer& own) -> Task<> {
    RawClient client = co_await test.enter(own);
    co_await client.say(R"({"type":"response.create","event_id":"first"})");
    const Heard created = co_await client.hear();
    co_await client.say(R"({"type":"response.create","event_id":"second"})");
    std::vector<Heard> heard = co_await client.hear_until("response.done");
    co_await client.say(R"({"type":"response.create"})");
    const std::vector<Heard> third = co_await client.hear_until("response.done");

    const auto error = std::find_if(heard.begin(), heard.end(), [](const Heard& h) { return h.type() == "error"; });
    const std::vector<std::string> types = types_of(heard);
    EXPECT_NE(error, heard.end());
    if (error == heard.end()) {
      co_return;
    }
    EXPECT_EQ(error->get("error.code"), "conversation_already_has_active_response");
    EXPECT_EQ(error->get("error.event_id"), "second");
    EXPECT_THAT(error->get("error.message"), testing::HasSubstr(created.get("response.id")));
    EXPECT_EQ(std::count(types.begin(), types.end(), "response.created"), 0);
    EXPECT_EQ(third.front().type(), "response.created");
  }(*this, peer));

  EXPECT_EQ(peer.ledger().responses_created, 2u);
  EXPECT_EQ(peer.ledger().responses_done, 2u);
}

TEST_F(OpenAiResponseTest, OutOfBandResponseRunsBesideAndLeavesTheConversationAlone) {
  OpenAiRealtimePeer peer(loop_);
  loop_.run([](OpenAiResponseTest& test, OpenAiRealtimePeer& own) -> Task<> {
    RawClient client = co_await test.enter(own);
    co_await client.say(R"({"type":"response.create"})");
    co_await client.say(R"({"type":"response.create","response":{"conversation":"none","metadata":{"k":"v"}}})");
    std::vector<Heard> heard = co_await client.hear_until("response.done");
    std::vector<Heard> rest = co_await client.hear_until("response.done");
    for (Heard& event : rest) {
      heard.push_back(std::move(event));
    }

    const std::vector<std::string> types = types_of(heard);
    EXPECT_EQ(std::count(types.begin(), types.end(), "response.created"), 2);
    EXPECT_EQ(std::count(types.begin(), types.end(), "conversation.item.added"), 1);
    EXPECT_EQ(std::count(types.begin(), types.end(), "error"), 0);
    const auto aside = std::find_if(heard.begin(), heard.end(), [](const Heard& event) {
      return event.type() == "response.done" && event.get("response.conversation_id") == "null";
    });
    EXPECT_NE(aside, heard.end());
    if (aside == heard.end()) {
      co_return;
    }
    EXPECT_EQ(aside->get("response.metadata"), R"({"k":"v"})");
  }(*this, peer));
}

TEST_F(OpenAiResponseTest, CancelEndsTheResponseAtOnce) {
  OpenAiRealtimePeer peer(loop_, {.tokens_per_minute = 0, .response_audio = 10s, .pace = 1});
  loop_.run([](OpenAiResponseTest& test, OpenAiRealtimePeer& own) -> Task<> {
    RawClient client = co_await test.enter(own);
    co_await client.say(R"({"type":"response.create"})");
    co_await client.hear_until("response.output_audio.delta");
    const Instant cancelled_at = test.loop_.now();
    co_await client.say(R"({"type":"response.cancel"})");
    const std::vector<Heard> end = co_await client.hear_until("response.done");
    const Heard again = co_await client.ask(R"({"type":"response.cancel","event_id":"e2"})");

    EXPECT_THAT(types_of(end), ElementsAre("response.output_audio.done", "response.output_audio_transcript.done",
                                           "response.content_part.done", "conversation.item.done",
                                           "response.output_item.done", "response.done"));
    EXPECT_EQ(test.loop_.now(), cancelled_at);
    EXPECT_EQ(end[4].get("item.status"), "incomplete");
    EXPECT_EQ(end[5].get("response.status"), "cancelled");
    EXPECT_EQ(end[5].get("response.status_details"), R"({"type":"cancelled","reason":"client_cancelled"})");
    EXPECT_NE(end[5].get("response.usage"), "null");
    EXPECT_EQ(again.get("error.code"), "response_cancel_not_active");
    EXPECT_EQ(again.get("error.event_id"), "e2");
  }(*this, peer));
}

TEST_F(OpenAiResponseTest, CancelBeforeTheFirstEventStillSendsCreatedAndDone) {
  OpenAiRealtimePeer peer(loop_);

  const std::vector<Heard> events = converse(peer, {R"({"type":"response.create"})", R"({"type":"response.cancel"})"});

  EXPECT_EQ(events.front().type(), "response.created");
  EXPECT_EQ(events.back().get("response.status"), "cancelled");
}

TEST_F(OpenAiResponseTest, CancelByAnotherIdIsAnError) {
  OpenAiRealtimePeer peer(loop_);

  const std::vector<Heard> events = converse(
      peer, {R"({"type":"response.create"})", R"({"type":"response.cancel","response_id":"resp_other"})"}, "error");

  EXPECT_EQ(events.back().get("error.code"), "response_cancel_not_active");
}

TEST_F(OpenAiResponseTest, MaxOutputTokensEndsItIncomplete) {
  OpenAiRealtimePeer peer(loop_);

  const std::vector<Heard> events =
      converse(peer, {R"({"type":"response.create","response":{"max_output_tokens":7}})"});

  EXPECT_EQ(events.back().get("response.status"), "incomplete");
  EXPECT_EQ(events.back().get("response.status_details"), R"({"type":"incomplete","reason":"max_output_tokens"})");
  EXPECT_EQ(events.back().get("response.usage.output_tokens"), "6");  // Two pieces of three tokens.
}

TEST_F(OpenAiResponseTest, VoiceIsLockedOnceTheAssistantHasSpoken) {
  OpenAiRealtimePeer peer(loop_, {.tokens_per_minute = 0, .response_audio = 100ms});
  const std::string to_cedar =
      R"({"type":"session.update","session":{"type":"realtime","audio":{"output":{"voice":"cedar"}}}})";
  const std::string to_alloy =
      R"({"type":"session.update","session":{"type":"realtime","audio":{"output":{"voice":"alloy"}}}})";
  loop_.run([](OpenAiResponseTest& test, OpenAiRealtimePeer& own, std::string cedar, std::string alloy) -> Task<> {
    RawClient client = co_await test.enter(own);
    const Heard before = co_await client.ask(cedar);
    co_await client.say(R"({"type":"response.create"})");
    co_await client.hear_until("response.done");
    const Heard after = co_await client.ask(alloy);
    const Heard same = co_await client.ask(cedar);

    EXPECT_EQ(before.type(), "session.updated");
    EXPECT_EQ(after.get("error.code"), "cannot_update_voice");
    EXPECT_EQ(same.type(), "session.updated");
  }(*this, peer, to_cedar, to_alloy));
}

TEST_F(OpenAiResponseTest, EveryEventHasAnIdOfItsOwn) {
  OpenAiRealtimePeer peer(loop_);
  std::set<std::string> ids;
  std::size_t count = 0;

  for (int session = 0; session < 2; ++session) {
    for (const Heard& event : converse(peer, {R"({"type":"response.create"})"})) {
      EXPECT_THAT(event.get("event_id"), testing::StartsWith("event_"));
      ids.insert(event.get("event_id"));
      ++count;
    }
  }

  EXPECT_GT(count, 80u);
  EXPECT_EQ(ids.size(), count);
}

TEST_F(OpenAiResponseTest, SameSeedGivesTheSameBytes) {
  const auto play = [](std::uint64_t seed) {
    VirtualLoop loop;
    OpenAiRealtimePeer peer(loop, {.seed = seed});
    return loop.run([](EventLoop& own_loop, std::string url) -> Task<std::string> {
      RawClient client = co_await dial(own_loop, url);
      co_await client.say(R"({"type":"response.create"})");
      std::string all;
      for (const Heard& event : co_await client.hear_until("response.done")) {
        all += event.text() + "\n";
      }
      co_return all;
    }(loop, peer.url() + "?model=m"));
  };

  const std::string first = play(7);

  EXPECT_EQ(play(7), first);
  EXPECT_NE(play(8), first);
}

// The input of a response is the whole conversation.
TEST_F(OpenAiTest, InputTokensGrowWithTheConversation) {
  OpenAiRealtimePeer peer(loop_, {.tokens_per_minute = 0, .response_audio = 1s});
  loop_.run([](OpenAiTest& test, OpenAiRealtimePeer& own) -> Task<> {
    RawClient client = co_await test.enter(own);
    std::string off =
        R"({"type":"session.update","session":{"type":"realtime","instructions":"12345678","audio":{"input":{"turn_detection":null}}}})";
    co_await client.ask(std::move(off));
    std::vector<std::string> used;
    for (int i = 0; i < 3; ++i) {
      co_await client.say(append_event(48'000));
      co_await client.say(R"({"type":"input_audio_buffer.commit"})");
      co_await client.say(R"({"type":"response.create"})");
      const std::vector<Heard> events = co_await client.hear_until("response.done");
      used.push_back(events.back().get("response.usage.input_token_details.text_tokens") + "+" +
                     events.back().get("response.usage.input_token_details.audio_tokens"));
    }
    const std::vector<Heard> aside = co_await [](RawClient& own_client) -> Task<std::vector<Heard>> {
      co_await own_client.say(R"({"type":"response.create","response":{"conversation":"none","input":[]}})");
      co_return co_await own_client.hear_until("response.done");
    }(client);

    // Two of instructions; each turn adds ten of what the user said, and ten words and twenty of audio of the answer.
    EXPECT_THAT(used, testing::ElementsAre("2+10", "12+40", "22+70"));
    EXPECT_EQ(aside.back().get("response.usage.input_tokens"), "2");
  }(*this, peer));
}

}  // namespace
}  // namespace soak::peers
