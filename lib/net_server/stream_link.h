// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_NET_SERVER_STREAM_LINK_H_
#define SOAK_LIB_NET_SERVER_STREAM_LINK_H_

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/net/frame.h"
#include "lib/net/link.h"
#include "lib/net/uv_poll.h"
#include "lib/net/websocket_reader.h"
#include "lib/net_server/lingering_streams.h"
#include "lib/net_server/stream.h"
#include "soak/detail/timer_heap.h"
#include "soak/event_loop.h"

namespace soak::net {

// Room that all links of a loop share, as its service.
struct StreamBuffers {
  explicit StreamBuffers(EventLoop& /*loop*/) {}
  std::array<char, std::size_t{64} << 10> read;
  std::vector<unsigned char> frame;
};

// The server's end of a WebSocket, on a socket that has been accepted and has had its handshake.
class StreamLink final : public RawLink, public soak::detail::TimerNode {
 public:
  StreamLink(UvLoop& loop, Stream stream, std::size_t message_bytes_max);
  ~StreamLink() override;

  // Sends `response`, then reads: first `input`, which came behind the request. False if the connection is lost
  // already.
  bool start(LinkUser& user, std::string_view response, std::string input);

  bool writable() const override;
  void write(Message message) override;
  void write_raw(std::string bytes, bool last) override;
  void want_writable() override;
  std::size_t buffered() const override { return output_.size() - written_; }
  void ping(std::string payload) override;
  void start_close(std::uint16_t code, std::string reason) override;
  void set_reading(bool on) override;
  std::chrono::nanoseconds silence() const override { return stream_.silence(); }

  void expire() noexcept override;

 private:
  void on_poll(int events);
  bool read();
  bool feed(std::string_view bytes);
  void answer_ping(std::string_view payload);
  void answer_close();
  void refuse(const WebSocketReader::Fault& fault);
  std::string_view encode(Opcode opcode, std::string_view payload);
  void append(Opcode opcode, std::string_view payload);
  void send(std::string_view frame);
  bool write_some(std::string_view bytes, std::size_t& written);
  bool flush();
  void write_output();
  void come_back();
  void watch();
  void end();

  UvLoop& loop_;
  LingeringStreams& lingering_;
  StreamBuffers& buffers_;
  Stream stream_;
  std::optional<UvPoll> poll_;
  WebSocketReader reader_;
  LinkUser* user_ = nullptr;
  bool* gone_ = nullptr;  // To be set by the destructor, while a call into the user is under way.

  std::string input_;                // Was read, and not taken before reading was switched off.
  std::string output_;               // Held for the end of the turn, or for the system to take it.
  std::size_t written_ = 0;          // Of it.
  std::optional<Instant> wrote_in_;  // The turn in which a frame went out last.
  bool blocked_ = false;             // The system does not take the rest of it now.
  std::optional<std::string> pong_;  // Behind a blocked output: for the latest ping alone (section 5.5.3).
  std::optional<std::string> ping_;  // The same for our latest ping.
  bool reading_ = true;
  bool wanted_ = false;
  bool close_sent_ = false;
  bool lost_ = false;  // A write has failed: what had come before is read yet.
  bool ended_ = false;
};

}  // namespace soak::net

#endif  // SOAK_LIB_NET_SERVER_STREAM_LINK_H_
