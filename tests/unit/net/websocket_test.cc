// SPDX-License-Identifier: Apache-2.0
#include "soak/net/websocket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "soak/net/websocket_server.h"

namespace soak::net {
namespace {

struct Real { using Loop = UvLoop; };
struct Memory { using Loop = VirtualLoop; };

template <typename Transport>
class WebSocketTest : public ::testing::Test {
 protected:
  typename Transport::Loop loop_;
};
using Transports = ::testing::Types<Real, Memory>;
TYPED_TEST_SUITE(WebSocketTest, Transports);

Task<> echo_once(EventLoop& loop, WebSocketServer& server) {
  auto client = co_await connect_websocket(loop, server.url() + "/p?a=1");
  AcceptedWebSocket peer = co_await server.accept();
  EXPECT_EQ(peer.request.path, "/p");
  co_await client->send_text("hello");
  Message m = co_await peer->receive();
  EXPECT_EQ(m.data, "hello");
  co_await peer->send(m);
  Message back = co_await client->receive();
  EXPECT_EQ(back, Message::text("hello"));
  co_await client->close();
  EXPECT_EQ(client->close_status()->code, 1000);
}

TYPED_TEST(WebSocketTest, Echoes) {
  WebSocketServer server(this->loop_);
  this->loop_.run(echo_once(this->loop_, server));
}

}  // namespace
}  // namespace soak::net
