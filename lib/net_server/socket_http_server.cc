// SPDX-License-Identifier: Apache-2.0
#include "lib/net_server/socket_http_server.h"

// An HTTP/1.1 server on a loop's sockets.
//
// It reads requests by itself, because a fake has to see all that its client sent: every field, those that come twice,
// and how a body was framed.

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/net/fd.h"
#include "lib/net/tcp_listener.h"
#include "lib/net/tls_context.h"
#include "lib/net/tls_terminator.h"
#include "lib/net/uv_poll.h"
#include "lib/net_server/accepted_connection.h"
#include "lib/net_server/http_request_reader.h"
#include "soak/detail/timer_heap.h"

namespace soak::net {
namespace {

// For a client to read the last response of its connection, and to end it.
constexpr std::chrono::seconds kLinger{5};

// For the answer to a client that has ended its direction. Whether it only half-closed, or has left, nothing tells.
constexpr std::chrono::seconds kHalfClosed{1};

constexpr std::size_t kReadBytes = std::size_t{64} << 10;

bool is_transient(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

class SocketHttpServer;

// One connection. With TLS its descriptor is the plain side of `tls`.
class HttpConnection final : public HttpReplyTo,
                             public soak::detail::TimerNode,
                             public std::enable_shared_from_this<HttpConnection> {
 public:
  HttpConnection(SocketHttpServer& server, std::uint64_t id, AcceptedConnection accepted);
  ~HttpConnection() { finish(); }
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;

  void reply(HttpReply reply) override;
  void reset();   // Gone at once; the client sees RST.
  void finish();  // Gone, and what was written arrives.
  bool idle() const { return stage_ == Stage::kReading && !reader_.begun(); }
  // Nothing of a request is left to be answered.
  bool ending() const { return stage_ == Stage::kLingering || stage_ == Stage::kGone; }

  void expire() noexcept override;

 private:
  enum class Stage : std::uint8_t { kReading, kHandling, kWriting, kLingering, kGone };

  void on_event();
  void read();
  void advance();
  bool on_head();
  void on_event_while_busy();
  void respond(HttpResponse response, bool close);
  void write();
  void end_response();
  void linger();
  void drain();
  void restart_timer(std::chrono::nanoseconds delay);

  SocketHttpServer& server_;
  const std::uint64_t id_;
  Fd fd_;
  std::shared_ptr<TlsTerminator> tls_;
  const std::string peer_;
  std::optional<UvPoll> poll_;
  HttpRequestReader reader_;
  Stage stage_ = Stage::kReading;
  bool timing_request_ = false;
  bool next_waits_ = false;  // Something came behind a request that is not answered.
  bool responding_ = false;
  bool close_ = false;  // After the response that is being written.
  std::string method_;
  std::string output_;
  std::size_t written_ = 0;
};

class SocketHttpServer final : public HttpServerBackend {
 public:
  SocketHttpServer(EventLoop& event_loop, HttpHandler http_handler, HttpServerOptions server_options)
      : HttpServerBackend(event_loop, std::move(http_handler), std::move(server_options)),
        uv_loop_(static_cast<UvLoop&>(event_loop)) {
    if (secure()) {
      tls_ = make_tls_server_context(options.tls);
    }
    listening_.emplace(uv_loop_, options.host, options.port, [this] { on_connection(); });
    port = listening_->port();
  }
  ~SocketHttpServer() override { stop(); }

  UvLoop& uv_loop() const { return uv_loop_; }
  // What was read last; shared by all connections.
  std::array<char, kReadBytes>& buffer() { return buffer_; }
  void remove(std::uint64_t id) { connections_.erase(id); }
  std::size_t open_connections() const override { return connections_.size(); }

 protected:
  void stop_listening() override { listening_.reset(); }
  void close_idle() override {
    for (const std::shared_ptr<HttpConnection>& connection : all()) {
      if (connection->idle()) {
        connection->finish();
      }
    }
  }
  void reset_all() override {
    for (const std::shared_ptr<HttpConnection>& connection : all()) {
      // What has been answered would be lost with a reset.
      if (connection->ending()) {
        connection->finish();
      } else {
        connection->reset();
      }
    }
  }

 private:
  std::vector<std::shared_ptr<HttpConnection>> all() const {
    std::vector<std::shared_ptr<HttpConnection>> list;
    for (const auto& [id, connection] : connections_) {
      list.push_back(connection);
    }
    return list;
  }
  void on_connection();

  UvLoop& uv_loop_;
  OwnedSslContext tls_;  // None for http:.
  std::optional<TcpListener> listening_;
  std::map<std::uint64_t, std::shared_ptr<HttpConnection>> connections_;
  std::uint64_t accepted_ = 0;
  std::array<char, kReadBytes> buffer_;
};

void SocketHttpServer::on_connection() {
  while (listening_) {
    std::optional<AcceptedConnection> accepted = accept_connection(*listening_, loop, tls_.get());
    if (!accepted) {
      return;
    }
    ++accepted_;
    connections_.emplace(accepted_, std::make_shared<HttpConnection>(*this, accepted_, std::move(*accepted)));
  }
}

HttpConnection::HttpConnection(SocketHttpServer& server, std::uint64_t id, AcceptedConnection accepted)
    : server_(server),
      id_(id),
      fd_(std::move(accepted.fd)),
      tls_(std::move(accepted.tls)),
      peer_(std::move(accepted.peer)),
      reader_(server.options.body_bytes_max) {
  poll_.emplace(server_.uv_loop().handle(), fd_.get(), [this] { on_event(); });
  poll_->watch(UV_READABLE | UV_DISCONNECT);
  restart_timer(server_.first_request_timeout());
}

void HttpConnection::restart_timer(std::chrono::nanoseconds delay) {
  soak::detail::LoopCore& core = server_.loop.core();
  core.timers.disarm(*this);
  core.timers.arm(*this, soak::detail::later(core.now(), delay));
}

void HttpConnection::finish() {
  if (std::exchange(stage_, Stage::kGone) == Stage::kGone) {
    return;
  }
  server_.loop.core().timers.disarm(*this);
  poll_.reset();
  fd_.reset();
  if (std::exchange(responding_, false)) {
    server_.response_done();
  }
  server_.remove(id_);  // The last line: this may be the last that holds it.
}

void HttpConnection::reset() {
  if (stage_ == Stage::kGone) {
    return;
  }
  if (tls_ != nullptr) {
    tls_->reset();
  } else {
    reset_on_close(fd_);
  }
  finish();
}

void HttpConnection::expire() noexcept {
  const std::shared_ptr<HttpConnection> keep = shared_from_this();
  if (stage_ == Stage::kReading && timing_request_) {
    return respond(HttpResponse(408, "The request took too long.\n"), true);
  }
  finish();
}

void HttpConnection::on_event() {
  const std::shared_ptr<HttpServerBackend> keep_server = server_.shared_from_this();
  const std::shared_ptr<HttpConnection> keep = shared_from_this();
  switch (stage_) {
    case Stage::kReading:
      return read();
    case Stage::kHandling:
      return on_event_while_busy();
    case Stage::kWriting:
      return write();
    case Stage::kLingering:
      return drain();
    case Stage::kGone:
      return;
  }
}

void HttpConnection::read() {
  std::array<char, kReadBytes>& buffer = server_.buffer();
  const ssize_t got = recv(fd_.get(), buffer.data(), buffer.size(), 0);
  if (got < 0 && is_transient(errno)) {
    return;
  }
  if (got <= 0) {
    return finish();
  }
  reader_.append({buffer.data(), static_cast<std::size_t>(got)});
  advance();
  // libuv watches no longer where it has seen an error, such as a reset behind the bytes that were read.
  if (stage_ == Stage::kReading || stage_ == Stage::kHandling) {
    poll_->watch(UV_READABLE | UV_DISCONNECT);
  }
}

// Goes on with what has been read, up to the next request.
void HttpConnection::advance() {
  if (!reader_.begun()) {
    return;
  }
  if (!std::exchange(timing_request_, true)) {
    restart_timer(server_.options.request_timeout);
  }
  for (;;) {
    switch (reader_.next()) {
      case HttpRequestReader::Event::kNone:
        return;
      case HttpRequestReader::Event::kHead:
        if (!on_head()) {
          return;
        }
        break;
      case HttpRequestReader::Event::kRefused:
        return respond(reader_.refusal(), true);
      case HttpRequestReader::Event::kRequest: {
        HttpServerRequest request = reader_.take();
        request.peer_address = peer_;
        request.connection = id_;
        stage_ = Stage::kHandling;
        server_.loop.core().timers.disarm(*this);
        return server_.handle(std::move(request), weak_from_this());
      }
    }
  }
}

// False when the request goes no further.
bool HttpConnection::on_head() {
  method_ = reader_.request().method;
  close_ = reader_.asks_to_close();
  if (server_.options.on_head) {
    HttpServerRequest head = reader_.request();
    head.peer_address = peer_;
    head.connection = id_;
    if (const std::optional<HttpReply> instead = server_.judge_head(head)) {
      if (stage_ == Stage::kGone) {
        return false;  // The server has gone, by its own word.
      }
      if (instead->is_reset()) {
        reset();
      } else {
        respond(instead->response(), true);
      }
      return false;
    }
    if (stage_ == Stage::kGone) {
      return false;
    }
  }
  if (reader_.expects_continue()) {
    constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    if (send(fd_.get(), kContinue.data(), kContinue.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(kContinue.size())) {
      finish();
      return false;
    }
  }
  return true;
}

// The next request, which waits for its turn, or the end of what the client sends.
void HttpConnection::on_event_while_busy() {
  char byte = 0;
  const ssize_t got = recv(fd_.get(), &byte, 1, MSG_PEEK);
  if (got < 0 && is_transient(errno)) {
    return;
  }
  if (got < 0) {
    return finish();
  }
  if (got == 0 || std::exchange(next_waits_, true)) {
    poll_->pause();
    return restart_timer(kHalfClosed);
  }
  poll_->watch(UV_DISCONNECT);
}

void HttpConnection::reply(HttpReply reply) {
  if (stage_ != Stage::kHandling) {
    return;
  }
  const std::shared_ptr<HttpConnection> keep = shared_from_this();
  if (reply.is_reset()) {
    return reset();
  }
  respond(std::move(reply).response(), close_ || server_.closing);
}

void HttpConnection::respond(HttpResponse response, bool close) {
  const OutgoingResponse outgoing(std::move(response), method_, close, server_.loop.wall_now());
  close_ = outgoing.close;
  output_ = outgoing.text();
  written_ = 0;
  server_.loop.core().timers.disarm(*this);
  stage_ = Stage::kWriting;
  responding_ = true;
  ++server_.responding;
  write();
}

void HttpConnection::write() {
  while (written_ < output_.size()) {
    const ssize_t sent = send(fd_.get(), output_.data() + written_, output_.size() - written_, MSG_NOSIGNAL);
    if (sent < 0 && is_transient(errno)) {
      return poll_->watch(UV_WRITABLE);
    }
    if (sent < 0) {
      return finish();
    }
    written_ += static_cast<std::size_t>(sent);
  }
  end_response();
}

void HttpConnection::end_response() {
  if (output_.capacity() > kReadBytes) {
    std::string().swap(output_);
  }
  if (std::exchange(responding_, false)) {
    server_.response_done();
  }
  timing_request_ = next_waits_ = false;
  method_.clear();  // What is refused before its head is known would be answered as the one before.
  if (close_) {
    return linger();
  }
  stage_ = Stage::kReading;
  restart_timer(server_.options.keep_alive);
  poll_->watch(UV_READABLE | UV_DISCONNECT);
  advance();  // With what came behind the request.
}

// Closing with something unread would reset the connection, and could take the response with it.
void HttpConnection::linger() {
  shutdown(fd_.get(), SHUT_WR);
  stage_ = Stage::kLingering;
  restart_timer(kLinger);
  poll_->watch(UV_READABLE);
}

void HttpConnection::drain() {
  std::array<char, kReadBytes>& buffer = server_.buffer();
  for (int reads = 0; reads < 16; ++reads) {
    const ssize_t got = recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && is_transient(errno)) {
      return;
    }
    if (got <= 0) {
      return finish();
    }
  }
}

}  // namespace

std::shared_ptr<HttpServerBackend> listen_http_on_sockets(EventLoop& loop, HttpHandler handler,
                                                          HttpServerOptions options) {
  return std::make_shared<SocketHttpServer>(loop, std::move(handler), std::move(options));
}

}  // namespace soak::net
