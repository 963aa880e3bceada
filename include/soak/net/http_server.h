// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_NET_HTTP_SERVER_H_
#define SOAK_NET_HTTP_SERVER_H_

// An HTTP server for fakes and tests. A coroutine replies to each request, or misbehaves.
//
//   soak::net::HttpServer server(loop, [](soak::net::HttpServerRequest request) -> soak::Task<soak::net::HttpReply> {
//     co_return soak::net::HttpReply(200, "hello " + request.path);
//   });
//
// On a UvLoop it listens on its own port and speaks HTTP/1.1 with keep-alive; bodies have a Content-Length or are
// chunked. On a VirtualLoop, the HttpClients of the same loop reach it in memory. Use it on the loop's thread; it must
// not outlive the loop.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "soak/event_loop.h"
#include "soak/net/http.h"
#include "soak/net/http_options.h"
#include "soak/task.h"

namespace soak::net {

struct HttpServerBackend;

class HttpServer {
 public:
  // Listens at once. Throws
  //   Error(Errc::kConnectFailed)    it cannot listen; names host, port and the system's reason
  //   Error(Errc::kInvalidArgument)  certificate or key cannot be read, or do not belong together; names the file
  HttpServer(EventLoop& loop, HttpHandler handler, HttpServerOptions options = HttpServerOptions());
  // Stops, and destroys handlers where they stand: clients see a reset. Do not call it from one of its own handlers.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  std::string url() const;  // "http://127.0.0.1:40121", with TLS "https://127.0.0.1:40121"
  std::uint16_t port() const;

  // Accepts no more connections or requests. Returns when the requests in progress have their replies, or drops the
  // rest after `timeout`.
  Task<> close(std::chrono::nanoseconds timeout = std::chrono::seconds{5});

  std::size_t open_connections() const;
  std::size_t requests_under_way() const;

 private:
  std::shared_ptr<HttpServerBackend> backend_;
};

}  // namespace soak::net

#endif  // SOAK_NET_HTTP_SERVER_H_
