// SPDX-License-Identifier: Apache-2.0
#include "pusher/listen/listen.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <string_view>
#include <utility>

#include "pusher/frames.h"
#include "soak/error.h"
#include "soak/metrics/metrics.h"
#include "soak/timeout.h"

namespace pusher::listen {
namespace {

constexpr const char* kPath = "/v4/listen";

// What speech to text understands; "multi" lets it find out.
constexpr std::array<std::string_view, 12> kLanguages = {"multi", "en", "de", "es", "fr", "hi",
                                                         "it",    "ja", "nl", "pt", "ru", "zh"};

soak::net::ServerOptions server_options(const ListenOptions& options) {
  soak::net::ServerOptions server;
  server.host = options.host;
  server.port = options.port;
  server.close_timeout = options.limits.close_timeout;
  server.message_bytes_max = options.limits.message_bytes_max;
  server.receive_queue_bytes_max = std::size_t{256} << 10;
  server.on_handshake = [](const soak::net::HandshakeRequest& request) {
    return request.path == kPath ? soak::net::HandshakeReply::accept()
                                 : soak::net::HandshakeReply::refuse(404, "expected /v4/listen\n");
  };
  return server;
}

soak::net::HttpServerOptions health_options(const ListenOptions& options) {
  soak::net::HttpServerOptions health;
  health.host = options.host;
  health.port = options.health_port;
  return health;
}

// A whole number; `otherwise` if the text is empty; nullopt if it is none.
std::optional<std::uint64_t> number_in(std::string_view text, std::uint64_t otherwise) {
  if (text.empty()) {
    return otherwise;
  }
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

// Null, or what is wrong with the request.
const char* read_request(const soak::net::HandshakeRequest& handshake, const Limits& limits, ClientRequest& request) {
  request.uid = handshake.query_value("uid");
  if (request.uid.empty() || request.uid.size() > 128) {
    return "Bad uid";
  }
  request.language = handshake.query_value("language");
  if (request.language.empty()) {
    request.language = "en";
  }
  if (std::find(kLanguages.begin(), kLanguages.end(), request.language) == kLanguages.end()) {
    return "Unsupported language";
  }
  const std::optional<std::uint32_t> rate = pusher::parse_sample_rate(handshake.query_value("sample_rate"));
  if (!rate) {
    return "Invalid sample rate";
  }
  request.sample_rate = *rate;
  const std::optional<std::uint64_t> channels = number_in(handshake.query_value("channels"), 1);
  if (!channels || *channels < 1 || *channels > 2) {
    return "Invalid channels";
  }
  request.channels = *channels;
  using Seconds = std::chrono::seconds;
  const auto standard = std::chrono::duration_cast<Seconds>(limits.conversation_silence).count();
  const std::optional<std::uint64_t> silence =
      number_in(handshake.query_value("conversation_timeout"), static_cast<std::uint64_t>(standard));
  if (!silence) {
    return "Invalid conversation timeout";
  }
  const auto most =
      static_cast<std::uint64_t>(std::chrono::duration_cast<Seconds>(limits.conversation_silence_max).count());
  request.conversation_silence =
      std::max<std::chrono::nanoseconds>(Seconds(std::min(*silence, most)), limits.conversation_silence_min);
  return nullptr;
}

}  // namespace

// A connection that has a session. The gauge goes up here, and nowhere else: behind every check that turns a connection
// away, so that none of these can leak it.
class Listen::ActiveConnection {
 public:
  ActiveConnection(Listen& listen, std::uint64_t number, const std::shared_ptr<soak::net::WebSocket>& socket,
                   const ListenSession& session)
      : listen_(listen), number_(number), gauge_(gauge()) {
    listen_.sockets_.emplace(number, Active{socket, &session});
    listen_.active_.fetch_add(1, std::memory_order_relaxed);
    gauge_.increment();
  }
  ~ActiveConnection() {
    gauge_.decrement();
    listen_.active_.fetch_sub(1, std::memory_order_relaxed);
    listen_.sockets_.erase(number_);
  }
  ActiveConnection(const ActiveConnection&) = delete;
  ActiveConnection& operator=(const ActiveConnection&) = delete;

  static soak::metrics::Gauge gauge() {
    return soak::metrics::gauge("listen_active_ws_connections", "Connections that have a session");
  }

 private:
  Listen& listen_;
  std::uint64_t number_;
  soak::metrics::Gauge gauge_;
};

Listen::Listen(soak::EventLoop& loop, ListenOptions options)
    : loop_(loop),
      options_(std::move(options)),
      stores_(loop, options_.stores),
      pusher_breaker_(loop, {.label = "listen_pusher"}),
      gate_({"serving"}),
      keys_(loop.random()()),
      server_(loop, server_options(options_)),
      health_(
          loop, [this](soak::net::HttpServerRequest request) { return reply(std::move(request)); },
          health_options(options_)),
      sessions_(loop),
      tasks_(loop),
      admission_(server_, gate_, sessions_, tasks_, options_.limits.sessions_max) {
  ActiveConnection::gauge();  // So that it is there, as 0, before the first connection.
}

// Whoever cancels run() leaves tasks behind; after run() has returned there are none.
Listen::~Listen() {
  sessions_.end_in_place();
  tasks_.end_in_place();
}

std::vector<std::uint64_t> Listen::sessions_without_connection() const {
  std::vector<std::uint64_t> numbers;
  for (const auto& [number, active] : sockets_) {
    const std::shared_ptr<soak::net::WebSocket> socket = active.socket.lock();
    if (socket == nullptr || !socket->is_open()) {
      numbers.push_back(number);
    }
  }
  return numbers;
}

std::size_t Listen::links(LinkState state) const {
  return static_cast<std::size_t>(std::count_if(
      sockets_.begin(), sockets_.end(), [&](const auto& of) { return of.second.session->link_state() == state; }));
}

soak::Task<ShutdownReport> Listen::run() {
  tasks_.start("accept", admission_.accept_all([this](std::uint64_t number, soak::net::AcceptedWebSocket peer) {
    return serve(number, std::move(peer));
  }));
  gate_.set("serving");
  co_await stop_.wait();
  soak::Task<ShutdownReport> ending = shut_down();
  ShutdownReport report = co_await std::move(ending);
  co_return report;
}

soak::Task<> Listen::serve(std::uint64_t number, soak::net::AcceptedWebSocket peer) {
  ClientRequest request;
  const std::shared_ptr<soak::net::WebSocket> socket = std::move(peer.socket);
  if (const char* const wrong = read_request(peer.request, options_.limits, request)) {
    soak::Task<> turning = pusher::close(socket, kClosePolicy, wrong);
    co_await std::move(turning);
    co_return;
  }
  soak::Task<const char*> looking = look_up(request.uid);
  const char* const missing = co_await std::move(looking);
  if (missing != nullptr) {
    soak::Task<> turning =
        pusher::close(socket, missing == std::string_view("Missing user") ? kClosePolicy : kCloseFailed, missing);
    co_await std::move(turning);
    co_return;
  }
  if (!socket->is_open()) {
    co_return;  // It left while we looked.
  }
  const Service service{loop_, options_, flows_, stores_, pusher_breaker_};
  ListenSession session(service, number, std::move(request), socket);
  const ActiveConnection active(*this, number, socket, session);
  soak::Task<> running = session.run();
  co_await std::move(running);
}

// Null, or why the user cannot be served.
soak::Task<const char*> Listen::look_up(const std::string& uid) {
  try {
    pusher::Delivery delivery("/v1/users/" + pusher::Stores::path_part(uid), fmt::format("user-{:x}", ++keys_), "");
    soak::Task<std::string> posting = stores_.post(std::move(delivery));
    const std::string answer =
        co_await soak::with_timeout(options_.limits.user_timeout, std::move(posting), {.name = "look_up"});
    co_return nullptr;
  } catch (const pusher::StoreError& error) {
    co_return error.gone() ? "Missing user" : "Try again";
  } catch (const soak::Error&) {
    co_return "Try again";
  }
}

soak::Task<ShutdownReport> Listen::shut_down() {
  gate_.reset("serving");
  const soak::Instant began = loop_.now();
  const soak::Instant deadline = began + options_.limits.drain_timeout + options_.limits.drain_grace;
  for (const auto& [number, active] : sockets_) {
    if (std::shared_ptr<soak::net::WebSocket> socket = active.socket.lock()) {
      admission_.turn_away(number, std::move(socket), soak::net::kCloseGoingAway, "draining");
    }
  }
  soak::Task<soak::DrainResult> draining = soak::drain(sessions_, {.timeout = options_.limits.drain_timeout,
                                                                   .grace = options_.limits.drain_grace,
                                                                   .deadline = deadline,
                                                                   .label = "listen_cleanup"});
  ShutdownReport report;
  report.sessions = co_await std::move(draining);
  soak::Task<soak::DrainResult> last = soak::drain(tasks_, {.timeout = options_.limits.close_timeout,
                                                            .deadline = deadline,
                                                            .cancel_first = true,
                                                            .label = "listen_cleanup"});
  const soak::DrainResult ended = co_await std::move(last);
  server_.stop();
  report.took = loop_.now() - began;
  co_return report;
}

soak::Task<soak::net::HttpReply> Listen::reply(soak::net::HttpServerRequest request) {
  co_return pusher::health_reply(request, gate_);
}

}  // namespace pusher::listen
