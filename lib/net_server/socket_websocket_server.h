// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_NET_SERVER_SOCKET_WEBSOCKET_SERVER_H_
#define SOAK_LIB_NET_SERVER_SOCKET_WEBSOCKET_SERVER_H_

#include <memory>

#include "lib/net/websocket_server_backend.h"
#include "soak/event_loop.h"

namespace soak::net {

std::shared_ptr<WebSocketServerBackend> listen_on_sockets(EventLoop& loop, ServerOptions options);

}  // namespace soak::net

#endif  // SOAK_LIB_NET_SERVER_SOCKET_WEBSOCKET_SERVER_H_
