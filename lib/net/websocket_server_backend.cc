// SPDX-License-Identifier: Apache-2.0
#include "lib/net/websocket_server_backend.h"

#include <exception>
#include <utility>

#include "lib/net/field_syntax.h"

namespace soak::net {
namespace {

// Marks a server as being accepted from, for as long as the accept() lives.
class Accepting {
 public:
  Accepting(bool& flag, std::uint16_t port) : flag_(flag) {
    if (flag_) {
      soak::detail::contract_broken("a second accept() on the server at port " + std::to_string(port) +
                                    " while one is waiting");
    }
    flag_ = true;
  }
  ~Accepting() { flag_ = false; }
  Accepting(const Accepting&) = delete;
  Accepting& operator=(const Accepting&) = delete;

 private:
  bool& flag_;
};

}  // namespace

Task<AcceptedWebSocket> WebSocketServerBackend::accept(std::shared_ptr<WebSocketServerBackend> self) {
  const Accepting accepting(self->accepting, self->port);
  while (self->waiting.empty()) {
    if (self->stopped) {
      throw Error(Errc::kConnectionClosed,
                  self->options.host + ":" + std::to_string(self->port) + ": the server is stopped");
    }
    co_await self->acceptable.wait();
  }
  AcceptedWebSocket accepted = std::move(self->waiting.front());
  self->waiting.pop_front();
  if (!self->stopped) {
    self->room_to_accept();
  }
  co_return accepted;
}

void WebSocketServerBackend::stop() {
  if (stopped) {
    return;
  }
  stopped = true;
  stop_listening();
  acceptable.wake();
}

HandshakeReply WebSocketServerBackend::decide(const HandshakeRequest& request) const {
  try {
    return options.on_handshake ? options.on_handshake(request) : accept_any(request);
  } catch (const std::exception& error) {
    return HandshakeReply::refuse(500, error.what());
  } catch (...) {
    return HandshakeReply::refuse(500);
  }
}

HttpResponse WebSocketServerBackend::answer(HttpServerRequest request) const {
  try {
    return options.on_request(std::move(request));
  } catch (const std::exception& error) {
    return HttpResponse(500, error.what());
  } catch (...) {
    return HttpResponse(500);
  }
}

HandshakeRequest WebSocketServerBackend::make_request(const RequestHead& head, std::string peer_address) {
  HandshakeRequest request;
  request.path = head.path;
  request.query = head.query;
  request.headers = head.headers;
  for (const std::string& list : head.headers.get_all("Sec-WebSocket-Protocol")) {
    for (std::string& name : split_list(list)) {
      request.subprotocols.push_back(std::move(name));
    }
  }
  request.peer_address = std::move(peer_address);
  return request;
}

std::shared_ptr<Connection> WebSocketServerBackend::make_connection(const HandshakeRequest& request,
                                                                    const HandshakeReply& reply) const {
  Connection::Facts facts;
  facts.name = "connection of " + request.peer_address + " to port " + std::to_string(port);
  facts.subprotocol = reply.subprotocol();
  facts.open_count = open_count;
  return std::make_shared<Connection>(loop, options, std::move(facts));
}

void WebSocketServerBackend::enqueue(HandshakeRequest request, std::shared_ptr<Connection> connection) {
  waiting.emplace_back(std::move(request), make_websocket(std::move(connection)));
  acceptable.wake();
}

}  // namespace soak::net
