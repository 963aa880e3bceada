// SPDX-License-Identifier: Apache-2.0
#ifndef MESH_ROUTER_H_
#define MESH_ROUTER_H_

// Finds the handler of a request, and makes responses of what handlers throw.

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "soak/net/http.h"
#include "soak/task.h"

namespace mesh {

// Not an aggregate, on purpose: see soak::net::HttpRequest.
struct Call {
  Call() {}  // NOLINT(modernize-use-equals-default)

  soak::net::HttpServerRequest request;
  std::vector<std::string> captures;  // What stands at each {} of the route, percent-decoded.
};

using RouteHandler = std::function<soak::Task<soak::net::HttpReply>(Call)>;

class Router {
 public:
  // In `path`, {} stands for the rest of a segment, of at least one character: "/.well-known/agent/{}.json".
  void add(std::string_view method, std::string_view path, RouteHandler handler);

  // Every failure is a response: a Problem as it says, a StorageError 507 or 503, an unknown path 404, a wrong method
  // 405, a body longer than kBodyBytesMax 413, a POST that is not application/json 415, any other exception 500.
  soak::Task<soak::net::HttpReply> reply(soak::net::HttpServerRequest request);

  static constexpr std::size_t kBodyBytesMax = std::size_t{128} << 10;

 private:
  struct Route {
    std::string method;
    std::vector<std::string> segments;
    RouteHandler handler;
  };

  soak::Task<soak::net::HttpReply> handle(soak::net::HttpServerRequest request);

  std::vector<Route> routes_;
};

soak::net::HttpReply json_reply(int status, std::string body);
soak::net::HttpReply html_reply(std::string page);

// The integer called `name` in the query. Throws Problem(400, invalid_query).
std::int64_t query_integer(const soak::net::HttpServerRequest& request, std::string_view name, std::int64_t otherwise,
                           std::int64_t min, std::int64_t max);

}  // namespace mesh

#endif  // MESH_ROUTER_H_
