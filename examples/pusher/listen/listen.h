// SPDX-License-Identifier: Apache-2.0
#ifndef PUSHER_LISTEN_LISTEN_H_
#define PUSHER_LISTEN_LISTEN_H_

// The service before the pusher: accepts clients at ws://.../v4/listen?uid=&language=&sample_rate=&channels=, runs a
// session for each, and serves /metrics, /healthz and /readyz on another port.
//
//   Listen listen(loop, options);
//   group.start("listen", listen.run());
//   ...
//   listen.stop();   // As SIGTERM does: not ready, sessions told, drained.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pusher/admission.h"
#include "pusher/listen/flows.h"
#include "pusher/listen/options.h"
#include "pusher/listen/session.h"
#include "pusher/stores.h"
#include "soak/circuit_breaker.h"
#include "soak/event.h"
#include "soak/event_loop.h"
#include "soak/net/http_server.h"
#include "soak/net/websocket_server.h"
#include "soak/readiness_gate.h"
#include "soak/task.h"

namespace pusher::listen {

// How a shutdown went. Tasks that were cancelled or forced had hung; they are in the log, with what they waited for.
struct ShutdownReport {
  soak::DrainResult sessions;
  std::chrono::nanoseconds took{};
};

class Listen {
 public:
  // Listens at once; throws as WebSocketServer and HttpServer do. It is ready once run() has begun.
  Listen(soak::EventLoop& loop, ListenOptions options);
  ~Listen();

  // Serves until stop(), and then shuts down: within limits.drain_timeout + limits.drain_grace, whatever hangs.
  soak::Task<ShutdownReport> run();
  void stop() { stop_.set(); }

  std::string url() const { return server_.url(); }
  std::string health_url() const { return health_.url(); }
  bool ready() const { return gate_.ready(); }

  // The value of listen_active_ws_connections of this instance, on any thread.
  std::int64_t active() const { return active_.load(std::memory_order_relaxed); }
  std::size_t open_connections() const { return server_.open_connections(); }
  // The sessions whose connection has ended: those that flush what they have. At rest there are none.
  std::vector<std::uint64_t> sessions_without_connection() const;
  // How many sessions have a link to the pusher in that state.
  std::size_t links(LinkState state) const;
  const Flows& flows() const { return flows_; }

 private:
  class ActiveConnection;
  struct Active {
    std::weak_ptr<soak::net::WebSocket> socket;
    const ListenSession* session;
  };

  soak::Task<> serve(std::uint64_t number, soak::net::AcceptedWebSocket peer);
  soak::Task<const char*> look_up(const std::string& uid);
  soak::Task<ShutdownReport> shut_down();
  soak::Task<soak::net::HttpReply> reply(soak::net::HttpServerRequest request);

  soak::EventLoop& loop_;
  ListenOptions options_;
  Flows flows_;
  pusher::Stores stores_;
  soak::CircuitBreaker pusher_breaker_;
  soak::ReadinessGate gate_;
  soak::Event stop_;
  std::atomic<std::int64_t> active_ = 0;
  std::map<std::uint64_t, Active> sockets_;
  std::uint64_t keys_ = 0;
  soak::net::WebSocketServer server_;
  soak::net::HttpServer health_;
  soak::TaskGroup sessions_;
  soak::TaskGroup tasks_;  // The accept loop, and connections that are turned away.
  pusher::Admission admission_;
};

}  // namespace pusher::listen

#endif  // PUSHER_LISTEN_LISTEN_H_
