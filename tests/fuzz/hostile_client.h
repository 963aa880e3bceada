// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TESTS_FUZZ_HOSTILE_CLIENT_H_
#define SOAK_TESTS_FUZZ_HOSTILE_CLIENT_H_

// A client that plays a script to a peer, one connection after the other, and has all that it hears checked.

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "script.h"
#include "soak/error.h"
#include "soak/event_loop.h"
#include "soak/net/websocket_client.h"
#include "soak/supervise.h"
#include "soak/task.h"

namespace soak::fuzz {

using CheckMessage = void (*)(const net::Message&);
using CheckClose = void (*)(const net::CloseStatus&);

inline Task<> hear(net::WebSocket& socket, CheckMessage check) {
  try {
    while (true) {
      const net::Message message = co_await socket.receive();
      check(message);
    }
  } catch (const net::ConnectionClosed&) {
  }
}

inline Task<> talk(EventLoop& loop, const std::string& url, const net::ConnectOptions& options, Connection& connection,
                   CheckMessage check_message, CheckClose check_close) {
  using namespace std::chrono_literals;
  Task<std::unique_ptr<net::WebSocket>> connecting = net::connect_websocket(loop, url, options);
  std::unique_ptr<net::WebSocket> socket = co_await std::move(connecting);
  TaskGroup group(loop);
  group.start("hear", hear(*socket, check_message));
  try {
    for (net::Message& message : connection.messages) {
      co_await socket->send(std::move(message));
    }
  } catch (const Error&) {
  }
  co_await sleep_for(connection.ends_itself ? 1s : 30s);  // Until what it answers has been said.
  if (connection.close_code == 0) {
    socket.reset();
  } else {
    co_await socket->close(connection.close_code, connection.close_reason);
    check_close(*socket->close_status());
  }
  (void)co_await drain(group);
}

// Says all of it, then closes the peer.
template <typename Peer>
Task<> talk_to(EventLoop& loop, Peer& peer, const std::string& url, const net::ConnectOptions& options,
               std::vector<Connection>& script, CheckMessage check_message, CheckClose check_close) {
  for (Connection& connection : script) {
    co_await talk(loop, url, options, connection, check_message, check_close);
  }
  co_await peer.close();
}

// A peer that ends a connection for what was said says why: a code, and a reason that fits into a close frame.
inline void require_reason(const net::CloseStatus& status, std::initializer_list<std::uint16_t> codes) {
  if (status.by != net::CloseStatus::By::kPeer) {
    return;
  }
  require(std::find(codes.begin(), codes.end(), status.code) != codes.end(), "it closes by a code of the provider's");
  require(!status.reason.empty() && status.reason.size() <= 123, "it says why it closes");
}

}  // namespace soak::fuzz

#endif  // SOAK_TESTS_FUZZ_HOSTILE_CLIENT_H_
