// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_NET_SERVER_SOCKET_HTTP_SERVER_H_
#define SOAK_LIB_NET_SERVER_SOCKET_HTTP_SERVER_H_

#include <memory>

#include "lib/net/http_server_backend.h"
#include "soak/event_loop.h"

namespace soak::net {

std::shared_ptr<HttpServerBackend> listen_http_on_sockets(EventLoop& loop, HttpHandler handler,
                                                          HttpServerOptions options);

}  // namespace soak::net

#endif  // SOAK_LIB_NET_SERVER_SOCKET_HTTP_SERVER_H_
