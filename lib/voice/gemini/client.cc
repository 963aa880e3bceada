// SPDX-License-Identifier: Apache-2.0
#include "soak/voice/gemini_live.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "lib/voice/answer_report.h"
#include "lib/voice/audio_backlog.h"
#include "lib/voice/audio_uplink.h"
#include "lib/voice/gemini/close.h"
#include "lib/voice/gemini/messages.h"
#include "lib/voice/reconnecting_connection.h"
#include "lib/voice/tool_calls.h"
#include "soak/detail/secrets.h"
#include "soak/error.h"
#include "soak/event.h"
#include "soak/net/websocket.h"

namespace soak::voice {
namespace {

using namespace std::chrono_literals;

// So often the provider may close instead of resuming a session, until the client begins a new one.
constexpr int kResumptionsMax = 3;

}  // namespace

class GeminiLiveClient::Session final : private ReconnectingConnection::Protocol, private AudioBacklog::Outlet {
 public:
  Session(EventLoop& loop, GeminiLiveOptions options)
      : loop_(loop), options_(std::move(options)), handle_(options_.resumption_handle) {}

  Task<> connect();
  Task<> send_audio(std::span<const std::byte> pcm) { return uplink_.send_audio(pcm); }
  Task<> end_turn() { return uplink_.end_turn(); }
  Task<bool> send_tool_result(std::string call_id, std::string result);
  Task<> close() { return connection_.close(); }
  const GeminiLiveCounters& counters() const { return counters_; }
  const std::string& handle() const { return handle_; }
  const std::string& last_error() const { return last_error_; }
  void tell_answers_to(AnswerListener* listener) { answer_.tell(listener); }

 private:
  using Socket = ReconnectingConnection::Socket;

  static ReconnectingConnection::Options connection_options(const GeminiLiveOptions& options);

  Task<> establish() override;
  void take(std::string message) override;
  void ended() override;
  std::optional<Instant> renew_at() const override;
  ReconnectingConnection::Plan plan_reconnect(bool stable) override;
  ReconnectingConnection::Plan plan_retry(const Error& error) override;

  Task<> deliver(std::span<const std::byte> pcm) override;
  Task<> deliver_end_of_turn() override;

  Task<bool> try_to_establish();
  void take_message(const ServerMessage& message);
  void count_the_end();
  std::chrono::nanoseconds pause_after(CloseMeaning meaning) const {
    return meaning == CloseMeaning::kOverQuota ? options_.quota_pause : std::chrono::nanoseconds{0};
  }
  Error failure_after(const net::CloseStatus& status, std::string_view when) const;

  EventLoop& loop_;
  const GeminiLiveOptions options_;

  // Of the present connection.
  bool complete_ = false;            // setupComplete came.
  std::optional<Instant> renew_by_;  // Since a goAway.
  bool in_activity_ = false;
  bool awaiting_turn_ = false;
  bool interrupted_ = false;  // The turn that is awaited was.
  AnswerReport answer_{GeminiLiveClient::kOutputRateHz};
  std::vector<std::byte> audio_;  // Of the message at hand, for on_audio.

  std::string handle_;
  bool bad_payload_ = false;     // The last connection ended for one.
  int bad_payloads_ = 0;         // Since a connection was stable.
  int resumptions_refused_ = 0;  // While this connection is being replaced.

  std::string last_error_;
  GeminiLiveCounters counters_;
  ToolCalls tool_calls_{counters_, connection_, options_.on_tool_call};
  AudioUplink uplink_{connection_, *this, counters_, options_.backlog, kInputRateHz};
  ReconnectingConnection connection_{loop_, *this, counters_, connection_options(options_)};
};

ReconnectingConnection::Options GeminiLiveClient::Session::connection_options(const GeminiLiveOptions& options) {
  ReconnectingConnection::Options connection;
  connection.client = "gemini_live";
  connection.url = options.url;
  connection.connect.headers.add("x-goog-api-key", options.api_key);
  connection.connect.connect_timeout = options.connect_timeout;
  connection.connect.ca_file = options.ca_file;
  connection.connect.ping_interval = options.ping_interval;
  connection.connect.ping_timeout = options.ping_timeout;
  connection.is_bad_key = [](int status) { return status == 400 || status == 401 || status == 403; };
  connection.backoff = options.backoff;
  connection.attempts_max = options.attempts_max;
  connection.stable_after = options.stable_after;
  return connection;
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
  return connection_.failure_after_end(code, when, status.reason);
}

// A connection

// False when the provider does not know the handle any more.
Task<bool> GeminiLiveClient::Session::try_to_establish() {
  complete_ = false;
  renew_by_.reset();
  in_activity_ = false;
  const bool resuming = !handle_.empty();
  co_await connection_.open();
  const Instant deadline = connection_.connected_at() + options_.setup_timeout;
  try {
    std::string setup = setup_message(options_, handle_);
    co_await connection_.socket()->send_text(std::move(setup));
    connection_.count_other();
  } catch (const net::ConnectionClosed&) {  // The connection learns how.
  }
  while (!complete_ && !connection_.end() && !connection_.is_closing() && loop_.now() < deadline) {
    connection_.changed().reset();
    co_await connection_.changed().wait_until(deadline);
  }
  if (complete_) {
    counters_.sessions_resumed += resuming ? 1 : 0;
    connection_.set_ready();
    co_return true;
  }
  const std::optional<net::CloseStatus> end = connection_.end();
  co_await connection_.drop();
  if (!end) {
    throw connection_.failure(Errc::kTimeout, fmt::format("sent no setupComplete within {:.1f} s of connecting",
                                                          connection_.seconds_since_connect()));
  }
  count_the_end();
  if (resuming && read_close(end->code, end->reason) == CloseMeaning::kStaleHandle) {
    co_return false;
  }
  throw failure_after(*end, "before setupComplete");
}

Task<> GeminiLiveClient::Session::establish() {
  Task<bool> first = try_to_establish();
  const bool established = co_await std::move(first);
  if (established) {
    co_return;
  }
  handle_.clear();
  Task<bool> second = try_to_establish();
  co_await std::move(second);
}

// In a text or a binary frame: the service sends its JSON in binary ones.
void GeminiLiveClient::Session::take(std::string message) {
  audio_.clear();
  const auto parsed = parse_server_message(std::move(message), options_.on_audio ? &audio_ : nullptr);
  if (parsed) {
    take_message(*parsed);
  } else {
    ++counters_.invalid_events;
  }
}

void GeminiLiveClient::Session::ended() {
  bad_payload_ = read_close(connection_.end()->code, connection_.end()->reason) == CloseMeaning::kBadPayload;
  bad_payloads_ += bad_payload_ ? 1 : 0;
  tool_calls_.cancel_all();
}

void GeminiLiveClient::Session::take_message(const ServerMessage& message) {
  counters_.audio_bytes_received += message.audio_bytes;
  answer_.heard(message.audio_bytes);
  if (!audio_.empty()) {
    options_.on_audio(audio_);
  }
  if (message.setup_complete) {
    complete_ = true;
  }
  if (!message.handle.empty()) {
    handle_ = message.handle;
  }
  bool valid = true;
  for (const ToolCall& call : message.tool_calls) {
    valid = tool_calls_.take(call) && valid;
  }
  if (!valid) {
    ++counters_.invalid_events;
  } else if (!message.known) {
    ++counters_.unknown_events;
  }
  for (const std::string& id : message.tool_calls_cancelled) {
    tool_calls_.cancel(id);
  }
  if (message.interrupted) {
    ++counters_.interruptions;
    interrupted_ = true;
  }
  if (message.turn_complete) {
    ++counters_.responses_done;
    awaiting_turn_ = false;
    answer_.ended(std::exchange(interrupted_, false) ? AnswerListener::End::kInterrupted
                                                     : AnswerListener::End::kReceived);
  }
  if (message.go_away) {
    ++counters_.go_aways;
    renew_by_ = loop_.now() + *message.go_away - std::min(options_.renewal_margin, *message.go_away / 2);
  }
  if (message.setup_complete || message.turn_complete || message.go_away) {
    connection_.changed().set();
  }
}

// One after the other

std::optional<Instant> GeminiLiveClient::Session::renew_at() const {
  if (!renew_by_) {
    return std::nullopt;
  }
  return awaiting_turn_ ? *renew_by_ : connection_.connected_at();
}

void GeminiLiveClient::Session::count_the_end() {
  const std::optional<net::CloseStatus>& end = connection_.end();
  const bool by_the_provider = end && end->by == net::CloseStatus::By::kPeer;
  if (!by_the_provider || end->code == net::kCloseNormal || end->code == net::kCloseGoingAway) {
    return;
  }
  ++counters_.errors;
  last_error_ = text::without_secrets(fmt::format("{} {}", end->code, end->reason));
}

ReconnectingConnection::Plan GeminiLiveClient::Session::plan_reconnect(bool stable) {
  if (std::exchange(awaiting_turn_, false)) {
    ++counters_.turns_lost;
  }
  interrupted_ = false;
  answer_.ended(AnswerListener::End::kLost);
  tool_calls_.cancel_all();
  if (stable) {
    bad_payloads_ = bad_payload_ ? 1 : 0;
  }
  resumptions_refused_ = 0;
  count_the_end();
  if (!connection_.end()) {
    return {.reason = connection_.failure(Errc::kConnectionClosed,
                                          "announces the end of each connection as soon as it is open"),
            .immediate = true};
  }
  const net::CloseStatus& end = *connection_.end();
  const CloseMeaning meaning = read_close(end.code, end.reason);
  if (meaning == CloseMeaning::kStaleHandle) {
    handle_.clear();
  }
  return {.reason = failure_after(end, "in a session"),
          .permanent = meaning == CloseMeaning::kBadKey || meaning == CloseMeaning::kRefused || bad_payloads_ > 1,
          .pause = pause_after(meaning)};
}

ReconnectingConnection::Plan GeminiLiveClient::Session::plan_retry(const Error& error) {
  const std::optional<net::CloseStatus>& end = connection_.end();
  // An old connection that is half-open keeps the session, for as long as the provider does not notice.
  const bool refused = end && end->by == net::CloseStatus::By::kPeer;
  if (refused && !handle_.empty() && ++resumptions_refused_ == kResumptionsMax) {
    handle_.clear();
  }
  return {.reason = error,
          .permanent = error.code() == Errc::kAuthentication || error.code() == Errc::kRejected ||
                       error.code() == Errc::kCertificate,
          .pause = pause_after(end ? read_close(end->code, end->reason) : CloseMeaning::kResume)};
}

// The client's verbs

Task<> GeminiLiveClient::Session::connect() {
  co_await connection_.connect();
  uplink_.start();
}

Task<> GeminiLiveClient::Session::deliver(std::span<const std::byte> pcm) {
  while (true) {
    Task<Socket> waiting = connection_.ready();
    const Socket socket = co_await std::move(waiting);
    try {
      if (!std::exchange(in_activity_, true)) {
        std::string start(kActivityStart);
        co_await socket->send_text(std::move(start));
        connection_.count_other();
      }
      std::string audio = audio_message(pcm);
      co_await socket->send_text(std::move(audio));
      connection_.count_frame();
      co_return;
    } catch (const net::ConnectionClosed&) {  // Not taken, so it may be sent again.
    }
    co_await connection_.wait_for_end(socket);
    if (bad_payload_ && options_.backoff) {
      ++counters_.frames_dropped;
      co_return;
    }
  }
}

Task<> GeminiLiveClient::Session::deliver_end_of_turn() {
  while (!awaiting_turn_) {
    Task<Socket> waiting = connection_.ready();
    const Socket socket = co_await std::move(waiting);
    if (!in_activity_) {
      co_return;
    }
    in_activity_ = false;
    awaiting_turn_ = true;
    answer_.asked();
    try {
      std::string end(kActivityEnd);
      co_await socket->send_text(std::move(end));
      connection_.count_other();
      co_return;
    } catch (const net::ConnectionClosed&) {
      awaiting_turn_ = false;
      answer_.ended(AnswerListener::End::kLost);
    }
    co_await connection_.wait_for_end(socket);
  }
}

Task<bool> GeminiLiveClient::Session::send_tool_result(std::string call_id, std::string result) {
  const std::string* const name = tool_calls_.find(call_id);
  if (name == nullptr) {
    co_return false;
  }
  std::string message = tool_response_message(call_id, *name, result);
  if (message.empty()) {
    throw connection_.failure(Errc::kInvalidArgument, fmt::format("takes a JSON object as the result of '{}'", *name));
  }
  Task<bool> answering = tool_calls_.answer(std::move(call_id), std::move(message));
  const bool sent = co_await std::move(answering);
  co_return sent;
}

GeminiLiveClient::GeminiLiveClient(EventLoop& loop, GeminiLiveOptions options)
    : session_(std::make_unique<Session>(loop, std::move(options))) {}

GeminiLiveClient::~GeminiLiveClient() = default;

Task<> GeminiLiveClient::connect() { return session_->connect(); }

Task<> GeminiLiveClient::send_audio(std::span<const std::byte> pcm) { return session_->send_audio(pcm); }

Task<> GeminiLiveClient::end_turn() { return session_->end_turn(); }

Task<bool> GeminiLiveClient::send_tool_result(std::string call_id, std::string result) {
  return session_->send_tool_result(std::move(call_id), std::move(result));
}

Task<> GeminiLiveClient::close() { return session_->close(); }

const GeminiLiveCounters& GeminiLiveClient::counters() const { return session_->counters(); }

const std::string& GeminiLiveClient::resumption_handle() const { return session_->handle(); }

const std::string& GeminiLiveClient::last_error() const { return session_->last_error(); }

void GeminiLiveClient::tell_answers_to(AnswerListener* listener) { session_->tell_answers_to(listener); }

}  // namespace soak::voice
