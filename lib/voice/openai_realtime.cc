// SPDX-License-Identifier: Apache-2.0
#include "soak/voice/openai_realtime.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <deque>
#include <utility>

#include "openai_close.h"
#include "openai_events.h"
#include "playback.h"
#include "sent_frames.h"
#include "soak/error.h"
#include "soak/event.h"
#include "soak/net/websocket.h"

namespace soak::voice {
namespace {

using namespace std::chrono_literals;

// What close() may take: the peer's answer to the close frame, then what is left to do.
constexpr std::chrono::nanoseconds kCloseTimeout = 2s;
constexpr DrainOptions kClosing{.timeout = kCloseTimeout + 1s, .grace = 1s};

// The least that the provider takes for a turn: 100 ms.
constexpr std::size_t kCommitBytesMin = OpenAiRealtimeClient::kInputRateHz / 10 * 2;

// What Retry-After asks for, whole seconds; zero where it does not. Another of its forms is a date, which a service
// that limits its rate does not send.
std::chrono::seconds retry_after(const net::HandshakeRefused& refused) {
  const std::string text = refused.headers().get("Retry-After");
  std::uint32_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  return std::chrono::seconds(error == std::errc() && end == text.data() + text.size() ? seconds : 0);
}

}  // namespace

// One client. A task of its own, keep(), owns the connection once connect() has opened the first one: it alone renews,
// replaces and closes it, so that there are never two.
class OpenAiRealtimeClient::Session {
 public:
  Session(EventLoop& loop, OpenAiRealtimeOptions options) : loop_(loop), options_(std::move(options)), group_(loop) {}

  ~Session() {
    group_.end_in_place();
    socket_.reset();
  }

  Task<> connect();
  Task<> send_audio(std::span<const std::byte> pcm);
  Task<> end_turn();
  void interrupt();
  Task<> close();
  const std::vector<RateLimit>& rate_limits() const { return rate_limits_; }
  const OpenAiRealtimeCounters& counters() const { return counters_; }
  const std::string& last_error() const { return last_error_; }

 private:
  using Socket = std::shared_ptr<net::WebSocket>;

  enum class State {
    kNew,
    kReady,
    kReplacing,  // Not ready, and keep() sees to it.
    kOver,       // Not ready, and nobody does.
  };

  // When the session is to be renewed: from the first on if no answer is under way, by the second whatever is.
  struct Renewal {
    Instant from;
    Instant by;
  };

  // One connection's beginning and end.
  Task<> establish();
  Task<> open_socket();
  Task<> configure();
  Task<> wait_for(const bool& reached, std::string_view what, Instant deadline);
  Task<> receive(Socket socket);
  void take(const ServerEvent& event);
  void take_response_done(const ServerEvent& event);
  void take_error(const ServerEvent& event);
  void stop_playing();
  void cancel(const std::string& response_id);
  Task<> speak(Socket socket);
  void plan_renewal(std::int64_t expires_at);
  Task<> drop();

  // The connections one after the other.
  Task<> keep();
  Task<bool> replace();
  Task<> pause(std::chrono::nanoseconds delay);
  bool give_up(Error reason);
  bool renewal_is_due() const;
  bool answering() const { return !request_id_.empty() || !response_id_.empty(); }
  void forget_answer();

  Task<Socket> ready();
  Task<> left(Socket socket);
  std::string next_event_id() { return fmt::format("evt_{}", ++event_number_); }
  OpenAiEnd meaning_of_end() const { return read_openai_end(end_->code, end_->reason, error_code_); }
  double seconds_since_connect() const { return std::chrono::duration<double>(loop_.now() - connected_at_).count(); }
  Error failure_after_end(std::string_view when) const;
  Error failure(Errc code, std::string_view what) const;

  EventLoop& loop_;
  const OpenAiRealtimeOptions options_;
  State state_ = State::kNew;
  Event changed_;  // Something below, or the state, has changed.
  bool closing_ = false;
  std::optional<Error> failure_;  // Why it is over.

  // Of the present connection.
  Socket socket_;
  Instant connected_at_{};
  bool created_ = false;
  bool updated_ = false;
  bool rejected_ = false;  // The session's configuration was.
  std::optional<net::CloseStatus> end_;
  std::optional<Renewal> renewal_;
  std::string update_id_;
  std::string error_code_;  // Of its last error event, as the next.
  std::string error_text_;
  SentFrames given_;
  std::size_t uncommitted_ = 0;     // Bytes of audio that were sent since the last commit.
  std::deque<std::string> outbox_;  // Events in answer to the provider's, for speak() to send.

  // The answer that is under way, if one is.
  std::string request_id_;   // The client event that asked for it.
  std::string response_id_;  // Since it was created.
  bool deferred_ = false;    // Asked for while another one ran: to be asked for again after it.
  bool cancel_when_created_ = false;
  std::string silenced_response_id_;  // It was broken off: nothing of it is played.
  Playback playback_{OpenAiRealtimeClient::kOutputRateHz * 2};
  Backoff rate_limit_backoff_{BackoffOptions{.initial = 1s, .max = 60s}};
  Instant quiet_until_{};  // No response is asked for before.
  std::vector<RateLimit> rate_limits_;
  std::vector<std::byte> audio_;  // Of the event at hand, for on_audio.

  int attempts_ = 0;  // To replace a connection, since one was stable.
  Backoff backoff_{options_.backoff.value_or(BackoffOptions{})};

  std::string last_error_;
  std::uint64_t event_number_ = 0;
  OpenAiRealtimeCounters counters_;
  TaskGroup group_;
};

Error OpenAiRealtimeClient::Session::failure(Errc code, std::string_view what) const {
  return {code, fmt::format("openai_realtime: {} {}", options_.url.substr(0, options_.url.find('?')), what)};
}

Error OpenAiRealtimeClient::Session::failure_after_end(std::string_view when) const {
  Errc code = Errc::kConnectionClosed;
  switch (meaning_of_end()) {
    case OpenAiEnd::kBadKey:
      code = Errc::kAuthentication;
      break;
    case OpenAiEnd::kRefused:
      code = Errc::kRejected;
      break;
    case OpenAiEnd::kLost:
    case OpenAiEnd::kExpired:
      break;
  }
  // The error event says more than a reason that repeats its code.
  const bool repeats = !error_text_.empty() && end_->reason.find(error_code_) != std::string::npos;
  const std::string& said = repeats || end_->reason.empty() ? error_text_ : end_->reason;
  return failure(code, fmt::format("closed {} {}, {:.1f} s after connect{}{}", end_->code, when,
                                   seconds_since_connect(), said.empty() ? "" : ": ", said));
}

// A connection

Task<> OpenAiRealtimeClient::Session::open_socket() {
  net::ConnectOptions options;
  options.headers.add("Authorization", "Bearer " + options_.api_key);
  options.connect_timeout = options_.connect_timeout;
  options.ca_file = options_.ca_file;
  options.close_timeout = kCloseTimeout;
  options.ping_interval = options_.ping_interval;
  options.ping_timeout = options_.ping_timeout;
  const std::string url =
      options_.url + (options_.url.find('?') == std::string::npos ? "?" : "&") + "model=" + options_.model;
  try {
    Task<std::unique_ptr<net::WebSocket>> connecting = net::connect_websocket(loop_, url, options);
    socket_ = co_await std::move(connecting);
  } catch (const net::HandshakeRefused& refused) {
    if (refused.status() == 401 || refused.status() == 403) {
      throw failure(Errc::kAuthentication, fmt::format("does not accept the key: HTTP {}", refused.status()));
    }
    throw;
  }
  connected_at_ = loop_.now();
}

// Ends what there is of a connection. Its last events are still taken.
Task<> OpenAiRealtimeClient::Session::drop() {
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

Task<> OpenAiRealtimeClient::Session::establish() {
  created_ = updated_ = rejected_ = false;
  end_.reset();
  renewal_.reset();
  update_id_.clear();
  error_code_.clear();
  error_text_.clear();
  uncommitted_ = 0;
  given_.begin();
  forget_answer();
  co_await open_socket();
  group_.start("openai_receive", receive(socket_), TaskKind::kReceive);
  group_.start("openai_speak", speak(socket_));
  std::optional<Error> refusal;
  try {
    co_await configure();
  } catch (const Error& error) {
    refusal = error;
  }
  if (refusal) {
    co_await drop();
    throw Error(*refusal);
  }
  ++counters_.sessions;
  state_ = State::kReady;
  changed_.set();
}

Task<> OpenAiRealtimeClient::Session::configure() {
  const Instant deadline = connected_at_ + options_.setup_timeout;
  co_await wait_for(created_, "session.created", deadline);
  update_id_ = next_event_id();
  std::string update = session_update_event(update_id_, options_);
  try {
    co_await socket_->send_text(std::move(update));
    given_.other();
  } catch (const net::ConnectionClosed&) {  // receive() learns how.
  }
  co_await wait_for(updated_, "session.updated", deadline);
}

// Waits until `reached` holds; throws what ended the session instead, or the timeout.
Task<> OpenAiRealtimeClient::Session::wait_for(const bool& reached, std::string_view what, Instant deadline) {
  while (!reached) {
    if (rejected_) {
      throw failure(Errc::kRejected, fmt::format("rejected the session's configuration: {}", error_text_));
    }
    if (end_) throw failure_after_end(fmt::format("before {}", what));
    if (closing_) throw failure(Errc::kConnectionClosed, "is not connected: close() was called");
    if (loop_.now() >= deadline) {
      throw failure(Errc::kTimeout,
                    fmt::format("sent no {} within {:.1f} s of connecting", what, seconds_since_connect()));
    }
    changed_.reset();
    co_await changed_.wait_until(deadline);
  }
}

Task<> OpenAiRealtimeClient::Session::receive(Socket socket) {
  try {
    while (true) {
      net::Message message = co_await socket->receive();
      audio_.clear();
      const auto event = parse_server_event(std::move(message.data), options_.on_audio ? &audio_ : nullptr);
      if (event) {
        take(*event);
      } else {
        ++counters_.invalid_events;
      }
    }
  } catch (const net::ConnectionClosed& closed) {
    end_ = closed.status();
    if (state_ == State::kReady) state_ = State::kReplacing;
    changed_.set();
  }
}

void OpenAiRealtimeClient::Session::take(const ServerEvent& event) {
  using Kind = ServerEvent::Kind;
  switch (event.kind) {
    case Kind::kSessionCreated:
      created_ = true;
      plan_renewal(event.expires_at);
      break;
    case Kind::kSessionUpdated:
      updated_ = true;
      break;
    case Kind::kAudioDelta:
      counters_.audio_bytes_received += event.audio_bytes;
      if (!silenced_response_id_.empty() && event.response_id == silenced_response_id_) {
        counters_.audio_bytes_discarded += event.audio_bytes;
      } else {
        playback_.add(event.item_id, event.audio_bytes, loop_.now());
        if (options_.on_audio) options_.on_audio(audio_);
      }
      return;
    case Kind::kTranscript:
      if (options_.on_transcript) options_.on_transcript(event.transcript);
      return;
    case Kind::kRateLimits:
      rate_limits_ = event.rate_limits;
      return;
    case Kind::kSpeechStarted:
      stop_playing();  // Cancelling is the provider's part.
      break;
    case Kind::kResponseCreated:
      response_id_ = event.response_id;
      if (std::exchange(cancel_when_created_, false)) cancel(response_id_);
      break;
    case Kind::kResponseDone:
      take_response_done(event);
      break;
    case Kind::kError:
      take_error(event);
      break;
    case Kind::kOther:
      return;
    case Kind::kUnknown:
      ++counters_.unknown_events;
      return;
  }
  changed_.set();
}

void OpenAiRealtimeClient::Session::take_response_done(const ServerEvent& event) {
  ++counters_.responses_done;
  if (event.response_status == "cancelled") ++counters_.responses_cancelled;
  if (event.response_status == "completed") rate_limit_backoff_.reset();
  if (event.response_status == "failed") {
    ++counters_.responses_failed;
    last_error_ = event.error_text.empty() ? "a response failed without an error" : event.error_text;
    if (event.error_code == "rate_limit_exceeded") {
      quiet_until_ = loop_.now() + rate_limit_backoff_.next(loop_.random());
    }
  }
  if (!response_id_.empty() && event.response_id != response_id_) return;
  response_id_.clear();
  request_id_.clear();
  if (!std::exchange(deferred_, false)) return;
  request_id_ = next_event_id();
  outbox_.push_back(response_create_event(request_id_));
}

void OpenAiRealtimeClient::Session::take_error(const ServerEvent& event) {
  ++counters_.errors;
  last_error_ = error_text_ = event.error_text;
  error_code_ = event.error_code;
  rejected_ = rejected_ || (!update_id_.empty() && event.error_event_id == update_id_);
  if (request_id_.empty() || event.error_event_id != request_id_) return;
  if (event.error_code == "conversation_already_has_active_response") {
    deferred_ = true;
    ++counters_.responses_deferred;
    return;
  }
  request_id_.clear();
  cancel_when_created_ = false;
}

// Nothing more is heard of the answer, and the provider is told how much was.
void OpenAiRealtimeClient::Session::stop_playing() {
  const std::vector<Playback::Played> cut = playback_.stop(loop_.now());
  for (const Playback::Played& played : cut) {
    outbox_.push_back(truncate_event(next_event_id(), played.item_id, played.ms));
  }
  if (!cut.empty() || answering()) ++counters_.interruptions;
  if (!response_id_.empty()) silenced_response_id_ = response_id_;
}

void OpenAiRealtimeClient::Session::cancel(const std::string& response_id) {
  silenced_response_id_ = response_id;
  outbox_.push_back(response_cancel_event(next_event_id(), response_id));
}

void OpenAiRealtimeClient::Session::interrupt() {
  if (state_ != State::kReady) return;
  stop_playing();
  if (std::exchange(deferred_, false)) request_id_.clear();
  if (!response_id_.empty()) {
    cancel(response_id_);
  } else if (!request_id_.empty()) {
    cancel_when_created_ = true;
  }
  changed_.set();
}

// Until the connection has ended: what the client answers, apart from what its owner sends.
Task<> OpenAiRealtimeClient::Session::speak(Socket socket) {
  try {
    while (socket_ == socket && !end_) {
      if (outbox_.empty()) {
        changed_.reset();
        co_await changed_.wait();
        continue;
      }
      std::string event = std::move(outbox_.front());
      outbox_.pop_front();
      co_await socket->send_text(std::move(event));
      given_.other();
    }
  } catch (const net::ConnectionClosed&) {  // receive() learns how.
  }
}

void OpenAiRealtimeClient::Session::forget_answer() {
  request_id_.clear();
  response_id_.clear();
  silenced_response_id_.clear();
  deferred_ = cancel_when_created_ = false;
  outbox_.clear();
  playback_.stop(loop_.now());
}

void OpenAiRealtimeClient::Session::plan_renewal(std::int64_t expires_at) {
  const auto expiry = std::chrono::system_clock::time_point(std::chrono::seconds(expires_at));
  const std::chrono::nanoseconds life = expiry - loop_.wall_now();
  if (life <= 0s) return;  // It says nothing, or one of the clocks is wrong.
  const Instant end = loop_.now() + life;
  renewal_ =
      Renewal{end - std::min(options_.renewal_notice, life / 2), end - std::min(options_.renewal_margin, life / 4)};
}

// One after the other

bool OpenAiRealtimeClient::Session::renewal_is_due() const {
  return renewal_ && loop_.now() >= (answering() ? renewal_->by : renewal_->from);
}

Task<> OpenAiRealtimeClient::Session::keep() {
  bool going_on = true;
  while (going_on && !closing_) {
    if (end_ || renewal_is_due()) {
      Task<bool> replacing = replace();
      going_on = co_await std::move(replacing);
      continue;
    }
    changed_.reset();
    if (renewal_) {
      co_await changed_.wait_until(loop_.now() < renewal_->from ? renewal_->from : renewal_->by);
    } else {
      co_await changed_.wait();
    }
  }
  co_await drop();
}

bool OpenAiRealtimeClient::Session::give_up(Error reason) {
  failure_ = std::move(reason);
  state_ = State::kOver;
  changed_.set();
  return false;
}

// Ends early when the client is closed.
Task<> OpenAiRealtimeClient::Session::pause(std::chrono::nanoseconds delay) {
  const Instant resume_at = loop_.now() + delay;
  while (!closing_ && loop_.now() < resume_at) {
    changed_.reset();
    co_await changed_.wait_until(resume_at);
  }
}

// Puts another connection in the place of one that is lost, or soon will be. False when it cannot.
Task<bool> OpenAiRealtimeClient::Session::replace() {
  state_ = State::kReplacing;
  if (answering()) ++counters_.responses_lost;
  forget_answer();
  if (loop_.now() - connected_at_ >= options_.stable_after) {
    attempts_ = 0;
    backoff_.reset();
  }
  const OpenAiEnd meaning = end_ ? meaning_of_end() : OpenAiEnd::kExpired;
  const bool planned = meaning == OpenAiEnd::kExpired;
  Error reason = end_ ? failure_after_end("in a session")
                      : failure(Errc::kConnectionClosed, "announces the end of each session as soon as it is open");
  const bool for_good = meaning == OpenAiEnd::kBadKey || meaning == OpenAiEnd::kRefused;
  if (for_good || (!planned && !options_.backoff)) co_return give_up(reason);
  co_await drop();
  bool at_once = planned && attempts_ == 0;
  std::chrono::nanoseconds asked_for{0};
  while (true) {
    if (attempts_ >= options_.attempts_max) {
      co_return give_up(Error(reason.code(), fmt::format("{}; gave up after {} attempts", reason.what(), attempts_)));
    }
    ++attempts_;
    if (!at_once) co_await pause(asked_for + backoff_.next(loop_.random()));
    at_once = false;
    if (closing_) co_return false;
    bool permanent = false;
    try {
      co_await establish();
      ++(planned ? counters_.renewals : counters_.recoveries);
      co_return true;
    } catch (const net::HandshakeRefused& refused) {
      reason = Error(refused.code(), refused.what());
      permanent = is_permanent_refusal(refused.status());
      asked_for = retry_after(refused);
    } catch (const Error& error) {
      reason = Error(error.code(), error.what());
      permanent = error.code() == Errc::kAuthentication || error.code() == Errc::kRejected;
      asked_for = 0s;
    }
    if (permanent || !options_.backoff) co_return give_up(reason);
  }
}

// The client's verbs

Task<> OpenAiRealtimeClient::Session::connect() {
  co_await establish();
  group_.start("openai_keep", keep());
}

// The open connection, once there is one again.
Task<OpenAiRealtimeClient::Session::Socket> OpenAiRealtimeClient::Session::ready() {
  while (state_ != State::kReady) {
    if (failure_) throw Error(*failure_);
    if (state_ != State::kReplacing) throw failure(Errc::kConnectionClosed, "is not connected");
    changed_.reset();
    co_await changed_.wait();
  }
  co_return socket_;
}

// Until it is known how `socket` ended, which did not take an event.
Task<> OpenAiRealtimeClient::Session::left(Socket socket) {
  while (state_ == State::kReady && socket_ == socket) {
    changed_.reset();
    co_await changed_.wait();
  }
}

Task<> OpenAiRealtimeClient::Session::send_audio(std::span<const std::byte> pcm) {
  while (true) {
    Task<Socket> waiting = ready();
    const Socket socket = co_await std::move(waiting);
    try {
      std::string event = append_audio_event(pcm);
      co_await socket->send_text(std::move(event));
      given_.frame();
      ++counters_.frames_sent;
      if (socket == socket_) uncommitted_ += pcm.size();
      co_return;
    } catch (const net::ConnectionClosed&) {  // Not taken, so it may be sent again.
    }
    co_await left(socket);
  }
}

Task<> OpenAiRealtimeClient::Session::end_turn() {
  while (!answering() && !options_.server_vad) {
    Task<Socket> waiting = ready();
    const Socket socket = co_await std::move(waiting);
    if (uncommitted_ < kCommitBytesMin) co_return;
    if (loop_.now() < quiet_until_) {
      ++counters_.turns_held_back;
      co_return;
    }
    uncommitted_ = 0;
    const std::string response_id = next_event_id();
    request_id_ = response_id;
    try {
      std::string commit = commit_event(next_event_id());
      co_await socket->send_text(std::move(commit));
      given_.other();
      std::string create = response_create_event(response_id);
      co_await socket->send_text(std::move(create));
      given_.other();
      co_return;
    } catch (const net::ConnectionClosed&) {
      if (request_id_ == response_id) request_id_.clear();
    }
    co_await left(socket);
  }
}

Task<> OpenAiRealtimeClient::Session::close() {
  closing_ = true;
  changed_.set();
  Task<DrainResult> draining = drain(group_, kClosing);
  co_await std::move(draining);
  socket_.reset();
  if (state_ != State::kNew) give_up(failure(Errc::kConnectionClosed, "is not connected: close() was called"));
}

OpenAiRealtimeClient::OpenAiRealtimeClient(EventLoop& loop, OpenAiRealtimeOptions options)
    : session_(std::make_unique<Session>(loop, std::move(options))) {}

OpenAiRealtimeClient::~OpenAiRealtimeClient() = default;

Task<> OpenAiRealtimeClient::connect() { return session_->connect(); }

Task<> OpenAiRealtimeClient::send_audio(std::span<const std::byte> pcm) { return session_->send_audio(pcm); }

Task<> OpenAiRealtimeClient::end_turn() { return session_->end_turn(); }

void OpenAiRealtimeClient::interrupt() { session_->interrupt(); }

Task<> OpenAiRealtimeClient::close() { return session_->close(); }

const OpenAiRealtimeCounters& OpenAiRealtimeClient::counters() const { return session_->counters(); }

const std::string& OpenAiRealtimeClient::last_error() const { return session_->last_error(); }

const std::vector<RateLimit>& OpenAiRealtimeClient::rate_limits() const { return session_->rate_limits(); }

}  // namespace soak::voice
