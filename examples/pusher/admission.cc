// SPDX-License-Identifier: Apache-2.0
#include "pusher/admission.h"

#include <string>
#include <utility>

#include "soak/metrics/metrics.h"

namespace pusher {

soak::Task<> Admission::accept_all(Serve serve) {
  for (std::uint64_t number = 1;; ++number) {
    soak::Task<soak::net::AcceptedWebSocket> accepting = server_.accept();
    soak::net::AcceptedWebSocket peer = co_await std::move(accepting);
    if (!gate_.ready()) {
      // Accepted, so that the client sees a close that its circuit breaker does not count as a failure.
      turn_away(number, std::move(peer.socket), soak::net::kCloseGoingAway, "draining");
    } else if (sessions_.size() >= sessions_max_) {
      turn_away(number, std::move(peer.socket), kCloseTryAgain, "too many sessions");
    } else {
      sessions_.start({"session", number}, serve(number, std::move(peer)), soak::TaskKind::kBackground);
    }
  }
}

void Admission::turn_away(std::uint64_t number, std::shared_ptr<soak::net::WebSocket> socket, std::uint16_t code,
                          const char* reason) {
  tasks_.start({"turned_away", number}, close(std::move(socket), code, reason), soak::TaskKind::kBackground);
}

soak::Task<> close(std::shared_ptr<soak::net::WebSocket> socket, std::uint16_t code, const char* reason) {
  std::string text = reason;
  soak::Task<> closing = socket->close(code, std::move(text));
  co_await std::move(closing);
}

soak::net::HttpReply health_reply(const soak::net::HttpServerRequest& request, const soak::ReadinessGate& gate) {
  if (request.path == "/healthz") {
    return soak::net::HttpReply(200, "ok\n");
  }
  if (request.path == "/readyz") {
    return gate.ready() ? soak::net::HttpReply(200, "ready\n") : soak::net::HttpReply(503, "not ready\n");
  }
  if (request.path == "/metrics") {
    soak::net::Headers headers;
    headers.add("Content-Type", "text/plain; version=0.0.4");
    return soak::net::HttpReply(200, soak::metrics::exposition(), std::move(headers));
  }
  return soak::net::HttpReply(404, "expected /metrics, /healthz or /readyz\n");
}

}  // namespace pusher
