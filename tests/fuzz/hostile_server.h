// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TESTS_FUZZ_HOSTILE_SERVER_H_
#define SOAK_TESTS_FUZZ_HOSTILE_SERVER_H_

// A server that plays a script to a client, one connection after the other, and then listens no more.

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "script.h"
#include "soak/error.h"
#include "soak/event_loop.h"
#include "soak/net/websocket_server.h"
#include "soak/supervise.h"
#include "soak/task.h"

namespace soak::fuzz {

inline Task<> swallow(net::WebSocket& socket) {
  try {
    while (true) {
      (void)co_await socket.receive();
    }
  } catch (const net::ConnectionClosed&) {
  }
}

inline Task<> play(EventLoop& loop, net::AcceptedWebSocket accepted, Connection& connection) {
  using namespace std::chrono_literals;
  TaskGroup group(loop);
  group.start("swallow", swallow(*accepted));
  try {
    for (net::Message& message : connection.messages) {
      co_await accepted->send(std::move(message));
    }
  } catch (const Error&) {
  }
  co_await sleep_for(connection.ends_itself ? 1s : 60s);
  if (connection.close_code == 0) {
    accepted.socket.reset();
  } else {
    co_await accepted->close(connection.close_code, connection.close_reason);
  }
  (void)co_await drain(group);
}

inline Task<> serve(EventLoop& loop, net::WebSocketServer& server, std::vector<Connection>& script) {
  try {
    for (Connection& connection : script) {
      net::AcceptedWebSocket accepted = co_await server.accept();
      co_await play(loop, std::move(accepted), connection);
    }
  } catch (const Error&) {  // It is stopped.
  }
  server.stop();
}

// Lets `use(loop, url)` meet the server.
template <typename Use>
Task<> meet(EventLoop& loop, std::vector<Connection>& script, Use use) {
  net::WebSocketServer server(loop);
  TaskGroup group(loop);
  group.start("serve", serve(loop, server, script));
  std::string url = server.url();
  co_await use(loop, std::move(url));
  server.stop();
  (void)co_await drain(group, {.timeout = std::chrono::minutes{10}});
}

}  // namespace soak::fuzz

#endif  // SOAK_TESTS_FUZZ_HOSTILE_SERVER_H_
