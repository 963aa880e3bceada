// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_SOAK_PUSHER_SPECIMEN_H_
#define TESTS_SOAK_PUSHER_SPECIMEN_H_

// A SPECIMEN OF THE BUG. DO NOT COPY.
//
// The pusher of examples/pusher/ in the form that it had before the incident: the same receive loop and the same
// workers, but the session waits for all of them and cleans up after that. One upload that hangs is enough to keep the
// cleanup from ever running: the client has left, the socket is closed, and the session, its buffers and its place in
// the gauge stay. The soak in pusher_soak.cc has to find that.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "pusher/finalisations.h"
#include "pusher/ledger.h"
#include "pusher/options.h"
#include "pusher/session.h"
#include "pusher/stores.h"
#include "soak/event_loop.h"
#include "soak/net/websocket_server.h"
#include "soak/semaphore.h"
#include "soak/task.h"

namespace pusher::tests {

class PusherSpecimen {
 public:
  PusherSpecimen(soak::EventLoop& loop, PusherOptions options);
  ~PusherSpecimen();

  soak::Task<> run();
  void stop() {}  // It has no shutdown: its process was killed.

  std::string url() const { return server_.url(); }
  std::int64_t active() const { return active_.load(std::memory_order_relaxed); }
  std::size_t open_connections() const { return server_.open_connections(); }
  std::vector<std::uint64_t> sessions_without_connection() const { return without_connection(sockets_); }
  const Ledger& ledger() const { return ledger_; }

 private:
  soak::Task<> serve(std::uint64_t number, soak::net::AcceptedWebSocket peer);

  soak::EventLoop& loop_;
  PusherOptions options_;
  Ledger ledger_;
  Stores stores_;
  soak::Semaphore integrations_;
  Finalisations finalisations_;
  std::atomic<std::int64_t> active_ = 0;
  Sockets sockets_;
  soak::net::WebSocketServer server_;
  soak::TaskGroup sessions_;
};

}  // namespace pusher::tests

#endif  // TESTS_SOAK_PUSHER_SPECIMEN_H_
