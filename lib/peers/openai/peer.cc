// SPDX-License-Identifier: Apache-2.0
#include "soak/peers/openai_realtime_peer.h"

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "lib/peers/acceptor.h"
#include "lib/peers/openai/admission.h"
#include "lib/peers/openai/http_api.h"
#include "lib/peers/openai/service.h"
#include "lib/peers/openai/session.h"
#include "lib/text/format.h"
#include "soak/error.h"
#include "soak/net/websocket.h"
#include "soak/net/websocket_server.h"

namespace soak::peers {
namespace {

using openai::Reply;
using openai::Response;

// Room for an append of 15 MiB in base64, so that what is longer gets its error event; far above it the transport
// ends the connection.
constexpr std::size_t kMessageBytesMax = std::size_t{32} << 20;

OpenAiRealtimePeerOptions checked(OpenAiRealtimePeerOptions options) {
  const auto require = [](bool met, const char* what) {
    if (!met) {
      throw Error(Errc::kInvalidArgument, std::string("openai_realtime_peer: ") + what);
    }
  };
  require(options.delta_audio >= std::chrono::milliseconds{1}, "delta_audio is less than 1 ms");
  require(options.response_audio >= std::chrono::nanoseconds::zero(), "response_audio is negative");
  require(options.pace > 0, "pace is not above 0");
  require(options.transcription_delay >= std::chrono::nanoseconds::zero(), "transcription_delay is negative");
  require(options.tokens_per_minute >= 0, "tokens_per_minute is negative");
  require(options.session_max > std::chrono::nanoseconds::zero(), "session_max is not above 0");
  return options;
}

// "60 minutes", or "90 seconds" where it is no whole number of them.
std::string duration_text(std::chrono::nanoseconds duration) {
  const auto minutes = std::chrono::duration_cast<std::chrono::minutes>(duration);
  if (minutes == duration) {
    return fmt::format("{} minutes", minutes.count());
  }
  return fmt::format("{:g} seconds", text::seconds(duration));
}

Task<> send(openai::Service& service, net::WebSocket& socket, std::string event) {
  ++service.ledger.events_sent;
  co_await socket.send(net::Message::text(std::move(event)));
}

// A session on its socket. Ends its tasks in place, so that it can go at any time.
class Connection {
 public:
  Connection(openai::Service& service, net::AcceptedWebSocket accepted, openai::Admission admission)
      : service_(service),
        socket_(std::move(accepted.socket)),
        session_(service, std::move(admission.session), admission.sideband),
        tasks_(service.loop) {
    ++service_.ledger.sessions_opened;
    ++service_.ledger.sessions_open;
  }
  ~Connection() {
    tasks_.end_in_place();
    count_closed_session(service_.ledger, *socket_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Until the connection has ended. Cancelled, it closes with 1001 first.
  Task<> run() {
    tasks_.start("openai_age", age());
    tasks_.start("openai_idle", wait_for_silence());
    return serve_until_end(*socket_, tasks_, converse());
  }

 private:
  Task<> converse() {
    co_await send(service_, *socket_, session_.opening());
    Reply reply;
    for (;;) {
      net::Message message = co_await socket_->receive();
      session_.handle(std::move(message), reply);
      for (std::string& event : reply.events) {
        co_await send(service_, *socket_, std::move(event));
      }
      start(reply);
      reply.clear();
    }
  }

  void start(Reply& reply) {
    for (Response* const response : reply.responses) {
      tasks_.start({"openai_response", ++played_}, play(*response), TaskKind::kFinite);
    }
    for (openai::Transcript& transcript : reply.transcripts) {
      tasks_.start({"openai_transcript", ++transcripts_}, transcribe(std::move(transcript)), TaskKind::kFinite);
    }
  }

  Task<> wait_for_silence() {
    try {
      for (;;) {
        const Instant until = session_.idle_until();
        if (service_.loop.now() < until) {
          session_.idle_changed().reset();
          if (until == Instant::max()) {
            co_await session_.idle_changed().wait();
          } else {
            co_await session_.idle_changed().wait_until(until);
          }
          continue;
        }
        Reply reply;
        session_.time_out(reply);
        for (std::string& event : reply.events) {
          co_await send(service_, *socket_, std::move(event));
        }
        start(reply);
      }
    } catch (const net::ConnectionClosed&) {  // The receiver learns it, too.
    }
  }

  Task<> play(Response& response) {
    try {
      for (;;) {
        const Instant due = response.due();
        if (due > service_.loop.now() && !response.cancelled().is_set()) {
          co_await response.cancelled().wait_until(due);
        }
        std::string event = response.next();
        if (event.empty()) {
          break;
        }
        co_await send(service_, *socket_, std::move(event));
      }
    } catch (const net::ConnectionClosed&) {  // The receiver learns it, too.
    }
    session_.ended(response);
  }

  Task<> transcribe(openai::Transcript transcript) {
    co_await sleep_for(service_.options.transcription_delay);
    try {
      for (std::string& event : session_.transcribed(transcript)) {
        co_await send(service_, *socket_, std::move(event));
      }
    } catch (const net::ConnectionClosed&) {  // The receiver learns it, too.
    }
  }

  // Ends the session when it has had its time.
  Task<> age() {
    co_await sleep_for(session_.expires() - service_.loop.now());
    const std::string message =
        fmt::format("Your session hit the maximum duration of {}.", duration_text(service_.options.session_max));
    const Refusal expiry{"session_expired", message, {}};
    ++service_.ledger.sessions_expired;
    try {
      co_await send(service_, *socket_, openai::error_event(service_, expiry, {}));
      co_await socket_->close(net::kCloseGoingAway, message);
    } catch (const net::ConnectionClosed&) {  // The receiver learns it, too.
    }
  }

  openai::Service& service_;
  std::unique_ptr<net::WebSocket> socket_;
  openai::Session session_;
  std::uint64_t played_ = 0;
  std::uint64_t transcripts_ = 0;
  TaskGroup tasks_;
};

}  // namespace

struct OpenAiRealtimePeer::State {
  State(EventLoop& loop, OpenAiRealtimePeerOptions own_options)
      : service(loop, checked(std::move(own_options))),
        acceptor(
            loop, server_options(), "openai_session",
            [this](net::AcceptedWebSocket accepted) { return serve(std::move(accepted)); }, service.options.faults) {}

  net::ServerOptions server_options() {
    net::ServerOptions options = listen_options(service.options);
    options.message_bytes_max = kMessageBytesMax;
    options.on_request = [this](net::HttpServerRequest request) {
      return openai::answer_request(service, std::move(request));
    };
    options.on_handshake = [this](const net::HandshakeRequest& request) {
      const openai::Admission admission = openai::admit(service, request);
      if (admission.refusal) {
        ++service.ledger.refused_handshakes;
        if (admission.key_to_blame) {
          ++service.ledger.auth_failures;
        }
        if (admission.beta_to_blame) {
          ++service.ledger.beta_refusals;
        }
      }
      return openai::reply_to(admission);
    };
    return options;
  }

  Task<> serve(net::AcceptedWebSocket accepted) {
    openai::Admission admission = openai::admit(service, accepted.request);
    if (admission.refusal) {
      Task<> leave_taking = turn_away(*accepted, *admission.refusal, admission.close_code);
      co_await std::move(leave_taking);
      co_return;
    }
    Connection connection(service, std::move(accepted), std::move(admission));
    co_await connection.run();
  }

  Task<> turn_away(net::WebSocket& socket, const Refusal& refusal, std::uint16_t close_code) {
    try {
      co_await send(service, socket, openai::error_event(service, refusal, {}));
      co_await socket.close(close_code, openai::close_reason(refusal));
    } catch (const net::ConnectionClosed&) {
    }
  }

  openai::Service service;
  Acceptor acceptor;
};

OpenAiRealtimePeer::OpenAiRealtimePeer(EventLoop& loop, OpenAiRealtimePeerOptions options)
    : state_(std::make_unique<State>(loop, std::move(options))) {}

OpenAiRealtimePeer::~OpenAiRealtimePeer() = default;

std::string OpenAiRealtimePeer::url() const { return state_->acceptor.url() + "/v1/realtime"; }

std::string OpenAiRealtimePeer::http_url() const { return state_->acceptor.http_url() + "/v1"; }

std::uint16_t OpenAiRealtimePeer::port() const { return state_->acceptor.port(); }

const OpenAiRealtimeLedger& OpenAiRealtimePeer::ledger() const { return state_->service.ledger; }

void OpenAiRealtimePeer::set_api_key(std::string key) { state_->service.options.api_key = std::move(key); }

Task<> OpenAiRealtimePeer::close() {
  Task<> closing = state_->acceptor.close();
  co_await std::move(closing);
}

}  // namespace soak::peers
