// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_NET_CONNECTION_H_
#define SOAK_LIB_NET_CONNECTION_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/net/link.h"
#include "lib/net/signal.h"
#include "lib/text/utf8.h"
#include "soak/detail/timer_heap.h"
#include "soak/net/websocket.h"

namespace soak::net {

// First in, first out; allocates only to grow.
class MessageQueue {
 public:
  bool empty() const { return head_ == messages_.size(); }
  std::size_t size() const { return messages_.size() - head_; }
  std::size_t bytes() const { return bytes_; }

  void push(Message message);
  Message pop();
  void clear();

 private:
  std::vector<Message> messages_;  // Those before head_ are taken.
  std::size_t head_ = 0;
  std::size_t bytes_ = 0;
};

// All of a WebSocket but its transport: queues, limits, timers, the way it ends. All transports share it.
//
// It is shared by the WebSocket and by the coroutines that wait in it, so that the WebSocket may go at any
// time: what waits then finds the connection ended. If the WebSocket goes while it is closing, the loop keeps the
// connection until the close frames have passed, or the close timeout.
class Connection final : public LinkUser, public std::enable_shared_from_this<Connection> {
 public:
  struct Facts {
    std::string name;  // For messages: the URL without its query, or the peer's address.
    std::string subprotocol;
    Headers response_headers;
    std::shared_ptr<std::size_t> open_count;  // The server's; counts this one while it lives.
  };

  Connection(EventLoop& loop, const WebSocketLimits& limits, Facts facts);
  ~Connection();

  // The link's user is this connection, and the connection is established.
  void start(std::unique_ptr<Link> link);
  Link* link() const { return link_.get(); }
  // Its owner is gone: drops the link, unless it is closing, and ends what waits.
  void abandon();

  static Task<Message> receive(std::shared_ptr<Connection> self);
  static Task<> send(std::shared_ptr<Connection> self, Message message);
  static Task<> close(std::shared_ptr<Connection> self, std::uint16_t code, std::string reason);

  void set_reading(bool on);
  // See write_raw() below.
  bool write_raw(std::string bytes, std::optional<CloseStatus> close);

  bool is_open() const { return !status_ && !local_close_ && !peer_close_; }
  const std::optional<CloseStatus>& status() const { return status_; }
  const Facts& facts() const { return facts_; }
  const WebSocketCounters& counters() const { return counters_; }
  std::size_t buffered_bytes() const;

  void on_data(Message::Kind kind, std::string_view piece, bool first, bool last) override;
  void on_message(Message message, bool checked) override;
  void on_pong(std::string_view payload) override;
  void on_peer_close(std::uint16_t code, std::string_view reason) override;
  void on_fault(std::uint16_t code, std::string_view why) override;
  void on_writable() override;
  void on_end() override;

 private:
  template <void (Connection::*kExpire)()>
  class Timer final : public soak::detail::TimerNode {
   public:
    explicit Timer(Connection& owner) : owner_(owner) {}
    ~Timer() { stop(); }
    void start(std::chrono::nanoseconds delay);
    void stop();
    void expire() noexcept override { (owner_.*kExpire)(); }

   private:
    Connection& owner_;
  };

  void check_idle();
  void check_ping();
  void close_timed_out();

  bool has_link() const { return link_ != nullptr && !link_ended_; }
  void drop_link();
  void release();
  bool append(std::string_view piece);
  Instant unanswered_since() const;
  void deliver(Message message);
  void pause_or_resume();
  void flush();
  void write_next();
  void begin_close(std::uint16_t code, std::string_view reason);
  void await_close(CloseStatus close);
  void fail(std::uint16_t code, std::string reason);
  void finish(CloseStatus status, Errc code);
  [[noreturn]] void throw_closed() const;

  EventLoop& loop_;
  const WebSocketLimits limits_;
  Facts facts_;
  std::unique_ptr<Link> link_;
  bool link_ended_ = false;
  bool kept_ = false;  // By the loop, because its owner is gone.

  MessageQueue received_;
  Message partial_;
  text::GrowingUtf8 partial_utf8_;
  bool paused_ = false;  // Its reader is slow.
  bool held_ = false;    // Its owner set reading off.
  bool receiving_ = false;
  bool discarding_ = false;  // The peer broke a rule: what else it says does not count.
  MessageQueue unsent_;

  std::optional<CloseStatus> local_close_;  // Begun by this side.
  std::optional<CloseStatus> peer_close_;   // Begun by the peer.
  bool close_started_ = false;              // The close frame is with the link.
  bool answered_ = false;                   // The peer answered ours.
  std::optional<CloseStatus> status_;
  Errc end_code_ = Errc::kConnectionClosed;

  Signal readable_{"message"};
  Signal sendable_{"room to send"};
  Signal ended_{"the close handshake"};

  Instant last_heard_{};
  Instant last_ping_{};
  struct Ping {
    std::uint64_t number;  // Its payload.
    std::uint64_t frames_sent;
    Instant at;
  };
  std::uint64_t pings_sent_ = 0;
  std::vector<Ping> pings_;      // Without a pong, the oldest first.
  Instant not_reading_until_{};  // Until then, pongs may have waited behind what our reader did not take.
  Timer<&Connection::check_idle> idle_timer_{*this};
  Timer<&Connection::check_ping> ping_timer_{*this};
  Timer<&Connection::close_timed_out> close_timer_{*this};

  WebSocketCounters counters_;
};

// Wraps a started connection for its user.
std::unique_ptr<WebSocket> make_websocket(std::shared_ptr<Connection> connection);

// For faults: sends `bytes`, which need not be what a WebSocket sends, behind what has been sent. With `close` they end
// with a close frame of that code and reason, and `socket` closes as if by close(). False, and nothing is sent, if the
// connection is not open, or its transport is not ours.
bool write_raw(WebSocket& socket, std::string bytes, std::optional<CloseStatus> close = std::nullopt);

}  // namespace soak::net

#endif  // SOAK_LIB_NET_CONNECTION_H_
