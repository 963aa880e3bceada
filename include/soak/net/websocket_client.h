// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_NET_WEBSOCKET_CLIENT_H_
#define SOAK_NET_WEBSOCKET_CLIENT_H_

// Opens a WebSocket as a client.
//
// On a UvLoop the transport is libwebsockets, with TLS for a wss: URL. On a VirtualLoop it is an in-memory pipe that
// uses the loop's clock.
//
//   soak::net::ConnectOptions options;
//   options.headers.add("Authorization", "Bearer " + key);
//   auto socket = co_await soak::net::connect_websocket(loop, peer.url(), options);
//   co_await socket->send_text(R"({"type":"session.update"})");
//   soak::net::Message message = co_await socket->receive();
//   co_await socket->close();

#include <memory>
#include <string>

#include "soak/event_loop.h"
#include "soak/net/websocket.h"
#include "soak/task.h"

namespace soak::net {

// Opens a WebSocket to `url`: "ws://host:port/path?query", or "wss://..." with TLS 1.2 or 1.3. It tries once. If
// cancelled, it leaves nothing behind.
// Throws
//   HandshakeRefused             the server replied with a status other than 101
//   Error(Errc::kConnectFailed)  refused, unreachable, name not found, closed during the handshake; with wss: also
//                                a server without TLS; the message states which, and what is wrong
//   Error(Errc::kCertificate)    with wss: a certificate of an unknown CA, for another host, expired or not valid yet
//   Error(Errc::kTimeout)        connect_timeout passed
//   Error(Errc::kInvalidArgument)  not a ws: or wss: URL; a CA file that cannot be read
// Messages name the URL without its query, because that may hold a key.
[[nodiscard]] Task<std::unique_ptr<WebSocket>> connect_websocket(EventLoop& loop, std::string url,
                                                                 ConnectOptions options = ConnectOptions());

}  // namespace soak::net

#endif  // SOAK_NET_WEBSOCKET_CLIENT_H_
