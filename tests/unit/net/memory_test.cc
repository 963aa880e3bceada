// SPDX-License-Identifier: Apache-2.0
// What only the transport in memory has: a clock that it keeps.

#include <string>

#include "lib/net/memory_network.h"
#include "soak/net/http_client.h"
#include "soak/net/http_server.h"
#include "soak/net/websocket.h"
#include "soak/net/websocket_server.h"
#include "tests/unit/net/transports.h"

namespace soak::net {
namespace {

class MemoryTest : public TransportTest<Memory> {};

TEST_F(MemoryTest, LatencyIsOneWay) {
  loop_.service<MemoryNetwork>().set_latency(30ms);
  WebSocketServer server(loop_);
  run([&]() -> Task<> {
    SocketPair pair = co_await connect_pair(loop_, server);
    EXPECT_EQ(loop_.elapsed(), 60ms);
    co_await pair.client->send_text("x");
    EXPECT_EQ(loop_.elapsed(), 60ms);
    co_await pair.server->receive();
    EXPECT_EQ(loop_.elapsed(), 90ms);
    co_await pair.client->close();
    EXPECT_EQ(loop_.elapsed(), 150ms);
  });
}

TEST_F(MemoryTest, TakesNoTimeWithoutLatency) {
  WebSocketServer server(loop_);
  run([&]() -> Task<> {
    SocketPair pair = co_await connect_pair(loop_, server);
    co_await pair.client->send_text("x");
    co_await pair.server->receive();
    co_await pair.client->close();
    EXPECT_EQ(loop_.elapsed(), 0ms);
  });
}

TEST_F(MemoryTest, IdleTimeoutAndPingsKeepTheirExactTime) {
  WebSocketServer server(loop_);
  run([&]() -> Task<> {
    ConnectOptions options;
    options.idle_timeout = 30s;
    SocketPair pair = co_await connect_pair(loop_, server, options);
    co_await sleep_for(20s);
    co_await pair.server->send_text("x");
    co_await pair.client->receive();
    CloseStatus status = co_await receive_all(*pair.client);
    EXPECT_EQ(loop_.elapsed(), 50s);
    EXPECT_EQ(status.reason, "nothing received for 30.0 s, idle timeout 30.0 s");

    options.ping_interval = 20s;
    pair = co_await connect_pair(loop_, server, options);
    co_await sleep_for(1h);
    EXPECT_TRUE(pair.client->is_open());
  });
}

TEST_F(MemoryTest, HttpTakesARoundTripToConnectAndOneForEachRequest) {
  loop_.service<MemoryNetwork>().set_latency(30ms);
  HttpServer server(loop_, [&](HttpServerRequest) -> Task<HttpReply> {
    co_await sleep_for(5ms);
    co_return HttpReply(200);
  });
  HttpClient client(loop_);
  run([&]() -> Task<> {
    HttpRequest first("POST", server.url() + "/", "x");
    co_await client.send(std::move(first));
    EXPECT_EQ(loop_.elapsed(), 125ms);
    HttpRequest second("POST", server.url() + "/", "x");
    co_await client.send(std::move(second));
    EXPECT_EQ(loop_.elapsed(), 190ms);
  });
}

TEST_F(MemoryTest, HttpTimeoutsKeepTheirExactTime) {
  HttpServer server(loop_, [&](HttpServerRequest) -> Task<HttpReply> {
    co_await sleep_for(1h);
    co_return HttpReply(200);
  });
  HttpClientOptions options;
  options.connect_timeout = 10s;
  options.timeout = 15s;
  HttpClient client(loop_, options);
  const auto failure = [&]() -> Task<std::string> {
    try {
      HttpRequest request("POST", server.url() + "/", "x");
      co_await client.send(std::move(request));
    } catch (const HttpError& error) {
      EXPECT_EQ(error.code(), Errc::kTimeout);
      co_return std::string(error.may_have_arrived() ? "perhaps" : "never") + error.what();
    }
    co_return "answered";
  };
  run([&]() -> Task<> {
    std::string text = co_await failure();
    EXPECT_EQ(text, "perhapsPOST " + server.url() + ": the timeout of 15.0 s passed before the response");
    EXPECT_EQ(loop_.elapsed(), 15s);

    // The connection takes 2 x 6 s.
    loop_.service<MemoryNetwork>().set_latency(6s);
    text = co_await failure();
    EXPECT_EQ(text, "neverPOST " + server.url() + ": no connection within the connect timeout of 10.0 s");
    EXPECT_EQ(loop_.elapsed(), 25s);
  });
}

TEST_F(MemoryTest, ARequestThatCrossesTheEndOfItsKeptConnectionMayHaveArrived) {
  loop_.service<MemoryNetwork>().set_latency(1s);
  HttpServerOptions options;
  options.keep_alive = 10s;
  int requests = 0;
  HttpServer server(
      loop_,
      [&](HttpServerRequest) -> Task<HttpReply> {
        ++requests;
        co_return HttpReply(200);
      },
      options);
  HttpClient client(loop_);
  run([&]() -> Task<> {
    HttpRequest first("POST", server.url() + "/", "x");
    co_await client.send(std::move(first));
    // Answered 1 s ago: the server closes 9 s from now, and this end knows of it 1 s later.
    co_await sleep_for(9500ms);
    HttpRequest second("POST", server.url() + "/", "x");
    try {
      co_await client.send(std::move(second));
      ADD_FAILURE();
    } catch (const HttpError& error) {
      EXPECT_EQ(error.code(), Errc::kConnectionClosed);
      EXPECT_TRUE(error.may_have_arrived());
    }
    EXPECT_EQ(client.open_connections(), 0u);
    EXPECT_EQ(requests, 1);
  });
}

// A day of a channel's traffic, a message every 30 s.
TEST_F(MemoryTest, CarriesAVirtualDayOfRequests) {
  HttpServer server(loop_, [](HttpServerRequest request) -> Task<HttpReply> {
    co_return HttpReply(200, R"({"ok":true,"result":{"text":")" + request.body + R"("}})");
  });
  HttpClient client(loop_);
  constexpr int kMessages = 2'880;
  run([&]() -> Task<> {
    for (int i = 0; i < kMessages; ++i) {
      HttpRequest request("POST", server.url() + "/bot1:a/sendMessage", "message " + std::to_string(i));
      HttpResponse response = co_await client.send(std::move(request));
      EXPECT_EQ(response.status, 200);
      co_await sleep_for(30s);
    }
  });
  EXPECT_EQ(loop_.elapsed(), 24h);
  EXPECT_EQ(client.counters().responses, 2'880u);
  EXPECT_EQ(client.counters().connections_opened, 1u);
}

// An hour of a voice session, a frame every 40 ms in both directions.
TEST_F(MemoryTest, CarriesAVirtualHourOfFrames) {
  WebSocketServer server(loop_);
  constexpr int kFrames = 90'000;
  run([&]() -> Task<> {
    SocketPair pair = co_await connect_pair(loop_, server);
    auto speak = [&](WebSocket& socket) -> Task<> {
      for (int i = 0; i < kFrames; ++i) {
        co_await socket.send_text(std::string(2'600, 'a'));
        co_await sleep_for(40ms);
      }
    };
    auto listen = [&](WebSocket& socket) -> Task<> {
      for (int i = 0; i < kFrames; ++i) {
        co_await socket.receive();
      }
    };
    co_await with_group(loop_, {.timeout = 2h}, [&](TaskGroup& group) -> Task<> {
      group.start("up", speak(*pair.client), TaskKind::kFinite);
      group.start("down", speak(*pair.server), TaskKind::kFinite);
      group.start("top", listen(*pair.server), TaskKind::kFinite);
      co_await listen(*pair.client);
    });
    EXPECT_EQ(pair.client->counters().frames_received, 90'000u);
  });
  EXPECT_EQ(loop_.elapsed(), 1h);
}

}  // namespace
}  // namespace soak::net
