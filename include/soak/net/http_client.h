// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_NET_HTTP_CLIENT_H_
#define SOAK_NET_HTTP_CLIENT_H_

// An HTTP client. When a request fails, its error states whether the request may have arrived.
//
// On a UvLoop the transport is libcurl, on the loop's own sockets and timers. On a VirtualLoop it is an in-memory pipe
// that uses the loop's clock and reaches the HttpServers of the same loop. Both pass the same conformance suite, so
// your code sees no difference. Use a client on the thread of its EventLoop; it must not outlive the loop. It keeps its
// connections alive for later requests, so use one client for many requests.
//
//   soak::net::HttpClient client(loop);
//   soak::net::HttpRequest request("POST", url, R"({"text":"hi"})", {{"Content-Type", "application/json"}});
//   soak::net::HttpResponse response = co_await client.send(std::move(request));
//
// The client never sends a request twice on its own. It follows no redirects, and does not repeat a request on another
// connection when a kept-alive one turns out to be dead (which libcurl would do; github.com/curl/curl,
// Curl_retry_request).

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
  // Throws Error(Errc::kInvalidArgument) if the CA file cannot be read (in memory it is not read), the proxy is not an
  // http: URL, or connections_max is 0.
  explicit HttpClient(EventLoop& loop, HttpClientOptions options = HttpClientOptions());
  // Drops requests in progress: each throws HttpError(kConnectionClosed) on the loop's next turn. Allowed anywhere on
  // the loop's thread, including in code that one of its own responses has resumed.
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // Any status counts as a response, even 500. If cancelled, it drops the request together with its connection. Throws
  // HttpError. Throws Error(Errc::kInvalidArgument) for a URL that is not http: or https:, a header that cannot be sent
  // or that the transport sets (Content-Length, Transfer-Encoding, Expect), CONNECT, or a HEAD with a body.
  [[nodiscard]] Task<HttpResponse> send(HttpRequest request);

  const HttpClientCounters& counters() const;
  std::size_t open_connections() const;  // Including idle ones.

 private:
  std::shared_ptr<HttpClientBackend> backend_;
};

}  // namespace soak::net

#endif  // SOAK_NET_HTTP_CLIENT_H_
