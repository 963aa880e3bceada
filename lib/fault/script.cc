// SPDX-License-Identifier: Apache-2.0
#include "soak/fault/script.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "lib/net/connection.h"
#include "lib/net/frame.h"
#include "lib/text/utf8.h"
#include "soak/event.h"
#include "soak/fault/raw_frame.h"
#include "soak/task.h"

namespace soak::fault {
namespace {

constexpr detail::EnumNames<Kind> kKindNames({{Kind::kReset, "reset"},
                                              {Kind::kClose, "close"},
                                              {Kind::kHalfOpen, "half_open"},
                                              {Kind::kStalledReader, "stalled_reader"},
                                              {Kind::kDelay, "delay"},
                                              {Kind::kCutShort, "cut_short"},
                                              {Kind::kOutOfOrder, "out_of_order"},
                                              {Kind::kUnknown, "unknown"},
                                              {Kind::kOversized, "oversized"},
                                              {Kind::kNotJson, "not_json"},
                                              {Kind::kMaskedFrame, "masked_frame"},
                                              {Kind::kPingBurst, "ping_burst"},
                                              {Kind::kCloseWithMessage, "close_with_message"},
                                              {Kind::kRefused, "refused"}});
// The most handshakes that can be answered but not yet accepted. Beyond that, the plans of the oldest are dropped:
// those clients left before they were accepted.
constexpr std::size_t kPlannedMax = 4096;
constexpr auto kText = static_cast<std::uint8_t>(net::Opcode::kText);
constexpr auto kClose = static_cast<std::uint8_t>(net::Opcode::kClose);
constexpr auto kPing = static_cast<std::uint8_t>(net::Opcode::kPing);
constexpr std::string_view kNotJson = R"({"type": )";

// An object that no client knows, padded to `bytes` if it is shorter.
std::string unknown_message(std::size_t bytes) {
  constexpr std::string_view kBegin = R"({"type":"soak.unknown","soakUnknown":")";
  constexpr std::string_view kEnd = R"("})";
  const std::size_t least = kBegin.size() + kEnd.size();
  std::string message(kBegin);
  message.append(bytes > least ? bytes - least : 0, 'x');
  message += kEnd;
  return message;
}

}  // namespace

std::string_view to_string(Kind kind) { return kKindNames[kind]; }

std::optional<Kind> kind_named(std::string_view name) {
  for (std::size_t i = 0; i < kKinds; ++i) {
    if (const auto kind = static_cast<Kind>(i); kKindNames[kind] == name) {
      return kind;
    }
  }
  return std::nullopt;
}

// A connection with the faults of its script. The socket and the coroutines that wait in it share it, so the socket may
// be destroyed at any time. Its tasks are then destroyed in place.
class Script::Connection {
 public:
  Connection(Script& script, EventLoop& loop, std::unique_ptr<net::WebSocket> socket)
      : script_(script), loop_(loop), socket_(std::move(socket)), subprotocol_(socket_->subprotocol()), tasks_(loop) {
    script_.open_.push_back(this);
  }
  ~Connection() { abandon(); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void start(std::vector<Fault> faults) {
    std::stable_sort(faults.begin(), faults.end(), [](const Fault& a, const Fault& b) { return a.after < b.after; });
    if (!faults.empty()) {
      tasks_.start("faults", play_all(std::move(faults)));
    }
  }
  void start_now(const Fault& fault) {
    // A reset does not wait for a turn of the loop, so that all connections end at the same instant.
    if (fault.kind == Kind::kReset) {
      reset();
    } else {
      tasks_.start("fault", play(fault));
    }
  }
  void abandon() {
    std::erase(script_.open_, this);
    tasks_.end_in_place();
    if (!end_) {
      end("dropped by its owner", net::CloseStatus::By::kLocal);
    }
  }

  static Task<net::Message> receive(std::shared_ptr<Connection> self);
  static Task<> send(std::shared_ptr<Connection> self, net::Message message);
  static Task<> close(std::shared_ptr<Connection> self, std::uint16_t code, std::string reason);

  void set_reading(bool on) {
    reading_ = on;
    apply_reading();
  }
  bool is_open() const { return !end_ && socket_->is_open(); }
  std::optional<net::CloseStatus> close_status() const { return end_ ? end_ : socket_->close_status(); }
  const std::string& subprotocol() const { return subprotocol_; }
  net::WebSocketCounters counters() const { return end_ ? counters_ : socket_->counters(); }
  std::size_t buffered_bytes() const { return end_ ? 0 : socket_->buffered_bytes(); }

 private:
  void count(Kind kind) { ++script_.played_[static_cast<std::size_t>(kind)]; }
  void apply_reading() {
    if (!end_) {
      socket_->set_reading(reading_ && stalls_ == 0);
    }
  }
  void end(std::string why, net::CloseStatus::By by) {
    counters_ = socket_->counters();
    end_ = socket_->close_status();
    if (!end_) {
      end_ = net::CloseStatus(net::kCloseAbnormal, std::move(why), by);
    }
    socket_.reset();
    undelayed_.set();
  }
  void reset() {
    if (end_ || socket_->close_status()) {
      return;
    }
    count(Kind::kReset);
    end("reset by a script", net::CloseStatus::By::kLost);
  }
  [[noreturn]] void throw_ended() const { throw net::ConnectionClosed("a connection under a script", *end_); }

  Task<> play_all(std::vector<Fault> faults);
  Task<> play(Fault fault);
  bool write_frames(const Fault& fault);

  Script& script_;
  EventLoop& loop_;
  std::unique_ptr<net::WebSocket> socket_;  // Null once the connection was reset, or its owner is gone.
  const std::string subprotocol_;
  std::optional<net::CloseStatus> end_;  // Set once socket_ is null.
  net::WebSocketCounters counters_;      // The socket's last counters, once it is null.

  bool reading_ = true;  // As the owner has set it.
  int stalls_ = 0;
  int half_open_ = 0;
  int delays_ = 0;
  int cut_short_ = 0;
  bool out_of_order_ = false;
  std::optional<net::Message> overtaken_;
  Event undelayed_;
  TaskGroup tasks_;
};

Task<net::Message> Script::Connection::receive(std::shared_ptr<Connection> self) {
  if (self->end_) {
    self->throw_ended();
  }
  try {
    Task<net::Message> receiving = self->socket_->receive();
    net::Message message = co_await std::move(receiving);
    co_return message;
  } catch (const net::ConnectionClosed&) {
    if (!self->end_) {
      throw;
    }
  }
  self->throw_ended();
}

Task<> Script::Connection::send(std::shared_ptr<Connection> self, net::Message message) {
  while (self->delays_ > 0 && !self->end_) {
    self->undelayed_.reset();
    co_await self->undelayed_.wait();
  }
  if (self->end_) {
    self->throw_ended();
  }
  if (self->half_open_ > 0) {
    ++self->script_.messages_lost_;
    co_return;
  }
  if (self->cut_short_ > 0) {
    --self->cut_short_;
    self->count(Kind::kCutShort);
    message.data.resize(message.data.size() / 2);
  }
  if (self->out_of_order_) {
    self->out_of_order_ = false;
    self->overtaken_ = std::move(message);
    co_return;
  }
  std::optional<net::Message> overtaken = std::exchange(self->overtaken_, std::nullopt);
  Task<> sending = self->socket_->send(std::move(message));
  co_await std::move(sending);
  if (!overtaken) {
    co_return;
  }
  if (self->end_) {
    self->throw_ended();
  }
  self->count(Kind::kOutOfOrder);
  Task<> sending_late = self->socket_->send(*std::move(overtaken));
  co_await std::move(sending_late);
}

Task<> Script::Connection::close(std::shared_ptr<Connection> self, std::uint16_t code, std::string reason) {
  if (self->end_) {
    co_return;
  }
  Task<> closing = self->socket_->close(code, std::move(reason));
  co_await std::move(closing);
}

Task<> Script::Connection::play_all(std::vector<Fault> faults) {
  const Instant begun = loop_.now();
  for (const Fault& fault : faults) {
    const std::chrono::nanoseconds left = begun + fault.after - loop_.now();
    if (left.count() > 0) {
      co_await sleep_for(left);
    }
    Task<> playing = play(fault);
    co_await std::move(playing);
  }
}

Task<> Script::Connection::play(Fault fault) {
  if (!is_open()) {
    co_return;
  }
  switch (fault.kind) {
    case Kind::kReset:
      reset();
      break;
    case Kind::kClose: {
      count(Kind::kClose);
      Task<> closing = socket_->close(fault.code, fault.reason);
      co_await std::move(closing);
      break;
    }
    case Kind::kHalfOpen:
    case Kind::kStalledReader: {
      const int lost = fault.kind == Kind::kHalfOpen ? 1 : 0;
      count(fault.kind);
      half_open_ += lost;
      ++stalls_;
      apply_reading();
      co_await sleep_for(fault.lasts);
      half_open_ -= lost;
      --stalls_;
      apply_reading();
      break;
    }
    case Kind::kDelay:
      count(Kind::kDelay);
      ++delays_;
      co_await sleep_for(fault.lasts);
      if (--delays_ == 0) {
        undelayed_.set();
      }
      break;
    case Kind::kCutShort:
      ++cut_short_;
      break;
    case Kind::kOutOfOrder:
      out_of_order_ = true;
      break;
    case Kind::kMaskedFrame:
    case Kind::kPingBurst:
    case Kind::kCloseWithMessage:
      if (write_frames(fault)) {
        count(fault.kind);
      }
      break;
    case Kind::kRefused:  // Has an effect only in answer(); an accepted connection ignores it.
      break;
    case Kind::kUnknown:
    case Kind::kOversized:
    case Kind::kNotJson: {
      count(fault.kind);
      std::string text = fault.kind == Kind::kNotJson ? std::string(kNotJson) : unknown_message(fault.bytes);
      try {
        Task<> sending = socket_->send(net::Message::text(std::move(text)));
        co_await std::move(sending);
      } catch (const net::ConnectionClosed&) {  // receive() reports it.
      }
      break;
    }
  }
}

// False if the transport sends no frames but its own.
bool Script::Connection::write_frames(const Fault& fault) {
  switch (fault.kind) {
    case Kind::kMaskedFrame:
      return net::write_raw(*socket_, bytes_of({.opcode = kText, .payload = unknown_message(0), .masked = true}));
    case Kind::kPingBurst: {
      std::string burst;
      for (std::size_t i = 1; i <= fault.pings; ++i) {
        burst += bytes_of({.opcode = kPing, .payload = "soak ping " + std::to_string(i)});
      }
      return net::write_raw(*socket_, std::move(burst));
    }
    default: {
      const net::CloseStatus close(fault.code, std::string(text::first_bytes(fault.reason, net::kCloseReasonMax)),
                                   net::CloseStatus::By::kLocal);
      return net::write_raw(*socket_,
                            bytes_of({.opcode = kText, .payload = unknown_message(0)}) +
                                bytes_of({.opcode = kClose, .payload = net::close_payload(close.code, close.reason)}),
                            close);
    }
  }
}

class Script::Socket final : public net::WebSocket {
 public:
  explicit Socket(std::shared_ptr<Connection> connection) : connection_(std::move(connection)) {}
  ~Socket() override { connection_->abandon(); }

  Task<net::Message> receive() override { return Connection::receive(connection_); }
  Task<> send(net::Message message) override { return Connection::send(connection_, std::move(message)); }
  Task<> close(std::uint16_t code, std::string reason) override {
    return Connection::close(connection_, code, std::move(reason));
  }
  void set_reading(bool on) override { connection_->set_reading(on); }
  bool is_open() const override { return connection_->is_open(); }
  std::optional<net::CloseStatus> close_status() const override { return connection_->close_status(); }
  std::string subprotocol() const override { return connection_->subprotocol(); }
  const net::Headers& response_headers() const override { return none_; }
  net::WebSocketCounters counters() const override { return connection_->counters(); }
  std::size_t buffered_bytes() const override { return connection_->buffered_bytes(); }

 private:
  std::shared_ptr<Connection> connection_;
  const net::Headers none_;  // Only a client's socket has response headers.
};

Script::~Script() {
  if (!open_.empty()) {
    soak::detail::contract_broken("a fault::Script is destroyed before the sockets that it wraps");
  }
}

std::vector<Fault> Script::next_plan() {
  const std::uint64_t number = ++connections_;
  return plan_ ? plan_(number) : std::vector<Fault>();
}

net::HandshakeReply Script::answer(const net::HandshakeRequest& request, net::HandshakeReply reply) {
  if (!reply.accepted()) {
    return reply;
  }
  std::vector<Fault> plan = next_plan();
  const auto refused =
      std::find_if(plan.begin(), plan.end(), [](const Fault& fault) { return fault.kind == Kind::kRefused; });
  if (refused == plan.end()) {
    if (planned_.size() == kPlannedMax) {
      planned_.pop_front();
    }
    planned_.push_back({request.peer_address, std::move(plan)});
    return reply;
  }
  ++played_[static_cast<std::size_t>(Kind::kRefused)];
  net::Headers headers;
  if (refused->retry_after.count() > 0) {
    headers.add("Retry-After", std::to_string(refused->retry_after.count()));
  }
  return net::HandshakeReply::refuse(refused->status, refused->body, std::move(headers));
}

std::unique_ptr<net::WebSocket> Script::wrap(EventLoop& loop, const net::HandshakeRequest& request,
                                             std::unique_ptr<net::WebSocket> socket) {
  auto connection = std::make_shared<Connection>(*this, loop, std::move(socket));
  // Take the newest: an earlier client that left may have had the same port.
  const auto own = std::find_if(planned_.rbegin(), planned_.rend(),
                                [&](const Planned& planned) { return planned.peer_address == request.peer_address; });
  if (own == planned_.rend()) {
    connection->start(next_plan());
  } else {
    std::vector<Fault> plan = std::move(own->faults);
    planned_.erase(std::next(own).base());
    connection->start(std::move(plan));
  }
  return std::make_unique<Socket>(std::move(connection));
}

void Script::play_on_all(const Fault& fault) {
  // A copy, because a connection that ends removes itself from open_.
  const std::vector<Connection*> all = open_;
  for (Connection* const connection : all) {
    connection->start_now(fault);
  }
}

}  // namespace soak::fault
