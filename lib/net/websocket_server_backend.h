// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_NET_WEBSOCKET_SERVER_BACKEND_H_
#define SOAK_LIB_NET_WEBSOCKET_SERVER_BACKEND_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "lib/net/connection.h"
#include "lib/net/http_head.h"
#include "lib/net/signal.h"
#include "soak/net/handshake.h"

namespace soak::net {

// What both kinds of server share: the decision on a handshake, and the queue of who waits for accept().
struct WebSocketServerBackend : std::enable_shared_from_this<WebSocketServerBackend> {
  WebSocketServerBackend(EventLoop& event_loop, ServerOptions server_options)
      : loop(event_loop), options(std::move(server_options)) {}
  virtual ~WebSocketServerBackend() = default;
  WebSocketServerBackend(const WebSocketServerBackend&) = delete;
  WebSocketServerBackend& operator=(const WebSocketServerBackend&) = delete;

  bool secure() const { return !options.tls.certificate_file.empty() || !options.tls.key_file.empty(); }
  static Task<AcceptedWebSocket> accept(std::shared_ptr<WebSocketServerBackend> self);
  void stop();

  // The server's word on a request, exceptions turned into 500.
  HandshakeReply decide(const HandshakeRequest& request) const;
  // Its word on a request that is no handshake, the same. Only with an `on_request`.
  HttpResponse answer(HttpServerRequest request) const;
  static HandshakeRequest make_request(const RequestHead& head, std::string peer_address);
  std::shared_ptr<Connection> make_connection(const HandshakeRequest& request, const HandshakeReply& reply) const;
  void enqueue(HandshakeRequest request, std::shared_ptr<Connection> connection);

  virtual void room_to_accept() = 0;  // accept() took one.
  virtual void stop_listening() = 0;  // For good; drops handshakes under way.

  EventLoop& loop;
  const ServerOptions options;
  std::uint16_t port = 0;
  bool stopped = false;
  bool accepting = false;
  std::deque<AcceptedWebSocket> waiting;
  Signal acceptable{"connection"};
  std::shared_ptr<std::size_t> open_count = std::make_shared<std::size_t>(0);
};

}  // namespace soak::net

#endif  // SOAK_LIB_NET_WEBSOCKET_SERVER_BACKEND_H_
