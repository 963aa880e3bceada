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
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "soak/event_loop.h"
#include "soak/net/headers.h"
#include "soak/net/http.h"
#include "soak/net/websocket_server.h"
#include "soak/task.h"

namespace soak::net {

// Holds secrets: do not log it.
struct HttpServerRequest {
  HttpServerRequest() {}  // NOLINT(modernize-use-equals-default): not an aggregate, see HttpRequest.

  std::string method;
  std::string path;   // "/bot1:a/sendMessage", as sent, without the query.
  std::string query;  // "wait=true", without the question mark.
  Headers headers;
  std::string body;
  std::string peer_address;      // "127.0.0.1:54321", or "memory:3".
  std::uint64_t connection = 0;  // The same for all requests of one connection.

  // The value of `name` in the query, percent-decoded; empty if absent.
  std::string query_value(std::string_view name) const;
};

// What becomes of a request. The transport adds Content-Length. One that the response brings stays: longer than the
// body, it makes the client see the connection end within the response. "Connection: close" makes it the last of its
// connection. Aborts for a field that cannot stand in a response, or a status outside 200 to 599.
class HttpReply {
 public:
  HttpReply(HttpResponse response) : response_(std::move(response)) {}  // NOLINT(google-explicit-constructor)
  explicit HttpReply(int status, std::string body = {}, Headers headers = {})
      : response_(status, std::move(body), std::move(headers)) {}
  // No response: the connection is reset (RST), as by a server that dies.
  static HttpReply reset();

  bool is_reset() const { return reset_; }
  const HttpResponse& response() const& { return response_; }
  HttpResponse response() && { return std::move(response_); }

 private:
  HttpResponse response_;
  bool reset_ = false;
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

  struct Backend;

 private:
  std::shared_ptr<Backend> backend_;
};

}  // namespace soak::net

#endif  // SOAK_NET_HTTP_SERVER_H_
