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

#include <cstddef>
#include <memory>

#include "soak/event_loop.h"
#include "soak/net/http.h"
#include "soak/net/http_options.h"
#include "soak/task.h"

namespace soak::net {

struct HttpClientBackend;

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

 private:
  std::shared_ptr<HttpClientBackend> backend_;
};

}  // namespace soak::net

#endif  // SOAK_NET_HTTP_CLIENT_H_
