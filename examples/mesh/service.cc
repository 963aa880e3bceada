// SPDX-License-Identifier: Apache-2.0
#include "mesh/service.h"

#include <utility>

#include "mesh/problem.h"
#include "soak/metrics/metrics.h"

namespace mesh {
namespace {

soak::net::HttpServerOptions server_options(const ServiceOptions& options) {
  soak::net::HttpServerOptions server;
  server.host = options.host;
  server.port = options.port;
  server.body_bytes_max = 8 * Router::kBodyBytesMax;  // Up to here the router answers, in JSON.
  return server;
}

soak::metrics::Counter requests() {
  return soak::metrics::counter("mesh_requests_total", "Requests that were answered");
}
soak::metrics::Counter refused() {
  return soak::metrics::counter("mesh_requests_refused_total", "Requests that were answered with 4xx");
}
soak::metrics::Counter failed() {
  return soak::metrics::counter("mesh_requests_failed_total", "Requests that were answered with 5xx");
}

}  // namespace

Service::Service(soak::EventLoop& loop, const ServiceOptions& options)
    : loop_(loop),
      drain_timeout_(options.drain_timeout),
      server_(
          loop, [this](soak::net::HttpServerRequest request) { return reply(std::move(request)); },
          server_options(options)) {
  requests();
  refused();
  failed();
  routes_.add("GET", "/healthz",
              [](Call) -> soak::Task<soak::net::HttpReply> { co_return json_reply(200, R"({"status":"ok"})"); });
  routes_.add("GET", "/readyz", [this](Call) -> soak::Task<soak::net::HttpReply> {
    co_return stop_.is_set() ? json_reply(503, R"({"status":"draining"})") : json_reply(200, R"({"status":"ready"})");
  });
  routes_.add("GET", "/metrics", [](Call) -> soak::Task<soak::net::HttpReply> {
    soak::net::Headers headers;
    headers.add("Content-Type", "text/plain; version=0.0.4");
    co_return soak::net::HttpReply(200, soak::metrics::exposition(), std::move(headers));
  });
}

soak::Task<bool> Service::run() {
  co_await stop_.wait();
  const soak::Instant began = loop_.now();
  soak::Task<> closing = server_.close(drain_timeout_);
  co_await std::move(closing);
  co_return loop_.now() - began < drain_timeout_;
}

soak::Task<soak::net::HttpReply> Service::reply(soak::net::HttpServerRequest request) {
  static const soak::metrics::Counter all = requests();
  static const soak::metrics::Counter of_refused = refused();
  static const soak::metrics::Counter of_failed = failed();
  soak::Task<soak::net::HttpReply> handling = routes_.reply(std::move(request));
  soak::net::HttpReply answer = co_await std::move(handling);
  all.increment();
  if (answer.response().status >= 500) {
    of_failed.increment();
  } else if (answer.response().status >= 400) {
    of_refused.increment();
  }
  co_return answer;
}

}  // namespace mesh
