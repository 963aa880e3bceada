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
#include "soak/net/test_ca.h"
#include "soak/net/websocket_client.h"
#include "soak/net/websocket_server.h"
#include "soak/task.h"

namespace soak::net {

using namespace std::chrono_literals;

struct Real {
  using Loop = UvLoop;
  static constexpr const char* kName = "Real";
  static constexpr bool kTls = false;
};

// The same over TLS, with a CA made for these tests.
struct RealTls {
  using Loop = UvLoop;
  static constexpr const char* kName = "RealTls";
  static constexpr bool kTls = true;
};

struct Memory {
  using Loop = VirtualLoop;
  static constexpr const char* kName = "Memory";
  static constexpr bool kTls = false;
};

using Transports = ::testing::Types<Real, RealTls, Memory>;

struct TransportNames {
  template <typename Transport>
  static std::string GetName(int) {
    return Transport::kName;
  }
};

// One CA, and one certificate for loopback, for the tests of a process.
inline TestCa& test_ca() {
  static TestCa ca;
  return ca;
}
inline const TlsIdentity& loopback_identity() {
  static const TlsIdentity identity = test_ca().issue({"localhost", "127.0.0.1", "::1"});
  return identity;
}

// connect_websocket() that trusts the CA of the tests, where there is one.
inline Task<std::unique_ptr<WebSocket>> connect_client(EventLoop& loop, std::string url,
                                                       ConnectOptions options = ConnectOptions()) {
  if (url.starts_with("wss:")) {
    options.ca_file = test_ca().ca_file();
  }
  return connect_websocket(loop, std::move(url), std::move(options));
}

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
  std::unique_ptr<WebSocket> client = co_await connect_client(loop, url, options);
  AcceptedWebSocket accepted = co_await server.accept();
  SocketPair pair(std::move(client), std::move(accepted));
  co_return pair;
}

// How receive() ended, once all that was queued is taken; what it took goes to `messages`.
inline Task<CloseStatus> receive_all(WebSocket& socket, std::vector<Message>* messages = nullptr) {
  try {
    for (;;) {
      Message message = co_await socket.receive();
      if (messages != nullptr) {
        messages->push_back(std::move(message));
      }
    }
  } catch (const ConnectionClosed& closed) {
    co_return closed.status();
  }
}

inline std::size_t open_fds() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    ++count;
  }
  return count;
}

// How many descriptors are open once nothing is closing any more and their number has come to rest: what ends at one
// side of a connection ends at the other some turns later.
inline Task<std::size_t> settled_fds(EventLoop& loop) {
  std::size_t fds = open_fds();
  for (int turns = 0; turns < 20; ++turns) {
    co_await yield();
    if (loop.closing_handles() > 0 || open_fds() != std::exchange(fds, open_fds())) {
      turns = 0;
    }
  }
  co_return fds;
}

template <typename Transport>
class TransportTest : public ::testing::Test {
 protected:
  // For a server of this transport.
  static ServerOptions server_options() {
    ServerOptions options;
    if (Transport::kTls) {
      options.tls = loopback_identity();
    }
    return options;
  }

  template <typename Body>
  void run(Body body) {
    loop_.run(body());
  }

  typename Transport::Loop loop_;
};

}  // namespace soak::net

#endif  // SOAK_TESTS_UNIT_NET_TRANSPORTS_H_
