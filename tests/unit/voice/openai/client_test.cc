// SPDX-License-Identifier: Apache-2.0
// One session of the client, whatever its server does.

#include "soak/voice/openai_realtime.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <string>

#include "tests/unit/voice/openai/fixture.h"

namespace soak::voice {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class OpenAiRealtimeClientTest : public OpenAiClientTest {};

TEST_F(OpenAiRealtimeClientTest, ConnectsWithKeyAndModelAndConfiguresTheSession) {
  play(begin, [](OpenAiRealtimeClient& client) -> Task<> {
    co_await client.connect();
    EXPECT_EQ(client.counters().sessions, 1u);
    co_await client.close();
  });

  ASSERT_EQ(connections_.size(), 1u);
  const net::HandshakeRequest& request = connections_[0]->request;
  const std::vector<std::string>& received = connections_[0]->received;
  EXPECT_EQ(request.path, "/v1/realtime");
  EXPECT_EQ(request.query_value("model"), "gpt-realtime");
  EXPECT_EQ(request.headers.get("authorization"), std::string("Bearer ") + kKey);
  EXPECT_FALSE(request.headers.contains("OpenAI-Beta"));  // The GA service refuses it.
  ASSERT_FALSE(received.empty());
  EXPECT_EQ(text_at(connections_[0]->received[0], "type"), "session.update");
  EXPECT_EQ(text_at(connections_[0]->received[0], "session/type"), "realtime");
  EXPECT_EQ(text_at(connections_[0]->received[0], "session/audio/input/format/type"), "audio/pcm");
  EXPECT_EQ(text_at(connections_[0]->received[0], "session/audio/output/voice"), "alloy");
  ASSERT_TRUE(connections_[0]->closed);
  EXPECT_EQ(connections_[0]->closed->code, net::kCloseNormal);
}

TEST_F(OpenAiRealtimeClientTest, SendsAFrameOfAudioAsOneAppendEvent) {
  std::array<std::byte, 1920> pcm = kFrame;
  pcm[0] = std::byte{0xff};
  play(begin, [&pcm](OpenAiRealtimeClient& client) -> Task<> {
    co_await client.connect();
    co_await client.send_audio(pcm);
    EXPECT_EQ(client.counters().frames_sent, 1u);
    co_await client.close();
  });

  ASSERT_EQ(connections_[0]->received.size(), 2u);
  EXPECT_EQ(text_at(connections_[0]->received[1], "type"), "input_audio_buffer.append");
  EXPECT_EQ(text_at(connections_[0]->received[1], "audio").size(), 2560u);
  EXPECT_EQ(text_at(connections_[0]->received[1], "audio").substr(0, 4), "/wAA");
}

TEST_F(OpenAiRealtimeClientTest, ABadKeyIsPermanentInBothShapes) {
  const Error after_upgrade = connect_error([](Connection& socket) -> Task<> {
    co_await socket.send_text(
        R"({"type":"error","event_id":"e","error":{"type":"invalid_request_error","code":"invalid_api_key",)"
        R"("message":"Incorrect API key provided.","param":null,"event_id":null}})");
    co_await socket.close(3000, "invalid_request_error.invalid_api_key");
  });
  EXPECT_EQ(after_upgrade.code(), Errc::kAuthentication);
  EXPECT_THAT(after_upgrade.what(), HasSubstr("closed 3000 before session.created, 0.0 s after connect: "
                                              "invalid_request_error/invalid_api_key: Incorrect API key provided."));

  refusal_ = net::HandshakeReply::refuse(401, R"({"error":{"code":"invalid_api_key"}})");
  const Error refused = connect_error([](Connection&) -> Task<> { co_return; });
  EXPECT_EQ(refused.code(), Errc::kAuthentication);
  EXPECT_THAT(refused.what(), HasSubstr("does not accept the key: HTTP 401"));

  for (const Error& error : {after_upgrade, refused}) {
    EXPECT_THAT(error.what(), Not(HasSubstr(kKey)));
  }
}

TEST_F(OpenAiRealtimeClientTest, AnotherRefusalIsPassedOn) {
  refusal_ = net::HandshakeReply::refuse(503, "busy");

  const Error error = connect_error([](Connection&) -> Task<> { co_return; });

  EXPECT_EQ(error.code(), Errc::kHandshakeRefused);
  EXPECT_THAT(error.what(), HasSubstr("503"));
}

TEST_F(OpenAiRealtimeClientTest, ACloseBeforeTheSessionNamesTheCodeAndTheTime) {
  const Error error = connect_error([](Connection& socket) -> Task<> {
    co_await sleep_for(1200ms);
    co_await socket.close(1011, "");
  });

  EXPECT_EQ(error.code(), Errc::kConnectionClosed);
  EXPECT_THAT(error.what(), AllOf(HasSubstr("openai_realtime: " + options_.url),
                                  HasSubstr("closed 1011 before session.created, 1.2 s after connect")));
}

TEST_F(OpenAiRealtimeClientTest, ASessionThatNeverBeginsTimesOut) {
  const Error error = connect_error([](Connection&) -> Task<> { co_await sleep_for(1h); });

  EXPECT_EQ(error.code(), Errc::kTimeout);
  EXPECT_THAT(error.what(), HasSubstr("sent no session.created within 5.0 s"));
}

TEST_F(OpenAiRealtimeClientTest, ARejectedConfigurationIsNotAConfiguredSession) {
  const Error error = connect_error([](Connection& socket) -> Task<> {
    co_await socket.send_text(kCreated);
    const std::string update = co_await socket.hear();
    std::string rejection =
        R"({"type":"error","event_id":"e","error":{"type":"invalid_request_error","code":"unknown_parameter",)"
        R"("message":"Unknown parameter: 'session.voice'.","param":"session.voice","event_id":")" +
        text_at(update, "event_id") + R"("}})";
    co_await socket.send_text(std::move(rejection));
  });

  EXPECT_EQ(error.code(), Errc::kRejected);
  EXPECT_THAT(error.what(), HasSubstr("Unknown parameter: 'session.voice'."));
}

TEST_F(OpenAiRealtimeClientTest, CountsWhatItDoesNotKnowAndGoesOn) {
  play(
      [](Connection& socket) -> Task<> {
        co_await begin(socket);
        co_await socket.send_text(R"({"type":"x.new","event_id":"e","surprise":[1,2]})");
        co_await socket.send_text("not json");
        co_await socket.send_text("[]");
        co_await socket.send_text(R"({"type":"response.output_audio.delta","delta":"!!"})");
        co_await socket.send_text(R"({"type":"response.output_audio.delta","delta":"Zm9v"})");
        co_await socket.send_text(R"({"type":"rate_limits.updated","rate_limits":[]})");
      },
      [](OpenAiRealtimeClient& client) -> Task<> {
        co_await client.connect();
        co_await sleep_for(1s);
        EXPECT_EQ(client.counters().unknown_events, 1u);
        EXPECT_EQ(client.counters().invalid_events, 3u);
        EXPECT_EQ(client.counters().audio_bytes_received, 3u);
        co_await client.close();
      });
}

TEST_F(OpenAiRealtimeClientTest, AFrameNestedWithoutEndDoesNotOverflowTheStack) {
  play(
      [](Connection& socket) -> Task<> {
        co_await begin(socket);
        std::string nested(1'000'000, '[');
        co_await socket.send_text(std::move(nested));
      },
      [](OpenAiRealtimeClient& client) -> Task<> {
        co_await client.connect();
        co_await sleep_for(1s);
        EXPECT_EQ(client.counters().invalid_events, 1u);
        co_await client.close();
      });
}

TEST_F(OpenAiRealtimeClientTest, AsksForOneAnswerAtATime) {
  play(
      [](Connection& socket) -> Task<> {
        co_await begin(socket);
        co_await hear_until(socket, "response.create");
        co_await sleep_for(1s);
        co_await socket.send_text(
            R"({"type":"response.done","event_id":"e","response":{"id":"r","status":"completed"}})");
      },
      [](OpenAiRealtimeClient& client) -> Task<> {
        co_await client.connect();
        co_await client.end_turn();  // Nothing was said.
        co_await client.send_audio(kShortTurn);
        co_await client.end_turn();
        co_await client.send_audio(kShortTurn);
        co_await client.end_turn();  // One is under way.
        co_await sleep_for(2s);
        EXPECT_EQ(client.counters().responses_done, 1u);
        co_await client.end_turn();
        co_await client.close();
      });

  EXPECT_THAT(types_received(*connections_[0]),
              ElementsAre("session.update", "input_audio_buffer.commit", "response.create", "input_audio_buffer.commit",
                          "response.create"));
}

TEST_F(OpenAiRealtimeClientTest, ALostConnectionIsThrownAtTheNextFrame) {
  play(
      [](Connection& socket) -> Task<> {
        co_await begin(socket);
        co_await socket.close(1011, "internal error");
      },
      [](OpenAiRealtimeClient& client) -> Task<> {
        co_await client.connect();
        co_await sleep_for(1s);
        const std::array<std::byte, 1920> pcm{};
        bool thrown = false;
        try {
          co_await client.send_audio(pcm);
        } catch (const Error& error) {
          thrown = true;
          EXPECT_EQ(error.code(), Errc::kConnectionClosed);
        }
        EXPECT_TRUE(thrown);
        EXPECT_EQ(client.counters().frames_sent, 0u);
      });
}

TEST_F(OpenAiRealtimeClientTest, DestroyedItDropsTheConnectionAndLeavesNoTask) {
  std::size_t tasks_before = 0;
  play(begin, [this, &tasks_before](OpenAiRealtimeClient& client) -> Task<> {
    tasks_before = loop_.live_tasks();
    co_await client.connect();
    EXPECT_GT(loop_.live_tasks(), tasks_before);
  });

  ASSERT_TRUE(connections_[0]->closed);
  EXPECT_EQ(connections_[0]->closed->code, net::kCloseAbnormal);
}

TEST_F(OpenAiRealtimeClientTest, SendingBeforeConnectIsAnError) {
  play([](Connection&) -> Task<> { co_return; },
       [](OpenAiRealtimeClient& client) -> Task<> {
         bool thrown = false;
         try {
           co_await client.end_turn();
         } catch (const Error& error) {
           thrown = true;
           EXPECT_THAT(error.what(), HasSubstr("is not connected"));
         }
         EXPECT_TRUE(thrown);
         co_await client.close();  // Nothing to close: fine.
       });
}

}  // namespace
}  // namespace soak::voice
