// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_NET_LINK_H_
#define SOAK_LIB_NET_LINK_H_

// The seam between a connection and its transport.
//
// A Link moves frames and knows nothing of queues, timers or coroutines; a LinkUser has all these. There is one link
// for each transport: libwebsockets, a pipe in memory, and a server's own socket. A link calls its user from inside the
// transport, where no user code may run: the user records, marks ready, and may call the link again or destroy it.
//
// A link replies to a close frame where it reads it, behind the frame that it is writing.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "soak/net/websocket.h"

namespace soak::net {

class LinkUser {
 public:
  // A piece of a message: the transport's whole frame or less. `first` and `last` bound the message.
  virtual void on_data(Message::Kind kind, std::string_view piece, bool first, bool last) = 0;
  // A whole message, from a transport that can hand it over instead of copying it. `checked`: it is within the limit,
  // and its text is UTF-8.
  virtual void on_message(Message message, bool checked) = 0;
  virtual void on_pong(std::string_view payload) = 0;
  // The peer's close frame; the link answers it by itself. 1005 if it had no code. The end follows.
  virtual void on_peer_close(std::uint16_t code, std::string_view reason) = 0;
  // The peer broke a rule of the protocol. The link sends a close frame with this code by itself, unless it has sent
  // one. The end follows.
  virtual void on_fault(std::uint16_t code, std::string_view why) = 0;
  // What want_writable() asked for: write() may be called as long as writable() says so.
  virtual void on_writable() = 0;
  // The connection is gone, the link is dead: nothing follows, and nothing may be asked of it.
  virtual void on_end() = 0;

 protected:
  ~LinkUser() = default;
};

class Link {
 public:
  // Drops the connection at once, unless it has ended. Nothing more is heard from it.
  virtual ~Link() = default;
  Link() = default;
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  // True when a frame written now would not wait for the transport to take another one.
  virtual bool writable() const = 0;
  // Takes a whole message. Only while writable().
  virtual void write(Message message) = 0;
  virtual void want_writable() = 0;
  // Bytes of messages that the link took and the transport still keeps.
  virtual std::size_t buffered() const = 0;
  // Sends a ping as soon as the transport takes one. A later one may replace it until then.
  virtual void ping(std::string payload) = 0;
  // Sends the close frame, as the last frame of ours. on_end() follows the peer's answer.
  virtual void start_close(std::uint16_t code, std::string reason) = 0;
  // Off: what comes stays in the transport, and slows the peer down.
  virtual void set_reading(bool on) = 0;
  // How long ago the last byte came, for transports that see bytes their user does not hear of.
  virtual std::chrono::nanoseconds silence() const = 0;
};

// A link that can send what no WebSocket would, for faults.
class RawLink : public Link {
 public:
  // Sends `bytes` as they are, in one piece if the transport takes them at once. With `last` they end with our close
  // frame: nothing of ours follows, and on_end() follows the peer's answer.
  virtual void write_raw(std::string bytes, bool last) = 0;
};

}  // namespace soak::net

#endif  // SOAK_LIB_NET_LINK_H_
