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
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "soak/event_loop.h"
#include "soak/net/headers.h"
#include "soak/net/websocket.h"
#include "soak/task.h"

namespace soak::net {

// What the client sent. Headers hold secrets: do not log them.
struct HandshakeRequest {
  std::string path;   // "/v1/realtime", as sent, without the query.
  std::string query;  // "model=gpt-realtime", without the question mark.
  Headers headers;
  std::vector<std::string> subprotocols;  // In the client's order of preference.
  std::string peer_address;               // "127.0.0.1:54321", or "memory:3".

  // The value of `name` in the query, percent-decoded; empty if absent.
  std::string query_value(std::string_view name) const;
};

class HandshakeReply {
 public:
  // 101. `subprotocol` should be one that the client offered, or empty. A reply can break the protocol on
  // purpose by naming another.
  static HandshakeReply accept(std::string subprotocol = {}, Headers headers = {});
  // Any other status, with a body and then the end of the connection.
  static HandshakeReply refuse(int status, std::string body = {}, Headers headers = {});

  bool accepted() const { return status_ == 101; }
  int status() const { return status_; }
  const std::string& subprotocol() const { return subprotocol_; }
  const std::string& body() const { return body_; }
  const Headers& headers() const { return headers_; }

 private:
  HandshakeReply(int status, std::string subprotocol, std::string body, Headers headers);

  int status_;
  std::string subprotocol_;
  std::string body_;
  Headers headers_;
};

// Accepts everything, and the client's first subprotocol.
HandshakeReply accept_any(const HandshakeRequest& request);

// What a server proves itself with. Paths of PEM files, read when the server starts.
struct TlsIdentity {
  std::string certificate_file;  // The server's own certificate first, then those between it and the client's CA.
  std::string key_file;          // Without a passphrase.
};

struct ServerOptions : WebSocketLimits {
  ServerOptions() {}  // NOLINT(modernize-use-equals-default): not an aggregate, see ConnectOptions.

  std::string host = "127.0.0.1";  // An address, not a name.
  std::uint16_t port = 0;          // 0 takes a free one.
  // With a certificate the server speaks TLS (1.2 and 1.3) and nothing else, and its URL is wss:. In memory
  // there is no TLS, and the files are not read: it only keeps ws: and wss: apart.
  TlsIdentity tls;
  // Called once a handshake, on the loop's turn. What it throws answers 500.
  std::function<HandshakeReply(const HandshakeRequest&)> on_handshake = &accept_any;
  // Connections whose handshake is done and that nobody accept()ed yet. At the bound the server stops
  // taking new ones from the listening socket, and they wait there.
  std::size_t accept_queue_max = 128;
  std::chrono::nanoseconds handshake_timeout = std::chrono::seconds{10};  // For TLS and the request together.
};

// An accepted connection and the request that opened it.
struct AcceptedWebSocket {
  AcceptedWebSocket() = default;
  AcceptedWebSocket(HandshakeRequest handshake, std::unique_ptr<WebSocket> websocket)
      : request(std::move(handshake)), socket(std::move(websocket)) {}
  WebSocket* operator->() const { return socket.get(); }
  WebSocket& operator*() const { return *socket; }

  HandshakeRequest request;
  std::unique_ptr<WebSocket> socket;
};

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

  struct Backend;

 private:
  std::shared_ptr<Backend> backend_;
};

}  // namespace soak::net

#endif  // SOAK_NET_WEBSOCKET_SERVER_H_
