// SPDX-License-Identifier: Apache-2.0
#include "lib/net_server/accepted_connection.h"

#include <utility>

namespace soak::net {

std::optional<AcceptedConnection> accept_connection(TcpListener& listener, EventLoop& loop, SSL_CTX* tls_context) {
  while (std::optional<TcpListener::Accepted> accepted = listener.accept()) {
    if (tls_context == nullptr) {
      return AcceptedConnection{std::move(accepted->fd), nullptr, std::move(accepted->peer)};
    }
    TlsTerminators::Started started = loop.service<TlsTerminators>().start(*tls_context, std::move(accepted->fd));
    if (started.plain.get() >= 0) {
      return AcceptedConnection{std::move(started.plain), std::move(started.terminator), std::move(accepted->peer)};
    }
  }
  return std::nullopt;
}

}  // namespace soak::net
