// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_NET_HTTP_H_
#define SOAK_NET_HTTP_H_

// HTTP messages, as HttpClient and HttpServer take and give them, and the error of a request without a response.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "soak/error.h"
#include "soak/net/headers.h"

namespace soak::net {

// Not aggregates, on purpose: g++ 12 destroys an aggregate temporary twice in a co_await expression.
struct HttpRequest {
  HttpRequest() = default;
  HttpRequest(std::string request_method, std::string request_url, std::string request_body = {},
              Headers request_headers = {})
      : method(std::move(request_method)),
        url(std::move(request_url)),
        headers(std::move(request_headers)),
        body(std::move(request_body)) {}

  std::string method = "GET";
  std::string url;  // "https://host:port/path?query"; it may hold secrets.
  Headers headers;  // Host, Content-Length and the like are added by the transport.
  std::string body;
};

struct HttpResponse {
  HttpResponse() = default;
  explicit HttpResponse(int response_status, std::string response_body = {}, Headers response_headers = {})
      : status(response_status), headers(std::move(response_headers)), body(std::move(response_body)) {}

  int status = 200;
  Headers headers;
  std::string body;
};

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

}  // namespace soak::net

#endif  // SOAK_NET_HTTP_H_
