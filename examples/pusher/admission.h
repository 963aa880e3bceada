// SPDX-License-Identifier: Apache-2.0
#ifndef PUSHER_ADMISSION_H_
#define PUSHER_ADMISSION_H_

// Who gets a session, and what a service says of its state: the same for listen and the pusher.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "soak/net/http_server.h"
#include "soak/net/websocket_server.h"
#include "soak/readiness_gate.h"
#include "soak/task.h"

namespace pusher {

inline constexpr std::uint16_t kCloseTryAgain = 1013;

class Admission {
 public:
  // The session of a connection; `number` counts those of the service from 1.
  using Serve = std::function<soak::Task<>(std::uint64_t number, soak::net::AcceptedWebSocket peer)>;

  // All of them outlive this. `tasks` has the closes of those that are turned away.
  Admission(soak::net::WebSocketServer& server, const soak::ReadinessGate& gate, soak::TaskGroup& sessions,
            soak::TaskGroup& tasks, std::size_t sessions_max)
      : server_(server), gate_(gate), sessions_(sessions), tasks_(tasks), sessions_max_(sessions_max) {}

  // Accepts until it is cancelled. Each connection is served in `sessions`, unless the gate is down or there are
  // sessions_max.
  soak::Task<> accept_all(Serve serve);
  // Ends a connection that is, or was, to have a session.
  void turn_away(std::uint64_t number, std::shared_ptr<soak::net::WebSocket> socket, std::uint16_t code,
                 const char* reason);

 private:
  soak::net::WebSocketServer& server_;
  const soak::ReadinessGate& gate_;
  soak::TaskGroup& sessions_;
  soak::TaskGroup& tasks_;
  std::size_t sessions_max_;
};

// Waits for the client's reply.
soak::Task<> close(std::shared_ptr<soak::net::WebSocket> socket, std::uint16_t code, const char* reason);

// Of /healthz, /readyz and /metrics.
soak::net::HttpReply health_reply(const soak::net::HttpServerRequest& request, const soak::ReadinessGate& gate);

}  // namespace pusher

#endif  // PUSHER_ADMISSION_H_
