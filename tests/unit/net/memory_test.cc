// SPDX-License-Identifier: Apache-2.0
// What only the transport in memory has: a clock that it keeps.

#include <string>

#include "lib/net/memory_network.h"
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
      for (int i = 0; i < kFrames; ++i) co_await socket.receive();
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
