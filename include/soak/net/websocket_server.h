// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_NET_WEBSOCKET_SERVER_H_
#define SOAK_NET_WEBSOCKET_SERVER_H_

// A WebSocket server for fakes and tests: it decides on each handshake, and hands out sockets.
//
//   soak::net::WebSocketServer server(loop);
//   soak::net::AcceptedWebSocket peer = co_await server.accept();
//   co_await peer->send_text("hello " + peer.request.path);

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "soak/event_loop.h"
#include "soak/net/handshake.h"
#include "soak/task.h"

namespace soak::net {

struct WebSocketServerBackend;

class WebSocketServer {
 public:
  // Listens at once. Throws
  //   Error(Errc::kConnectFailed)    it cannot listen; names host, port and the system's reason
  //   Error(Errc::kInvalidArgument)  certificate or key cannot be read, or do not belong together; names the file
  explicit WebSocketServer(EventLoop& loop, ServerOptions options = ServerOptions());
  // stop(). Sockets that accept() has handed out live on, and those that wait for it are dropped.
  ~WebSocketServer();
  WebSocketServer(const WebSocketServer&) = delete;
  WebSocketServer& operator=(const WebSocketServer&) = delete;

  std::string url() const;  // "ws://127.0.0.1:40121", with TLS "wss://127.0.0.1:40121"
  std::uint16_t port() const;

  // The next connection, in the order in which the handshakes ended. Throws Error(Errc::kConnectionClosed)
  // once the server is stopped and nothing waits. One acceptor at a time: a second one aborts.
  Task<AcceptedWebSocket> accept();

  // Stops listening; new connections are refused. Handshakes under way are dropped.
  void stop();
  // Accepted sockets that live and are not closed yet, and those that wait for accept().
  std::size_t open_connections() const;

 private:
  std::shared_ptr<WebSocketServerBackend> backend_;
};

}  // namespace soak::net

#endif  // SOAK_NET_WEBSOCKET_SERVER_H_
