// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_NET_HTTP_CLIENT_H_
#define SOAK_NET_HTTP_CLIENT_H_

// An HTTP client that says of a request that failed whether it may have arrived.
//
// On a UvLoop the transport is libcurl, on the loop's own sockets and timers; on a VirtualLoop it is a pipe in memory
// that keeps the loop's clock and reaches the HttpServers of the same loop. Code above cannot tell them apart: both
// pass one conformance suite. A client belongs to the thread of its EventLoop and must not outlive the loop. It keeps
// its connections for the next request, so one client should serve many.
//
//   soak::net::HttpClient client(loop);
//   soak::net::HttpRequest request("POST", url, R"({"text":"hi"})", {{"Content-Type", "application/json"}});
//   soak::net::HttpResponse response = co_await client.send(std::move(request));
//
// Nothing is sent twice by itself: no redirect is followed, and no request is repeated on another connection when a
// kept one turns out to be dead (libcurl's own habit; github.com/curl/curl, Curl_retry_request).

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "soak/error.h"
#include "soak/event_loop.h"
#include "soak/net/http.h"
#include "soak/task.h"

namespace soak::net {

// No response came. Its code is
//   Errc::kConnectFailed     refused, unreachable, name not found, or TLS: the message says which
//   Errc::kTimeout           connect_timeout or timeout passed
//   Errc::kConnectionClosed  the connection ended before the whole response
//   Errc::kProtocol          what came is no HTTP, or longer than response_bytes_max
// The message names method, scheme, host and port: never path and query, which may hold a key.
class HttpError : public Error {
 public:
  HttpError(Errc code, std::string_view message, bool may_have_arrived);
  // False: the server cannot have read the whole request, and it may be sent again. True: nobody knows, as soon as the
  // last byte has left this end: a small body does so together with its head, whether the server reads it or not.
  bool may_have_arrived() const { return may_have_arrived_; }

 private:
  bool may_have_arrived_;
};

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

class HttpClient {
 public:
  // Throws Error(Errc::kInvalidArgument) for a CA file that cannot be read (in memory it is not), a proxy that is no
  // http: URL, no connections at all.
  explicit HttpClient(EventLoop& loop, HttpClientOptions options = HttpClientOptions());
  // Drops requests under way: each throws HttpError, kConnectionClosed, on the loop's next turn. Allowed from anywhere
  // on the loop's thread, also from code that one of its own responses has resumed.
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // Any status is a response, also 500. Cancelled, the request is dropped with its connection.
  // Throws HttpError, and Error(Errc::kInvalidArgument) for a URL that is not http: or https:, a header that cannot be
  // sent or is the transport's own (Content-Length, Transfer-Encoding, Expect), CONNECT, a HEAD with a body.
  [[nodiscard]] Task<HttpResponse> send(HttpRequest request);

  const HttpClientCounters& counters() const;
  std::size_t open_connections() const;  // Kept ones included.

  struct Backend;

 private:
  std::shared_ptr<Backend> backend_;
};

}  // namespace soak::net

#endif  // SOAK_NET_HTTP_CLIENT_H_
