// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_NET_SERVER_ACCEPTED_CONNECTION_H_
#define SOAK_LIB_NET_SERVER_ACCEPTED_CONNECTION_H_

#include <memory>
#include <optional>
#include <string>

#include "lib/net/fd.h"
#include "lib/net/openssl.h"
#include "lib/net/tcp_listener.h"
#include "lib/net/tls_terminator.h"
#include "soak/event_loop.h"

namespace soak::net {

// What a server reads requests from, with or without TLS.
struct AcceptedConnection {
  Fd fd;                               // With TLS, the plain side of `tls`.
  std::shared_ptr<TlsTerminator> tls;  // Null without TLS.
  std::string peer;                    // "127.0.0.1:54321"
};

// The next connection of `listener`; nothing if none waits. With a context, it begins to wait for the client's part of
// the TLS handshake. A connection for which the system has no descriptor left is ended and skipped.
std::optional<AcceptedConnection> accept_connection(TcpListener& listener, EventLoop& loop, SSL_CTX* tls_context);

}  // namespace soak::net

#endif  // SOAK_LIB_NET_SERVER_ACCEPTED_CONNECTION_H_
