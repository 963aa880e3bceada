// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_FAULT_TCP_END_H_
#define SOAK_LIB_FAULT_TCP_END_H_

// A TCP connection on a UvLoop, for tasks. Its libuv handle outlives it until libuv lets go of it.

#include <uv.h>

#include <cstdint>
#include <memory>
#include <string>

#include "lib/net/fd.h"
#include "soak/event_loop.h"
#include "soak/task.h"

namespace soak::fault {

class TcpEnd {
 public:
  explicit TcpEnd(UvLoop& loop);
  // Closes it. A task that still waits in it must have ended.
  ~TcpEnd();
  TcpEnd(const TcpEnd&) = delete;
  TcpEnd& operator=(const TcpEnd&) = delete;

  // Takes over a socket that is connected. False when libuv does not take it.
  bool open(net::Fd connected);
  // To that port of 127.0.0.1. False when nobody takes it.
  Task<bool> connect(std::uint16_t port);

  struct Piece {
    std::string bytes;  // Empty: the other side has ended, or is lost.
    Instant arrived{};
  };
  // What has come, as soon as there is any. What is not read waits in the system, but for some, and slows the other
  // side.
  Task<Piece> read();
  // Nothing more is taken from the system.
  void stop_reading();
  // False when the other side is lost.
  Task<bool> write(std::string bytes);
  bool is_lost() const;

  void send_end();  // FIN.
  void reset();     // RST.

 private:
  struct Handle;
  std::shared_ptr<Handle> handle_;
};

}  // namespace soak::fault

#endif  // SOAK_LIB_FAULT_TCP_END_H_
