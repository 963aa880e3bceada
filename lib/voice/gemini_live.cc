// SPDX-License-Identifier: Apache-2.0
#include "soak/voice/gemini_live.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "gemini_close.h"
#include "gemini_messages.h"
#include "sent_frames.h"
#include "soak/error.h"
#include "soak/event.h"
#include "soak/net/websocket.h"

namespace soak::voice {
namespace {

using namespace std::chrono_literals;

// What close() may take: the peer's answer to the close frame, then what is left to do.
constexpr std::chrono::nanoseconds kCloseTimeout = 2s;
// So often the provider may close instead of resuming a session, until the client begins a new one.
constexpr int kResumptionsMax = 3;
constexpr DrainOptions kClosing{.timeout = kCloseTimeout + 1s, .grace = 1s};

}  // namespace

// One client. A task of its own, keep(), owns the connection once connect() has opened the first one: it alone renews,
// replaces and closes it, so that there are never two.
class GeminiLiveClient::Session {
 public:
  Session(EventLoop& loop, GeminiLiveOptions options)
      : loop_(loop), options_(std::move(options)), handle_(options_.resumption_handle), group_(loop) {}

  ~Session() {
    group_.end_in_place();
    socket_.reset();
  }

  Task<> connect();
  Task<> send_audio(std::span<const std::byte> pcm);
  Task<> end_turn();
  Task<> close();
  const GeminiLiveCounters& counters() const { return counters_; }
  const std::string& handle() const { return handle_; }
  const std::string& last_error() const { return last_error_; }

 private:
  using Socket = std::shared_ptr<net::WebSocket>;

  enum class State {
    kNew,
    kReady,
    kReplacing,  // Not ready, and keep() sees to it.
    kOver,       // Not ready, and nobody does.
  };

  // One connection's beginning and end.
  Task<> establish();
  Task<bool> try_to_establish();
  Task<> open_socket();
  Task<> receive(Socket socket);
  void take(const ServerMessage& message);
  Task<> drop();

  // The connections one after the other.
  Task<> keep();
  Task<bool> replace();
  void count_the_end();
  bool give_up(Error reason);
  bool renewal_is_due() const;

  Task<Socket> ready();
  Task<> left(Socket socket);
  Error failure_after(const net::CloseStatus& status, std::string_view when) const;
  Error failure(Errc code, std::string_view what) const;

  EventLoop& loop_;
  const GeminiLiveOptions options_;
  Socket socket_;
  State state_ = State::kNew;
  Event changed_;                        // Something below, or the state, has changed.
  bool complete_ = false;                // setupComplete came.
  std::optional<net::CloseStatus> end_;  // Of the present connection.
  std::optional<Instant> renew_by_;      // Since a goAway.
  bool closing_ = false;
  std::optional<Error> failure_;  // Why it is over.

  std::string handle_;
  SentFrames given_;              // To the present connection.
  std::vector<std::byte> audio_;  // Of the message at hand, for on_audio.
  bool in_activity_ = false;
  bool awaiting_turn_ = false;
  bool bad_payload_ = false;  // The last connection ended for one.
  int bad_payloads_ = 0;      // Since a connection was stable, as the next.
  int attempts_ = 0;          // To replace a connection.
  Backoff backoff_{options_.backoff.value_or(BackoffOptions{})};

  Instant connected_at_{};
  std::string last_error_;
  GeminiLiveCounters counters_;
  TaskGroup group_;
};

Error GeminiLiveClient::Session::failure(Errc code, std::string_view what) const {
  // Without the query, which may hold a key.
  return {code, fmt::format("gemini_live: {} {}", options_.url.substr(0, options_.url.find('?')), what)};
}

Error GeminiLiveClient::Session::failure_after(const net::CloseStatus& status, std::string_view when) const {
  Errc code = Errc::kConnectionClosed;
  switch (read_close(status.code, status.reason)) {
    case CloseMeaning::kBadKey:
      code = Errc::kAuthentication;
      break;
    case CloseMeaning::kRefused:
    case CloseMeaning::kBadPayload:
      code = Errc::kRejected;
      break;
    case CloseMeaning::kResume:
    case CloseMeaning::kOverQuota:
    case CloseMeaning::kStaleHandle:
      break;
  }
  const auto after = std::chrono::duration<double>(loop_.now() - connected_at_).count();
  return failure(code, fmt::format("closed {} {}, {:.1f} s after connect{}{}", status.code, when, after,
                                   status.reason.empty() ? "" : ": ", status.reason));
}

// A connection

Task<> GeminiLiveClient::Session::open_socket() {
  net::ConnectOptions options;
  options.headers.add("x-goog-api-key", options_.api_key);
  options.connect_timeout = options_.connect_timeout;
  options.ca_file = options_.ca_file;
  options.close_timeout = kCloseTimeout;
  options.ping_interval = options_.ping_interval;
  options.ping_timeout = options_.ping_timeout;
  try {
    Task<std::unique_ptr<net::WebSocket>> connecting = net::connect_websocket(loop_, options_.url, options);
    socket_ = co_await std::move(connecting);
  } catch (const net::HandshakeRefused& refused) {
    if (refused.status() == 400 || refused.status() == 401 || refused.status() == 403) {
      throw failure(Errc::kAuthentication, fmt::format("does not accept the key: HTTP {}", refused.status()));
    }
    throw;
  }
  connected_at_ = loop_.now();
}

// Ends what there is of a connection. Its last messages are still taken.
Task<> GeminiLiveClient::Session::drop() {
  if (socket_ == nullptr) co_return;
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

// False when the provider does not know the handle any more.
Task<bool> GeminiLiveClient::Session::try_to_establish() {
  complete_ = false;
  end_.reset();
  renew_by_.reset();
  in_activity_ = false;
  given_.begin();
  const bool resuming = !handle_.empty();
  co_await open_socket();
  group_.start("gemini_receive", receive(socket_), TaskKind::kReceive);
  const Instant deadline = connected_at_ + options_.setup_timeout;
  try {
    std::string setup = setup_message(options_, handle_);
    co_await socket_->send_text(std::move(setup));
    given_.other();
  } catch (const net::ConnectionClosed&) {  // receive() learns how.
  }
  while (!complete_ && !end_ && !closing_ && loop_.now() < deadline) {
    changed_.reset();
    co_await changed_.wait_until(deadline);
  }
  if (complete_) {
    ++counters_.sessions;
    counters_.sessions_resumed += resuming ? 1 : 0;
    state_ = State::kReady;
    changed_.set();
    co_return true;
  }
  const std::optional<net::CloseStatus> end = end_;
  co_await drop();
  if (!end) {
    const auto after = std::chrono::duration<double>(loop_.now() - connected_at_).count();
    throw failure(Errc::kTimeout, fmt::format("sent no setupComplete within {:.1f} s of connecting", after));
  }
  count_the_end();
  if (resuming && read_close(end->code, end->reason) == CloseMeaning::kStaleHandle) co_return false;
  throw failure_after(*end, "before setupComplete");
}

Task<> GeminiLiveClient::Session::establish() {
  Task<bool> first = try_to_establish();
  const bool established = co_await std::move(first);
  if (established) co_return;
  handle_.clear();
  Task<bool> second = try_to_establish();
  co_await std::move(second);
}

Task<> GeminiLiveClient::Session::receive(Socket socket) {
  try {
    while (true) {
      net::Message message = co_await socket->receive();
      // Text or binary: the service sends its JSON in binary frames.
      audio_.clear();
      const auto parsed = parse_server_message(std::move(message.data), options_.on_audio ? &audio_ : nullptr);
      if (parsed) {
        take(*parsed);
      } else {
        ++counters_.invalid_events;
      }
    }
  } catch (const net::ConnectionClosed& closed) {
    end_ = closed.status();
    bad_payload_ = read_close(end_->code, end_->reason) == CloseMeaning::kBadPayload;
    bad_payloads_ += bad_payload_ ? 1 : 0;
    if (state_ == State::kReady) state_ = State::kReplacing;
    changed_.set();
  }
}

void GeminiLiveClient::Session::take(const ServerMessage& message) {
  counters_.audio_bytes_received += message.audio_bytes;
  if (!audio_.empty()) options_.on_audio(audio_);
  if (!message.known) ++counters_.unknown_events;
  if (message.setup_complete) complete_ = true;
  if (!message.handle.empty()) handle_ = message.handle;
  if (message.interrupted) ++counters_.interruptions;
  if (message.turn_complete) {
    ++counters_.responses_done;
    awaiting_turn_ = false;
  }
  if (message.go_away) {
    ++counters_.go_aways;
    renew_by_ = loop_.now() + *message.go_away - std::min(options_.renewal_margin, *message.go_away / 2);
  }
  if (message.setup_complete || message.turn_complete || message.go_away) changed_.set();
}

// One after the other

bool GeminiLiveClient::Session::renewal_is_due() const {
  return renew_by_ && (!awaiting_turn_ || loop_.now() >= *renew_by_);
}

Task<> GeminiLiveClient::Session::keep() {
  bool going_on = true;
  while (going_on && !closing_) {
    if (end_ || renewal_is_due()) {
      Task<bool> replacing = replace();
      going_on = co_await std::move(replacing);
      continue;
    }
    changed_.reset();
    if (renew_by_) {
      co_await changed_.wait_until(*renew_by_);
    } else {
      co_await changed_.wait();
    }
  }
  co_await drop();
}

void GeminiLiveClient::Session::count_the_end() {
  const bool by_the_provider = end_ && end_->by == net::CloseStatus::By::kPeer;
  if (!by_the_provider || end_->code == net::kCloseNormal || end_->code == net::kCloseGoingAway) return;
  ++counters_.errors;
  last_error_ = fmt::format("{} {}", end_->code, end_->reason);
}

bool GeminiLiveClient::Session::give_up(Error reason) {
  failure_ = std::move(reason);
  state_ = State::kOver;
  changed_.set();
  return false;
}

// Puts another connection in the place of one that is lost, or soon will be. False when it cannot.
Task<bool> GeminiLiveClient::Session::replace() {
  const bool planned = !end_;
  state_ = State::kReplacing;
  if (std::exchange(awaiting_turn_, false)) ++counters_.turns_lost;
  if (loop_.now() - connected_at_ >= options_.stable_after) {
    attempts_ = 0;
    bad_payloads_ = bad_payload_ ? 1 : 0;
    backoff_.reset();
  }
  count_the_end();
  CloseMeaning meaning = CloseMeaning::kResume;
  Error reason = failure(Errc::kConnectionClosed, "announces the end of each connection as soon as it is open");
  if (!planned) {
    meaning = read_close(end_->code, end_->reason);
    reason = failure_after(*end_, "in a session");
    const bool permanent = meaning == CloseMeaning::kBadKey || meaning == CloseMeaning::kRefused || bad_payloads_ > 1;
    if (permanent || !options_.backoff) co_return give_up(reason);
    if (meaning == CloseMeaning::kStaleHandle) handle_.clear();
  }
  co_await drop();
  int resumptions_refused = 0;
  bool at_once = planned && attempts_ == 0;
  while (true) {
    if (attempts_ >= options_.attempts_max) {
      co_return give_up(Error(reason.code(), fmt::format("{}; gave up after {} attempts", reason.what(), attempts_)));
    }
    ++attempts_;
    if (!at_once) {
      const auto pause = meaning == CloseMeaning::kOverQuota ? options_.quota_pause : 0s;
      const Instant resume_at = loop_.now() + backoff_.next(loop_.random()) + pause;
      while (!closing_ && loop_.now() < resume_at) {
        changed_.reset();
        co_await changed_.wait_until(resume_at);
      }
    }
    at_once = false;
    if (closing_) co_return false;
    bool established = false;
    try {
      co_await establish();
      established = true;
    } catch (const Error& error) {
      reason = Error(error.code(), error.what());
    }
    if (established) break;
    // An old connection that is half-open keeps the session, for as long as the provider does not notice.
    const bool refused = end_ && end_->by == net::CloseStatus::By::kPeer;
    if (refused && !handle_.empty() && ++resumptions_refused == kResumptionsMax) handle_.clear();
    const bool permanent = reason.code() == Errc::kAuthentication || reason.code() == Errc::kRejected;
    if (permanent || !options_.backoff) co_return give_up(reason);
    meaning = end_ ? read_close(end_->code, end_->reason) : CloseMeaning::kResume;
  }
  ++(planned ? counters_.renewals : counters_.recoveries);
  co_return true;
}

// The client's verbs

Task<> GeminiLiveClient::Session::connect() {
  co_await establish();
  group_.start("gemini_keep", keep());
}

// The open connection, once there is one again.
Task<GeminiLiveClient::Session::Socket> GeminiLiveClient::Session::ready() {
  while (state_ != State::kReady) {
    if (failure_) throw Error(*failure_);
    if (state_ != State::kReplacing) throw failure(Errc::kConnectionClosed, "is not connected");
    changed_.reset();
    co_await changed_.wait();
  }
  co_return socket_;
}

// Until it is known how `socket` ended, which did not take a message.
Task<> GeminiLiveClient::Session::left(Socket socket) {
  while (state_ == State::kReady && socket_ == socket) {
    changed_.reset();
    co_await changed_.wait();
  }
}

Task<> GeminiLiveClient::Session::send_audio(std::span<const std::byte> pcm) {
  while (true) {
    Task<Socket> waiting = ready();
    const Socket socket = co_await std::move(waiting);
    try {
      if (!std::exchange(in_activity_, true)) {
        std::string start(kActivityStart);
        co_await socket->send_text(std::move(start));
        given_.other();
      }
      std::string audio = audio_message(pcm);
      co_await socket->send_text(std::move(audio));
      given_.frame();
      ++counters_.frames_sent;
      co_return;
    } catch (const net::ConnectionClosed&) {  // Not taken, so it may be sent again.
    }
    co_await left(socket);
    if (bad_payload_ && options_.backoff) {
      ++counters_.frames_dropped;
      co_return;
    }
  }
}

Task<> GeminiLiveClient::Session::end_turn() {
  while (!awaiting_turn_) {
    Task<Socket> waiting = ready();
    const Socket socket = co_await std::move(waiting);
    if (!in_activity_) co_return;
    in_activity_ = false;
    awaiting_turn_ = true;
    try {
      std::string end(kActivityEnd);
      co_await socket->send_text(std::move(end));
      given_.other();
      co_return;
    } catch (const net::ConnectionClosed&) {
      awaiting_turn_ = false;
    }
    co_await left(socket);
  }
}

Task<> GeminiLiveClient::Session::close() {
  closing_ = true;
  changed_.set();
  Task<DrainResult> draining = drain(group_, kClosing);
  co_await std::move(draining);
  socket_.reset();
  if (state_ != State::kNew) give_up(failure(Errc::kConnectionClosed, "is not connected: close() was called"));
}

GeminiLiveClient::GeminiLiveClient(EventLoop& loop, GeminiLiveOptions options)
    : session_(std::make_unique<Session>(loop, std::move(options))) {}

GeminiLiveClient::~GeminiLiveClient() = default;

Task<> GeminiLiveClient::connect() { return session_->connect(); }

Task<> GeminiLiveClient::send_audio(std::span<const std::byte> pcm) { return session_->send_audio(pcm); }

Task<> GeminiLiveClient::end_turn() { return session_->end_turn(); }

Task<> GeminiLiveClient::close() { return session_->close(); }

const GeminiLiveCounters& GeminiLiveClient::counters() const { return session_->counters(); }

const std::string& GeminiLiveClient::resumption_handle() const { return session_->handle(); }

const std::string& GeminiLiveClient::last_error() const { return session_->last_error(); }

}  // namespace soak::voice
