// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_NET_TCP_LISTENER_H_
#define SOAK_LIB_NET_TCP_LISTENER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "lib/net/fd.h"
#include "lib/net/uv_poll.h"
#include "soak/detail/timer_heap.h"
#include "soak/event_loop.h"

namespace soak::net {

// A listening socket on a loop. All servers accept through it.
//
// At the limit of descriptors it pauses instead of trying again on every turn: connections wait in the system's queue,
// the log reports it once, and accepting resumes soon after any descriptor of the process is closed.
class TcpListener final : public soak::detail::TimerNode {
 public:
  struct Accepted {
    Fd fd;             // Not blocking, without Nagle's delay.
    std::string peer;  // "127.0.0.1:54321"
  };

  // `on_connection` is called when there is something to accept(), from now on. It may destroy the listener. `port` 0
  // takes a free one. Throws Error(Errc::kConnectFailed), which names host, port and the system's reason.
  TcpListener(UvLoop& loop, const std::string& host, std::uint16_t port, std::function<void()> on_connection);
  ~TcpListener();
  TcpListener(const TcpListener&) = delete;
  TcpListener& operator=(const TcpListener&) = delete;

  std::uint16_t port() const { return port_; }
  // Nothing if none waits, or there is no descriptor for it.
  std::optional<Accepted> accept();
  // While it is off, connections wait in the system's queue.
  void set_accepting(bool on);

  void expire() noexcept override;

 private:
  void pause(int error);
  void watch();

  UvLoop& loop_;
  std::string name_;  // For the log: "127.0.0.1:40121".
  Fd fd_;
  std::uint16_t port_ = 0;
  std::optional<UvPoll> poll_;
  bool accepting_ = true;
  bool reported_ = false;  // That there is no descriptor; until nobody waits any more.
};

}  // namespace soak::net

#endif  // SOAK_LIB_NET_TCP_LISTENER_H_
