// SPDX-License-Identifier: Apache-2.0
#include "lib/net/memory_http.h"

#include <algorithm>
#include <utility>

#include "lib/text/ascii.h"
#include "lib/text/format.h"

namespace soak::net {
namespace {

// Of a body that nobody reads, the part that leaves the client all the same: as much as a socket's buffers take.
constexpr std::size_t kPipeBytes = std::size_t{256} << 10;

}  // namespace

MemoryHttpConnection::Path::~Path() { connection_.network_.loop().core().timers.disarm(*this); }

void MemoryHttpConnection::Path::push(Packet packet) {
  soak::detail::LoopCore& core = connection_.network_.loop().core();
  Instant arrival = soak::detail::later(core.now(), connection_.network_.latency());
  if (size_ > 0) {
    arrival = std::max(arrival, sent_[size_ - 1].arrival);
  }
  sent_.at(size_++) = {packet, arrival};
  if (!armed()) {
    core.timers.arm(*this, sent_.front().arrival);
  }
}

void MemoryHttpConnection::Path::expire() noexcept {
  const std::shared_ptr<MemoryHttpConnection> keep = connection_.shared_from_this();
  const Packet packet = sent_.front().packet;
  std::move(sent_.begin() + 1, sent_.begin() + static_cast<std::ptrdiff_t>(size_), sent_.begin());
  if (--size_ > 0) {
    connection_.network_.loop().core().timers.arm(*this, sent_.front().arrival);
  }
  (connection_.*arrive_)(packet);
}

void MemoryHttpConnection::KeepAlive::start(std::chrono::nanoseconds delay) {
  soak::detail::LoopCore& core = connection_.network_.loop().core();
  core.timers.arm(*this, soak::detail::later(core.now(), delay));
}

void MemoryHttpConnection::KeepAlive::stop() { connection_.network_.loop().core().timers.disarm(*this); }

MemoryHttpConnection::MemoryHttpConnection(MemoryNetwork& network, MemoryHttpClient& client, const Url& url)
    : network_(network), port_(url.port), secure_(url.secure()), client_(&client) {}

void MemoryHttpConnection::connect() { up_.push(Packet::kConnect); }

void MemoryHttpConnection::send(HttpRequest request, const Url& url) {
  request_ = HttpServerRequest();
  request_.method = std::move(request.method);
  request_.path = url.path;
  request_.query = url.query;
  request_.headers = std::move(request.headers);
  if (!request_.headers.contains("Host")) {
    request_.headers.add("Host", url.authority());
  }
  if (!request_.headers.contains("Accept")) {
    request_.headers.add("Accept", "*/*");
  }
  if (announces_body(request_.method, request.body)) {
    request_.headers.add("Content-Length", std::to_string(request.body.size()));
  }
  request_.body = std::move(request.body);
  up_.push(Packet::kRequest);
}

HttpResponse MemoryHttpConnection::take_response() {
  has_response_ = false;
  return std::move(response_);
}

void MemoryHttpConnection::leave() {
  if (state_ == State::kEnded) {
    return;
  }
  up_.push(Packet::kLeft);
  end_client_side();
}

void MemoryHttpConnection::end_client_side() {
  const bool was_open = std::exchange(state_, State::kEnded) == State::kOpen;
  MemoryHttpClient* const client = std::exchange(client_, nullptr);
  if (was_open && client != nullptr) {
    client->ended(*this);
  }
  changed_.wake();
}

void MemoryHttpConnection::arrive_at_client(Packet packet) {
  if (state_ == State::kEnded) {
    return;
  }
  switch (packet) {
    case Packet::kAccepted:
      state_ = State::kOpen;
      client_->opened();
      changed_.wake();
      return;
    case Packet::kResponse:
      has_response_ = true;
      changed_.wake();
      return;
    case Packet::kReset:
      failure_ = has_response_ ? failure_ : "the connection was reset";
      return end_client_side();
    case Packet::kEnd:
      failure_ = has_response_ ? failure_ : "the connection ended before the response";
      return end_client_side();
    default:  // kRefused; the rest goes up.
      return end_client_side();
  }
}

void MemoryHttpConnection::arrive_at_server(Packet packet) {
  if (packet == Packet::kConnect) {
    return on_connect();
  }
  if (packet == Packet::kLeft) {
    return end_server_side(packet);
  }
  if (server_ != nullptr || not_http_) {
    return on_request();
  }
  down_.push(Packet::kReset);  // What comes to a closed end.
}

void MemoryHttpConnection::on_connect() {
  const MemoryNetwork::Listener found = network_.find(port_);
  if (found.websocket == nullptr && found.http == nullptr) {
    failure_ = "connection refused";
  } else if (secure_ && !found.secure) {
    failure_ = "the server does not use TLS";
  } else if (found.http == nullptr || found.secure != secure_) {
    not_http_ = true;  // Which it finds out by the request.
  } else {
    server_ = std::static_pointer_cast<MemoryHttpListener>(found.http->shared_from_this());
    id_ = server_->add(shared_from_this());
    peer_ = "memory:" + std::to_string(id_);
    keep_alive_.start(server_->first_request_timeout());
  }
  down_.push(failure_.empty() ? Packet::kAccepted : Packet::kRefused);
}

void MemoryHttpConnection::on_request() {
  if (not_http_) {
    not_http_ = false;
    return down_.push(Packet::kEnd);
  }
  const std::shared_ptr<MemoryHttpListener> server = server_;
  keep_alive_.stop();
  request_under_way_ = true;
  method_ = request_.method;
  close_asked_ = text::equal_ignoring_case(request_.headers.get("Connection"), "close");
  request_.peer_address = peer_;
  request_.connection = id_;
  std::string body = std::exchange(request_.body, {});
  if (std::optional<HttpReply> instead = server->judge_head(request_)) {
    if (server_ == nullptr) {
      return;  // The server has gone, by its own word.
    }
    body_stuck_ = body.size() > kPipeBytes;
    if (instead->is_reset()) {
      return reset();
    }
    return respond(instead->response(), true);
  }
  if (server_ == nullptr) {
    return;
  }
  if (body.size() > server->options.body_bytes_max) {
    return respond(HttpResponse(413, "The body is too long.\n"), true);
  }
  request_.body = std::move(body);
  server->handle(std::move(request_), weak_from_this());
}

void MemoryHttpConnection::reply(HttpReply reply) {
  if (server_ == nullptr) {
    return;
  }
  if (reply.is_reset()) {
    return reset();
  }
  respond(std::move(reply).response(), close_asked_ || server_->closing);
}

void MemoryHttpConnection::respond(HttpResponse response, bool close_after) {
  OutgoingResponse outgoing(std::move(response), method_, close_after, server_->loop.wall_now());
  request_under_way_ = false;
  last_ = outgoing.close;
  cut_short_ = outgoing.cut_short;
  response_.status = outgoing.status;
  response_.headers = std::move(outgoing.headers);
  response_.body = std::move(outgoing.body);
  down_.push(Packet::kResponse);
  if (last_) {
    close();
  } else {
    keep_alive_.start(server_->options.keep_alive);
  }
}

void MemoryHttpConnection::reset() { end_server_side(Packet::kReset); }

void MemoryHttpConnection::close() { end_server_side(Packet::kEnd); }

void MemoryHttpConnection::end_server_side(Packet last_word) {
  keep_alive_.stop();
  not_http_ = false;
  const std::shared_ptr<MemoryHttpConnection> keep = shared_from_this();
  const std::shared_ptr<MemoryHttpListener> server = std::move(server_);
  if (server == nullptr) {
    return;
  }
  server->remove(id_);
  if (last_word != Packet::kLeft) {
    down_.push(last_word);
  }
}

// A connection while a request has it.
class MemoryHttpClient::Use {
 public:
  Use(MemoryHttpClient& client, const HttpCall& call) : client_(client), origin_(call.origin) {
    if (const auto idle = client.idle_.find(origin_); idle != client.idle_.end()) {
      connection_ = std::move(idle->second.back());
      idle->second.pop_back();
      if (idle->second.empty()) {
        client.idle_.erase(idle);
      }
    } else {
      connection_ = std::make_shared<MemoryHttpConnection>(client.loop.service<MemoryNetwork>(), client, call.url);
      connection_->connect();
    }
    client.in_use_.push_back(connection_.get());
  }
  ~Use() {
    std::vector<MemoryHttpConnection*>& in_use = client_.in_use_;
    const auto at = std::find(in_use.begin(), in_use.end(), connection_.get());
    *at = in_use.back();
    in_use.pop_back();
    if (kept_ && connection_->keeps() && !client_.stopped) {
      client_.idle_[origin_].push_back(std::move(connection_));
    } else {
      connection_->leave();
    }
  }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;

  MemoryHttpConnection* operator->() const { return connection_.get(); }
  void keep() { kept_ = true; }

 private:
  MemoryHttpClient& client_;
  const std::string& origin_;  // The call's.
  std::shared_ptr<MemoryHttpConnection> connection_;
  bool kept_ = false;
};

Task<HttpResponse> MemoryHttpClient::exchange(HttpCall& call) {
  Use connection(*this, call);
  const Instant connect_deadline = soak::detail::later(loop.now(), options.connect_timeout);
  while (connection->state() == MemoryHttpConnection::State::kConnecting) {
    const bool woken = co_await connection->changed().wait(std::min(connect_deadline, call.deadline));
    if (stopped) {
      call.fail_by_stop(false);
    }
    if (woken || connection->state() != MemoryHttpConnection::State::kConnecting) {
      continue;
    }
    if (connect_deadline <= call.deadline) {
      call.fail_by_connect_timeout();
    }
    call.fail_by_timeout("while connecting", false);
  }
  if (connection->state() == MemoryHttpConnection::State::kEnded) {
    call.fail(Errc::kConnectFailed, connection->failure(), false);
  }

  connection->send(std::move(call.request), call.url);
  while (!connection->has_response()) {
    if (stopped) {
      call.fail_by_stop(true);
    }
    if (connection->state() == MemoryHttpConnection::State::kEnded) {
      call.fail(Errc::kConnectionClosed, connection->failure(), connection->may_have_arrived());
    }
    const bool woken = co_await connection->changed().wait(call.deadline);
    if (!woken && !connection->has_response()) {
      call.fail_by_timeout("before the response", true);
    }
  }
  if (connection->cut_short()) {
    call.fail(Errc::kConnectionClosed, "the connection ended within the response", true);
  }
  HttpResponse response = connection->take_response();
  if (response.body.size() > options.response_bytes_max) {
    call.fail(Errc::kProtocol, "the response is longer than " + text::format_bytes(options.response_bytes_max), true);
  }
  connection.keep();
  co_return response;
}

void MemoryHttpClient::drop_all() {
  for (MemoryHttpConnection* const connection : std::vector<MemoryHttpConnection*>(in_use_)) {
    connection->leave();
  }
  for (auto& [origin, connections] : std::exchange(idle_, {})) {
    for (const std::shared_ptr<MemoryHttpConnection>& connection : connections) {
      connection->leave();
    }
  }
}

void MemoryHttpClient::opened() {
  ++open_;
  ++counters.connections_opened;
}

void MemoryHttpClient::ended(MemoryHttpConnection& connection) {
  --open_;
  for (auto entry = idle_.begin(); entry != idle_.end(); ++entry) {
    auto& connections = entry->second;
    const auto at = std::find_if(connections.begin(), connections.end(),
                                 [&](const auto& idle) { return idle.get() == &connection; });
    if (at == connections.end()) {
      continue;
    }
    connections.erase(at);
    if (connections.empty()) {
      idle_.erase(entry);
    }
    return;
  }
}

void MemoryHttpListener::listen() {
  port = loop.service<MemoryNetwork>().add(options.port, {.http = this, .secure = secure()});
  if (port == 0) {
    throw Error(Errc::kConnectFailed, options.host + ":" + std::to_string(options.port) + ": Address already in use");
  }
}

std::uint64_t MemoryHttpListener::add(std::shared_ptr<MemoryHttpConnection> connection) {
  connections_.emplace(++accepted_, std::move(connection));
  return accepted_;
}

void MemoryHttpListener::stop_listening() {
  MemoryNetwork& network = loop.service<MemoryNetwork>();
  if (network.find(port).http == this) {
    network.remove(port);
  }
}

void MemoryHttpListener::close_idle() {
  std::vector<std::shared_ptr<MemoryHttpConnection>> idle;
  for (const auto& [id, connection] : connections_) {
    if (connection->idle()) {
      idle.push_back(connection);
    }
  }
  for (const std::shared_ptr<MemoryHttpConnection>& connection : idle) {
    connection->close();
  }
}

void MemoryHttpListener::reset_all() {
  for (const auto& [id, connection] : std::exchange(connections_, {})) {
    connection->reset();
  }
}

std::shared_ptr<HttpClientBackend> make_memory_http_client(EventLoop& loop, HttpClientOptions options) {
  return std::make_shared<MemoryHttpClient>(loop, std::move(options));
}

std::shared_ptr<HttpServerBackend> listen_http_in_memory(EventLoop& loop, HttpHandler handler,
                                                         HttpServerOptions options) {
  auto listener = std::make_shared<MemoryHttpListener>(loop, std::move(handler), std::move(options));
  listener->listen();
  return listener;
}

}  // namespace soak::net
