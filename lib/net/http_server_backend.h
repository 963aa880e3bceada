// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_NET_HTTP_SERVER_BACKEND_H_
#define SOAK_LIB_NET_HTTP_SERVER_BACKEND_H_

// What both kinds of HTTP server share: the handlers' tasks, and the way a server ends.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "lib/net/signal.h"
#include "soak/net/http_options.h"
#include "soak/task.h"

namespace soak::net {

// A connection that a reply goes back to, unless it has gone meanwhile.
class HttpReplyTo {
 public:
  virtual void reply(HttpReply reply) = 0;

 protected:
  ~HttpReplyTo() = default;
};

// A response as it goes out: what the status, and the method that was asked, leave of it.
struct OutgoingResponse {
  // Aborts when a field could break out of its header line, or the status is no final one.
  OutgoingResponse(HttpResponse response, std::string_view method, bool close,
                   std::chrono::system_clock::time_point now);

  // Its bytes by HTTP/1.1.
  std::string text() const;

  int status;
  Headers headers;  // With Date, Content-Length, and "Connection: close" for the last of its connection.
  std::string body;
  bool close;
  // The handler announced a longer body than it gave: the client sees the connection end within it.
  bool cut_short = false;
};

struct HttpServerBackend : std::enable_shared_from_this<HttpServerBackend> {
  HttpServerBackend(EventLoop& event_loop, HttpHandler http_handler, HttpServerOptions server_options);
  virtual ~HttpServerBackend() = default;
  HttpServerBackend(const HttpServerBackend&) = delete;
  HttpServerBackend& operator=(const HttpServerBackend&) = delete;

  bool secure() const { return !options.tls.certificate_file.empty() || !options.tls.key_file.empty(); }

  // For the first byte of a connection's first request, the handshake of TLS before it included.
  std::chrono::nanoseconds first_request_timeout() const {
    return std::max(options.request_timeout, options.keep_alive);
  }

  static Task<> close(std::shared_ptr<HttpServerBackend> self, std::chrono::nanoseconds timeout);
  // The server goes: ends everything where it stands.
  void stop();

  // on_head's word on a request whose body has not been read: nothing to go on, or the reply instead.
  std::optional<HttpReply> judge_head(const HttpServerRequest& request) const;
  // Starts the handler. Its reply goes to `connection`.
  void handle(HttpServerRequest request, std::weak_ptr<HttpReplyTo> connection);
  // A response has gone out, or its connection has.
  void response_done();

  std::size_t under_way() const { return handlers_.size() + responding; }
  virtual std::size_t open_connections() const = 0;

  EventLoop& loop;
  const HttpHandler handler;
  const HttpServerOptions options;
  std::uint16_t port = 0;
  bool closing = false;  // No further connection, no further request.
  bool stopped = false;
  std::size_t responding = 0;  // Responses that have not gone out; counted by the transport.

 protected:
  virtual void stop_listening() = 0;
  virtual void close_idle() = 0;  // Connections that wait for a request.
  virtual void reset_all() = 0;   // Every connection.

 private:
  static Task<> answer(HttpServerBackend& self, HttpServerRequest request, std::weak_ptr<HttpReplyTo> connection);

  TaskGroup handlers_;
  std::uint64_t requests_ = 0;
  Signal done_{"the requests under way"};
};

}  // namespace soak::net

#endif  // SOAK_LIB_NET_HTTP_SERVER_BACKEND_H_
