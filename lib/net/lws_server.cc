// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <list>
#include <optional>
#include <utility>

#include "lib/net/ascii.h"
#include "lib/net/fd.h"
#include "lib/net/lws_link.h"
#include "lib/net/lws_network.h"
#include "lib/net/lws_service.h"
#include "lib/net/tls_context.h"
#include "lib/net/tls_terminator.h"
#include "lib/net/uv_poll.h"
#include "soak/detail/timer_heap.h"

namespace soak::net {
namespace {

// A request head beyond this is answered with 431.
constexpr std::size_t kHeadBytesMax = std::size_t{32} << 10;

std::string address_text(const sockaddr* address, socklen_t size) {
  std::array<char, NI_MAXHOST> host{};
  std::array<char, NI_MAXSERV> service{};
  if (getnameinfo(address, size, host.data(), host.size(), service.data(), service.size(),
                  NI_NUMERICHOST | NI_NUMERICSERV) != 0)
    return "unknown";
  const std::string name = host.data();
  return (name.find(':') == std::string::npos ? name : "[" + name + "]") + ":" + service.data();
}

class LwsListener;

// A connection from accept(2) until its request is answered. It owns its descriptor until libwebsockets does; with TLS
// that is the plain side of `tls`.
class Handshake final : public soak::detail::TimerNode {
 public:
  Handshake(LwsListener& listener, Fd fd, std::shared_ptr<const TlsTerminator> tls, std::string peer);
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

class LwsListener final : public WebSocketServer::Backend {
 public:
  LwsListener(EventLoop& event_loop, ServerOptions server_options)
      : Backend(event_loop, std::move(server_options)), context_(event_loop.service<LwsService>().context) {
    if (secure()) tls_ = make_tls_server_context(options.tls);
    listen();
  }
  ~LwsListener() override { stop(); }

  LwsContext& context() const { return context_; }
  void remove(std::list<Handshake>::iterator handshake) {
    handshakes_.erase(handshake);
    if (!stopped) watch();
  }
  void room_to_accept() override { watch(); }
  void stop_listening() override {
    poll_.reset();
    listening_.reset();
    handshakes_.clear();
  }

 private:
  void listen();
  void watch();
  void on_connection();
  bool full() const { return waiting.size() + handshakes_.size() >= options.accept_queue_max; }

  LwsContext& context_;
  OwnedSslContext tls_;  // None for ws:.
  std::optional<Fd> listening_;
  std::optional<UvPoll> poll_;
  std::list<Handshake> handshakes_;
};

void LwsListener::listen() {
  const auto fail = [this](const std::string& why) {
    const std::string host = options.host.find(':') == std::string::npos ? options.host : "[" + options.host + "]";
    throw Error(Errc::kConnectFailed, host + ":" + std::to_string(options.port) + ": cannot listen: " + why);
  };
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string service = std::to_string(options.port);
  if (const int error = getaddrinfo(options.host.c_str(), service.c_str(), &hints, &found); error != 0)
    fail(gai_strerror(error));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> address(found, &freeaddrinfo);

  listening_.emplace(socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int fd = listening_->get();
  if (fd < 0) fail(std::strerror(errno));
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, address->ai_addr, address->ai_addrlen) != 0 || ::listen(fd, SOMAXCONN) != 0) fail(std::strerror(errno));

  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size);
  port = ntohs(bound.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6*>(&bound)->sin6_port
                                           : reinterpret_cast<const sockaddr_in*>(&bound)->sin_port);
  poll_.emplace(context_.loop().handle(), fd, [this] { on_connection(); });
  watch();
}

void LwsListener::watch() {
  if (full()) {
    poll_->pause();
  } else {
    poll_->watch(UV_READABLE);
  }
}

void LwsListener::on_connection() {
  const std::shared_ptr<Backend> keep = shared_from_this();
  while (!stopped && !full()) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    Fd fd(accept4(listening_->get(), reinterpret_cast<sockaddr*>(&address), &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (fd.get() < 0) break;  // None left, or the peer has gone again; without descriptors it stays readable.
    const int on = 1;
    setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    TlsTerminators::Started started;
    if (tls_ != nullptr) {
      started = loop.service<TlsTerminators>().start(*tls_, std::move(fd));
      if (started.plain.get() < 0) continue;  // No descriptor for the pair: this connection ends.
    } else {
      started.plain = std::move(fd);
    }
    handshakes_.emplace_front(*this, std::move(started.plain), std::move(started.terminator),
                              address_text(reinterpret_cast<const sockaddr*>(&address), size));
    handshakes_.front().position = handshakes_.begin();
  }
  if (!stopped) watch();
}

Handshake::Handshake(LwsListener& listener, Fd fd, std::shared_ptr<const TlsTerminator> tls, std::string peer)
    : listener_(listener), fd_(std::move(fd)), tls_(std::move(tls)), peer_(std::move(peer)) {
  poll_.emplace(listener_.context().loop().handle(), fd_.get(), [this] { on_event(); });
  poll_->watch(UV_READABLE);
  soak::detail::LoopCore& core = listener_.loop.core();
  core.timers.arm(*this, soak::detail::later(core.now(), listener_.options.handshake_timeout));
}

Handshake::~Handshake() { listener_.loop.core().timers.disarm(*this); }

void Handshake::expire() noexcept { finish(); }

void Handshake::finish() { listener_.remove(position); }

void Handshake::on_event() {
  const std::shared_ptr<WebSocketServer::Backend> keep = listener_.shared_from_this();
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
    if (peeked < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (peeked <= 0) return finish();
    const std::size_t before = head_.size();
    head_.append(buffer.data(), static_cast<std::size_t>(peeked));
    // The ClientHello of TLS would be waited for to end as a request does, and its client for the answer to it.
    if (!is_token(head_.substr(0, 1))) return refuse(HandshakeReply::refuse(400, "Not an HTTP/1.1 request.\n"));
    const std::size_t end = head_.find("\r\n\r\n", before < 3 ? 0 : before - 3);
    if (end != std::string::npos) head_.resize(end + 4);
    if (recv(fd_.get(), buffer.data(), head_.size() - before, 0) != static_cast<ssize_t>(head_.size() - before))
      return finish();
    if (end != std::string::npos) return on_head();
    if (head_.size() > kHeadBytesMax) return refuse(HandshakeReply::refuse(431));
  }
}

void Handshake::on_head() {
  const std::optional<RequestHead> head = parse_request_head(head_);
  if (!head) return refuse(HandshakeReply::refuse(400, "Not an HTTP/1.1 request.\n"));
  if (const std::optional<HandshakeReply> wrong = check_upgrade(*head)) return refuse(*wrong);
  HandshakeRequest request = WebSocketServer::Backend::make_request(*head, peer_);
  const LwsListener& listener = listener_;
  const HandshakeReply reply = listener.decide(request);
  if (listener.stopped) return;  // By the decision itself: this handshake is gone.
  if (!reply.accepted()) return refuse(reply);

  std::string fields;
  if (!reply.subprotocol().empty()) fields += "Sec-WebSocket-Protocol: " + reply.subprotocol() + "\r\n";
  for (const auto& [name, value] : reply.headers()) fields += name + ": " + value + "\r\n";
  const std::shared_ptr<Connection> connection = listener_.make_connection(request, reply);
  auto link = std::make_unique<LwsLink>(listener_.context(), std::move(tls_));
  LwsLink& adopted = *link;
  link->set_user(*connection);
  connection->start(std::move(link));
  poll_.reset();
  if (listener_.context().adopt(fd_.release(), head->headers.get("Sec-WebSocket-Key"), std::move(fields), adopted))
    listener_.enqueue(std::move(request), connection);
  finish();
}

void Handshake::refuse(const HandshakeReply& reply) {
  refusal_ = format_refusal(reply);
  stage_ = Stage::kRefusing;
  write_refusal();
}

void Handshake::write_refusal() {
  while (!refusal_.empty()) {
    const ssize_t sent = send(fd_.get(), refusal_.data(), refusal_.size(), MSG_NOSIGNAL);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR)) return poll_->watch(UV_WRITABLE);
    if (sent < 0) return finish();
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
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) return finish();
  }
}

}  // namespace

std::shared_ptr<WebSocketServer::Backend> listen_on_lws(EventLoop& loop, ServerOptions options) {
  return std::make_shared<LwsListener>(loop, std::move(options));
}

}  // namespace soak::net
