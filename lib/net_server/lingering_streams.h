// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_NET_SERVER_LINGERING_STREAMS_H_
#define SOAK_LIB_NET_SERVER_LINGERING_STREAMS_H_

#include <array>
#include <cstddef>
#include <list>
#include <string>

#include "lib/net_server/stream.h"
#include "soak/event_loop.h"

namespace soak::net {

// The streams of a loop that nobody uses any more, as its service. What their owner left to be written goes out, then
// the end; what the peer still sends is read and does not count. Closing a socket with something unread would reset the
// connection, and could take the last words with it. Each stream goes when the peer has ended too, or after five
// seconds in which the peer took nothing.
class LingeringStreams {
 public:
  explicit LingeringStreams(EventLoop& loop);
  ~LingeringStreams();
  LingeringStreams(const LingeringStreams&) = delete;
  LingeringStreams& operator=(const LingeringStreams&) = delete;

  void add(Stream stream, std::string output = {});

 private:
  class Lingering;

  UvLoop& loop_;
  std::list<Lingering> streams_;
  std::array<char, std::size_t{16} << 10> buffer_;  // For what does not count.
};

}  // namespace soak::net

#endif  // SOAK_LIB_NET_SERVER_LINGERING_STREAMS_H_
