// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_NET_WEBSOCKET_SERVER_H_
#define SOAK_NET_WEBSOCKET_SERVER_H_

// A WebSocket server for fakes and tests. It replies to each handshake and returns the accepted sockets.
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
  // Calls stop(). Sockets returned by accept() live on; those that wait for it are dropped.
  ~WebSocketServer();
  WebSocketServer(const WebSocketServer&) = delete;
  WebSocketServer& operator=(const WebSocketServer&) = delete;

  std::string url() const;  // "ws://127.0.0.1:40121", with TLS "wss://127.0.0.1:40121"
  std::uint16_t port() const;

  // Returns the next connection, in the order in which the handshakes completed. Throws Error(Errc::kConnectionClosed)
  // once the server is stopped and no connection waits. Only one call at a time: a second one aborts.
  Task<AcceptedWebSocket> accept();

  // Stops listening: new connections are refused, and handshakes in progress are dropped.
  void stop();
  // Accepted sockets that are not closed yet, plus those that wait for accept().
  std::size_t open_connections() const;

 private:
  std::shared_ptr<WebSocketServerBackend> backend_;
};

}  // namespace soak::net

#endif  // SOAK_NET_WEBSOCKET_SERVER_H_
