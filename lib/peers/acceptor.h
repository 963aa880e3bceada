// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_ACCEPTOR_H_
#define SOAK_LIB_PEERS_ACCEPTOR_H_

// What the fakes that speak WebSocket have in common: a server, a task for each connection that it takes, and how such
// a task ends.

#include <cstdint>
#include <functional>
#include <string>

#include "soak/event_loop.h"
#include "soak/fault/script.h"
#include "soak/metrics/label.h"
#include "soak/net/websocket.h"
#include "soak/net/websocket_server.h"
#include "soak/task.h"

namespace soak::peers {

class Acceptor {
 public:
  using Serve = std::function<Task<>(net::AcceptedWebSocket)>;

  // Listens at once; what it throws is what the server throws. Each connection is given to `serve`, in a task called
  // {name, 1}, {name, 2}, ... that lives as long as the connection. Cancelled, it should close and end.
  // `faults`, if not null, answers each handshake and wraps each connection, and must outlive the acceptor.
  Acceptor(EventLoop& loop, net::ServerOptions options, Label name, Serve serve, fault::Script* faults);
  // Ends the connections' tasks where they stand.
  ~Acceptor();
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  std::string url() const { return server_.url(); }
  // For plain requests, which the server's `on_request` answers: "http://" for ws:, "https://" for wss:.
  std::string http_url() const;
  std::uint16_t port() const { return server_.port(); }

  // Stops listening and cancels the tasks; ends when all are gone, after the close timeout and one second more at the
  // latest.
  Task<> close();

 private:
  Task<> accept();

  EventLoop& loop_;
  net::WebSocketServer server_;
  Label name_;
  Serve serve_;
  fault::Script* faults_;
  TaskGroup tasks_;
};

// For a server that listens where the `options` of a fake say, with their certificate.
template <typename PeerOptions>
net::ServerOptions listen_options(const PeerOptions& options) {
  net::ServerOptions server;
  server.host = options.host;
  server.port = options.port;
  server.tls = options.tls;
  return server;
}

// Runs `conversation` until the connection of `socket` has ended, then ends `tasks` where they stand. Cancelled, it
// closes with 1001 first.
Task<> serve_until_end(net::WebSocket& socket, TaskGroup& tasks, Task<> conversation);

// Counts in the ledger of a fake that an open session has ended with its `socket`.
template <typename Ledger>
void count_closed_session(Ledger& ledger, const net::WebSocket& socket) {
  --ledger.sessions_open;
  ++ledger.sessions_closed;
  const auto status = socket.close_status();
  if (status && status->by == net::CloseStatus::By::kLost) {
    ++ledger.sessions_lost;
  }
}

}  // namespace soak::peers

#endif  // SOAK_LIB_PEERS_ACCEPTOR_H_
