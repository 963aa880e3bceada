// SPDX-License-Identifier: Apache-2.0
#include "soak/peers/gemini_live_peer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "lib/peers/acceptor.h"
#include "lib/peers/gemini/admission.h"
#include "lib/peers/gemini/http_api.h"
#include "lib/peers/gemini/service.h"
#include "lib/peers/gemini/session.h"
#include "soak/error.h"
#include "soak/net/websocket.h"
#include "soak/net/websocket_server.h"

namespace soak::peers {
namespace {

using std::chrono::nanoseconds;

constexpr std::uint16_t kCloseInternal = 1011;
constexpr std::string_view kDeadlineText = "Deadline expired before operation could complete.";

GeminiLivePeerOptions checked(GeminiLivePeerOptions options) {
  const auto require = [](bool met, const char* what) {
    if (!met) {
      throw Error(Errc::kInvalidArgument, std::string("gemini_live_peer: ") + what);
    }
  };
  require(options.delta_audio >= std::chrono::milliseconds{1}, "delta_audio is less than 1 ms");
  require(options.response_audio >= nanoseconds::zero(), "response_audio is negative");
  require(options.pace > 0, "pace is not above 0");
  require(options.connection_max > nanoseconds::zero(), "connection_max is not above 0");
  require(options.go_away_before >= nanoseconds::zero(), "go_away_before is negative");
  require(options.session_max > nanoseconds::zero(), "session_max is not above 0");
  require(options.tool_patience >= nanoseconds::zero(), "tool_patience is negative");
  require(options.first_handle_after >= nanoseconds::zero(), "first_handle_after is negative");
  return options;
}

// A duration as protocol buffers write it in JSON: "50s", "0.250s".
std::string duration_text(nanoseconds duration) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  return ms % 1000 == 0 ? fmt::format("{}s", ms / 1000) : fmt::format("{}.{:03}s", ms / 1000, ms % 1000);
}

// A session on its socket. Ends its tasks in place, so that it can go at any time.
class Connection {
 public:
  Connection(gemini::Service& service, net::AcceptedWebSocket accepted, gemini::Admission admission)
      : service_(service),
        socket_(std::move(accepted.socket)),
        session_(service, *socket_, admission.key_to_blame, std::move(admission.token)),
        began_(service.loop.now()),
        tasks_(service.loop) {}
  ~Connection() {
    tasks_.end_in_place();
    if (!session_.is_open()) {
      ++service_.ledger.connections_refused;
      return;
    }
    count_closed_session(service_.ledger, *socket_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Until the connection has ended. Cancelled, it closes with 1001 first.
  Task<> run() {
    tasks_.start("gemini_answers", play());
    tasks_.start("gemini_age", age());
    tasks_.start("gemini_handle", hand_out(), TaskKind::kFinite);
    return serve_until_end(*socket_, tasks_, converse());
  }

 private:
  Task<> send(std::string message) {
    if (silent_) {
      co_return;
    }
    ++service_.ledger.messages_sent;
    const bool text = service_.options.text_frames;
    co_await socket_->send({text ? net::Message::Kind::kText : net::Message::Kind::kBinary, std::move(message)});
  }

  Task<> converse() {
    gemini::Reply reply;
    for (;;) {
      net::Message message = co_await socket_->receive();
      session_.handle(std::move(message), reply);
      for (std::string& own : reply.messages) {
        co_await send(std::move(own));
      }
      if (reply.ending) {
        break;
      }
      reply.clear();
    }
    co_await socket_->close(reply.ending->code, reply.ending->reason);
  }

  Task<> play() {
    try {
      for (;;) {
        co_await session_.turn_due().wait();
        while (gemini::Turn* const turn = session_.turn()) {
          Task<> playing = play(*turn);
          co_await std::move(playing);
          std::string update = session_.turn_over();
          if (!update.empty()) {
            co_await send(std::move(update));
          }
        }
      }
    } catch (const net::ConnectionClosed&) {  // The receiver learns it, too.
    }
  }

  Task<> play(gemini::Turn& turn) {
    for (;;) {
      for (Instant due = turn.due(); due > service_.loop.now(); due = turn.due()) {
        turn.hurried().reset();
        if (due == Instant::max()) {
          co_await turn.hurried().wait();
        } else {
          co_await turn.hurried().wait_until(due);
        }
      }
      std::string message = turn.next();
      if (message.empty()) {
        break;
      }
      co_await send(std::move(message));
    }
  }

  Task<> hand_out() {
    co_await session_.opened().wait();
    co_await sleep_for(service_.options.first_handle_after);
    std::string update = session_.first_handle();
    try {
      if (!update.empty()) {
        co_await send(std::move(update));
      }
    } catch (const net::ConnectionClosed&) {  // The receiver learns it, too.
    }
  }

  Instant end() const { return std::min(began_ + service_.options.connection_max, session_.expires()); }

  // Warns when the connection's time, or its session's, is nearly up, and ends it when it is.
  Task<> age() {
    const nanoseconds warning = service_.options.go_away_before;
    co_await session_.opened().wait_until(end());
    try {
      if (session_.is_open() && warning > nanoseconds::zero()) {
        const nanoseconds left = std::min(warning, end() - service_.loop.now());
        co_await sleep_for(end() - left - service_.loop.now());
        ++service_.ledger.go_aways_sent;
        std::string message = fmt::format(R"({{"goAway":{{"timeLeft":"{}"}}}})", duration_text(left));
        co_await send(std::move(message));
        silent_ = service_.options.silent_after_go_away;
      }
      co_await sleep_for(end() - service_.loop.now());
    } catch (const net::ConnectionClosed&) {
      co_return;
    }
    ++service_.ledger.deadlines_expired;
    if (session_.expires() <= service_.loop.now()) {
      session_.expire();
    }
    co_await socket_->close(kCloseInternal, std::string(kDeadlineText));
  }

  gemini::Service& service_;
  std::unique_ptr<net::WebSocket> socket_;
  gemini::Session session_;
  Instant began_;
  bool silent_ = false;
  TaskGroup tasks_;
};

}  // namespace

struct GeminiLivePeer::State {
  State(EventLoop& loop, GeminiLivePeerOptions own_options)
      : service(loop, checked(std::move(own_options))),
        acceptor(
            loop, server_options(), "gemini_session",
            [this](net::AcceptedWebSocket accepted) { return serve(std::move(accepted)); }, service.options.faults) {}

  net::ServerOptions server_options() {
    net::ServerOptions options = listen_options(service.options);
    options.on_request = [this](net::HttpServerRequest request) {
      return gemini::answer_request(service, std::move(request));
    };
    options.on_handshake = [this](const net::HandshakeRequest& request) {
      const gemini::Admission admission = gemini::admit(service, request);
      if (admission.key_to_blame) {
        ++service.ledger.auth_failures;
      }
      if (admission.status != 101) {
        ++service.ledger.connections_refused;
      }
      return gemini::reply_to(admission);
    };
    return options;
  }

  Task<> serve(net::AcceptedWebSocket accepted) {
    gemini::Admission admission = gemini::admit(service, accepted.request);
    Connection connection(service, std::move(accepted), std::move(admission));
    co_await connection.run();
  }

  gemini::Service service;
  Acceptor acceptor;
};

GeminiLivePeer::GeminiLivePeer(EventLoop& loop, GeminiLivePeerOptions options)
    : state_(std::make_unique<State>(loop, std::move(options))) {}

GeminiLivePeer::~GeminiLivePeer() = default;

std::string GeminiLivePeer::url() const { return base_url() + std::string(gemini::kPath); }

std::string GeminiLivePeer::base_url() const { return state_->acceptor.url(); }

std::string GeminiLivePeer::http_url() const { return state_->acceptor.http_url(); }

std::uint16_t GeminiLivePeer::port() const { return state_->acceptor.port(); }

const GeminiLiveLedger& GeminiLivePeer::ledger() const { return state_->service.ledger; }

void GeminiLivePeer::set_api_key(std::string key) { state_->service.options.api_key = std::move(key); }

Task<> GeminiLivePeer::close() {
  Task<> closing = state_->acceptor.close();
  co_await std::move(closing);
}

}  // namespace soak::peers
