// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_NET_SERVER_TCP_LISTENER_H_
#define SOAK_LIB_NET_SERVER_TCP_LISTENER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "lib/net/fd.h"
#include "lib/net/uv_poll.h"
#include "soak/event_loop.h"

namespace soak::net {

// A listening socket on a loop.
class TcpListener {
 public:
  struct Accepted {
    Fd fd;             // Not blocking, without Nagle's delay.
    std::string peer;  // "127.0.0.1:54321"
  };

  // `on_connection` is called when there is something to accept(), from now on. `port` 0 takes a free one. Throws
  // Error(Errc::kConnectFailed), which names host, port and the system's reason.
  TcpListener(UvLoop& loop, const std::string& host, std::uint16_t port, std::function<void()> on_connection);

  std::uint16_t port() const { return port_; }
  // Nothing if none waits, or the peer has gone again. Without descriptors it stays readable.
  std::optional<Accepted> accept() const;
  // While it is off, connections wait in the system's queue.
  void set_accepting(bool on) { poll_->watch_or_pause(on ? UV_READABLE : 0); }

 private:
  Fd fd_;
  std::uint16_t port_ = 0;
  std::optional<UvPoll> poll_;
};

}  // namespace soak::net

#endif  // SOAK_LIB_NET_SERVER_TCP_LISTENER_H_
