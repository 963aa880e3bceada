// SPDX-License-Identifier: Apache-2.0
#include "pusher/pusher.h"

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pusher/frames.h"
#include "pusher/session.h"
#include "soak/gather.h"
#include "soak/metrics/metrics.h"

namespace pusher {
namespace {

constexpr const char* kPath = "/v1/trigger/listen";

soak::net::ServerOptions server_options(const PusherOptions& options) {
  soak::net::ServerOptions server;
  server.host = options.host;
  server.port = options.port;
  server.close_timeout = options.limits.close_timeout;
  server.message_bytes_max = options.limits.message_bytes_max;
  // A session must not hold more in its socket's queue than in its own.
  server.receive_queue_bytes_max = std::size_t{256} << 10;
  server.on_handshake = [](const soak::net::HandshakeRequest& request) {
    return request.path == kPath ? soak::net::HandshakeReply::accept()
                                 : soak::net::HandshakeReply::refuse(404, "expected /v1/trigger/listen\n");
  };
  return server;
}

soak::net::HttpServerOptions health_options(const PusherOptions& options) {
  soak::net::HttpServerOptions health;
  health.host = options.host;
  health.port = options.health_port;
  return health;
}

}  // namespace

// A connection that has a session. The gauge goes up here, and nowhere else: behind every check that turns a connection
// away, so that none of these can leak it.
class Pusher::ActiveConnection {
 public:
  ActiveConnection(Pusher& pusher, std::uint64_t number, const std::shared_ptr<soak::net::WebSocket>& socket)
      : pusher_(pusher), number_(number), gauge_(gauge()) {
    pusher_.sockets_.emplace(number, socket);
    pusher_.active_.fetch_add(1, std::memory_order_relaxed);
    gauge_.increment();
  }
  ~ActiveConnection() {
    gauge_.decrement();
    pusher_.active_.fetch_sub(1, std::memory_order_relaxed);
    pusher_.sockets_.erase(number_);
  }
  ActiveConnection(const ActiveConnection&) = delete;
  ActiveConnection& operator=(const ActiveConnection&) = delete;

  static soak::metrics::Gauge gauge() {
    return soak::metrics::gauge("pusher_active_ws_connections", "Connections that have a session");
  }

 private:
  Pusher& pusher_;
  std::uint64_t number_;
  soak::metrics::Gauge gauge_;
};

Pusher::Pusher(soak::EventLoop& loop, PusherOptions options)
    : loop_(loop),
      options_(std::move(options)),
      stores_(loop, options_.stores),
      integrations_(options_.limits.integrations_at_once),
      gate_({"serving"}),
      finalisations_(loop, options_.limits, stores_),
      server_(loop, server_options(options_)),
      health_(
          loop, [this](soak::net::HttpServerRequest request) { return reply(std::move(request)); },
          health_options(options_)),
      sessions_(loop),
      tasks_(loop),
      admission_(server_, gate_, sessions_, tasks_, options_.limits.sessions_max) {
  ActiveConnection::gauge();  // So that it is there, as 0, before the first connection.
}

// Whoever cancels run() leaves tasks behind; after run() has returned there are none.
Pusher::~Pusher() {
  sessions_.end_in_place();
  finalisations_.tasks().end_in_place();
  tasks_.end_in_place();
}

void Pusher::kill() {
  gate_.reset("serving");
  sessions_.end_in_place();
  finalisations_.tasks().end_in_place();
  tasks_.end_in_place();
  server_.stop();
  listening_ = false;
  stop_.set();
}

soak::Task<ShutdownReport> Pusher::run() {
  tasks_.start("accept", admission_.accept_all([this](std::uint64_t number, soak::net::AcceptedWebSocket peer) {
    return serve(number, std::move(peer));
  }));
  gate_.set("serving");
  co_await stop_.wait();
  soak::Task<ShutdownReport> ending = shut_down();
  ShutdownReport report = co_await std::move(ending);
  co_return report;
}

soak::Task<> Pusher::serve(std::uint64_t number, soak::net::AcceptedWebSocket peer) {
  std::string uid = peer.request.query_value("uid");
  const std::optional<std::uint32_t> rate = parse_sample_rate(peer.request.query_value("sample_rate"));
  if (uid.empty() || !rate) {
    co_await close(std::move(peer.socket), kClosePolicy, uid.empty() ? "Missing uid" : "Invalid sample rate");
    co_return;
  }
  const std::shared_ptr<soak::net::WebSocket> socket = std::move(peer.socket);
  const ActiveConnection active(*this, number, socket);
  const Service service{loop_, options_, ledger_, stores_, integrations_};
  PusherSession session(service, finalisations_, number, std::move(uid), *rate, socket);
  co_await session.run();
}

soak::Task<ShutdownReport> Pusher::shut_down() {
  gate_.reset("serving");
  finalisations_.hurry();
  const soak::Instant began = loop_.now();
  soak::DrainOptions draining{.timeout = options_.limits.drain_timeout,
                              .grace = options_.limits.drain_grace,
                              .deadline = began + options_.limits.drain_timeout + options_.limits.drain_grace};
  for (const auto& [number, weak] : sockets_) {
    if (std::shared_ptr<soak::net::WebSocket> socket = weak.lock()) {
      admission_.turn_away(number, std::move(socket), soak::net::kCloseGoingAway, "draining");
    }
  }
  std::vector<soak::Task<soak::DrainResult>> drains;
  draining.label = "pusher_cleanup";
  drains.push_back(soak::drain(sessions_, draining));
  draining.label = "pusher_bg";
  drains.push_back(soak::drain(finalisations_.tasks(), draining));
  soak::Task<std::vector<soak::GatherResult<soak::DrainResult>>> both =
      soak::gather(std::move(drains), {.label = "pusher_cleanup"});
  std::vector<soak::GatherResult<soak::DrainResult>> results = co_await std::move(both);
  soak::Task<soak::DrainResult> last = soak::drain(tasks_, {.timeout = options_.limits.close_timeout,
                                                            .deadline = draining.deadline,
                                                            .cancel_first = true,
                                                            .label = "pusher_cleanup"});
  const soak::DrainResult ended = co_await std::move(last);
  server_.stop();
  listening_ = false;
  ShutdownReport report;
  report.sessions = results[0].value();
  report.jobs = results[1].value();
  report.took = loop_.now() - began;
  co_return report;
}

soak::Task<soak::net::HttpReply> Pusher::reply(soak::net::HttpServerRequest request) {
  co_return health_reply(request, gate_);
}

}  // namespace pusher
