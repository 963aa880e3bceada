// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_NET_HTTP_H_
#define SOAK_NET_HTTP_H_

// The HTTP messages of HttpClient and HttpServer, and the error for a request without a response.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "soak/error.h"
#include "soak/net/headers.h"

namespace soak::net {

// These are not aggregates, on purpose: g++ 12 destroys an aggregate temporary twice in a co_await expression.
struct HttpRequest {
  HttpRequest() = default;
  HttpRequest(std::string request_method, std::string request_url, std::string request_body = {},
              Headers request_headers = {})
      : method(std::move(request_method)),
        url(std::move(request_url)),
        headers(std::move(request_headers)),
        body(std::move(request_body)) {}

  std::string method = "GET";
  std::string url;  // "https://host:port/path?query"; may hold secrets.
  Headers headers;  // The transport adds Host, Content-Length and the like.
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

// May hold secrets: do not log it.
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

// The server's reply to a request. The transport adds Content-Length, unless the response already has one. If that one
// is longer than the body, the client sees the connection end within the response. "Connection: close" ends the
// connection after the reply. Aborts for a header field that a response cannot have, or a status outside 200 to 599.
class HttpReply {
 public:
  HttpReply(HttpResponse response) : response_(std::move(response)) {}  // NOLINT(google-explicit-constructor)
  explicit HttpReply(int status, std::string body = {}, Headers headers = {})
      : response_(status, std::move(body), std::move(headers)) {}
  // No response: resets the connection (RST), like a server that crashes.
  static HttpReply reset();

  bool is_reset() const { return reset_; }
  const HttpResponse& response() const& { return response_; }
  HttpResponse response() && { return std::move(response_); }

 private:
  HttpResponse response_;
  bool reset_ = false;
};

// Thrown when no response came. Its code is
//   Errc::kConnectFailed     refused, unreachable, name not found, or TLS: the message says which
//   Errc::kCertificate       the server's certificate is refused: of an unknown CA, for another host, expired
//   Errc::kTimeout           connect_timeout or timeout passed
//   Errc::kConnectionClosed  the connection ended before the whole response
//   Errc::kProtocol          the response is not HTTP, or is longer than response_bytes_max
// The message names method, scheme, host and port. It never includes path and query, because they may hold a key.
class HttpError : public Error {
 public:
  HttpError(Errc code, std::string_view message, bool may_have_arrived);
  // False: the server cannot have read the whole request, so you can safely send it again. True: unknown, because the
  // last byte has left this end. A small body leaves together with its head, whether or not the server reads it.
  bool may_have_arrived() const { return may_have_arrived_; }

 private:
  bool may_have_arrived_;
};

}  // namespace soak::net

#endif  // SOAK_NET_HTTP_H_
