// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_NET_SERVER_STREAM_H_
#define SOAK_LIB_NET_SERVER_STREAM_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "lib/net/fd.h"
#include "lib/net/openssl.h"

namespace soak::net {

// A socket that a server has accepted, with or without TLS. It never blocks, and no poll event comes for bytes that TLS
// has read ahead: ask has_pending() before you wait for one.
class Stream {
 public:
  enum class State : std::uint8_t {
    kMoved,    // Some bytes were.
    kBlocked,  // None now; wait for read_events() or write_events().
    kEnded,    // The peer has ended its direction.
    kLost,     // The connection is gone, or the peer does not speak TLS.
  };
  struct Moved {
    std::size_t bytes = 0;
    State state = State::kBlocked;
  };

  Stream() = default;
  // With a context: TLS, whose handshake goes on within read(). There is no stream if the system has no memory for it.
  Stream(Fd fd, SSL_CTX* tls);

  bool exists() const { return fd_.get() >= 0; }
  int fd() const { return fd_.get(); }

  Moved read(char* buffer, std::size_t size);
  // After kBlocked, the next call has to begin with the same bytes, wherever they are by then.
  Moved write(std::string_view bytes);
  // Whether read() has more without waiting.
  bool has_pending() const;
  // How many bytes have come from the peer so far, those of TLS's handshake among them.
  std::uint64_t heard_bytes() const;
  // The events of libuv to wait for when a read, or a write, was blocked.
  int read_events() const;
  int write_events() const;

  // Ends our direction, once all is written. False: try again when write_events() come.
  bool shut();
  // How long ago the last byte came.
  std::chrono::nanoseconds silence() const;

 private:
  Moved moved_by_tls(int result, bool reading);

  Fd fd_;
  OwnedSsl ssl_;
  std::uint64_t read_bytes_ = 0;   // Without TLS.
  bool read_wants_write_ = false;  // In the handshake of TLS.
  bool write_wants_read_ = false;
  bool broken_ = false;  // TLS has failed, and must not be asked again.
};

}  // namespace soak::net

#endif  // SOAK_LIB_NET_SERVER_STREAM_H_
