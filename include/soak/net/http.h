// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_NET_HTTP_H_
#define SOAK_NET_HTTP_H_

// HTTP messages, as HttpClient and HttpServer take and give them.

#include <string>
#include <utility>

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

}  // namespace soak::net

#endif  // SOAK_NET_HTTP_H_
