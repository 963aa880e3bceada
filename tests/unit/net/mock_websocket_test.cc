// SPDX-License-Identifier: Apache-2.0
#include "conftest/mock_websocket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "soak/event_loop.h"

namespace soak::net {
namespace {

using ::testing::_;
using ::testing::NiceMock;

TEST(MockWebSocketTest, SaysWhatTheTestScripts) {
  VirtualLoop loop;
  NiceMock<MockWebSocket> socket;
  EXPECT_CALL(socket, receive()).WillOnce([] { return MockWebSocket::message(Message::text("hello")); }).WillOnce([] {
    return MockWebSocket::closed(CloseStatus(1011, "overloaded", CloseStatus::By::kPeer));
  });
  EXPECT_CALL(socket, send(Message::text("hi")));

  WebSocket& used = socket;
  auto body = [&]() -> Task<> {
    co_await used.send_text("hi");
    Message message = co_await used.receive();
    EXPECT_EQ(message.data, "hello");
    try {
      co_await used.receive();
      ADD_FAILURE();
    } catch (const ConnectionClosed& closed) {
      EXPECT_EQ(closed.status().code, 1011);
    }
    co_await used.close();
  };
  loop.run(body());
  EXPECT_TRUE(socket.is_open());
}

}  // namespace
}  // namespace soak::net
