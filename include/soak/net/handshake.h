// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_NET_HANDSHAKE_H_
#define SOAK_NET_HANDSHAKE_H_

// The handshake as a WebSocketServer sees it: what a client asks, what the server answers, and the server's options.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "soak/net/headers.h"
#include "soak/net/tls_identity.h"
#include "soak/net/websocket.h"

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

}  // namespace soak::net

#endif  // SOAK_NET_HANDSHAKE_H_
