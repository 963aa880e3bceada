// SPDX-License-Identifier: Apache-2.0
#include "lib/net_server/socket_websocket_server.h"

// A WebSocket server on a loop's sockets, written from RFC 6455. It shares no code of the protocol with the clients,
// which are on libwebsockets: both would be wrong together.

#include <openssl/evp.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "lib/net/http_server_backend.h"
#include "lib/net/tcp_listener.h"
#include "lib/net/tls_context.h"
#include "lib/net/uv_poll.h"
#include "lib/net_server/http_request_reader.h"
#include "lib/net_server/lingering_streams.h"
#include "lib/net_server/stream.h"
#include "lib/net_server/stream_link.h"
#include "lib/text/base64.h"
#include "soak/detail/timer_heap.h"

namespace soak::net {
namespace {

// Handshakes at a time. Of more, the one whose client has been silent longest goes, so that clients which only connect
// keep nobody out.
constexpr std::size_t kHandshakesMax = 256;

// Connections that are accepted before others have their turn.
constexpr int kAcceptsATurn = 64;

// RFC 6455, section 4.2.2.
std::string accept_key(std::string_view key) {
  const std::string joined = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  EVP_Digest(joined.data(), joined.size(), digest.data(), &size, EVP_sha1(), nullptr);
  std::string text;
  text::append_base64(text, std::as_bytes(std::span(digest.data(), size)));
  return text;
}

class SocketWebSocketServer;

// A connection from accept(2) until its request is answered. One that asks for no WebSocket is read with its body.
class Handshake final : public soak::detail::TimerNode {
 public:
  Handshake(SocketWebSocketServer& server, Stream stream, std::string peer, std::uint64_t number);
  ~Handshake();
  Handshake(const Handshake&) = delete;
  Handshake& operator=(const Handshake&) = delete;

  // Takes what has come. Destroys this once the request is answered, or the client gone. False if nothing had come.
  bool read();
  // Answers the request, which is complete. Destroys this.
  void answer();

  void expire() noexcept override;

  std::list<Handshake>::iterator position;  // In one of the server's lists.

 private:
  bool take_request();
  bool on_head();
  void on_request();
  void refuse(const HandshakeReply& reply);
  void respond(HttpResponse response, std::string_view method, bool complete);

  SocketWebSocketServer& server_;
  Stream stream_;
  const std::string peer_;
  const std::uint64_t number_;
  std::optional<UvPoll> poll_;
  HttpRequestReader reader_{HttpServerOptions().body_bytes_max};
  RequestHead head_;
};

class SocketWebSocketServer final : public WebSocketServerBackend {
 public:
  SocketWebSocketServer(EventLoop& event_loop, ServerOptions server_options)
      : WebSocketServerBackend(event_loop, std::move(server_options)),
        uv_loop_(static_cast<UvLoop&>(event_loop)),
        lingering_(loop.service<LingeringStreams>()),
        buffers_(loop.service<StreamBuffers>()) {
    if (secure()) {
      tls_ = make_tls_server_context(options.tls);
    }
    listening_.emplace(uv_loop_, options.host, options.port, [this] { on_connection(); });
    port = listening_->port();
    watch();
  }
  ~SocketWebSocketServer() override { stop(); }

  UvLoop& uv_loop() const { return uv_loop_; }
  StreamBuffers& buffers() const { return buffers_; }
  void let_go(Stream stream, std::string output = {}) { lingering_.add(std::move(stream), std::move(output)); }

  // The handshakes whose requests are not complete, the longest silent first.
  void heard_from(std::list<Handshake>::iterator handshake) {
    handshakes_.splice(handshakes_.end(), handshakes_, handshake);
  }
  void remove(std::list<Handshake>::iterator handshake, bool complete) {
    (complete ? complete_ : handshakes_).erase(handshake);
  }
  // Its request is complete; it is answered once there is room for it in the queue of accept().
  void complete(std::list<Handshake>::iterator handshake) {
    complete_.splice(complete_.end(), handshakes_, handshake);
    answer_complete();
  }

  void room_to_accept() override { answer_complete(); }
  void stop_listening() override {
    listening_.reset();
    handshakes_.clear();
    complete_.clear();
  }

 private:
  bool full() const { return waiting.size() >= options.accept_queue_max; }
  void watch() {
    if (listening_) {
      listening_->set_accepting(!full());
    }
  }
  void on_connection();
  void make_room();
  void answer_complete() {
    const std::shared_ptr<WebSocketServerBackend> keep = shared_from_this();
    while (!stopped && !full() && !complete_.empty()) {
      complete_.front().answer();
    }
    watch();
  }

  UvLoop& uv_loop_;
  LingeringStreams& lingering_;
  StreamBuffers& buffers_;
  OwnedSslContext tls_;  // None for ws:.
  std::optional<TcpListener> listening_;
  std::list<Handshake> handshakes_;
  std::list<Handshake> complete_;
  std::uint64_t connections_ = 0;
};

void SocketWebSocketServer::on_connection() {
  const std::shared_ptr<WebSocketServerBackend> keep = shared_from_this();
  for (int accepts = 0; accepts < kAcceptsATurn && !stopped && !full(); ++accepts) {
    std::optional<TcpListener::Accepted> accepted = listening_->accept();
    if (!accepted) {
      break;
    }
    Stream stream(std::move(accepted->fd), tls_.get());
    if (!stream.exists()) {
      continue;
    }
    make_room();
    if (stopped) {
      return;
    }
    handshakes_.emplace_back(*this, std::move(stream), std::move(accepted->peer), ++connections_);
    handshakes_.back().position = std::prev(handshakes_.end());
  }
  watch();
}

// A client from which something has come is not silent, even if nobody has read it yet.
void SocketWebSocketServer::make_room() {
  for (std::size_t tries = 0; handshakes_.size() >= kHandshakesMax; ++tries) {
    if (tries >= kHandshakesMax || !handshakes_.front().read()) {
      handshakes_.pop_front();
    }
  }
}

Handshake::Handshake(SocketWebSocketServer& server, Stream stream, std::string peer, std::uint64_t number)
    : server_(server), stream_(std::move(stream)), peer_(std::move(peer)), number_(number) {
  poll_.emplace(server_.uv_loop().handle(), stream_.fd(), [this] {
    const std::shared_ptr<WebSocketServerBackend> keep = server_.shared_from_this();
    read();
  });
  poll_->watch(stream_.read_events());
  soak::detail::LoopCore& core = server_.loop.core();
  core.timers.arm(*this, soak::detail::later(core.now(), server_.options.handshake_timeout));
}

Handshake::~Handshake() { server_.loop.core().timers.disarm(*this); }

void Handshake::expire() noexcept {
  poll_.reset();
  server_.let_go(std::move(stream_));
  server_.remove(position, false);
}

bool Handshake::read() {
  const std::uint64_t heard_before = stream_.heard_bytes();
  for (;;) {
    std::array<char, std::size_t{64} << 10>& buffer = server_.buffers().read;
    const Stream::Moved got = stream_.read(buffer.data(), buffer.size());
    if (got.state == Stream::State::kBlocked) {
      const bool heard = stream_.heard_bytes() != heard_before;
      if (heard) {
        server_.heard_from(position);
      }
      poll_->watch(stream_.read_events());
      return heard;
    }
    if (got.state != Stream::State::kMoved) {
      server_.remove(position, false);
      return true;
    }
    reader_.append({buffer.data(), got.bytes});
    if (!take_request()) {
      return true;
    }
  }
}

// False when this needs no more bytes, or is gone.
bool Handshake::take_request() {
  for (;;) {
    switch (reader_.next()) {
      case HttpRequestReader::Event::kNone:
        return true;
      case HttpRequestReader::Event::kRefused:
        respond(reader_.refusal(), {}, false);
        return false;
      case HttpRequestReader::Event::kHead:
        if (!on_head()) {
          return false;
        }
        break;
      case HttpRequestReader::Event::kRequest:
        on_request();
        return false;
    }
  }
}

// True when the body is to be read, which is that of no handshake.
bool Handshake::on_head() {
  const HttpServerRequest& request = reader_.request();
  head_ = {request.method, request.path, request.query, request.headers, reader_.http10()};
  if (server_.options.on_request && !asks_for_websocket(head_)) {
    constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    if (reader_.expects_continue() && stream_.write(kContinue).bytes != kContinue.size()) {
      server_.remove(position, false);
      return false;
    }
    return true;
  }
  if (const std::optional<HandshakeReply> wrong = check_upgrade(head_)) {
    refuse(*wrong);
    return false;
  }
  server_.loop.core().timers.disarm(*this);
  poll_->pause();
  server_.complete(position);
  return false;
}

void Handshake::on_request() {
  HttpServerRequest request = reader_.take();
  request.peer_address = peer_;
  request.connection = number_;
  const SocketWebSocketServer& server = server_;
  HttpResponse response = server.answer(std::move(request));
  if (!server.stopped) {  // By the answer itself: this is gone.
    respond(std::move(response), head_.method, false);
  }
}

void Handshake::answer() {
  HandshakeRequest request = WebSocketServerBackend::make_request(head_, peer_);
  const SocketWebSocketServer& server = server_;
  const HandshakeReply reply = server.decide(request);
  if (server.stopped) {
    return;  // By the decision itself: this handshake is gone.
  }
  poll_.reset();
  if (!reply.accepted()) {
    return respond(HttpResponse(reply.status(), reply.body(), reply.headers()), head_.method, true);
  }
  std::string response = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
  if (!reply.headers().contains("Date")) {
    response += "Date: " + format_http_date(server_.loop.wall_now()) + "\r\n";
  }
  response += "Sec-WebSocket-Accept: " + accept_key(head_.headers.get("Sec-WebSocket-Key")) + "\r\n";
  if (!reply.subprotocol().empty()) {
    response += "Sec-WebSocket-Protocol: " + reply.subprotocol() + "\r\n";
  }
  for (const auto& [name, value] : reply.headers()) {
    response += name + ": " + value + "\r\n";
  }
  response += "\r\n";
  const std::shared_ptr<Connection> connection = server_.make_connection(request, reply);
  auto link = std::make_unique<StreamLink>(server_.uv_loop(), std::move(stream_), server_.options.message_bytes_max);
  StreamLink& started = *link;
  connection->start(std::move(link));
  if (started.start(*connection, response, reader_.take_rest())) {
    server_.enqueue(std::move(request), connection);
  }
  server_.remove(position, true);
}

void Handshake::refuse(const HandshakeReply& reply) {
  respond(HttpResponse(reply.status(), reply.body(), reply.headers()), head_.method, false);
}

void Handshake::respond(HttpResponse response, std::string_view method, bool complete) {
  poll_.reset();
  const OutgoingResponse outgoing(std::move(response), method, true, server_.loop.wall_now());
  server_.let_go(std::move(stream_), outgoing.text());
  server_.remove(position, complete);
}

}  // namespace

std::shared_ptr<WebSocketServerBackend> listen_on_sockets(EventLoop& loop, ServerOptions options) {
  return std::make_shared<SocketWebSocketServer>(loop, std::move(options));
}

}  // namespace soak::net
