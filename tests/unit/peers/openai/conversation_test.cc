// SPDX-License-Identifier: Apache-2.0
#include <ostream>
#include <string>

#include "tests/unit/peers/openai/fixture.h"

namespace soak::peers {
namespace {

std::string create_event(const std::string& item, const std::string& more = "") {
  return R"({"type":"conversation.item.create","event_id":"mine","item":)" + item + more + "}";
}

class OpenAiConversationTest : public OpenAiTest {
 public:
  // Creates an item, and returns its conversation.item.added.
  Task<Heard> create(RawClient& client, std::string item, std::string more = "") {
    co_await client.say(create_event(item, more));
    std::vector<Heard> heard = co_await client.hear_until("conversation.item.done");
    EXPECT_EQ(types_of(heard), (std::vector<std::string>{"conversation.item.added", "conversation.item.done"}));
    co_return std::move(heard.front());
  }
};

constexpr const char* kUserText = R"({"type":"message","role":"user","content":[{"type":"input_text","text":"hi"}]})";

TEST_F(OpenAiConversationTest, CreatedItemIsAddedAndDone) {
  OpenAiRealtimePeer peer(loop_);
  loop_.run([](OpenAiConversationTest& test, OpenAiRealtimePeer& own) -> Task<> {
    RawClient client = co_await test.enter(own);
    const Heard first = co_await test.create(client, kUserText);
    const Heard second = co_await test.create(
        client, R"({"id":"call","type":"function_call","call_id":"c1","name":"f","arguments":"{\"a\":1}"})");

    EXPECT_EQ(first.get("previous_item_id"), "null");
    EXPECT_THAT(first.get("item.id"), testing::MatchesRegex("item_[0-9A-Za-z]{21}"));
    EXPECT_EQ(first.get("item.status"), "completed");
    EXPECT_EQ(first.get("item.content"), R"([{"type":"input_text","text":"hi"}])");
    EXPECT_EQ(second.get("previous_item_id"), first.get("item.id"));
    EXPECT_EQ(second.get("item"), R"({"id":"call","type":"function_call","status":"completed","name":"f",)"
                                  R"("call_id":"c1","arguments":"{\"a\":1}"})");
  }(*this, peer));
}

TEST_F(OpenAiConversationTest, AudioOfAnItemIsNotGivenBack) {
  const Heard added = answer_to({create_event(
      R"({"type":"message","role":"user","content":[{"type":"input_audio","audio":"AAAA","transcript":"hm"}]})")});

  EXPECT_EQ(added.get("item.content"), R"([{"type":"input_audio","transcript":"hm"}])");
}

TEST_F(OpenAiConversationTest, PreviousItemIdSaysWhereTheItemGoes) {
  OpenAiRealtimePeer peer(loop_);
  loop_.run([](OpenAiConversationTest& test, OpenAiRealtimePeer& own) -> Task<> {
    RawClient client = co_await test.enter(own);
    const Heard first = co_await test.create(client, kUserText);
    const std::string id = first.get("item.id");
    co_await test.create(client, kUserText);

    const Heard front = co_await test.create(client, kUserText, R"(,"previous_item_id":"root")");
    const Heard after_first = co_await test.create(client, kUserText, R"(,"previous_item_id":")" + id + "\"");
    const Heard unknown = co_await client.ask(create_event(kUserText, R"(,"previous_item_id":"nobody")"));

    EXPECT_EQ(front.get("previous_item_id"), "null");
    EXPECT_EQ(after_first.get("previous_item_id"), id);
    EXPECT_EQ(unknown.get("error.param"), "previous_item_id");
  }(*this, peer));
}

TEST_F(OpenAiConversationTest, ItemIsRetrievedUntilItIsDeleted) {
  OpenAiRealtimePeer peer(loop_);
  loop_.run([](OpenAiConversationTest& test, OpenAiRealtimePeer& own) -> Task<> {
    RawClient client = co_await test.enter(own);
    const Heard added = co_await test.create(
        client, R"({"id":"i1","type":"message","role":"system","content":[{"type":"input_text","text":"be brief"}]})");

    const Heard retrieved = co_await client.ask(R"({"type":"conversation.item.retrieve","item_id":"i1"})");
    const Heard deleted = co_await client.ask(R"({"type":"conversation.item.delete","item_id":"i1"})");
    const Heard gone = co_await client.ask(R"({"type":"conversation.item.retrieve","item_id":"i1"})");

    EXPECT_EQ(retrieved.type(), "conversation.item.retrieved");
    EXPECT_EQ(retrieved.get("item"), added.get("item"));
    EXPECT_EQ(deleted.type(), "conversation.item.deleted");
    EXPECT_EQ(deleted.get("item_id"), "i1");
    EXPECT_EQ(gone.get("error.code"), "item_retrieve_invalid_item_id");
  }(*this, peer));
}

// "with audio": RealtimeServerEventConversationItemRetrieved of github.com/openai/openai-openapi.
TEST_F(OpenAiConversationTest, RetrievedItemsHoldTheirAudio) {
  OpenAiRealtimePeer peer(loop_, {.tokens_per_minute = 0, .response_audio = 500ms});
  loop_.run([](OpenAiConversationTest& test, OpenAiRealtimePeer& own) -> Task<> {
    RawClient client = co_await test.enter(own);
    std::string off =
        R"({"type":"session.update","session":{"type":"realtime","audio":{"input":{"turn_detection":null}}}})";
    co_await client.ask(std::move(off));
    co_await client.say(append_event(9600));
    const Heard committed = co_await client.ask(R"({"type":"input_audio_buffer.commit"})");
    co_await client.hear_until("conversation.item.done");
    co_await client.say(R"({"type":"response.create"})");
    const std::vector<Heard> response = co_await client.hear_until("response.done");
    const std::string answer = response.back().get("response.output.0.id");
    std::string sent;
    for (const Heard& event : response) {
      if (event.type() == "response.output_audio.delta") {
        EXPECT_TRUE(text::decode_base64(event.get("delta"), sent));
      }
    }
    const auto retrieve = [](const std::string& id) {
      return R"({"type":"conversation.item.retrieve","item_id":")" + id + "\"}";
    };

    const Heard user = co_await client.ask(retrieve(committed.get("item_id")));
    const Heard assistant = co_await client.ask(retrieve(answer));
    co_await client.ask(R"({"type":"conversation.item.truncate","content_index":0,"item_id":")" + answer +
                        R"(","audio_end_ms":200})");
    const Heard truncated = co_await client.ask(retrieve(answer));

    std::string heard;
    EXPECT_TRUE(text::decode_base64(user.get("item.content.0.audio"), heard));
    EXPECT_EQ(heard, std::string(9600, '\x01'));
    std::string said;
    EXPECT_TRUE(text::decode_base64(assistant.get("item.content.0.audio"), said));
    EXPECT_EQ(said, sent);
    EXPECT_EQ(assistant.get("item.content.0.transcript"), "This is a tone that");
    said.clear();
    EXPECT_TRUE(text::decode_base64(truncated.get("item.content.0.audio"), said));
    EXPECT_EQ(said, sent.substr(0, 9600));
  }(*this, peer));
}

// What a fake hears must not make it grow.
TEST_F(OpenAiConversationTest, OfTheAudioThatWasHeardTheNewestIsKept) {
  OpenAiRealtimePeer peer(loop_, {.tokens_per_minute = 0, .stored_audio_bytes_max = 20'000});
  loop_.run([](OpenAiConversationTest& test, OpenAiRealtimePeer& own) -> Task<> {
    RawClient client = co_await test.enter(own);
    std::string off =
        R"({"type":"session.update","session":{"type":"realtime","audio":{"input":{"turn_detection":null}}}})";
    co_await client.ask(std::move(off));
    std::vector<std::string> ids;
    for (const std::size_t bytes : {9600u, 9600u, 9600u, 24'000u}) {
      co_await client.say(append_event(bytes));
      const Heard committed = co_await client.ask(R"({"type":"input_audio_buffer.commit"})");
      ids.push_back(committed.get("item_id"));
      co_await client.hear_until("conversation.item.done");
    }
    std::vector<bool> kept;
    for (const std::string& id : ids) {
      const Heard item = co_await client.ask(R"({"type":"conversation.item.retrieve","item_id":")" + id + "\"}");
      EXPECT_EQ(item.type(), "conversation.item.retrieved");
      kept.push_back(item.get("item.content.0.audio") != "(absent)");
    }
    // The last is more than is kept at all; it drove out those before it.
    EXPECT_EQ(kept.front(), false);
    EXPECT_EQ(kept.back(), false);
  }(*this, peer));
}

TEST_F(OpenAiConversationTest, OnlySentAudioOfTheAssistantIsTruncated) {
  OpenAiRealtimePeer peer(loop_, {.tokens_per_minute = 0, .response_audio = 500ms});
  loop_.run([](OpenAiConversationTest& test, OpenAiRealtimePeer& own) -> Task<> {
    RawClient client = co_await test.enter(own);
    const Heard user = co_await test.create(client, kUserText);
    co_await client.say(R"({"type":"response.create"})");
    const std::vector<Heard> response = co_await client.hear_until("response.done");
    const std::string id = response.back().get("response.output.0.id");
    const auto truncate = [](const std::string& item, int ms) {
      return R"({"type":"conversation.item.truncate","content_index":0,"item_id":")" + item + R"(","audio_end_ms":)" +
             std::to_string(ms) + "}";
    };

    const Heard past_end = co_await client.ask(truncate(id, 501));
    const Heard of_user = co_await client.ask(truncate(user.get("item.id"), 1));
    const Heard truncated = co_await client.ask(truncate(id, 500));
    const Heard again = co_await client.ask(truncate(id, 200));
    const Heard longer = co_await client.ask(truncate(id, 300));

    EXPECT_EQ(past_end.get("error.message"), "Audio content of 500ms is already shorter than 501ms");
    EXPECT_EQ(of_user.type(), "error");
    EXPECT_EQ(truncated.type(), "conversation.item.truncated");
    EXPECT_EQ(truncated.get("audio_end_ms"), "500");
    EXPECT_EQ(again.type(), "conversation.item.truncated");
    EXPECT_EQ(longer.type(), "error");
  }(*this, peer));
}

struct BadItem {
  const char* name;
  const char* item;
  const char* code;
  const char* param;
};

void PrintTo(const BadItem& item, std::ostream* out) { *out << item.item; }

class OpenAiBadItemTest : public OpenAiTest, public testing::WithParamInterface<BadItem> {};

TEST_P(OpenAiBadItemTest, IsRefusedByCodeAndPath) {
  const Heard error = answer_to({create_event(GetParam().item)});

  EXPECT_EQ(error.get("error.code"), GetParam().code);
  EXPECT_EQ(error.get("error.param"), GetParam().param);
  EXPECT_EQ(error.get("error.event_id"), "mine");
}

constexpr BadItem kBadItems[] = {
    {"NoType", R"({"role":"user","content":[]})", "missing_required_parameter", "item.type"},
    {"NoRole", R"({"type":"message","content":[]})", "missing_required_parameter", "item.role"},
    {"NoContent", R"({"type":"message","role":"user"})", "missing_required_parameter", "item.content"},
    {"OtherRole", R"({"type":"message","role":"tool","content":[]})", "invalid_value", "item.role"},
    {"SystemAudio", R"({"type":"message","role":"system","content":[{"type":"input_audio","audio":"AAAA"}]})",
     "invalid_value", "item.content[0].type"},
    {"SeededAssistantAudio",
     R"({"type":"message","role":"assistant","content":[{"type":"output_audio","transcript":"x"}]})",
     "missing_required_parameter", "item.content[0].text"},
    {"BetaAssistantText", R"({"type":"message","role":"assistant","content":[{"type":"text","text":"x"}]})",
     "invalid_value", "item.content[0].type"},
    {"UnknownField", R"({"type":"message","role":"user","content":[],"audio":"x"})", "unknown_parameter", "item.audio"},
    {"OutputWithoutCall", R"({"type":"function_call_output","output":"x"})", "missing_required_parameter",
     "item.call_id"},
};

INSTANTIATE_TEST_SUITE_P(Items, OpenAiBadItemTest, testing::ValuesIn(kBadItems),
                         [](const auto& parameter) { return std::string(parameter.param.name); });

}  // namespace
}  // namespace soak::peers
