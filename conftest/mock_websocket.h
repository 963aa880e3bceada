// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_CONFTEST_MOCK_WEBSOCKET_H_
#define SOAK_CONFTEST_MOCK_WEBSOCKET_H_

// A WebSocket whose calls a test scripts, for behaviour that no server can be made to show.
//
// Each call needs a new Task, so answer with a coroutine, not with Return():
//
//   MockWebSocket socket;
//   EXPECT_CALL(socket, receive()).WillOnce([] { return MockWebSocket::message(Message::text("hello")); });
//   EXPECT_CALL(socket, send(_)).WillRepeatedly([](Message) { return MockWebSocket::nothing(); });
//
// By default it is open, without a subprotocol, headers and counters.

#include <gmock/gmock.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "soak/net/websocket.h"

namespace soak::net {

class MockWebSocket : public WebSocket {
 public:
  MockWebSocket() {
    using ::testing::Return;
    using ::testing::ReturnRef;
    ON_CALL(*this, is_open()).WillByDefault(Return(true));
    ON_CALL(*this, close_status()).WillByDefault(Return(std::nullopt));
    ON_CALL(*this, subprotocol()).WillByDefault(Return(std::string()));
    ON_CALL(*this, response_headers()).WillByDefault(ReturnRef(no_headers_));
    ON_CALL(*this, counters()).WillByDefault(Return(WebSocketCounters()));
    ON_CALL(*this, buffered_bytes()).WillByDefault(Return(0));
    ON_CALL(*this, send(::testing::_)).WillByDefault([](Message) { return nothing(); });
    ON_CALL(*this, close(::testing::_, ::testing::_)).WillByDefault([](std::uint16_t, const std::string&) {
      return nothing();
    });
    ON_CALL(*this, receive()).WillByDefault([] { return closed(CloseStatus()); });
  }

  MOCK_METHOD(Task<Message>, receive, (), (override));
  MOCK_METHOD(Task<>, send, (Message message), (override));
  MOCK_METHOD(Task<>, close, (std::uint16_t code, std::string reason), (override));
  MOCK_METHOD(void, set_reading, (bool on), (override));
  MOCK_METHOD(bool, is_open, (), (const, override));
  MOCK_METHOD(std::optional<CloseStatus>, close_status, (), (const, override));
  MOCK_METHOD(std::string, subprotocol, (), (const, override));
  MOCK_METHOD(const Headers&, response_headers, (), (const, override));
  MOCK_METHOD(WebSocketCounters, counters, (), (const, override));
  MOCK_METHOD(std::size_t, buffered_bytes, (), (const, override));

  // Answers for the calls above.
  static Task<> nothing() { co_return; }
  static Task<Message> message(Message received) { co_return received; }
  static Task<Message> closed(CloseStatus status) {
    throw ConnectionClosed("mock", status);
    co_return Message();
  }

 private:
  Headers no_headers_;
};

}  // namespace soak::net

#endif  // SOAK_CONFTEST_MOCK_WEBSOCKET_H_
