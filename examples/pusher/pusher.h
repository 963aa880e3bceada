// SPDX-License-Identifier: Apache-2.0
#ifndef PUSHER_PUSHER_H_
#define PUSHER_PUSHER_H_

// The service: accepts connections at ws://.../v1/trigger/listen?uid=&sample_rate=, runs a session for each, and serves
// /metrics, /healthz and /readyz on another port.
//
//   Pusher pusher(loop, options);
//   group.start("pusher", pusher.run());
//   ...
//   pusher.stop();   // As SIGTERM does: not ready, sessions told, drained.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "pusher/admission.h"
#include "pusher/finalisations.h"
#include "pusher/ledger.h"
#include "pusher/options.h"
#include "pusher/session.h"
#include "pusher/session_context.h"
#include "pusher/stores.h"
#include "soak/event.h"
#include "soak/event_loop.h"
#include "soak/net/http_server.h"
#include "soak/net/websocket_server.h"
#include "soak/readiness_gate.h"
#include "soak/semaphore.h"
#include "soak/task.h"

namespace pusher {

class PusherSession;

// How a shutdown went. Tasks that were cancelled or forced had hung; they are in the log, with what they waited for.
struct ShutdownReport {
  soak::DrainResult sessions;
  soak::DrainResult jobs;
  std::chrono::nanoseconds took{};
};

class Pusher {
 public:
  // Listens at once; throws as WebSocketServer and HttpServer do. It is ready once run() has begun.
  Pusher(soak::EventLoop& loop, PusherOptions options);
  ~Pusher();

  // Serves until stop(), and then shuts down: within limits.drain_timeout + limits.drain_grace, whatever hangs.
  soak::Task<ShutdownReport> run();
  void stop() { stop_.set(); }
  // As SIGKILL does, for tests in one process: everything ends where it stands, nobody is told, run() returns. What was
  // held counts as dropped.
  void kill();

  std::string url() const { return server_.url(); }         // "ws://127.0.0.1:40121"
  std::string health_url() const { return health_.url(); }  // "http://127.0.0.1:40122"
  bool ready() const { return gate_.ready(); }
  bool listening() const { return listening_; }  // Until it has shut down.

  // The value of pusher_active_ws_connections of this instance, on any thread.
  std::int64_t active() const { return active_.load(std::memory_order_relaxed); }
  std::size_t open_connections() const { return server_.open_connections(); }
  std::vector<std::uint64_t> sessions_without_connection() const { return without_connection(sockets_); }
  const Ledger& ledger() const { return ledger_; }

 private:
  class ActiveConnection;

  soak::Task<> serve(std::uint64_t number, soak::net::AcceptedWebSocket peer);
  soak::Task<ShutdownReport> shut_down();
  soak::Task<soak::net::HttpReply> reply(soak::net::HttpServerRequest request);

  soak::EventLoop& loop_;
  PusherOptions options_;
  Ledger ledger_;
  Stores stores_;
  soak::Semaphore integrations_;
  soak::ReadinessGate gate_;
  soak::Event stop_;
  bool listening_ = true;
  std::atomic<std::int64_t> active_ = 0;
  Sockets sockets_;
  Finalisations finalisations_;
  soak::net::WebSocketServer server_;
  soak::net::HttpServer health_;
  soak::TaskGroup sessions_;
  soak::TaskGroup tasks_;  // The accept loop, and connections that are turned away.
  Admission admission_;
};

}  // namespace pusher

#endif  // PUSHER_PUSHER_H_
