// SPDX-License-Identifier: Apache-2.0
#include "soak/net/websocket_server.h"

#include <exception>

#include "lib/net/ascii.h"
#include "lib/net/lws_network.h"
#include "lib/net/memory_network.h"
#include "lib/net/query.h"
#include "lib/net/server_backend.h"

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

std::string HandshakeRequest::query_value(std::string_view name) const { return net::query_value(query, name); }

HandshakeReply::HandshakeReply(int status, std::string subprotocol, std::string body, Headers headers)
    : status_(status), subprotocol_(std::move(subprotocol)), body_(std::move(body)), headers_(std::move(headers)) {
  check_reply(*this);
}

HandshakeReply HandshakeReply::accept(std::string subprotocol, Headers headers) {
  return {101, std::move(subprotocol), {}, std::move(headers)};
}

HandshakeReply HandshakeReply::refuse(int status, std::string body, Headers headers) {
  return {status, {}, std::move(body), std::move(headers)};
}

HandshakeReply accept_any(const HandshakeRequest& request) {
  return HandshakeReply::accept(request.subprotocols.empty() ? std::string() : request.subprotocols.front());
}

Task<AcceptedWebSocket> WebSocketServer::Backend::accept(std::shared_ptr<Backend> self) {
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

void WebSocketServer::Backend::stop() {
  if (stopped) {
    return;
  }
  stopped = true;
  stop_listening();
  acceptable.wake();
}

HandshakeReply WebSocketServer::Backend::decide(const HandshakeRequest& request) const {
  try {
    return options.on_handshake ? options.on_handshake(request) : accept_any(request);
  } catch (const std::exception& error) {
    return HandshakeReply::refuse(500, error.what());
  } catch (...) {
    return HandshakeReply::refuse(500);
  }
}

HandshakeRequest WebSocketServer::Backend::make_request(const RequestHead& head, std::string peer_address) {
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

std::shared_ptr<Connection> WebSocketServer::Backend::make_connection(const HandshakeRequest& request,
                                                                      const HandshakeReply& reply) const {
  Connection::Facts facts;
  facts.name = "connection of " + request.peer_address + " to port " + std::to_string(port);
  facts.subprotocol = reply.subprotocol();
  facts.open_count = open_count;
  return std::make_shared<Connection>(loop, options, std::move(facts));
}

void WebSocketServer::Backend::enqueue(HandshakeRequest request, std::shared_ptr<Connection> connection) {
  waiting.emplace_back(std::move(request), make_websocket(std::move(connection)));
  acceptable.wake();
}

WebSocketServer::WebSocketServer(EventLoop& loop, ServerOptions options)
    : backend_(loop.is_virtual() ? listen_in_memory(loop, std::move(options))
                                 : listen_on_lws(loop, std::move(options))) {}

WebSocketServer::~WebSocketServer() {
  backend_->stop();
  backend_->waiting.clear();
}

std::string WebSocketServer::url() const {
  const std::string& host = backend_->options.host;
  const std::string shown = host.find(':') == std::string::npos ? host : "[" + host + "]";
  return (backend_->secure() ? "wss://" : "ws://") + shown + ":" + std::to_string(backend_->port);
}

std::uint16_t WebSocketServer::port() const { return backend_->port; }

Task<AcceptedWebSocket> WebSocketServer::accept() { return Backend::accept(backend_); }

void WebSocketServer::stop() { backend_->stop(); }

std::size_t WebSocketServer::open_connections() const { return *backend_->open_count; }

}  // namespace soak::net
