// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <ostream>
#include <string>

#include "tests/unit/peers/openai/fixture.h"

namespace soak::peers {
namespace {

struct BadEvent {
  const char* name;
  std::string text;
  const char* code;
  const char* param;
  const char* event_id;
};

// CTest puts it behind the name of the test.
void PrintTo(const BadEvent& event, std::ostream* out) { *out << event.text.substr(0, 60); }

class OpenAiBadEventTest : public OpenAiTest, public testing::WithParamInterface<BadEvent> {};

TEST_P(OpenAiBadEventTest, GetsAnErrorEventAndKeepsTheSession) {
  OpenAiRealtimePeer peer(loop_);
  loop_.run([](OpenAiBadEventTest& test, OpenAiRealtimePeer& own) -> Task<> {
    RawClient client = co_await test.enter(own);

    const Heard error = co_await client.ask(GetParam().text);
    const Heard after = co_await client.ask(R"({"type":"input_audio_buffer.clear"})");

    EXPECT_EQ(error.type(), "error");
    EXPECT_THAT(error.get("event_id"), testing::StartsWith("event_"));
    EXPECT_EQ(error.get("error.type"), "invalid_request_error");
    EXPECT_EQ(error.get("error.code"), GetParam().code) << error.text();
    EXPECT_EQ(error.get("error.param"), GetParam().param);
    EXPECT_EQ(error.get("error.event_id"), GetParam().event_id);
    EXPECT_NE(error.get("error.message"), "");
    EXPECT_EQ(after.type(), "input_audio_buffer.cleared");
  }(*this, peer));

  EXPECT_EQ(peer.ledger().errors_sent, 1u);
  EXPECT_EQ(peer.ledger().audio_frames_received, 0u);
}

const BadEvent kBadEvents[] = {
    {"Empty", "", "invalid_event", "null", "null"},
    {"NoJson", "hello", "invalid_event", "null", "null"},
    {"Truncated", R"({"type":"session.upda)", "invalid_event", "null", "null"},
    {"Trailing", R"({"type":"input_audio_buffer.clear"} {})", "invalid_event", "null", "null"},
    {"TrailingAfterZero", std::string(R"({"type":"input_audio_buffer.clear"})") + '\0' + "x", "invalid_event", "null",
     "null"},
    {"NameTwice", R"({"type":"input_audio_buffer.clear","type":"input_audio_buffer.clear"})", "invalid_event", "null",
     "null"},
    {"Array", "[]", "invalid_event", "null", "null"},
    {"Null", "null", "invalid_event", "null", "null"},
    {"NestedTooDeep", std::string(2'000'000, '['), "invalid_event", "null", "null"},
    {"TooManyValues",
     [] {
       std::string text = "[0";
       for (int i = 0; i < 100'000; ++i) {
         text += ",0";
       }
       return text + "]";
     }(),
     "invalid_event", "null", "null"},
    {"NoType", R"({"event_id":"e1"})", "invalid_event", "null", "e1"},
    {"TypeNoString", R"({"type":7,"event_id":"e1"})", "invalid_type", "type", "e1"},
    {"UnknownType", R"({"type":"x.new","event_id":"e1"})", "invalid_value", "type", "e1"},
    {"BetaType", R"({"event_id":"e1","type":"transcription_session.update"})", "invalid_value", "type", "e1"},
    {"EventIdNoString", R"({"type":"input_audio_buffer.clear","event_id":1})", "invalid_type", "event_id", "null"},
    {"EventIdTooLong", fmt::format(R"({{"type":"input_audio_buffer.clear","event_id":"{}"}})", std::string(513, 'e')),
     "string_above_max_length", "event_id", "null"},
    {"UnknownField", R"({"type":"input_audio_buffer.clear","event_id":"e1","more":1})", "unknown_parameter", "more",
     "e1"},
    {"UpdateWithoutSession", R"({"type":"session.update"})", "missing_required_parameter", "session", "null"},
    {"AppendWithoutAudio", R"({"type":"input_audio_buffer.append"})", "missing_required_parameter", "audio", "null"},
    {"AudioNoString", R"({"type":"input_audio_buffer.append","audio":[1,2]})", "invalid_type", "audio", "null"},
    {"AudioNoBase64", R"({"type":"input_audio_buffer.append","audio":"AAA*"})", "invalid_value", "audio", "null"},
    {"AudioUrlAlphabet", R"({"type":"input_audio_buffer.append","audio":"AA-_"})", "invalid_value", "audio", "null"},
    {"AudioUnpadded", R"({"type":"input_audio_buffer.append","audio":"AAA"})", "invalid_value", "audio", "null"},
    {"AudioHalfASample", R"({"type":"input_audio_buffer.append","audio":"AAAA"})", "invalid_value", "audio", "null"},
    {"AudioEmpty", R"({"type":"input_audio_buffer.append","audio":""})", "invalid_value", "audio", "null"},
    {"AppendOver15Mebibytes", append_event((15 << 20) + 2), "string_above_max_length", "audio", "null"},
    {"CommitOfNothing", R"({"type":"input_audio_buffer.commit","event_id":"e1"})", "input_audio_buffer_commit_empty",
     "null", "e1"},
    {"CancelOfNothing", R"({"type":"response.cancel","event_id":"e1"})", "response_cancel_not_active", "null", "e1"},
    {"OutputBufferClear", R"({"type":"output_audio_buffer.clear"})", "invalid_value", "type", "null"},
    {"DeleteOfNothing", R"({"type":"conversation.item.delete","item_id":"i"})", "item_delete_invalid_item_id",
     "item_id", "null"},
    {"RetrieveOfNothing", R"({"type":"conversation.item.retrieve","item_id":"i"})", "item_retrieve_invalid_item_id",
     "item_id", "null"},
    {"TruncateOfNothing", R"({"type":"conversation.item.truncate","item_id":"i","content_index":0,"audio_end_ms":1})",
     "item_truncate_invalid_item_id", "item_id", "null"},
    {"ResponseField", R"({"type":"response.create","response":{"modalities":["audio"]}})", "unknown_parameter",
     "response.modalities", "null"},
    {"ResponseConversation", R"({"type":"response.create","response":{"conversation":"new"}})", "invalid_value",
     "response.conversation", "null"},
    {"ResponseMetadata", R"({"type":"response.create","response":{"metadata":{"a":1}}})", "invalid_type",
     "response.metadata.a", "null"},
};

INSTANTIATE_TEST_SUITE_P(Events, OpenAiBadEventTest, testing::ValuesIn(kBadEvents),
                         [](const auto& parameter) { return std::string(parameter.param.name); });

class OpenAiClientEventTest : public OpenAiTest {};

TEST_F(OpenAiClientEventTest, LongUnknownTypeIsCutBetweenCharacters) {
  std::string type = "x";
  for (int i = 0; i < 100; ++i) {
    type += "\xc3\xa4";  // The 100th byte is half a character: the socket would refuse it.
  }

  const Heard error = answer_to({fmt::format(R"({{"type":"{}"}})", type)});

  EXPECT_EQ(error.get("error.param"), "type");
}

TEST_F(OpenAiClientEventTest, BinaryFrameIsAnErrorUnlessAccepted) {
  OpenAiRealtimePeer strict(loop_);
  OpenAiRealtimePeer lenient(loop_, {.accept_binary_frames = true});
  const auto ask = [&](OpenAiRealtimePeer& peer) {
    return loop_.run([](OpenAiClientEventTest& test, OpenAiRealtimePeer& own) -> Task<std::string> {
      RawClient client = co_await test.enter(own);
      co_await client.socket().send_binary(R"({"type":"input_audio_buffer.clear"})");
      const Heard heard = co_await client.hear();
      co_return heard.type();
    }(*this, peer));
  };

  EXPECT_EQ(ask(strict), "error");
  EXPECT_EQ(ask(lenient), "input_audio_buffer.cleared");
}

TEST_F(OpenAiClientEventTest, AppendIsNotAnswered) {
  OpenAiRealtimePeer peer(loop_);
  loop_.run([](OpenAiClientEventTest& test, OpenAiRealtimePeer& own) -> Task<> {
    RawClient client = co_await test.enter(own);
    co_await client.say(append_event(960));
    const Heard next = co_await client.ask(R"({"type":"input_audio_buffer.clear"})");

    EXPECT_EQ(next.type(), "input_audio_buffer.cleared");
  }(*this, peer));
}

TEST_F(OpenAiClientEventTest, CommitNeedsAHundredMilliseconds) {
  OpenAiRealtimePeer peer(loop_);
  loop_.run([](OpenAiClientEventTest& test, OpenAiRealtimePeer& own) -> Task<> {
    RawClient client = co_await test.enter(own);
    co_await client.say(append_event(4798));
    const Heard error = co_await client.ask(R"({"type":"input_audio_buffer.commit"})");
    co_await client.say(append_event(2));
    const Heard committed = co_await client.ask(R"({"type":"input_audio_buffer.commit"})");

    EXPECT_EQ(error.get("error.code"), "input_audio_buffer_commit_empty");
    EXPECT_THAT(error.get("error.message"), testing::HasSubstr("at least 100ms"));
    EXPECT_THAT(error.get("error.message"), testing::HasSubstr("99.96ms"));
    EXPECT_EQ(committed.type(), "input_audio_buffer.committed");
  }(*this, peer));
}

TEST_F(OpenAiClientEventTest, CommitAddsAUserItem) {
  OpenAiRealtimePeer peer(loop_);
  loop_.run([](OpenAiClientEventTest& test, OpenAiRealtimePeer& own) -> Task<> {
    RawClient client = co_await test.enter(own);
    co_await client.say(append_event(9600));
    co_await client.say(R"({"type":"input_audio_buffer.commit"})");
    const std::vector<Heard> first = co_await client.hear_until("conversation.item.done");
    co_await client.say(append_event(9600));
    co_await client.say(R"({"type":"input_audio_buffer.commit"})");
    const std::vector<Heard> second = co_await client.hear_until("conversation.item.done");

    EXPECT_THAT(types_of(first), testing::ElementsAre("input_audio_buffer.committed", "conversation.item.added",
                                                      "conversation.item.done"));
    const std::string id = first[0].get("item_id");
    EXPECT_EQ(first[0].get("previous_item_id"), "null");
    EXPECT_EQ(first[1].get("item"), R"({"id":")" + id +
                                        R"(","type":"message","status":"completed","role":"user",)"
                                        R"("content":[{"type":"input_audio","transcript":null}]})");
    EXPECT_EQ(first[2].get("item.id"), id);
    EXPECT_EQ(second[0].get("previous_item_id"), id);
    EXPECT_EQ(second[1].get("previous_item_id"), id);
    EXPECT_NE(second[0].get("item_id"), id);
  }(*this, peer));
}

TEST_F(OpenAiClientEventTest, ClearEmptiesTheInputBuffer) {
  OpenAiRealtimePeer peer(loop_);
  loop_.run([](OpenAiClientEventTest& test, OpenAiRealtimePeer& own) -> Task<> {
    RawClient client = co_await test.enter(own);
    co_await client.say(append_event(9600));
    const Heard cleared = co_await client.ask(R"({"type":"input_audio_buffer.clear"})");
    const Heard error = co_await client.ask(R"({"type":"input_audio_buffer.commit"})");

    EXPECT_EQ(cleared.type(), "input_audio_buffer.cleared");
    EXPECT_EQ(error.get("error.code"), "input_audio_buffer_commit_empty");
  }(*this, peer));
}

TEST_F(OpenAiClientEventTest, AudioIsMeasuredInItsFormat) {
  OpenAiRealtimePeer peer(loop_);
  loop_.run([](OpenAiClientEventTest& test, OpenAiRealtimePeer& own) -> Task<> {
    RawClient client = co_await test.enter(own);
    co_await client.ask(
        R"({"type":"session.update","session":{"type":"realtime","audio":{"input":{"format":{"type":"audio/pcmu"},)"
        R"("turn_detection":null}}}})");
    co_await client.say(append_event(801));  // 100.125 ms of 8 bytes each, and no half samples.
    const Heard committed = co_await client.ask(R"({"type":"input_audio_buffer.commit"})");

    EXPECT_EQ(committed.type(), "input_audio_buffer.committed");
  }(*this, peer));
}

TEST_F(OpenAiClientEventTest, AppendOf15MebibytesIsAccepted) {
  OpenAiRealtimePeer peer(loop_);
  loop_.run([](OpenAiClientEventTest& test, OpenAiRealtimePeer& own) -> Task<> {
    RawClient client = co_await test.enter(own);
    co_await client.say(append_event(15 << 20));
    const Heard committed = co_await client.ask(R"({"type":"input_audio_buffer.commit"})");
    EXPECT_EQ(committed.type(), "input_audio_buffer.committed");
  }(*this, peer));

  EXPECT_EQ(peer.ledger().audio_bytes_received, 15u << 20);
}

}  // namespace
}  // namespace soak::peers
