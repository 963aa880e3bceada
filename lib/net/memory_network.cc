// SPDX-License-Identifier: Apache-2.0
#include "lib/net/memory_network.h"

#include <algorithm>
#include <utility>

#include "lib/net/connect_errors.h"
#include "lib/net/field_syntax.h"
#include "lib/net/memory_http.h"
#include "lib/net/memory_link.h"
#include "soak/detail/timer_heap.h"

namespace soak::net {

// A handshake between the two ends. The client owns it; the listener knows it while it waits there.
struct MemoryHandshake final : soak::detail::TimerNode, std::enable_shared_from_this<MemoryHandshake> {
  enum class Stage : std::uint8_t { kRequest, kWaiting, kResponse, kDone };

  MemoryHandshake(MemoryNetwork& memory_network, Url request_url, ConnectOptions connect_options)
      : network(memory_network), url(std::move(request_url)), options(std::move(connect_options)) {}
  ~MemoryHandshake() { network.loop().core().timers.disarm(*this); }

  void begin();
  void expire() noexcept override;
  void answer(MemoryListener& listener);
  void respond(HandshakeReply response);
  void end_without_response(std::string why);

  MemoryNetwork& network;
  Url url;
  ConnectOptions options;
  Stage stage = Stage::kRequest;
  Signal done{"handshake"};

  // The outcome, on its way to the client until kDone.
  HandshakeReply reply = HandshakeReply::refuse(500);
  std::unique_ptr<Link> link;
  bool lost = false;
  std::string failure;
};

class MemoryListener final : public WebSocketServerBackend {
 public:
  MemoryListener(EventLoop& event_loop, ServerOptions server_options)
      : WebSocketServerBackend(event_loop, std::move(server_options)), network_(event_loop.service<MemoryNetwork>()) {
    const std::uint16_t wanted = options.port;
    if (options.on_request) {
      http_ = std::make_shared<MemoryHttpListener>(
          loop, [this](HttpServerRequest request) { return reply(std::move(request)); }, HttpServerOptions());
    }
    port = network_.add(wanted, {.websocket = this, .http = http_.get(), .secure = secure()});
    if (port == 0) {
      throw Error(Errc::kConnectFailed, options.host + ":" + std::to_string(wanted) + ": Address already in use");
    }
  }
  ~MemoryListener() override {
    stop();
    if (http_ != nullptr) {
      http_->stop();
    }
  }

  bool full() const { return waiting.size() >= options.accept_queue_max; }
  void queue(std::shared_ptr<MemoryHandshake> handshake) { backlog_.push_back(std::move(handshake)); }
  std::string next_peer() { return "memory:" + std::to_string(++connections_); }

  void room_to_accept() override {
    while (!full() && !stopped && !backlog_.empty()) {
      const std::shared_ptr<MemoryHandshake> handshake = backlog_.front().lock();
      backlog_.pop_front();
      if (handshake && handshake->stage == MemoryHandshake::Stage::kWaiting) {
        handshake->answer(*this);
      }
    }
  }
  void stop_listening() override {
    network_.remove(port);
    for (const std::weak_ptr<MemoryHandshake>& waiting_one : std::exchange(backlog_, {})) {
      if (const auto handshake = waiting_one.lock()) {
        handshake->end_without_response("closed during the handshake");
      }
    }
  }

 private:
  // As on sockets: the connection ends with the response.
  Task<HttpReply> reply(HttpServerRequest request) {
    HttpReply reply = HttpReply::reset();
    if (!stopped) {
      HttpResponse response = answer(std::move(request));
      response.headers.set("Connection", "close");
      if (!stopped) {  // By the answer itself.
        reply = HttpReply(std::move(response));
      }
    }
    co_return reply;
  }

  MemoryNetwork& network_;
  std::shared_ptr<MemoryHttpListener> http_;  // Null without `on_request`.
  std::deque<std::weak_ptr<MemoryHandshake>> backlog_;
  std::uint64_t connections_ = 0;
};

std::uint16_t MemoryNetwork::add(std::uint16_t port, Listener listener) {
  if (port == 0) {
    while (next_port_ == 0 || listeners_.contains(next_port_)) {
      ++next_port_;
    }
    port = next_port_++;
  }
  return listeners_.emplace(port, listener).second ? port : std::uint16_t{0};
}

MemoryNetwork::Listener MemoryNetwork::find(std::uint16_t port) const {
  const auto found = listeners_.find(port);
  return found == listeners_.end() ? Listener() : found->second;
}

void MemoryHandshake::begin() {
  soak::detail::LoopCore& core = network.loop().core();
  core.timers.arm(*this, soak::detail::later(core.now(), network.latency()));
}

void MemoryHandshake::expire() noexcept {
  if (stage == Stage::kRequest) {
    const MemoryNetwork::Listener found = network.find(url.port);
    MemoryListener* const listener = found.websocket;
    if (listener == nullptr) {
      end_without_response(found.http == nullptr ? "connection refused" : "the server is not a WebSocket server");
    } else if (url.secure() != listener->secure()) {
      end_without_response(url.secure() ? "the server does not use TLS" : "closed during the handshake");
    } else if (listener->full()) {
      stage = Stage::kWaiting;
      listener->queue(shared_from_this());
    } else {
      answer(*listener);
    }
  } else if (stage == Stage::kResponse) {
    stage = Stage::kDone;
    done.wake();
  }
}

void MemoryHandshake::answer(MemoryListener& listener) {
  const std::shared_ptr<WebSocketServerBackend> keep = listener.shared_from_this();
  const std::shared_ptr<MemoryHandshake> keep_this = shared_from_this();
  RequestHead head;
  head.method = "GET";
  head.path = url.path;
  head.query = url.query;
  head.headers.add("Host", url.authority());
  head.headers.add("Upgrade", "websocket");
  head.headers.add("Connection", "Upgrade");
  head.headers.add("Sec-WebSocket-Version", "13");
  std::string offered;
  for (const std::string& name : options.subprotocols) {
    offered += (offered.empty() ? "" : ", ") + name;
  }
  if (!offered.empty()) {
    head.headers.add("Sec-WebSocket-Protocol", offered);
  }
  for (const auto& [name, value] : options.headers) {
    head.headers.add(name, value);
  }

  HandshakeRequest request = WebSocketServerBackend::make_request(head, listener.next_peer());
  HandshakeReply response = listener.decide(request);
  if (listener.stopped) {  // By the decision itself.
    end_without_response("closed during the handshake");
    return;
  }
  if (response.accepted()) {
    MemoryPair pair = make_memory_pair(network.loop(), network.latency());
    const std::shared_ptr<Connection> connection = listener.make_connection(request, response);
    Link& server_link = *pair.server;
    connection->start(std::move(pair.server));
    set_memory_user(server_link, *connection);
    link = std::move(pair.client);
    listener.enqueue(std::move(request), connection);
  }
  respond(std::move(response));
}

void MemoryHandshake::respond(HandshakeReply response) {
  reply = std::move(response);
  stage = Stage::kResponse;
  begin();
}

void MemoryHandshake::end_without_response(std::string why) {
  lost = true;
  failure = std::move(why);
  stage = Stage::kResponse;
  begin();
}

std::shared_ptr<WebSocketServerBackend> listen_in_memory(EventLoop& loop, ServerOptions options) {
  return std::make_shared<MemoryListener>(loop, std::move(options));
}

Task<std::unique_ptr<WebSocket>> connect_in_memory(EventLoop& loop, Url url, ConnectOptions options) {
  const Instant begun = loop.now();
  const Instant deadline = soak::detail::later(begun, options.connect_timeout);
  const auto handshake =
      std::make_shared<MemoryHandshake>(loop.service<MemoryNetwork>(), std::move(url), std::move(options));
  handshake->begin();
  while (handshake->stage != MemoryHandshake::Stage::kDone) {
    if (!co_await handshake->done.wait(deadline)) {
      throw_connect_timeout(handshake->url, handshake->options);
    }
  }

  if (handshake->lost) {
    throw_connect_failed(handshake->url, handshake->failure, loop.now() - begun);
  }
  const HandshakeReply& reply = handshake->reply;
  if (!reply.accepted()) {
    Headers headers = reply.headers();
    headers.add("Content-Length", std::to_string(reply.body().size()));
    throw HandshakeRefused(handshake->url.display(), reply.status(), std::move(headers), reply.body());
  }
  const std::vector<std::string>& offered = handshake->options.subprotocols;
  if (!reply.subprotocol().empty() && std::find(offered.begin(), offered.end(), reply.subprotocol()) == offered.end()) {
    throw_connect_failed(handshake->url, "the server chose a subprotocol that was not offered", loop.now() - begun);
  }

  Connection::Facts facts;
  facts.name = handshake->url.display();
  facts.subprotocol = reply.subprotocol();
  facts.response_headers = reply.headers();
  auto connection = std::make_shared<Connection>(loop, handshake->options, std::move(facts));
  Link& link = *handshake->link;
  connection->start(std::move(handshake->link));
  set_memory_user(link, *connection);
  co_return make_websocket(std::move(connection));
}

}  // namespace soak::net
