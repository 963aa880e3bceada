// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TESTS_UNIT_NET_TRANSPORTS_H_
#define SOAK_TESTS_UNIT_NET_TRANSPORTS_H_

// The conformance suite runs on each of these: what WebSocket promises, it promises on all.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "soak/event_loop.h"
#include "soak/net/websocket.h"
#include "soak/net/websocket_server.h"
#include "soak/task.h"

namespace soak::net {

using namespace std::chrono_literals;

struct Real {
  using Loop = UvLoop;
  static constexpr bool kReal = true;
};

struct Memory {
  using Loop = VirtualLoop;
  static constexpr bool kReal = false;
};

using Transports = ::testing::Types<Real, Memory>;

struct TransportNames {
  template <typename Transport>
  static std::string GetName(int) {
    return Transport::kReal ? "Real" : "Memory";
  }
};

struct SocketPair {
  SocketPair(std::unique_ptr<WebSocket> connected, AcceptedWebSocket accepted)
      : client(std::move(connected)), server(std::move(accepted.socket)), request(std::move(accepted.request)) {}
  std::unique_ptr<WebSocket> client;
  std::unique_ptr<WebSocket> server;
  HandshakeRequest request;
};

// Both ends of a new connection.
inline Task<SocketPair> connect_pair(EventLoop& loop, WebSocketServer& server,
                                     ConnectOptions options = ConnectOptions(), std::string path = "/") {
  std::string url = server.url() + path;
  std::unique_ptr<WebSocket> client = co_await connect_websocket(loop, url, options);
  AcceptedWebSocket accepted = co_await server.accept();
  SocketPair pair(std::move(client), std::move(accepted));
  co_return pair;
}

// How receive() ended, once all that was queued is taken; what it took goes to `messages`.
inline Task<CloseStatus> receive_all(WebSocket& socket, std::vector<Message>* messages = nullptr) {
  try {
    for (;;) {
      Message message = co_await socket.receive();
      if (messages != nullptr) messages->push_back(std::move(message));
    }
  } catch (const ConnectionClosed& closed) {
    co_return closed.status();
  }
}

inline std::size_t open_fds() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
  return count;
}

template <typename Transport>
class TransportTest : public ::testing::Test {
 protected:
  template <typename Body>
  void run(Body body) {
    loop_.run(body());
  }

  typename Transport::Loop loop_;
};

}  // namespace soak::net

#endif  // SOAK_TESTS_UNIT_NET_TRANSPORTS_H_
