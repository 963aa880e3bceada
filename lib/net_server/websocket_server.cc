// SPDX-License-Identifier: Apache-2.0
#include "soak/net/websocket_server.h"

#include <utility>

#include "lib/net/memory_network.h"
#include "lib/net/websocket_server_backend.h"
#include "lib/net_server/socket_websocket_server.h"

namespace soak::net {

WebSocketServer::WebSocketServer(EventLoop& loop, ServerOptions options)
    : backend_(loop.is_virtual() ? listen_in_memory(loop, std::move(options))
                                 : listen_on_sockets(loop, std::move(options))) {}

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

Task<AcceptedWebSocket> WebSocketServer::accept() { return WebSocketServerBackend::accept(backend_); }

void WebSocketServer::stop() { backend_->stop(); }

std::size_t WebSocketServer::open_connections() const { return *backend_->open_count; }

}  // namespace soak::net
