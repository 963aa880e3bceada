// SPDX-License-Identifier: Apache-2.0
#include "lib/net/connection.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "lib/net/frame.h"
#include "lib/text/format.h"
#include "lib/text/number.h"

namespace soak::net {
namespace {

// Pings that wait for their pongs. Of a peer that answers none, more are not kept.
constexpr std::size_t kPingsKept = 64;

// Connections that are closing and have no owner any more.
class ClosingConnections final : public soak::detail::TimerNode {
 public:
  explicit ClosingConnections(EventLoop& loop) : loop_(loop) {}
  ~ClosingConnections() { loop_.core().timers.disarm(*this); }
  ClosingConnections(const ClosingConnections&) = delete;
  ClosingConnections& operator=(const ClosingConnections&) = delete;

  void keep(std::shared_ptr<Connection> connection) {
    const Connection* const key = connection.get();
    kept_.emplace(key, std::move(connection));
  }
  // On the loop's next turn, because its link calls it now.
  void release(const Connection& connection) {
    const auto found = kept_.find(&connection);
    ended_.push_back(std::move(found->second));
    kept_.erase(found);
    if (!armed()) {
      loop_.core().timers.arm(*this, loop_.now());
    }
  }
  void expire() noexcept override { std::exchange(ended_, {}).clear(); }

 private:
  EventLoop& loop_;
  std::unordered_map<const Connection*, std::shared_ptr<Connection>> kept_;
  std::vector<std::shared_ptr<Connection>> ended_;
};

// Marks a connection as being received from, for as long as the receive() lives.
class Receiving {
 public:
  Receiving(bool& flag, const std::string& name) : flag_(flag) {
    if (flag_) {
      soak::detail::contract_broken("a second receive() on " + name + " while one is waiting");
    }
    flag_ = true;
  }
  ~Receiving() { flag_ = false; }
  Receiving(const Receiving&) = delete;
  Receiving& operator=(const Receiving&) = delete;

 private:
  bool& flag_;
};

}  // namespace

void MessageQueue::push(Message message) {
  bytes_ += message.data.size();
  if (head_ > 0 && messages_.size() == messages_.capacity()) {
    messages_.erase(messages_.begin(), messages_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }
  messages_.push_back(std::move(message));
}

Message MessageQueue::pop() {
  Message message = std::move(messages_[head_++]);
  bytes_ -= message.data.size();
  if (empty()) {
    messages_.clear();
    head_ = 0;
  }
  return message;
}

void MessageQueue::clear() {
  messages_.clear();
  head_ = 0;
  bytes_ = 0;
}

template <void (Connection::*kExpire)()>
void Connection::Timer<kExpire>::start(std::chrono::nanoseconds delay) {
  stop();
  soak::detail::LoopCore& core = owner_.loop_.core();
  core.timers.arm(*this, soak::detail::later(core.now(), delay));
}

template <void (Connection::*kExpire)()>
void Connection::Timer<kExpire>::stop() {
  owner_.loop_.core().timers.disarm(*this);
}

Connection::Connection(EventLoop& loop, const WebSocketLimits& limits, Facts facts)
    : loop_(loop), limits_(limits), facts_(std::move(facts)) {}

Connection::~Connection() {
  if (!status_) {
    finish({kCloseAbnormal, "dropped by its owner", CloseStatus::By::kLocal}, Errc::kConnectionClosed);
  }
  close_timer_.stop();
}

void Connection::start(std::unique_ptr<Link> link) {
  link_ = std::move(link);
  if (facts_.open_count) {
    ++*facts_.open_count;
  }
  last_heard_ = loop_.now();
  if (limits_.idle_timeout.count() > 0) {
    idle_timer_.start(limits_.idle_timeout);
  }
  last_ping_ = last_heard_;
  if (limits_.ping_interval.count() > 0) {
    ping_timer_.start(limits_.ping_interval);
  }
}

void Connection::abandon() {
  const std::optional<CloseStatus>& close = local_close_ ? local_close_ : peer_close_;
  if (!close || !has_link()) {
    if (!status_) {
      finish({kCloseAbnormal, "dropped by its owner", CloseStatus::By::kLocal}, Errc::kConnectionClosed);
    }
    drop_link();
    return;
  }
  MessageQueue unsent = std::exchange(unsent_, {});
  if (!status_) {
    finish(*close, Errc::kConnectionClosed);
  }
  unsent_ = std::move(unsent);  // It comes before our close frame.
  discarding_ = true;
  received_.clear();
  if (!close_timer_.armed()) {
    close_timer_.start(limits_.close_timeout);
  }
  kept_ = true;
  loop_.service<ClosingConnections>().keep(shared_from_this());
  const bool was_reading = !paused_ && !held_;
  paused_ = held_ = false;
  if (!was_reading) {
    link_->set_reading(true);
  }
}

void Connection::drop_link() {
  close_timer_.stop();
  link_ended_ = true;
  link_.reset();
}

Task<Message> Connection::receive(std::shared_ptr<Connection> self) {
  const Receiving receiving(self->receiving_, self->facts_.name);
  while (self->received_.empty()) {
    if (self->status_) {
      self->throw_closed();
    }
    co_await self->readable_.wait();
  }
  Message message = self->received_.pop();
  self->pause_or_resume();
  co_return message;
}

Task<> Connection::send(std::shared_ptr<Connection> self, Message message) {
  if (!self->is_open()) {
    self->throw_closed();
  }
  self->unsent_.push(std::move(message));
  self->flush();
  if (self->unsent_.bytes() <= self->limits_.send_watermark_bytes) {
    co_return;
  }
  while (self->unsent_.bytes() > self->limits_.send_watermark_bytes / 2) {
    if (self->status_ || self->peer_close_) {
      self->throw_closed();
    }
    co_await self->sendable_.wait();
  }
  if ((self->status_ || self->peer_close_)) {
    self->throw_closed();
  }
}

Task<> Connection::close(std::shared_ptr<Connection> self, std::uint16_t code, std::string reason) {
  self->begin_close(code, reason);
  while (!self->status_) {
    co_await self->ended_.wait();
  }
}

void Connection::set_reading(bool on) {
  if (held_ != on) {
    return;
  }
  held_ = !on;
  if (status_ || !has_link() || paused_) {
    return;
  }
  last_heard_ = loop_.now();
  link_->set_reading(on);
}

std::size_t Connection::buffered_bytes() const {
  return unsent_.bytes() + (has_link() && !status_ ? link_->buffered() : 0);
}

void Connection::on_data(Message::Kind kind, std::string_view piece, bool first, bool last) {
  last_heard_ = loop_.now();
  if (discarding_) {
    return;
  }
  if (first) {
    partial_ = Message(kind, {});
    partial_utf8_ = {};
  }
  if (piece.size() > limits_.message_bytes_max - std::min(limits_.message_bytes_max, partial_.data.size())) {
    fail(kCloseTooBig, "message exceeds " + text::format_bytes(limits_.message_bytes_max));
    return;
  }
  partial_.data.append(piece);
  if (partial_.is_text() && (!partial_utf8_.check(partial_.data) || (last && !partial_utf8_.whole()))) {
    fail(kCloseInvalidData, "text that is not UTF-8");
    return;
  }
  if (last) {
    deliver(std::exchange(partial_, Message()));
  }
}

void Connection::on_message(Message message, bool checked) {
  last_heard_ = loop_.now();
  if (discarding_) {
    return;
  }
  if (!checked && message.data.size() > limits_.message_bytes_max) {
    fail(kCloseTooBig, "message exceeds " + text::format_bytes(limits_.message_bytes_max));
    return;
  }
  if (!checked && message.is_text() && !text::is_utf8(message.data)) {
    fail(kCloseInvalidData, "text that is not UTF-8");
    return;
  }
  deliver(std::move(message));
}

void Connection::deliver(Message message) {
  ++counters_.frames_received;
  counters_.bytes_received += message.data.size();
  // While this side closes it must read on to see the answer, so the bound holds by dropping.
  const bool full =
      received_.size() >= limits_.receive_queue_max || received_.bytes() >= limits_.receive_queue_bytes_max;
  if (full && local_close_) {
    return;
  }
  received_.push(std::move(message));
  readable_.wake();
  pause_or_resume();
}

void Connection::pause_or_resume() {
  if (status_ || !has_link()) {
    return;
  }
  if (paused_) {
    const bool room =
        received_.size() <= limits_.receive_queue_max / 2 && received_.bytes() <= limits_.receive_queue_bytes_max / 2;
    if (!room && !local_close_) {
      return;
    }
    paused_ = false;
    last_heard_ = loop_.now();
    if (!held_) {
      link_->set_reading(true);
    }
  } else if (!local_close_ &&
             (received_.size() >= limits_.receive_queue_max || received_.bytes() >= limits_.receive_queue_bytes_max)) {
    paused_ = true;
    link_->set_reading(false);
  }
}

// One that answers no ping of ours is allowed (RFC 6455, section 5.5.3), and says no more than that the peer is there.
// A peer may answer only the latest of several, so a pong answers the pings before its own too.
void Connection::on_pong(std::string_view payload) {
  last_heard_ = loop_.now();
  const std::optional<std::uint64_t> number = text::parse_number<std::uint64_t>(payload);
  if (!number || *number > pings_sent_) {
    return;
  }
  const auto after =
      std::find_if(pings_.begin(), pings_.end(), [&](const Ping& ping) { return ping.number > *number; });
  if (after != pings_.begin()) {
    counters_.frames_confirmed = std::prev(after)->frames_sent;
    pings_.erase(pings_.begin(), after);
  }
}

void Connection::on_peer_close(std::uint16_t code, std::string_view reason) {
  last_heard_ = loop_.now();
  if (local_close_) {
    answered_ = true;
    counters_.frames_confirmed = counters_.frames_sent;
    return;
  }
  if (peer_close_) {
    return;
  }
  // A waiting receive() learns of it once the link has answered and ended, so that nobody drops the link first.
  peer_close_ = CloseStatus(code, std::string(reason), CloseStatus::By::kPeer);
  unsent_.clear();
  sendable_.wake();
  close_timer_.start(limits_.close_timeout);
}

void Connection::on_fault(std::uint16_t code, std::string_view why) {
  last_heard_ = loop_.now();
  discarding_ = true;
  partial_ = Message();
  if (!status_) {
    finish({code, std::string(why), CloseStatus::By::kLocal}, Errc::kConnectionClosed);
  }
}

void Connection::on_writable() { flush(); }

void Connection::on_end() {
  link_ended_ = true;
  close_timer_.stop();
  if (status_) {
    release();
    return;
  }
  if (local_close_ && answered_) {
    finish(*local_close_, Errc::kConnectionClosed);
  } else if (local_close_) {
    finish({kCloseAbnormal, "lost before the peer answered close " + std::to_string(local_close_->code),
            CloseStatus::By::kLocal},
           Errc::kConnectionClosed);
  } else if (peer_close_) {
    finish(*peer_close_, Errc::kConnectionClosed);
  } else {
    finish({kCloseAbnormal, "connection lost", CloseStatus::By::kLost}, Errc::kConnectionClosed);
  }
}

void Connection::flush() {
  if (!has_link()) {
    return;
  }
  while (!unsent_.empty() && link_->writable()) {
    write_next();
    if (!has_link()) {
      return;  // The write found the connection lost.
    }
  }
  if (!unsent_.empty()) {
    link_->want_writable();
  } else if (local_close_ && !close_started_) {
    close_started_ = true;
    link_->start_close(local_close_->code, local_close_->reason);
  }
  if (unsent_.bytes() <= limits_.send_watermark_bytes / 2) {
    sendable_.wake();
  }
}

void Connection::write_next() {
  Message message = unsent_.pop();
  ++counters_.frames_sent;
  counters_.bytes_sent += message.data.size();
  link_->write(std::move(message));
}

bool Connection::write_raw(std::string bytes, std::optional<CloseStatus> close) {
  auto* const link = dynamic_cast<RawLink*>(link_.get());
  if (!is_open() || !has_link() || link == nullptr) {
    return false;
  }
  while (!unsent_.empty()) {
    write_next();
  }
  link->write_raw(std::move(bytes), close.has_value());
  if (close) {
    close_started_ = true;
    await_close(*std::move(close));
  }
  sendable_.wake();
  return true;
}

void Connection::begin_close(std::uint16_t code, std::string_view reason) {
  if (!is_open()) {
    return;
  }
  if (code == kCloseNoStatus) {
    reason = {};
  }
  await_close({code, std::string(text::first_bytes(reason, kCloseReasonMax)), CloseStatus::By::kLocal});
  flush();
  pause_or_resume();
}

// Of `close`, which this side has begun.
void Connection::await_close(CloseStatus close) {
  local_close_ = std::move(close);
  close_timer_.start(limits_.close_timeout);
  idle_timer_.stop();
  ping_timer_.stop();
}

void Connection::fail(std::uint16_t code, std::string reason) {
  discarding_ = true;
  partial_ = Message();
  unsent_.clear();
  sendable_.wake();
  if (!is_open()) {
    return;
  }
  begin_close(code, reason);
  // The peer may never answer, and what it says does not count: for the owner, this is the end.
  if (!status_) {
    finish(*local_close_, Errc::kConnectionClosed);
    close_timer_.start(limits_.close_timeout);
  }
}

void Connection::check_idle() {
  const std::chrono::nanoseconds silent = std::min(loop_.now() - last_heard_, link_->silence());
  // Reading is off when our own reader is slow, which is no silence of the peer.
  const bool off = paused_ || held_;
  if (off || silent < limits_.idle_timeout) {
    idle_timer_.start(off ? limits_.idle_timeout : limits_.idle_timeout - silent);
    return;
  }
  finish({kCloseAbnormal,
          "nothing received for " + text::format_seconds(silent) + ", idle timeout " +
              text::format_seconds(limits_.idle_timeout),
          CloseStatus::By::kLocal},
         Errc::kTimeout);
  drop_link();
}

Instant Connection::unanswered_since() const { return std::max(pings_.front().at, not_reading_until_); }

void Connection::check_ping() {
  const std::chrono::nanoseconds limit = limits_.ping_timeout;
  const Instant now = loop_.now();
  // Reading is off when our own reader is slow: the pong may be waiting behind its messages.
  if (paused_ || held_) {
    not_reading_until_ = now;
  }
  if (!pings_.empty() && limit.count() > 0 && now - unanswered_since() >= limit) {
    finish({kCloseAbnormal,
            "no pong for " + text::format_seconds(now - unanswered_since()) + ", ping timeout " +
                text::format_seconds(limit),
            CloseStatus::By::kLocal},
           Errc::kTimeout);
    drop_link();
    return;
  }
  if (now - last_ping_ >= limits_.ping_interval) {
    last_ping_ = now;
    const Ping ping{++pings_sent_, counters_.frames_sent, now};
    if (pings_.size() < kPingsKept) {
      pings_.push_back(ping);
    } else {
      pings_.back() = ping;
    }
    link_->ping(std::to_string(ping.number));
    if (status_) {
      return;  // The write found the connection lost.
    }
  }
  std::chrono::nanoseconds next = limits_.ping_interval - (now - last_ping_);
  if (!pings_.empty() && limit.count() > 0) {
    next = std::min(next, limit - (now - unanswered_since()));
  }
  ping_timer_.start(next);
}

void Connection::close_timed_out() {
  if (!status_ && local_close_) {
    finish({kCloseAbnormal,
            "the peer did not answer close " + std::to_string(local_close_->code) + " within " +
                text::format_seconds(limits_.close_timeout),
            CloseStatus::By::kLocal},
           Errc::kConnectionClosed);
  } else if (!status_) {
    finish(*peer_close_, Errc::kConnectionClosed);
  }
  drop_link();
  release();
}

void Connection::release() {
  if (std::exchange(kept_, false)) {
    loop_.service<ClosingConnections>().release(*this);
  }
}

void Connection::finish(CloseStatus status, Errc code) {
  status_ = std::move(status);
  end_code_ = code;
  idle_timer_.stop();
  ping_timer_.stop();
  close_timer_.stop();
  unsent_.clear();
  if (facts_.open_count && link_ != nullptr) {
    --*facts_.open_count;
  }
  readable_.wake();
  sendable_.wake();
  ended_.wake();
}

void Connection::throw_closed() const {
  if (status_) {
    throw ConnectionClosed(facts_.name, *status_, end_code_);
  }
  if (peer_close_) {
    throw ConnectionClosed(facts_.name, *peer_close_);
  }
  throw ConnectionClosed(facts_.name, *local_close_);
}

namespace {

class Socket final : public WebSocket {
 public:
  explicit Socket(std::shared_ptr<Connection> connection) : connection_(std::move(connection)) {}
  ~Socket() override { connection_->abandon(); }

  Task<Message> receive() override { return Connection::receive(connection_); }
  Task<> send(Message message) override { return Connection::send(connection_, std::move(message)); }
  Task<> close(std::uint16_t code, std::string reason) override {
    return Connection::close(connection_, code, std::move(reason));
  }
  void set_reading(bool on) override { connection_->set_reading(on); }
  bool is_open() const override { return connection_->is_open(); }
  std::optional<CloseStatus> close_status() const override { return connection_->status(); }
  std::string subprotocol() const override { return connection_->facts().subprotocol; }
  const Headers& response_headers() const override { return connection_->facts().response_headers; }
  WebSocketCounters counters() const override { return connection_->counters(); }
  std::size_t buffered_bytes() const override { return connection_->buffered_bytes(); }

  Connection& connection() { return *connection_; }

 private:
  std::shared_ptr<Connection> connection_;
};

}  // namespace

std::unique_ptr<WebSocket> make_websocket(std::shared_ptr<Connection> connection) {
  return std::make_unique<Socket>(std::move(connection));
}

bool write_raw(WebSocket& socket, std::string bytes, std::optional<CloseStatus> close) {
  auto* const own = dynamic_cast<Socket*>(&socket);
  return own != nullptr && own->connection().write_raw(std::move(bytes), std::move(close));
}

}  // namespace soak::net
