// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_NET_CLIENT_LWS_CLIENT_H_
#define SOAK_LIB_NET_CLIENT_LWS_CLIENT_H_

#include <memory>

#include "lib/net/url.h"
#include "soak/event_loop.h"
#include "soak/net/websocket.h"
#include "soak/task.h"

namespace soak::net {

// Starts what all connections on `loop`, a UvLoop, share. Throws Error(Errc::kSystem), which each of them would.
void start_lws(EventLoop& loop);

Task<std::unique_ptr<WebSocket>> connect_on_lws(EventLoop& loop, Url url, ConnectOptions options);

}  // namespace soak::net

#endif  // SOAK_LIB_NET_CLIENT_LWS_CLIENT_H_
