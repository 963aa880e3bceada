// SPDX-License-Identifier: Apache-2.0
#ifndef MESH_SERVICE_H_
#define MESH_SERVICE_H_

// The HTTP end of a process: its routes, and beside them /healthz, /readyz and /metrics.
//
//   Service service(loop, {.port = 8080});
//   Relay relay(loop, storage, registry, service.routes());
//   loop.run(service.run());   // Until service.stop(), as SIGTERM does: not ready, requests answered, closed.

#include <chrono>
#include <cstdint>
#include <string>

#include "mesh/router.h"
#include "soak/event.h"
#include "soak/event_loop.h"
#include "soak/net/http_server.h"
#include "soak/task.h"

namespace mesh {

struct ServiceOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;  // 0 picks a free one.
  std::chrono::nanoseconds drain_timeout = std::chrono::seconds{10};
};

class Service {
 public:
  // Listens at once; throws as HttpServer does. Requests are served on the loop's turns: add the routes before.
  Service(soak::EventLoop& loop, const ServiceOptions& options);
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  Router& routes() { return routes_; }
  std::string url() const { return server_.url(); }

  // Serves until stop(), then answers the requests in progress. False if the drain timeout was too short for that.
  soak::Task<bool> run();
  void stop() { stop_.set(); }

 private:
  soak::Task<soak::net::HttpReply> reply(soak::net::HttpServerRequest request);

  soak::EventLoop& loop_;
  std::chrono::nanoseconds drain_timeout_;
  Router routes_;
  soak::Event stop_;
  soak::net::HttpServer server_;
};

}  // namespace mesh

#endif  // MESH_SERVICE_H_
