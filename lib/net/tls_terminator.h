// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_NET_TLS_TERMINATOR_H_
#define SOAK_LIB_NET_TLS_TERMINATOR_H_

// Does TLS for a server's connections.
//
// A server reads and writes descriptors, so the TLS handshake and records are handled here, and the server gets one end
// of a socket pair. That end behaves like the TCP connection: it carries the client's bytes and its end of stream, and
// back-pressure works in both directions. A reset by the client ends the connection at once. When the server closes its
// end, bytes that are still queued are sent, until the client takes none of them for five seconds.
//
// The TLS handshake has no time limit of its own: the server limits the time of the whole request, and closes its end.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "lib/net/fd.h"
#include "lib/net/openssl.h"
#include "lib/net/uv_poll.h"
#include "soak/detail/timer_heap.h"
#include "soak/event_loop.h"

namespace soak::net {

class TlsTerminators;

class TlsTerminator final : public soak::detail::TimerNode {
 public:
  TlsTerminator(TlsTerminators& owner, OwnedSsl ssl, Fd wire, Fd plain);
  ~TlsTerminator();
  TlsTerminator(const TlsTerminator&) = delete;
  TlsTerminator& operator=(const TlsTerminator&) = delete;

  // Resets the client's connection (RST) and discards the bytes still queued.
  void reset();

  void expire() noexcept override;

 private:
  friend class TlsTerminators;
  enum class Flow : std::uint8_t {
    kOpen,
    kEnded,   // The source has ended, but its last bytes or its end are not delivered yet.
    kClosed,  // Everything is delivered, including the end.
  };

  void pump(bool out, bool in);
  void pump_in();
  void pump_out();
  bool write_wire(std::string_view bytes);
  bool server_is_gone() const;
  bool over() const;
  void watch();
  void finish();

  TlsTerminators& owner_;
  std::list<std::shared_ptr<TlsTerminator>>::iterator position_;  // In the owner's list.
  OwnedSsl ssl_;
  Fd wire_;   // To the client.
  Fd plain_;  // Our end of the pair.
  std::optional<UvPoll> wire_poll_;
  std::optional<UvPoll> plain_poll_;
  // Bytes read from one side that the other has not taken yet. At most one record; until they are gone, no more is
  // read.
  std::string to_plain_;
  std::string to_wire_;
  Flow in_ = Flow::kOpen;        // From the client.
  Flow out_ = Flow::kOpen;       // To the client.
  bool in_wants_write_ = false;  // SSL_read() has to send first, as in the handshake, and the socket is full.
  bool out_wants_write_ = false;
  bool progress_ = false;   // This pump() has sent something to the client.
  bool abandoned_ = false;  // The server has closed its end in both directions.
  bool lost_ = false;       // The client is gone, or does not speak TLS.
};

// Owns the terminators of a loop. Each one lives until both of its sides have ended.
class TlsTerminators {
 public:
  explicit TlsTerminators(EventLoop& loop);
  ~TlsTerminators();
  TlsTerminators(const TlsTerminators&) = delete;
  TlsTerminators& operator=(const TlsTerminators&) = delete;

  struct Started {
    Fd plain;  // The server's end. Invalid if the system has no descriptor or memory left.
    std::shared_ptr<TlsTerminator> terminator;
  };
  // Takes over the connected descriptor `wire` and waits for the client's handshake.
  Started start(SSL_CTX& context, Fd wire);

 private:
  friend class TlsTerminator;
  // The maximum payload of a TLS record.
  static constexpr std::size_t kRecordBytes = std::size_t{16} << 10;

  UvLoop& loop_;
  std::list<std::shared_ptr<TlsTerminator>> running_;
  std::array<char, kRecordBytes> record_;  // Buffer between a read and a write, shared by all terminators.
};

}  // namespace soak::net

#endif  // SOAK_LIB_NET_TLS_TERMINATOR_H_
