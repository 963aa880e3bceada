// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_NET_MEMORY_NETWORK_H_
#define SOAK_LIB_NET_MEMORY_NETWORK_H_

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>

#include "lib/net/url.h"
#include "lib/net/websocket_server_backend.h"

namespace soak::net {

class MemoryHttpListener;
class MemoryListener;
struct MemoryHandshake;

// The network of a VirtualLoop: who listens on which port. One per loop.
//
// What it models is what code above TCP can see: order, latency, a bounded pipe, FIN, the handshake, pings
// and the close handshake. Everything arrives a turn later at the earliest, never within the call that sent it.
class MemoryNetwork {
 public:
  explicit MemoryNetwork(EventLoop& loop) : loop_(loop) {}

  EventLoop& loop() const { return loop_; }
  std::chrono::nanoseconds latency() const { return latency_; }  // One way.
  void set_latency(std::chrono::nanoseconds latency) { latency_ = latency; }

  // The listener of a port: a server of either kind, one that is both, or none.
  struct Listener {
    MemoryListener* websocket = nullptr;
    MemoryHttpListener* http = nullptr;
    bool secure = false;
  };
  std::uint16_t add(std::uint16_t port, Listener listener);  // 0 when the port is taken.
  void remove(std::uint16_t port) { listeners_.erase(port); }
  Listener find(std::uint16_t port) const;

 private:
  EventLoop& loop_;
  std::chrono::nanoseconds latency_{0};
  std::uint16_t next_port_ = 40001;
  std::map<std::uint16_t, Listener> listeners_;
};

std::shared_ptr<WebSocketServerBackend> listen_in_memory(EventLoop& loop, ServerOptions options);

Task<std::unique_ptr<WebSocket>> connect_in_memory(EventLoop& loop, Url url, ConnectOptions options);

}  // namespace soak::net

#endif  // SOAK_LIB_NET_MEMORY_NETWORK_H_
