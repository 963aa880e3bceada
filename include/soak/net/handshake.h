// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_NET_HANDSHAKE_H_
#define SOAK_NET_HANDSHAKE_H_

// The handshake of a WebSocketServer: the client's request, the server's reply, and the server's options.

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
#include "soak/net/http.h"
#include "soak/net/tls_identity.h"
#include "soak/net/websocket.h"

namespace soak::net {

// The client's request. Headers may hold secrets: do not log them.
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
  // Status 101. `subprotocol` should be one that the client offered, or empty. To break the protocol on purpose, name
  // another one.
  static HandshakeReply accept(std::string subprotocol = {}, Headers headers = {});
  // Any other status, with a body. The connection then ends.
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

// Accepts every request, with the client's first subprotocol.
HandshakeReply accept_any(const HandshakeRequest& request);

struct ServerOptions : WebSocketLimits {
  ServerOptions() {}  // NOLINT(modernize-use-equals-default): not an aggregate, see ConnectOptions.

  std::string host = "127.0.0.1";  // An address, not a name.
  std::uint16_t port = 0;          // 0 picks a free port.
  // With a certificate, the server accepts only TLS (1.2 and 1.3), and its URL is wss:. In memory there is no TLS and
  // the files are not read; the setting only tells ws: from wss:.
  TlsIdentity tls;
  // Called once per handshake, on the loop's turn. If it throws, the reply is 500.
  std::function<HandshakeReply(const HandshakeRequest&)> on_handshake = &accept_any;
  // Called, on the loop's turn, for a whole request that does not ask for a WebSocket, so that one port serves both.
  // Its body is at most 16 MiB; a longer one gets 413. The connection ends after the reply. If it throws, the reply is
  // 500. Without it, such a request gets 405 or 426.
  std::function<HttpResponse(HttpServerRequest)> on_request;
  // The most connections that have completed their handshake and wait for accept(). At the limit the server takes no
  // new ones from the listening socket, and they wait there. Handshakes that are not complete are limited to 256: of
  // more, the connection that has been silent longest is dropped.
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
