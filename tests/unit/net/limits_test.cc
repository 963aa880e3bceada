// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include "soak/net/websocket.h"
#include "soak/net/websocket_server.h"
#include "tests/unit/net/transports.h"

namespace soak::net {
namespace {

using ::testing::HasSubstr;

template <typename Transport>
class LimitsTest : public TransportTest<Transport> {};
TYPED_TEST_SUITE(LimitsTest, Transports, TransportNames);

TYPED_TEST(LimitsTest, SilenceEndsTheConnectionAtTheIdleTimeout) {
  WebSocketServer server(this->loop_, this->server_options());
  this->run([&]() -> Task<> {
    ConnectOptions options;
    options.idle_timeout = 80ms;
    SocketPair pair = co_await connect_pair(this->loop_, server, options);
    const Instant begun = this->loop_.now();
    try {
      co_await pair.client->receive();
      ADD_FAILURE();
    } catch (const ConnectionClosed& closed) {
      EXPECT_EQ(closed.code(), Errc::kTimeout);
      EXPECT_EQ(closed.status().code, kCloseAbnormal);
      EXPECT_EQ(closed.status().by, CloseStatus::By::kLocal);
      EXPECT_THAT(closed.what(), HasSubstr("idle timeout 0.1 s"));
    }
    EXPECT_GE(this->loop_.now() - begun, 75ms);
    try {
      co_await pair.client->send_text("late");
      ADD_FAILURE();
    } catch (const ConnectionClosed& closed) {
      EXPECT_EQ(closed.code(), Errc::kTimeout);
    }
    CloseStatus status = co_await receive_all(*pair.server);
    EXPECT_EQ(status.code, kCloseAbnormal);
  });
}

TYPED_TEST(LimitsTest, ASlowReaderIsNoIdlePeer) {
  WebSocketServer server(this->loop_, this->server_options());
  this->run([&]() -> Task<> {
    ConnectOptions options;
    options.idle_timeout = 30ms;
    options.receive_queue_max = 2;
    SocketPair pair = co_await connect_pair(this->loop_, server, options);
    for (int i = 0; i < 5; ++i) {
      co_await pair.server->send_text("x");
    }
    co_await sleep_for(120ms);
    EXPECT_TRUE(pair.client->is_open());
  });
}

TYPED_TEST(LimitsTest, APeerThatOnlyPingsIsNotIdle) {
  ServerOptions server_options = this->server_options();
  server_options.idle_timeout = 40ms;
  WebSocketServer server(this->loop_, server_options);
  this->run([&]() -> Task<> {
    ConnectOptions options;
    options.ping_interval = 5ms;
    SocketPair pair = co_await connect_pair(this->loop_, server, options);
    co_await sleep_for(150ms);
    EXPECT_TRUE(pair.server->is_open());
  });
}

TYPED_TEST(LimitsTest, AMissingPongEndsTheConnection) {
  ServerOptions server_options = this->server_options();
  server_options.receive_queue_max = 1;  // It stops reading at the first message, so it sees no ping.
  WebSocketServer server(this->loop_, server_options);
  this->run([&]() -> Task<> {
    ConnectOptions options;
    options.ping_interval = 20ms;
    options.ping_timeout = 60ms;
    SocketPair pair = co_await connect_pair(this->loop_, server, options);
    co_await pair.client->send_text("x");
    try {
      co_await pair.client->receive();
      ADD_FAILURE();
    } catch (const ConnectionClosed& closed) {
      EXPECT_EQ(closed.code(), Errc::kTimeout);
      EXPECT_THAT(closed.what(), HasSubstr("ping timeout 0.1 s"));
    }
  });
}

TYPED_TEST(LimitsTest, WhatWasSentBeforeAnAnsweredPingIsConfirmed) {
  WebSocketServer server(this->loop_, this->server_options());
  this->run([&]() -> Task<> {
    ConnectOptions options;
    options.ping_interval = 50ms;
    SocketPair pair = co_await connect_pair(this->loop_, server, options);
    for (int i = 0; i < 3; ++i) {
      co_await pair.client->send_text("x");
    }
    EXPECT_EQ(pair.client->counters().frames_confirmed, 0u);
    while (pair.client->counters().frames_confirmed == 0) {
      co_await sleep_for(5ms);
    }
    EXPECT_EQ(pair.client->counters().frames_confirmed, 3u);
    pair.server->set_reading(false);
    for (int i = 0; i < 3; ++i) {
      co_await pair.client->send_text("x");
    }
    co_await sleep_for(120ms);
    EXPECT_EQ(pair.client->counters().frames_confirmed, 3u);
    pair.server->set_reading(true);
    co_await pair.client->close();
    EXPECT_EQ(pair.client->counters().frames_confirmed, 6u);
  });
}

// After a stall the peer reads many pings at once, and may answer only the latest.
TYPED_TEST(LimitsTest, AStallLeavesNoFrameUnconfirmed) {
  WebSocketServer server(this->loop_, this->server_options());
  this->run([&]() -> Task<> {
    ConnectOptions options;
    options.ping_interval = 10ms;
    SocketPair pair = co_await connect_pair(this->loop_, server, options);
    pair.server->set_reading(false);
    for (int i = 0; i < 20; ++i) {
      co_await pair.client->send_text("x");
      co_await sleep_for(10ms);
    }
    pair.server->set_reading(true);
    while (pair.client->counters().frames_confirmed < 20) {
      co_await sleep_for(5ms);
    }
    EXPECT_EQ(pair.client->counters().frames_confirmed, 20u);
  });
}

TYPED_TEST(LimitsTest, WithReadingOffPingsStayUnansweredAndNothingIsLost) {
  WebSocketServer server(this->loop_, this->server_options());
  this->run([&]() -> Task<> {
    ConnectOptions options;
    options.ping_interval = 20ms;
    options.ping_timeout = 60ms;
    SocketPair pair = co_await connect_pair(this->loop_, server, options);
    pair.server->set_reading(false);
    co_await pair.client->send_text("x");
    CloseStatus status = co_await receive_all(*pair.client);
    EXPECT_THAT(status.reason, HasSubstr("ping timeout"));
  });
  this->run([&]() -> Task<> {
    SocketPair pair = co_await connect_pair(this->loop_, server);
    pair.server->set_reading(false);
    for (int i = 0; i < 3; ++i) {
      co_await pair.client->send_text("x");
    }
    co_await sleep_for(20ms);
    pair.server->set_reading(true);
    for (int i = 0; i < 3; ++i) {
      Message message = co_await pair.server->receive();
      EXPECT_EQ(message.data, "x");
    }
    co_await pair.client->close();
    EXPECT_EQ(pair.client->close_status()->code, kCloseNormal);
  });
}

// Neither its owner nor a full queue reads on for the other.
TYPED_TEST(LimitsTest, ReadingThatIsOffStaysOffWhenTheQueueHasRoomAgain) {
  ServerOptions server_options = this->server_options();
  server_options.receive_queue_max = 2;
  WebSocketServer server(this->loop_, server_options);
  this->run([&]() -> Task<> {
    SocketPair pair = co_await connect_pair(this->loop_, server);
    for (int i = 0; i < 2; ++i) {
      co_await pair.client->send_text("x");
    }
    co_await sleep_for(20ms);
    pair.server->set_reading(false);
    for (int i = 0; i < 2; ++i) {
      co_await pair.server->receive();
    }
    co_await pair.client->send_text("held back");
    co_await sleep_for(20ms);
    EXPECT_EQ(pair.server->counters().frames_received, 2u);
    pair.server->set_reading(true);
    Message message = co_await pair.server->receive();
    EXPECT_EQ(message.data, "held back");
  });
}

TYPED_TEST(LimitsTest, PingsAreAnswered) {
  WebSocketServer server(this->loop_, this->server_options());
  this->run([&]() -> Task<> {
    ConnectOptions options;
    options.ping_interval = 5ms;
    options.ping_timeout = 30s;
    options.idle_timeout = 60s;
    SocketPair pair = co_await connect_pair(this->loop_, server, options);
    co_await sleep_for(100ms);
    EXPECT_TRUE(pair.client->is_open());
    EXPECT_TRUE(pair.server->is_open());
    co_await pair.client->close();
    EXPECT_EQ(pair.client->close_status()->code, kCloseNormal);
  });
}

TYPED_TEST(LimitsTest, ATooBigMessageIsClosedWith1009) {
  ServerOptions server_options = this->server_options();
  server_options.message_bytes_max = 10'000;
  WebSocketServer server(this->loop_, server_options);
  ConnectOptions client_options;
  client_options.message_bytes_max = 10'000;
  this->run([&]() -> Task<> {
    for (const bool to_server : {true, false}) {
      SocketPair pair = co_await connect_pair(this->loop_, server, client_options);
      WebSocket& sender = to_server ? *pair.client : *pair.server;
      WebSocket& receiver = to_server ? *pair.server : *pair.client;
      co_await sender.send_binary(std::string(10'000, 'x'));
      co_await sender.send_binary(std::string(10'001, 'x'));
      co_await sender.send_binary("after it");

      std::vector<Message> messages;
      CloseStatus status = co_await receive_all(receiver, &messages);
      EXPECT_EQ(messages.size(), 1u);
      EXPECT_EQ(status, CloseStatus(kCloseTooBig, "message exceeds 9.8 KiB", CloseStatus::By::kLocal));
      status = co_await receive_all(sender);
      EXPECT_EQ(status, CloseStatus(kCloseTooBig, "message exceeds 9.8 KiB", CloseStatus::By::kPeer));
    }
  });
}

TYPED_TEST(LimitsTest, TextThatIsNotUtf8IsClosedWith1007) {
  WebSocketServer server(this->loop_, this->server_options());
  this->run([&]() -> Task<> {
    for (const bool to_server : {true, false}) {
      SocketPair pair = co_await connect_pair(this->loop_, server);
      WebSocket& sender = to_server ? *pair.client : *pair.server;
      WebSocket& receiver = to_server ? *pair.server : *pair.client;
      co_await sender.send_binary("\xff\xfe");
      co_await sender.send_text("\xff\xfe");

      std::vector<Message> messages;
      CloseStatus status = co_await receive_all(receiver, &messages);
      EXPECT_THAT(messages, ::testing::ElementsAre(Message::binary("\xff\xfe")));
      EXPECT_EQ(status.code, kCloseInvalidData);
      status = co_await receive_all(sender);
      EXPECT_EQ(status.code, kCloseInvalidData);
    }
  });
}

}  // namespace
}  // namespace soak::net
