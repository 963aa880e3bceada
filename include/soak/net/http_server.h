// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_NET_HTTP_SERVER_H_
#define SOAK_NET_HTTP_SERVER_H_

// An HTTP server for fakes and tests: a coroutine answers each request, or misbehaves.
//
//   soak::net::HttpServer server(loop, [](soak::net::HttpServerRequest request) -> soak::Task<soak::net::HttpReply> {
//     co_return soak::net::HttpReply(200, "hello " + request.path);
//   });
//
// On a UvLoop it listens on a port of its own and speaks HTTP/1.1, with keep-alive, and bodies by Content-Length or in
// chunks; on a VirtualLoop it is reached in memory by the HttpClients of the same loop. It belongs to the loop's thread
// and must not outlive the loop.

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
  // Stops, and ends what is left where it stands: clients see a reset. Not from one of its own handlers.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  std::string url() const;  // "http://127.0.0.1:40121", with TLS "https://127.0.0.1:40121"
  std::uint16_t port() const;

  // Takes no further connection and no further request; ends when those under way are answered, or after `timeout`,
  // when the rest is dropped.
  Task<> close(std::chrono::nanoseconds timeout = std::chrono::seconds{5});

  std::size_t open_connections() const;
  std::size_t requests_under_way() const;

 private:
  std::shared_ptr<HttpServerBackend> backend_;
};

}  // namespace soak::net

#endif  // SOAK_NET_HTTP_SERVER_H_
