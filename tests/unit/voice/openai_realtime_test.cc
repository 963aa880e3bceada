// SPDX-License-Identifier: Apache-2.0
// The client against a server that says exactly what a test lets it say: not the fake, which has its own idea of the
// protocol.

#include "soak/voice/openai_realtime.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "soak/error.h"
#include "soak/event_loop.h"
#include "soak/net/websocket.h"
#include "soak/net/websocket_server.h"
#include "soak/task.h"

namespace soak::voice {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr char kCreated[] = R"({"type":"session.created","event_id":"event_1","session":{"type":"realtime"}})";
constexpr char kUpdated[] = R"({"type":"session.updated","event_id":"event_2","session":{"type":"realtime"}})";
constexpr char kKey[] = "sk-very-secret";

using Script = std::function<Task<>(net::WebSocket&)>;

// The member at a path such as "session/audio/input", as JSON's own type; null where there is none.
const rapidjson::Value* at(const rapidjson::Value& value, const std::string& path) {
  const rapidjson::Value* found = &value;
  for (std::size_t from = 0; found != nullptr && from <= path.size();) {
    const std::size_t slash = std::min(path.find('/', from), path.size());
    const std::string name = path.substr(from, slash - from);
    found = found->IsObject() && found->HasMember(name.c_str()) ? &(*found)[name.c_str()] : nullptr;
    from = slash + 1;
  }
  return found;
}

std::string text_at(const std::string& json, const std::string& path) {
  rapidjson::Document document;
  document.Parse(json.c_str());
  const rapidjson::Value* value = document.HasParseError() ? nullptr : at(document, path);
  return value != nullptr && value->IsString() ? value->GetString() : "";
}

class OpenAiRealtimeClientTest : public testing::Test {
 protected:
  // Runs `use` on a client whose server plays `script` on each connection.
  void run(const Script& script, const std::function<Task<>(OpenAiRealtimeClient&)>& use) {
    loop_.run(meet(script, use));
  }

  // What connect() throws.
  Error connect_error(const Script& script) {
    Error caught(Errc::kSystem, "connect() threw nothing");
    run(script, [&caught](OpenAiRealtimeClient& client) -> Task<> {
      try {
        co_await client.connect();
      } catch (const Error& error) {
        caught = error;
      }
    });
    return caught;
  }

  Task<> meet(const Script& script, const std::function<Task<>(OpenAiRealtimeClient&)>& use) {
    net::ServerOptions server_options;
    server_options.on_handshake = [this](const net::HandshakeRequest& request) {
      request_ = request;
      return refusal_ ? *refusal_ : net::accept_any(request);
    };
    net::WebSocketServer server(loop_, server_options);
    url_ = server.url() + "/v1/realtime";
    TaskGroup group(loop_);
    group.start("server", serve(server, script));
    {
      OpenAiRealtimeClient client(loop_, {.url = url_, .api_key = kKey, .setup_timeout = 5s});
      Task<> using_it = use(client);
      co_await std::move(using_it);
    }
    co_await sleep_for(1s);  // The server hears of the client's end.
    group.end_in_place();
  }

  Task<> serve(net::WebSocketServer& server, const Script& script) {
    net::AcceptedWebSocket accepted = co_await server.accept();
    try {
      Task<> playing = script(*accepted.socket);
      co_await std::move(playing);
      while (true) {
        const net::Message message = co_await accepted->receive();
        received_.push_back(message.data);
      }
    } catch (const net::ConnectionClosed& closed) {
      closed_ = closed.status();
    }
  }

  // Lets a session begin, and keeps what the client configured.
  Task<> begin(net::WebSocket& socket) {
    co_await socket.send_text(kCreated);
    const net::Message update = co_await socket.receive();
    received_.push_back(update.data);
    co_await socket.send_text(kUpdated);
  }

  VirtualLoop loop_;
  std::string url_;
  std::optional<net::HandshakeReply> refusal_;
  std::optional<net::HandshakeRequest> request_;
  std::vector<std::string> received_;
  std::optional<net::CloseStatus> closed_;
};

TEST_F(OpenAiRealtimeClientTest, ConnectsWithKeyAndModelAndConfiguresTheSession) {
  run([this](net::WebSocket& socket) { return begin(socket); },
      [](OpenAiRealtimeClient& client) -> Task<> {
        co_await client.connect();
        EXPECT_EQ(client.counters().sessions, 1u);
        co_await client.close();
      });

  ASSERT_TRUE(request_);
  EXPECT_EQ(request_->path, "/v1/realtime");
  EXPECT_EQ(request_->query_value("model"), "gpt-realtime");
  EXPECT_EQ(request_->headers.get("authorization"), std::string("Bearer ") + kKey);
  EXPECT_FALSE(request_->headers.contains("OpenAI-Beta"));  // The GA service refuses it.
  ASSERT_FALSE(received_.empty());
  EXPECT_EQ(text_at(received_[0], "type"), "session.update");
  EXPECT_EQ(text_at(received_[0], "session/type"), "realtime");
  EXPECT_EQ(text_at(received_[0], "session/audio/input/format/type"), "audio/pcm");
  EXPECT_EQ(text_at(received_[0], "session/audio/output/voice"), "alloy");
  ASSERT_TRUE(closed_);
  EXPECT_EQ(closed_->code, net::kCloseNormal);
}

TEST_F(OpenAiRealtimeClientTest, SendsAFrameOfAudioAsOneAppendEvent) {
  std::array<std::byte, 1920> pcm{};
  pcm[0] = std::byte{0xff};
  run([this](net::WebSocket& socket) { return begin(socket); },
      [&pcm](OpenAiRealtimeClient& client) -> Task<> {
        co_await client.connect();
        co_await client.send_audio(pcm);
        EXPECT_EQ(client.counters().frames_sent, 1u);
        co_await client.close();
      });

  ASSERT_EQ(received_.size(), 2u);
  EXPECT_EQ(text_at(received_[1], "type"), "input_audio_buffer.append");
  EXPECT_EQ(text_at(received_[1], "audio").size(), 2560u);
  EXPECT_EQ(text_at(received_[1], "audio").substr(0, 4), "/wAA");
}

TEST_F(OpenAiRealtimeClientTest, ABadKeyIsPermanentInBothShapes) {
  const Error after_upgrade = connect_error([](net::WebSocket& socket) -> Task<> {
    co_await socket.send_text(
        R"({"type":"error","event_id":"e","error":{"type":"invalid_request_error","code":"invalid_api_key",)"
        R"("message":"Incorrect API key provided.","param":null,"event_id":null}})");
    co_await socket.close(3000, "invalid_request_error.invalid_api_key");
  });
  EXPECT_EQ(after_upgrade.code(), Errc::kAuthentication);
  EXPECT_THAT(after_upgrade.what(), HasSubstr("closed 3000 before session.created, 0.0 s after connect: "
                                              "invalid_request_error/invalid_api_key: Incorrect API key provided."));

  refusal_ = net::HandshakeReply::refuse(401, R"({"error":{"code":"invalid_api_key"}})");
  const Error refused = connect_error([](net::WebSocket&) -> Task<> { co_return; });
  EXPECT_EQ(refused.code(), Errc::kAuthentication);
  EXPECT_THAT(refused.what(), HasSubstr("does not accept the key: HTTP 401"));

  for (const Error& error : {after_upgrade, refused}) {
    EXPECT_THAT(error.what(), Not(HasSubstr(kKey)));
  }
}

TEST_F(OpenAiRealtimeClientTest, AnotherRefusalIsPassedOn) {
  refusal_ = net::HandshakeReply::refuse(503, "busy");

  const Error error = connect_error([](net::WebSocket&) -> Task<> { co_return; });

  EXPECT_EQ(error.code(), Errc::kHandshakeRefused);
  EXPECT_THAT(error.what(), HasSubstr("503"));
}

TEST_F(OpenAiRealtimeClientTest, ACloseBeforeTheSessionNamesTheCodeAndTheTime) {
  const Error error = connect_error([](net::WebSocket& socket) -> Task<> {
    co_await sleep_for(1200ms);
    co_await socket.close(1011, "");
  });

  EXPECT_EQ(error.code(), Errc::kConnectionClosed);
  EXPECT_THAT(error.what(), AllOf(HasSubstr("openai_realtime: " + url_),
                                  HasSubstr("closed 1011 before session.created, 1.2 s after connect")));
}

TEST_F(OpenAiRealtimeClientTest, ASessionThatNeverBeginsTimesOut) {
  const Error error = connect_error([](net::WebSocket&) -> Task<> { co_await sleep_for(1h); });

  EXPECT_EQ(error.code(), Errc::kTimeout);
  EXPECT_THAT(error.what(), HasSubstr("sent no session.created within 5.0 s"));
}

TEST_F(OpenAiRealtimeClientTest, ARejectedConfigurationIsNotAConfiguredSession) {
  const Error error = connect_error([](net::WebSocket& socket) -> Task<> {
    co_await socket.send_text(kCreated);
    const net::Message update = co_await socket.receive();
    std::string rejection =
        R"({"type":"error","event_id":"e","error":{"type":"invalid_request_error","code":"unknown_parameter",)"
        R"("message":"Unknown parameter: 'session.voice'.","param":"session.voice","event_id":")" +
        text_at(update.data, "event_id") + R"("}})";
    co_await socket.send_text(std::move(rejection));
  });

  EXPECT_EQ(error.code(), Errc::kRejected);
  EXPECT_THAT(error.what(), HasSubstr("Unknown parameter: 'session.voice'."));
}

TEST_F(OpenAiRealtimeClientTest, CountsWhatItDoesNotKnowAndGoesOn) {
  run(
      [this](net::WebSocket& socket) -> Task<> {
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
  run(
      [this](net::WebSocket& socket) -> Task<> {
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
  run(
      [this](net::WebSocket& socket) -> Task<> {
        co_await begin(socket);
        for (int i = 0; i < 2; ++i) {  // The first turn's commit and create.
          const net::Message message = co_await socket.receive();
          received_.push_back(message.data);
        }
        co_await sleep_for(1s);
        co_await socket.send_text(
            R"({"type":"response.done","event_id":"e","response":{"id":"r","status":"completed"}})");
      },
      [](OpenAiRealtimeClient& client) -> Task<> {
        co_await client.connect();
        co_await client.end_turn();
        co_await client.end_turn();  // One is under way.
        co_await sleep_for(2s);
        EXPECT_EQ(client.counters().responses_done, 1u);
        co_await client.end_turn();
        co_await client.close();
      });

  ASSERT_EQ(received_.size(), 5u);
  EXPECT_EQ(text_at(received_[1], "type"), "input_audio_buffer.commit");
  EXPECT_EQ(text_at(received_[2], "type"), "response.create");
  EXPECT_EQ(text_at(received_[3], "type"), "input_audio_buffer.commit");
  EXPECT_EQ(text_at(received_[4], "type"), "response.create");
}

TEST_F(OpenAiRealtimeClientTest, ALostConnectionIsThrownAtTheNextFrame) {
  run(
      [this](net::WebSocket& socket) -> Task<> {
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
  run([this](net::WebSocket& socket) { return begin(socket); },
      [this, &tasks_before](OpenAiRealtimeClient& client) -> Task<> {
        tasks_before = loop_.live_tasks();
        co_await client.connect();
        EXPECT_GT(loop_.live_tasks(), tasks_before);
      });

  ASSERT_TRUE(closed_);
  EXPECT_EQ(closed_->code, net::kCloseAbnormal);
}

TEST_F(OpenAiRealtimeClientTest, SendingBeforeConnectIsAnError) {
  run([](net::WebSocket&) -> Task<> { co_return; },
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
