// SPDX-License-Identifier: Apache-2.0
#include "lib/net/connection.h"

#include <algorithm>
#include <utility>

#include "lib/text/format.h"
#include "lib/text/utf8.h"

namespace soak::net {
namespace {

// RFC 6455: a control frame holds 125 bytes, the code takes two of them.
constexpr std::size_t kCloseReasonMax = 123;

// Pings that wait for their pongs. Of a peer that answers none, more are not kept.
constexpr std::size_t kPingsKept = 64;

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

Connection::~Connection() { abandon(); }

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
  if (!status_) {
    finish({kCloseAbnormal, "dropped by its owner", CloseStatus::By::kLocal}, Errc::kConnectionClosed);
  }
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
  if (status_ || link_ == nullptr || paused_) {
    return;
  }
  last_heard_ = loop_.now();
  link_->set_reading(on);
}

std::size_t Connection::buffered_bytes() const {
  return unsent_.bytes() + (link_ != nullptr && !status_ ? link_->buffered() : 0);
}

void Connection::on_data(Message::Kind kind, std::string_view piece, bool first, bool last) {
  last_heard_ = loop_.now();
  if (discarding_) {
    return;
  }
  if (first) {
    partial_ = Message(kind, {});
  }
  if (piece.size() > limits_.message_bytes_max - std::min(limits_.message_bytes_max, partial_.data.size())) {
    fail(kCloseTooBig, "message exceeds " + text::format_bytes(limits_.message_bytes_max));
    return;
  }
  partial_.data.append(piece);
  if (last) {
    deliver(std::exchange(partial_, Message()));
  }
}

void Connection::on_message(Message message) {
  last_heard_ = loop_.now();
  if (discarding_) {
    return;
  }
  if (message.data.size() > limits_.message_bytes_max) {
    fail(kCloseTooBig, "message exceeds " + text::format_bytes(limits_.message_bytes_max));
    return;
  }
  deliver(std::move(message));
}

void Connection::deliver(Message message) {
  if (message.is_text() && !text::is_utf8(message.data)) {
    fail(kCloseInvalidData, "text that is not UTF-8");
    return;
  }
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
  if (status_ || link_ == nullptr) {
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

void Connection::on_pong() {
  last_heard_ = loop_.now();
  pong_missing_ = false;
  // It says not which ping it answers: the oldest, to be safe.
  if (!pings_.empty()) {
    counters_.frames_confirmed = pings_.front();
    pings_.erase(pings_.begin());
  } else if (more_pings_ > 0) {
    --more_pings_;
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

void Connection::on_writable() { flush(); }

void Connection::on_end() {
  if (status_) {
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
  if (status_ || link_ == nullptr) {
    return;
  }
  while (!unsent_.empty() && link_->writable()) {
    Message message = unsent_.pop();
    ++counters_.frames_sent;
    counters_.bytes_sent += message.data.size();
    link_->write(std::move(message));
    if (status_) {
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

void Connection::begin_close(std::uint16_t code, std::string_view reason) {
  if (!is_open()) {
    return;
  }
  if (code == kCloseNoStatus) {
    reason = {};
  }
  local_close_ = CloseStatus(code, std::string(text::first_bytes(reason, kCloseReasonMax)), CloseStatus::By::kLocal);
  close_timer_.start(limits_.close_timeout);
  idle_timer_.stop();
  ping_timer_.stop();
  flush();
  pause_or_resume();
}

void Connection::fail(std::uint16_t code, std::string reason) {
  discarding_ = true;
  partial_ = Message();
  unsent_.clear();
  sendable_.wake();
  begin_close(code, reason);
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
  link_.reset();
}

void Connection::check_ping() {
  const std::chrono::nanoseconds limit = limits_.ping_timeout;
  const Instant now = loop_.now();
  // Reading is off when our own reader is slow: the pong may be waiting behind its messages.
  if (paused_ || held_) {
    unanswered_since_ = now;
  }
  if (pong_missing_ && limit.count() > 0 && now - unanswered_since_ >= limit) {
    finish({kCloseAbnormal,
            "no pong for " + text::format_seconds(now - unanswered_since_) + ", ping timeout " +
                text::format_seconds(limit),
            CloseStatus::By::kLocal},
           Errc::kTimeout);
    link_.reset();
    return;
  }
  if (now - last_ping_ >= limits_.ping_interval) {
    if (!pong_missing_) {
      unanswered_since_ = now;
    }
    pong_missing_ = true;
    last_ping_ = now;
    if (more_pings_ == 0 && pings_.size() < kPingsKept) {
      pings_.push_back(counters_.frames_sent);
    } else {
      ++more_pings_;
    }
    link_->ping();
    if (status_) {
      return;  // The write found the connection lost.
    }
  }
  std::chrono::nanoseconds next = limits_.ping_interval - (now - last_ping_);
  if (pong_missing_ && limit.count() > 0) {
    next = std::min(next, limit - (now - unanswered_since_));
  }
  ping_timer_.start(next);
}

void Connection::close_timed_out() {
  if (local_close_) {
    finish({kCloseAbnormal,
            "the peer did not answer close " + std::to_string(local_close_->code) + " within " +
                text::format_seconds(limits_.close_timeout),
            CloseStatus::By::kLocal},
           Errc::kConnectionClosed);
  } else {
    finish(*peer_close_, Errc::kConnectionClosed);
  }
  link_.reset();
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

 private:
  std::shared_ptr<Connection> connection_;
};

}  // namespace

std::unique_ptr<WebSocket> make_websocket(std::shared_ptr<Connection> connection) {
  return std::make_unique<Socket>(std::move(connection));
}

}  // namespace soak::net
