// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "soak/event_loop.h"
#include "soak/net/websocket_client.h"
#include "soak/peers/parrot_peer.h"
#include "soak/task.h"

namespace soak {
namespace {

Task<int> status_with(EventLoop& loop, std::string url, std::string authorization) {
  net::ConnectOptions options;
  options.headers.add("Authorization", authorization);
  try {
    Task<std::unique_ptr<net::WebSocket>> connecting = net::connect_websocket(loop, url, options);
    const std::unique_ptr<net::WebSocket> socket = co_await std::move(connecting);
    co_await socket->close();
    co_return 101;
  } catch (const net::HandshakeRefused& refused) {
    co_return refused.status();
  }
}

TEST(ParrotPeerTest, LetsNoOtherKeyIn) {
  VirtualLoop loop;
  peers::ParrotPeer peer(loop, {.api_key = "right"});

  EXPECT_EQ(loop.run(status_with(loop, peer.url(), "Bearer right")), 101);
  EXPECT_EQ(loop.run(status_with(loop, peer.url(), "Bearer wrong")), 401);
  EXPECT_EQ(peer.ledger().auth_failures, 1u);
}

}  // namespace
}  // namespace soak
