// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_NET_HTTP_OPTIONS_H_
#define SOAK_NET_HTTP_OPTIONS_H_

// The options of HttpClient and HttpServer, and what a client counts.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "soak/net/http.h"
#include "soak/net/tls_identity.h"
#include "soak/task.h"

namespace soak::net {

// Not an aggregate, on purpose: see ConnectOptions.
struct HttpClientOptions {
  HttpClientOptions() {}  // NOLINT(modernize-use-equals-default): user-provided, for the line above.

  std::chrono::nanoseconds connect_timeout = std::chrono::seconds{10};  // Name, TCP and TLS together.
  std::chrono::nanoseconds timeout = std::chrono::seconds{15};          // The whole request, connecting included.
  // To one host and port at once; further requests wait for one of them, and their timeout runs meanwhile.
  std::size_t connections_max = 16;
  std::size_t response_bytes_max = std::size_t{16} << 20;
  // On TLS alone, and where the server offers it: HTTP/2, many requests on one connection, more than connections_max.
  // Names of header fields are in lower case then. An HttpServer does not offer it.
  // A libcurl before 8.2, Debian 12's, now and then never ends a request whose body waits for the server's window,
  // though its response is complete. With it HTTP/2 is offered only as long as the bodies under way are 32 KiB or less
  // together; a request beyond that goes by HTTP/1.1.
  bool http2 = true;
  // "http://host:port"; empty for none at all. Unset, what the environment says: http_proxy, https_proxy, no_proxy. In
  // memory there is none.
  std::optional<std::string> proxy;
  // https: alone. A PEM file of the certificate authorities to trust, instead of the system's: that of a TestCa, say.
  // What a server proves is always verified.
  std::string ca_file;
};

struct HttpClientCounters {
  std::uint64_t requests = 0;
  std::uint64_t responses = 0;
  std::uint64_t connections_opened = 0;  // Each is known when the request that opened it has ended.
};

// Runs on the loop's turn, in a task of its own, which is ended where it stands when the server goes. It goes on when
// its client has left: what it returns then is dropped. What it throws answers 500.
using HttpHandler = std::function<Task<HttpReply>(HttpServerRequest)>;

struct HttpServerOptions {
  HttpServerOptions() {}  // NOLINT(modernize-use-equals-default): not an aggregate, see ConnectOptions.

  std::string host = "127.0.0.1";  // An address, not a name.
  std::uint16_t port = 0;          // 0 takes a free one.
  // With a certificate the server speaks TLS (1.2 and 1.3) and nothing else, and its URL is https:.
  TlsIdentity tls;
  // Asked when the head of a request has come and its body has not been read (`body` is empty). False resets the
  // connection there. Null for never.
  std::function<bool(const HttpServerRequest&)> on_head;
  std::size_t body_bytes_max = std::size_t{16} << 20;                   // Above it: 413, and the connection ends.
  std::chrono::nanoseconds request_timeout = std::chrono::seconds{30};  // From its first byte to its last.
  // Idle, between two requests. The first one of a connection has as long as the longer of the two.
  std::chrono::nanoseconds keep_alive = std::chrono::seconds{75};
};

}  // namespace soak::net

#endif  // SOAK_NET_HTTP_OPTIONS_H_
