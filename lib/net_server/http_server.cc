// SPDX-License-Identifier: Apache-2.0
#include "soak/net/http_server.h"

#include <utility>

#include "lib/net/http_server_backend.h"
#include "lib/net/memory_http.h"
#include "lib/net_server/socket_http_server.h"

namespace soak::net {

HttpServer::HttpServer(EventLoop& loop, HttpHandler handler, HttpServerOptions options)
    : backend_(loop.is_virtual() ? listen_http_in_memory(loop, std::move(handler), std::move(options))
                                 : listen_http_on_sockets(loop, std::move(handler), std::move(options))) {}

HttpServer::~HttpServer() { backend_->stop(); }

std::string HttpServer::url() const {
  const std::string& host = backend_->options.host;
  const std::string shown = host.find(':') == std::string::npos ? host : "[" + host + "]";
  return (backend_->secure() ? "https://" : "http://") + shown + ":" + std::to_string(backend_->port);
}

std::uint16_t HttpServer::port() const { return backend_->port; }

Task<> HttpServer::close(std::chrono::nanoseconds timeout) { return HttpServerBackend::close(backend_, timeout); }

std::size_t HttpServer::open_connections() const { return backend_->open_connections(); }

std::size_t HttpServer::requests_under_way() const { return backend_->under_way(); }

}  // namespace soak::net
