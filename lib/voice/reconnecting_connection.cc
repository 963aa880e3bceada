// SPDX-License-Identifier: Apache-2.0
#include "lib/voice/reconnecting_connection.h"

#include <fmt/format.h>

#include <utility>

#include "soak/net/websocket_client.h"

#include "lib/text/number.h"
namespace soak::voice {
namespace {

using namespace std::chrono_literals;

// What close() may take: the peer's answer to the close frame, then what is left to do.
constexpr std::chrono::nanoseconds kCloseTimeout = 2s;
constexpr DrainOptions kClosing{.timeout = kCloseTimeout + 1s, .grace = 1s};

constexpr std::string_view kClosed = "is not connected: close() was called";

// What Retry-After asks for, whole seconds; zero where it does not. Another of its forms is a date, which a service
// that limits its rate does not send.
std::chrono::seconds retry_after(const Error& error) {
  const auto* const refused = dynamic_cast<const net::HandshakeRefused*>(&error);
  if (refused == nullptr) {
    return 0s;
  }
  const std::string text = refused->headers().get("Retry-After");
  return std::chrono::seconds(text::parse_number<std::uint32_t>(text).value_or(0));
}

}  // namespace

ReconnectingConnection::ReconnectingConnection(EventLoop& loop, Protocol& protocol, ClientCounters& counters,
                                               Options options)
    : loop_(loop),
      protocol_(protocol),
      counters_(counters),
      options_(std::move(options)),
      backoff_(options_.backoff.value_or(BackoffOptions{})),
      group_(loop) {}

ReconnectingConnection::~ReconnectingConnection() {
  group_.end_in_place();
  socket_.reset();
}

Error ReconnectingConnection::failure(Errc code, std::string_view what) const {
  return {code, fmt::format("{}: {} {}", options_.client, options_.url.substr(0, options_.url.find('?')), what)};
}

Error ReconnectingConnection::failure_after_end(Errc code, std::string_view when, std::string_view said) const {
  return failure(code, fmt::format("closed {} {}, {:.1f} s after connect{}{}", end_->code, when,
                                   seconds_since_connect(), said.empty() ? "" : ": ", said));
}

// A connection

Task<> ReconnectingConnection::open() {
  end_.reset();
  given_.begin();
  net::ConnectOptions options = options_.connect;
  options.close_timeout = kCloseTimeout;
  try {
    Task<std::unique_ptr<net::WebSocket>> connecting = net::connect_websocket(loop_, options_.url, options);
    socket_ = co_await std::move(connecting);
  } catch (const net::HandshakeRefused& refused) {
    if (!options_.is_bad_key(refused.status())) {
      throw;
    }
    throw failure(Errc::kAuthentication, fmt::format("does not accept the key: HTTP {}", refused.status()));
  }
  connected_at_ = loop_.now();
  group_.start("voice_receive", receive(socket_), TaskKind::kReceive);
}

void ReconnectingConnection::set_ready() {
  ++counters_.sessions;
  enter(State::kReady);
}

void ReconnectingConnection::enter(State state) {
  state_ = state;
  counters_.sessions_open = state == State::kReady ? 1 : 0;
  changed_.set();
}

Task<> ReconnectingConnection::drop() {
  if (socket_ == nullptr) {
    co_return;
  }
  co_await socket_->close();
  while (!end_) {
    changed_.reset();
    co_await changed_.wait();
  }
  const net::WebSocketCounters sent = socket_->counters();
  const std::uint64_t lost = given_.after(sent.frames_sent);
  counters_.frames_lost += lost;
  counters_.frames_unconfirmed += given_.after(sent.frames_confirmed) - lost;
  socket_.reset();
}

Task<> ReconnectingConnection::receive(Socket socket) {
  try {
    while (true) {
      net::Message message = co_await socket->receive();
      protocol_.take(std::move(message.data));
    }
  } catch (const net::ConnectionClosed& closed) {
    end_ = closed.status();
    protocol_.ended();
    if (state_ == State::kReady) {
      enter(State::kReplacing);
    }
    changed_.set();
  }
}

void ReconnectingConnection::count_frame() {
  given_.frame();
  ++counters_.frames_sent;
}

// One after the other

Task<> ReconnectingConnection::reconnect_loop() {
  bool going_on = true;
  while (going_on && !closing_) {
    const std::optional<Instant> renew_at = protocol_.renew_at();
    if (end_ || (renew_at && loop_.now() >= *renew_at)) {
      Task<bool> replacing = replace();
      going_on = co_await std::move(replacing);
      continue;
    }
    changed_.reset();
    if (renew_at) {
      co_await changed_.wait_until(*renew_at);
    } else {
      co_await changed_.wait();
    }
  }
  co_await drop();
}

bool ReconnectingConnection::give_up(Error reason) {
  failure_ = std::move(reason);
  enter(State::kOver);
  return false;
}

// Ends early when the client is closed.
Task<> ReconnectingConnection::pause(std::chrono::nanoseconds delay) {
  const Instant resume_at = loop_.now() + delay;
  while (!closing_ && loop_.now() < resume_at) {
    changed_.reset();
    co_await changed_.wait_until(resume_at);
  }
}

// Puts another connection in the place of one that is lost, or soon will be. False when it cannot.
Task<bool> ReconnectingConnection::replace() {
  enter(State::kReplacing);
  const bool stable = loop_.now() - connected_at_ >= options_.stable_after;
  if (stable) {
    attempts_ = 0;
    backoff_.reset();
  }
  Plan plan = protocol_.plan_reconnect(stable);
  const bool is_renewal = plan.immediate;
  if (plan.permanent || (!is_renewal && !options_.backoff)) {
    co_return give_up(plan.reason);
  }
  co_await drop();
  bool at_once = is_renewal && attempts_ == 0;
  while (true) {
    if (attempts_ >= options_.attempts_max) {
      const Error& last = plan.reason;
      co_return give_up(Error(last.code(), fmt::format("{}; gave up after {} attempts", last.what(), attempts_)));
    }
    ++attempts_;
    if (!at_once) {
      co_await pause(plan.pause + backoff_.next(loop_.random()));
    }
    at_once = false;
    if (closing_) {
      co_return false;
    }
    try {
      co_await protocol_.establish();
      ++(is_renewal ? counters_.renewals : counters_.recoveries);
      co_return true;
    } catch (const Error& error) {
      plan = protocol_.plan_retry(error);
      plan.pause += retry_after(error);
    }
    if (plan.permanent || !options_.backoff) {
      co_return give_up(plan.reason);
    }
  }
}

// The client's verbs

Task<> ReconnectingConnection::connect() {
  co_await protocol_.establish();
  group_.start("voice_reconnect", reconnect_loop());
}

Task<ReconnectingConnection::Socket> ReconnectingConnection::ready() {
  while (state_ != State::kReady) {
    if (failure_) {
      throw Error(*failure_);
    }
    if (closing_) {
      throw failure(Errc::kConnectionClosed, kClosed);
    }
    if (state_ != State::kReplacing) {
      throw failure(Errc::kConnectionClosed, "is not connected");
    }
    changed_.reset();
    co_await changed_.wait();
  }
  co_return socket_;
}

Task<> ReconnectingConnection::wait_for_end(Socket socket) {
  while (state_ == State::kReady && socket_ == socket) {
    changed_.reset();
    co_await changed_.wait();
  }
}

Task<> ReconnectingConnection::close() {
  closing_ = true;
  changed_.set();
  Task<DrainResult> draining = drain(group_, kClosing);
  co_await std::move(draining);
  socket_.reset();
  if (state_ != State::kNew) {
    give_up(failure(Errc::kConnectionClosed, kClosed));
  }
}

}  // namespace soak::voice
