// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_NET_HTTP_OPTIONS_H_
#define SOAK_NET_HTTP_OPTIONS_H_

// The options of HttpClient and HttpServer, and a client's counters.

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

  std::chrono::nanoseconds connect_timeout = std::chrono::seconds{10};  // Name resolution, TCP and TLS together.
  std::chrono::nanoseconds timeout = std::chrono::seconds{15};          // The whole request, including connecting.
  // Per host and port. Further requests wait for one of these connections, and their timeout runs meanwhile.
  std::size_t connections_max = 16;
  std::size_t response_bytes_max = std::size_t{16} << 20;
  // HTTP/2 with many requests on one connection, more than connections_max. Used on TLS only, if the server offers it;
  // an HttpServer does not. Names of header fields are then in lower case. A libcurl before 8.2, as on Debian 12,
  // sometimes never ends a request whose body waits for the server's window, even though its response is complete. With
  // such a version, HTTP/2 is offered only while the bodies in progress are 32 KiB or less in total; a request beyond
  // that uses HTTP/1.1.
  bool http2 = true;
  // "http://host:port", or empty for no proxy. If unset, the environment decides: http_proxy, https_proxy, no_proxy. In
  // memory there is no proxy.
  std::optional<std::string> proxy;
  // For https: only. A PEM file of the certificate authorities to trust instead of the system's, such as a TestCa's.
  // The server's certificate is always verified.
  std::string ca_file;
};

struct HttpClientCounters {
  std::uint64_t requests = 0;
  std::uint64_t responses = 0;
  std::uint64_t connections_opened = 0;  // A connection is counted when the request that opened it ends.
};

// Runs on the loop's turn, in its own task. The task is destroyed where it stands when the server is destroyed. If the
// client leaves, the handler continues and its reply is dropped. A client that has only closed its sending direction
// gets a reply that takes less than a second. If the handler throws, the reply is 500.
using HttpHandler = std::function<Task<HttpReply>(HttpServerRequest)>;

struct HttpServerOptions {
  HttpServerOptions() {}  // NOLINT(modernize-use-equals-default): not an aggregate, see ConnectOptions.

  std::string host = "127.0.0.1";  // An address, not a name.
  std::uint16_t port = 0;          // 0 picks a free port.
  // With a certificate, the server accepts only TLS (1.2 and 1.3), and its URL is https:.
  TlsIdentity tls;
  // Called when the head of a request has arrived and its body has not been read yet (`body` is empty). Return false to
  // reset the connection at that point. May be null.
  std::function<bool(const HttpServerRequest&)> on_head;
  std::size_t body_bytes_max = std::size_t{16} << 20;  // A longer body gets 413, and the connection ends.
  std::chrono::nanoseconds request_timeout = std::chrono::seconds{30};  // From its first byte to its last.
  // How long a connection may be idle between two requests. The first request gets the longer of the two times.
  std::chrono::nanoseconds keep_alive = std::chrono::seconds{75};
};

}  // namespace soak::net

#endif  // SOAK_NET_HTTP_OPTIONS_H_
