// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_NET_LWS_NETWORK_H_
#define SOAK_LIB_NET_LWS_NETWORK_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "lib/net/server_backend.h"
#include "lib/net/url.h"

namespace soak::net {

std::shared_ptr<WebSocketServer::Backend> listen_on_lws(EventLoop& loop, ServerOptions options);

Task<std::unique_ptr<WebSocket>> connect_on_lws(EventLoop& loop, Url url, ConnectOptions options);

}  // namespace soak::net

#endif  // SOAK_LIB_NET_LWS_NETWORK_H_
