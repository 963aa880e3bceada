// SPDX-License-Identifier: Apache-2.0
#include "lib/net_server/lws_server.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <list>
#include <optional>
#include <utility>

#include "lib/net/ascii.h"
#include "lib/net/fd.h"
#include "lib/net/tls_context.h"
#include "lib/net/tls_terminator.h"
#include "lib/net/uv_poll.h"
#include "lib/net_lws/lws_link.h"
#include "lib/net_lws/lws_service.h"
#include "lib/net_server/accepted_connection.h"
#include "lib/net_server/tcp_listener.h"
#include "soak/detail/timer_heap.h"

namespace soak::net {
namespace {

// A request head beyond this is answered with 431.
constexpr std::size_t kHeadBytesMax = std::size_t{32} << 10;

class LwsListener;

// A connection from accept(2) until its request is answered. It owns its descriptor until libwebsockets does; with TLS
// that is the plain side of `tls`.
class Handshake final : public soak::detail::TimerNode {
 public:
  Handshake(LwsListener& listener, AcceptedConnection accepted);
  ~Handshake();
  Handshake(const Handshake&) = delete;
  Handshake& operator=(const Handshake&) = delete;

  void expire() noexcept override;

  std::list<Handshake>::iterator position;  // In the listener's list.

 private:
  void on_event();
  void read_head();
  void on_head();
  void accept(const HandshakeRequest& request, const HandshakeReply& reply);
  void refuse(const HandshakeReply& reply);
  void write_refusal();
  void await_end();
  void finish();  // Destroys this.

  LwsListener& listener_;
  Fd fd_;
  std::shared_ptr<const TlsTerminator> tls_;
  std::string peer_;
  std::optional<UvPoll> poll_;
  std::string head_;
  std::string refusal_;  // What is left of it.
  enum class Stage : std::uint8_t { kReading, kRefusing, kEnding } stage_ = Stage::kReading;
};

class LwsListener final : public WebSocketServerBackend {
 public:
  LwsListener(EventLoop& event_loop, ServerOptions server_options)
      : WebSocketServerBackend(event_loop, std::move(server_options)),
        context_(event_loop.service<LwsService>().context) {
    if (secure()) {
      tls_ = make_tls_server_context(options.tls);
    }
    listening_.emplace(context_.loop(), options.host, options.port, [this] { on_connection(); });
    port = listening_->port();
    watch();
  }
  ~LwsListener() override { stop(); }

  LwsContext& context() const { return context_; }
  void remove(std::list<Handshake>::iterator handshake) {
    handshakes_.erase(handshake);
    if (!stopped) {
      watch();
    }
  }
  void room_to_accept() override { watch(); }
  void stop_listening() override {
    listening_.reset();
    handshakes_.clear();
  }

 private:
  void watch() { listening_->set_accepting(!full()); }
  void on_connection();
  bool full() const { return waiting.size() + handshakes_.size() >= options.accept_queue_max; }

  LwsContext& context_;
  OwnedSslContext tls_;  // None for ws:.
  std::optional<TcpListener> listening_;
  std::list<Handshake> handshakes_;
};

void LwsListener::on_connection() {
  const std::shared_ptr<WebSocketServerBackend> keep = shared_from_this();
  while (!stopped && !full()) {
    std::optional<AcceptedConnection> accepted = accept_connection(*listening_, loop, tls_.get());
    if (!accepted) {
      break;
    }
    handshakes_.emplace_front(*this, std::move(*accepted));
    handshakes_.front().position = handshakes_.begin();
  }
  if (!stopped) {
    watch();
  }
}

Handshake::Handshake(LwsListener& listener, AcceptedConnection accepted)
    : listener_(listener), fd_(std::move(accepted.fd)), tls_(std::move(accepted.tls)), peer_(std::move(accepted.peer)) {
  poll_.emplace(listener_.context().loop().handle(), fd_.get(), [this] { on_event(); });
  poll_->watch(UV_READABLE);
  soak::detail::LoopCore& core = listener_.loop.core();
  core.timers.arm(*this, soak::detail::later(core.now(), listener_.options.handshake_timeout));
}

Handshake::~Handshake() { listener_.loop.core().timers.disarm(*this); }

void Handshake::expire() noexcept { finish(); }

void Handshake::finish() { listener_.remove(position); }

void Handshake::on_event() {
  const std::shared_ptr<WebSocketServerBackend> keep = listener_.shared_from_this();
  switch (stage_) {
    case Stage::kReading:
      return read_head();
    case Stage::kRefusing:
      return write_refusal();
    case Stage::kEnding:
      return await_end();
  }
}

// Takes the head from the socket, and not a byte more: what follows is libwebsockets' to read.
void Handshake::read_head() {
  for (;;) {
    std::array<char, 4096> buffer;
    const ssize_t peeked = recv(fd_.get(), buffer.data(), buffer.size(), MSG_PEEK);
    if (peeked < 0 && (errno == EAGAIN || errno == EINTR)) {
      return;
    }
    if (peeked <= 0) {
      return finish();
    }
    const std::size_t before = head_.size();
    head_.append(buffer.data(), static_cast<std::size_t>(peeked));
    // The ClientHello of TLS would be waited for to end as a request does, and its client for the answer to it.
    if (!is_token(head_.substr(0, 1))) {
      return refuse(HandshakeReply::refuse(400, "Not an HTTP/1.1 request.\n"));
    }
    const std::size_t end = head_.find("\r\n\r\n", before < 3 ? 0 : before - 3);
    if (end != std::string::npos) {
      head_.resize(end + 4);
    }
    if (recv(fd_.get(), buffer.data(), head_.size() - before, 0) != static_cast<ssize_t>(head_.size() - before)) {
      return finish();
    }
    if (end != std::string::npos) {
      return on_head();
    }
    if (head_.size() > kHeadBytesMax) {
      return refuse(HandshakeReply::refuse(431));
    }
  }
}

void Handshake::on_head() {
  const std::optional<RequestHead> head = parse_request_head(head_);
  if (!head) {
    return refuse(HandshakeReply::refuse(400, "Not an HTTP/1.1 request.\n"));
  }
  if (const std::optional<HandshakeReply> wrong = check_upgrade(*head)) {
    return refuse(*wrong);
  }
  HandshakeRequest request = WebSocketServerBackend::make_request(*head, peer_);
  const LwsListener& listener = listener_;
  const HandshakeReply reply = listener.decide(request);
  if (listener.stopped) {
    return;  // By the decision itself: this handshake is gone.
  }
  if (!reply.accepted()) {
    return refuse(reply);
  }

  std::string fields;
  if (!reply.subprotocol().empty()) {
    fields += "Sec-WebSocket-Protocol: " + reply.subprotocol() + "\r\n";
  }
  for (const auto& [name, value] : reply.headers()) {
    fields += name + ": " + value + "\r\n";
  }
  const std::shared_ptr<Connection> connection = listener_.make_connection(request, reply);
  auto link = std::make_unique<LwsLink>(listener_.context(), std::move(tls_));
  LwsLink& adopted = *link;
  link->set_user(*connection);
  connection->start(std::move(link));
  poll_.reset();
  listener_.context().adopt(fd_.release(), head->headers.get("Sec-WebSocket-Key"), std::move(fields), adopted);
  if (adopted.alive()) {
    listener_.enqueue(std::move(request), connection);
  }
  finish();
}

void Handshake::refuse(const HandshakeReply& reply) {
  refusal_ = format_refusal(reply, listener_.loop.wall_now());
  stage_ = Stage::kRefusing;
  write_refusal();
}

void Handshake::write_refusal() {
  while (!refusal_.empty()) {
    const ssize_t sent = send(fd_.get(), refusal_.data(), refusal_.size(), MSG_NOSIGNAL);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR)) {
      return poll_->watch(UV_WRITABLE);
    }
    if (sent < 0) {
      return finish();
    }
    refusal_.erase(0, static_cast<std::size_t>(sent));
  }
  // Closing with something unread would reset the connection, and could take the answer with it.
  shutdown(fd_.get(), SHUT_WR);
  stage_ = Stage::kEnding;
  poll_->watch(UV_READABLE);
}

void Handshake::await_end() {
  std::array<char, 4096> buffer;
  for (;;) {
    const ssize_t got = recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
      return;
    }
    if (got <= 0) {
      return finish();
    }
  }
}

}  // namespace

std::shared_ptr<WebSocketServerBackend> listen_on_lws(EventLoop& loop, ServerOptions options) {
  return std::make_shared<LwsListener>(loop, std::move(options));
}

}  // namespace soak::net
