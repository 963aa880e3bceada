// SPDX-License-Identifier: Apache-2.0
#include "soak/voice/openai_realtime.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <utility>

#include "lib/voice/answer_report.h"
#include "lib/voice/audio_backlog.h"
#include "lib/voice/audio_uplink.h"
#include "lib/voice/openai/close.h"
#include "lib/voice/openai/events.h"
#include "lib/voice/openai/history.h"
#include "lib/voice/playback.h"
#include "lib/voice/reconnecting_connection.h"
#include "lib/voice/tool_calls.h"
#include "soak/detail/secrets.h"
#include "soak/error.h"
#include "soak/event.h"
#include "soak/net/websocket.h"

namespace soak::voice {
namespace {

using namespace std::chrono_literals;

// The least that the provider takes for a turn: 100 ms.
constexpr std::size_t kCommitBytesMin = OpenAiRealtimeClient::kInputRateHz / 10 * 2;

}  // namespace

class OpenAiRealtimeClient::Session final : private ReconnectingConnection::Protocol, private AudioBacklog::Outlet {
 public:
  Session(EventLoop& loop, OpenAiRealtimeOptions options) : loop_(loop), options_(std::move(options)) {}

  Task<> connect();
  Task<> send_audio(std::span<const std::byte> pcm) { return uplink_.send_audio(pcm); }
  Task<> end_turn() { return uplink_.end_turn(); }
  Task<bool> send_tool_result(std::string call_id, std::string result);
  void interrupt();
  Task<> close() { return connection_.close(); }
  const std::vector<RateLimit>& rate_limits() const { return rate_limits_; }
  const OpenAiRealtimeCounters& counters() const { return counters_; }
  const std::string& last_error() const { return last_error_; }
  void tell_answers_to(AnswerListener* listener) { answer_.tell(listener); }

 private:
  using Socket = ReconnectingConnection::Socket;

  // When the session is to be renewed: from the first on if no answer is under way, by the second whatever is.
  struct Renewal {
    Instant from;
    Instant by;
  };

  static ReconnectingConnection::Options connection_options(const OpenAiRealtimeOptions& options);

  Task<> establish() override;
  void take(std::string message) override;
  void ended() override;
  std::optional<Instant> renew_at() const override;
  ReconnectingConnection::Plan plan_reconnect(bool stable) override;
  ReconnectingConnection::Plan plan_retry(const Error& error) override;

  Task<> deliver(std::span<const std::byte> pcm) override;
  Task<> deliver_end_of_turn() override;

  Task<> configure();
  Task<> replay(std::deque<History::Item> items);
  Task<> wait_for(const bool& reached, std::string_view what, Instant deadline);
  void take_event(const ServerEvent& event);
  void take_response_done(const ServerEvent& event);
  void take_error(const ServerEvent& event);
  void ask_for_answer();
  void answer_results();
  void hear_user();
  void stop_playing();
  void cancel(const std::string& response_id);
  Task<> speak(Socket socket);
  void plan_renewal(std::int64_t expires_at);
  bool responding() const { return !request_id_.empty() || !response_id_.empty(); }
  bool answering() const { return responding() || deferred_ || tool_calls_.awaited(); }
  void forget_answer();
  // Unless it goes on with another response.
  void end_answer(AnswerListener::End end);
  std::string next_event_id() { return fmt::format("evt_{}", ++event_number_); }
  OpenAiEnd meaning_of_end() const {
    return read_openai_end(connection_.end()->code, connection_.end()->reason, error_code_);
  }
  Error failure_after_end(std::string_view when) const;

  EventLoop& loop_;
  const OpenAiRealtimeOptions options_;

  // Of the present connection.
  bool created_ = false;
  bool updated_ = false;
  bool rejected_ = false;  // The session's configuration was.
  std::optional<Renewal> renewal_;
  std::string update_id_;
  std::string error_code_;  // Of its last error event, as the next.
  std::string error_text_;
  std::size_t uncommitted_ = 0;     // Bytes of audio that were sent since the last commit.
  std::deque<std::string> outbox_;  // Events in answer to the provider's, for speak() to send.

  // The answer that is under way, if one is.
  std::string request_id_;   // The client event that asked for it.
  std::string response_id_;  // Since it was created.
  bool deferred_ = false;    // Another one is to be asked for after it.
  bool cancel_when_created_ = false;
  std::string silenced_response_id_;  // It was broken off: nothing of it is played, nor done.
  bool user_speaks_ = false;          // Over it, or has since: what he says is not asked to be answered yet.
  bool results_lost_ = false;         // Were awaited when the connection ended.
  AnswerReport answer_{OpenAiRealtimeClient::kOutputRateHz};
  Playback playback_{OpenAiRealtimeClient::kOutputRateHz * 2};
  Backoff rate_limit_backoff_{BackoffOptions{.initial = 1s, .max = 60s}};
  Instant quiet_until_{};  // No response is asked for before.
  std::vector<RateLimit> rate_limits_;
  History history_{options_.history_bytes_max};
  std::vector<std::byte> audio_;  // Of the event at hand, for on_audio.

  std::string last_error_;
  std::uint64_t event_number_ = 0;
  OpenAiRealtimeCounters counters_;
  ToolCalls tool_calls_{counters_, connection_, options_.on_tool_call};
  AudioUplink uplink_{connection_, *this, counters_, options_.backlog, kInputRateHz};
  ReconnectingConnection connection_{loop_, *this, counters_, connection_options(options_)};
};

ReconnectingConnection::Options OpenAiRealtimeClient::Session::connection_options(
    const OpenAiRealtimeOptions& options) {
  ReconnectingConnection::Options connection;
  connection.client = "openai_realtime";
  connection.url = options.url + (options.url.find('?') == std::string::npos ? "?" : "&") + "model=" + options.model;
  connection.connect.headers.add("Authorization", "Bearer " + options.api_key);
  connection.connect.connect_timeout = options.connect_timeout;
  connection.connect.ca_file = options.ca_file;
  connection.connect.ping_interval = options.ping_interval;
  connection.connect.ping_timeout = options.ping_timeout;
  connection.is_bad_key = [](int status) { return status == 401 || status == 403; };
  connection.backoff = options.backoff;
  connection.attempts_max = options.attempts_max;
  connection.stable_after = options.stable_after;
  return connection;
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
  const std::string& reason = connection_.end()->reason;
  const bool repeats = !error_text_.empty() && reason.find(error_code_) != std::string::npos;
  return connection_.failure_after_end(code, when, repeats || reason.empty() ? error_text_ : reason);
}

// A connection

Task<> OpenAiRealtimeClient::Session::establish() {
  created_ = updated_ = rejected_ = false;
  renewal_.reset();
  update_id_.clear();
  error_code_.clear();
  error_text_.clear();
  uncommitted_ = 0;
  forget_answer();
  std::deque<History::Item> said = history_.items();  // Before this session says anything itself.
  co_await connection_.open();
  connection_.tasks().start("openai_speak", speak(connection_.socket()));
  std::optional<Error> refusal;
  try {
    co_await configure();
    Task<> replaying = replay(std::move(said));
    co_await std::move(replaying);
  } catch (const Error& error) {
    refusal = error;
  }
  if (refusal) {
    co_await connection_.drop();
    throw Error(*refusal);
  }
  connection_.set_ready();
}

Task<> OpenAiRealtimeClient::Session::configure() {
  const Instant deadline = connection_.connected_at() + options_.setup_timeout;
  co_await wait_for(created_, "session.created", deadline);
  update_id_ = next_event_id();
  std::string update = session_update_event(update_id_, options_);
  try {
    co_await connection_.socket()->send_text(std::move(update));
    connection_.count_other();
  } catch (const net::ConnectionClosed&) {  // The connection learns how.
  }
  co_await wait_for(updated_, "session.updated", deadline);
}

// What was said in the sessions before, for the provider carries nothing over.
Task<> OpenAiRealtimeClient::Session::replay(std::deque<History::Item> items) {
  for (const History::Item& item : items) {
    if (item.text.empty()) {
      continue;
    }
    std::string event = create_item_event(next_event_id(), item.id, item.speaker, item.text);
    if (event.empty()) {
      continue;
    }
    try {
      co_await connection_.socket()->send_text(std::move(event));
    } catch (const net::ConnectionClosed&) {  // The connection learns how, and it is replaced.
      co_return;
    }
    connection_.count_other();
    ++counters_.items_replayed;
  }
}

// Waits until `reached` holds; throws what ended the session instead, or the timeout.
Task<> OpenAiRealtimeClient::Session::wait_for(const bool& reached, std::string_view what, Instant deadline) {
  while (!reached) {
    if (rejected_) {
      throw connection_.failure(Errc::kRejected, fmt::format("rejected the session's configuration: {}", error_text_));
    }
    if (connection_.end()) {
      throw failure_after_end(fmt::format("before {}", what));
    }
    if (connection_.is_closing()) {
      throw connection_.failure(Errc::kConnectionClosed, "is not connected: close() was called");
    }
    if (loop_.now() >= deadline) {
      throw connection_.failure(Errc::kTimeout, fmt::format("sent no {} within {:.1f} s of connecting", what,
                                                            connection_.seconds_since_connect()));
    }
    connection_.changed().reset();
    co_await connection_.changed().wait_until(deadline);
  }
}

void OpenAiRealtimeClient::Session::take(std::string message) {
  audio_.clear();
  const auto event = parse_server_event(std::move(message), options_.on_audio ? &audio_ : nullptr);
  if (event) {
    take_event(*event);
  } else {
    ++counters_.invalid_events;
  }
}

void OpenAiRealtimeClient::Session::take_event(const ServerEvent& event) {
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
        answer_.heard(event.audio_bytes);
        if (options_.on_audio) {
          options_.on_audio(audio_);
        }
      }
      return;
    case Kind::kCommitted:
      history_.begin(Transcript::Speaker::kUser, event.item_id);
      return;
    case Kind::kTranscript:
      if (event.transcript.final) {
        history_.complete(event.transcript.speaker, event.transcript.item_id, event.transcript.text);
      } else {
        history_.begin(event.transcript.speaker, event.transcript.item_id);
      }
      if (options_.on_transcript) {
        options_.on_transcript(event.transcript);
      }
      return;
    case Kind::kRateLimits:
      rate_limits_ = event.rate_limits;
      return;
    case Kind::kSpeechStarted:
      hear_user();  // Cancelling what runs is the provider's part.
      break;
    case Kind::kSpeechStopped:
      if (options_.server_vad) {
        answer_.asked();
      }
      break;
    case Kind::kResponseCreated:
      response_id_ = event.response_id;
      if (std::exchange(cancel_when_created_, false)) {
        cancel(response_id_);
      } else {
        user_speaks_ = false;
      }
      break;
    case Kind::kToolCall:
      if (!event.response_id.empty() && event.response_id == silenced_response_id_) {
        break;
      }
      if (!tool_calls_.take(event.tool_call)) {
        ++counters_.invalid_events;
      }
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
  connection_.changed().set();
}

void OpenAiRealtimeClient::Session::take_response_done(const ServerEvent& event) {
  ++counters_.responses_done;
  if (event.response_status == "cancelled") {
    ++counters_.responses_cancelled;
  }
  if (event.response_status == "completed") {
    rate_limit_backoff_.reset();
  }
  if (event.response_status == "failed") {
    ++counters_.responses_failed;
    last_error_ =
        event.error_text.empty() ? "a response failed without an error" : text::without_secrets(event.error_text);
    if (event.error_code == "rate_limit_exceeded") {
      quiet_until_ = loop_.now() + rate_limit_backoff_.next(loop_.random());
    }
  }
  if (!response_id_.empty() && event.response_id != response_id_) {
    return;
  }
  response_id_.clear();
  request_id_.clear();
  // Where it was a call, its result is answered, and all else with it.
  if (std::exchange(deferred_, false) && !tool_calls_.awaited()) {
    ask_for_answer();
  }
  end_answer(event.response_status == "failed"      ? AnswerListener::End::kFailed
             : event.response_status == "cancelled" ? AnswerListener::End::kInterrupted
                                                    : AnswerListener::End::kReceived);
}

void OpenAiRealtimeClient::Session::take_error(const ServerEvent& event) {
  ++counters_.errors;
  last_error_ = error_text_ = text::without_secrets(event.error_text);
  error_code_ = event.error_code;
  rejected_ = rejected_ || (!update_id_.empty() && event.error_event_id == update_id_);
  if (request_id_.empty() || event.error_event_id != request_id_) {
    return;
  }
  request_id_.clear();
  cancel_when_created_ = false;
  if (event.error_code == "conversation_already_has_active_response" && !user_speaks_) {
    deferred_ = true;
    ++counters_.responses_deferred;
  } else if (!responding() && std::exchange(deferred_, false)) {
    ask_for_answer();
  }
  end_answer(AnswerListener::End::kFailed);
}

void OpenAiRealtimeClient::Session::end_answer(AnswerListener::End end) {
  if (!answering()) {
    answer_.ended(end);
  }
}

void OpenAiRealtimeClient::Session::ask_for_answer() {
  answer_.asked();
  request_id_ = next_event_id();
  outbox_.push_back(response_create_event(request_id_));
  connection_.changed().set();
}

// All results that are waited for are sent.
void OpenAiRealtimeClient::Session::answer_results() {
  if (user_speaks_) {
    return;  // The answer to what he says will know them.
  }
  if (responding()) {
    deferred_ = true;
  } else {
    ask_for_answer();
  }
}

// The user speaks over the answer, whether it is played, made, asked for, or waits for a function's result.
void OpenAiRealtimeClient::Session::hear_user() {
  stop_playing();
  user_speaks_ = true;
  deferred_ = false;
  tool_calls_.stop_awaiting();
  cancel_when_created_ = response_id_.empty() && !request_id_.empty();
  end_answer(AnswerListener::End::kInterrupted);
}

// Nothing more is heard of the answer, and the provider is told how much was.
void OpenAiRealtimeClient::Session::stop_playing() {
  const std::vector<Playback::Played> cut = playback_.stop(loop_.now());
  for (const Playback::Played& played : cut) {
    outbox_.push_back(truncate_event(next_event_id(), played.item_id, played.ms));
    history_.break_off(played.item_id);
  }
  if (!cut.empty() || answering()) {
    ++counters_.interruptions;
  }
  if (!response_id_.empty()) {
    silenced_response_id_ = response_id_;
  }
}

void OpenAiRealtimeClient::Session::cancel(const std::string& response_id) {
  silenced_response_id_ = response_id;
  outbox_.push_back(response_cancel_event(next_event_id(), response_id));
}

void OpenAiRealtimeClient::Session::interrupt() {
  if (!connection_.is_ready()) {
    return;
  }
  hear_user();
  if (!response_id_.empty()) {
    cancel(response_id_);
  }
  connection_.changed().set();
}

// Until the connection has ended: what the client answers, apart from what its owner sends.
Task<> OpenAiRealtimeClient::Session::speak(Socket socket) {
  try {
    while (connection_.socket() == socket && !connection_.end()) {
      if (outbox_.empty()) {
        connection_.changed().reset();
        co_await connection_.changed().wait();
        continue;
      }
      std::string event = std::move(outbox_.front());
      outbox_.pop_front();
      co_await socket->send_text(std::move(event));
      connection_.count_other();
    }
  } catch (const net::ConnectionClosed&) {  // The connection learns how.
  }
}

void OpenAiRealtimeClient::Session::forget_answer() {
  request_id_.clear();
  response_id_.clear();
  silenced_response_id_.clear();
  deferred_ = cancel_when_created_ = user_speaks_ = false;
  outbox_.clear();
  playback_.stop(loop_.now());
}

void OpenAiRealtimeClient::Session::plan_renewal(std::int64_t expires_at) {
  const auto expiry = std::chrono::system_clock::time_point(std::chrono::seconds(expires_at));
  const std::chrono::nanoseconds life = expiry - loop_.wall_now();
  if (life <= 0s) {
    return;  // It says nothing, or one of the clocks is wrong.
  }
  const Instant end = loop_.now() + life;
  renewal_ =
      Renewal{end - std::min(options_.renewal_notice, life / 2), end - std::min(options_.renewal_margin, life / 4)};
}

// One after the other

void OpenAiRealtimeClient::Session::ended() {
  results_lost_ = tool_calls_.awaited();
  tool_calls_.cancel_all();
}

std::optional<Instant> OpenAiRealtimeClient::Session::renew_at() const {
  if (!renewal_) {
    return std::nullopt;
  }
  return answering() ? renewal_->by : renewal_->from;
}

ReconnectingConnection::Plan OpenAiRealtimeClient::Session::plan_reconnect(bool /*stable*/) {
  if (std::exchange(results_lost_, false) || answering()) {
    ++counters_.responses_lost;
  }
  tool_calls_.cancel_all();
  forget_answer();
  answer_.ended(AnswerListener::End::kLost);
  if (!connection_.end()) {
    return {.reason =
                connection_.failure(Errc::kConnectionClosed, "announces the end of each session as soon as it is open"),
            .immediate = true};
  }
  const OpenAiEnd meaning = meaning_of_end();
  return {.reason = failure_after_end("in a session"),
          .immediate = meaning == OpenAiEnd::kExpired,
          .permanent = meaning == OpenAiEnd::kBadKey || meaning == OpenAiEnd::kRefused};
}

ReconnectingConnection::Plan OpenAiRealtimeClient::Session::plan_retry(const Error& error) {
  const auto* const refused = dynamic_cast<const net::HandshakeRefused*>(&error);
  const bool permanent = refused != nullptr ? is_permanent_refusal(refused->status())
                                            : error.code() == Errc::kAuthentication ||
                                                  error.code() == Errc::kRejected || error.code() == Errc::kCertificate;
  return {.reason = error, .permanent = permanent};
}

// The client's verbs

Task<> OpenAiRealtimeClient::Session::connect() {
  co_await connection_.connect();
  uplink_.start();
}

Task<> OpenAiRealtimeClient::Session::deliver(std::span<const std::byte> pcm) {
  while (true) {
    Task<Socket> waiting = connection_.ready();
    const Socket socket = co_await std::move(waiting);
    try {
      std::string event = append_audio_event(pcm);
      co_await socket->send_text(std::move(event));
      connection_.count_frame();
      if (socket == connection_.socket()) {
        uncommitted_ += pcm.size();
      }
      co_return;
    } catch (const net::ConnectionClosed&) {  // Not taken, so it may be sent again.
    }
    co_await connection_.wait_for_end(socket);
  }
}

Task<> OpenAiRealtimeClient::Session::deliver_end_of_turn() {
  while (!answering() && !options_.server_vad) {
    Task<Socket> waiting = connection_.ready();
    const Socket socket = co_await std::move(waiting);
    if (uncommitted_ < kCommitBytesMin) {
      co_return;
    }
    if (loop_.now() < quiet_until_) {
      ++counters_.turns_held_back;
      co_return;
    }
    uncommitted_ = 0;
    user_speaks_ = false;
    const std::string response_id = next_event_id();
    request_id_ = response_id;
    answer_.asked();
    try {
      std::string commit = commit_event(next_event_id());
      co_await socket->send_text(std::move(commit));
      connection_.count_other();
      std::string create = response_create_event(response_id);
      co_await socket->send_text(std::move(create));
      connection_.count_other();
      co_return;
    } catch (const net::ConnectionClosed&) {
      if (request_id_ == response_id) {
        request_id_.clear();
        end_answer(AnswerListener::End::kLost);
      }
    }
    co_await connection_.wait_for_end(socket);
  }
}

Task<bool> OpenAiRealtimeClient::Session::send_tool_result(std::string call_id, std::string result) {
  const std::string* const name = tool_calls_.find(call_id);
  if (name == nullptr) {
    co_return false;
  }
  std::string event = tool_result_event(next_event_id(), call_id, result);
  if (event.empty()) {
    throw connection_.failure(Errc::kInvalidArgument, fmt::format("takes UTF-8 as the result of '{}'", *name));
  }
  Task<bool> answering_it = tool_calls_.answer(std::move(call_id), std::move(event));
  const bool sent = co_await std::move(answering_it);
  if (sent && !tool_calls_.awaited()) {
    answer_results();
  }
  co_return sent;
}

OpenAiRealtimeClient::OpenAiRealtimeClient(EventLoop& loop, OpenAiRealtimeOptions options)
    : session_(std::make_unique<Session>(loop, std::move(options))) {}

OpenAiRealtimeClient::~OpenAiRealtimeClient() = default;

Task<> OpenAiRealtimeClient::connect() { return session_->connect(); }

Task<> OpenAiRealtimeClient::send_audio(std::span<const std::byte> pcm) { return session_->send_audio(pcm); }

Task<> OpenAiRealtimeClient::end_turn() { return session_->end_turn(); }

Task<bool> OpenAiRealtimeClient::send_tool_result(std::string call_id, std::string result) {
  return session_->send_tool_result(std::move(call_id), std::move(result));
}

void OpenAiRealtimeClient::interrupt() { session_->interrupt(); }

Task<> OpenAiRealtimeClient::close() { return session_->close(); }

const OpenAiRealtimeCounters& OpenAiRealtimeClient::counters() const { return session_->counters(); }

const std::string& OpenAiRealtimeClient::last_error() const { return session_->last_error(); }

void OpenAiRealtimeClient::tell_answers_to(AnswerListener* listener) { session_->tell_answers_to(listener); }

const std::vector<RateLimit>& OpenAiRealtimeClient::rate_limits() const { return session_->rate_limits(); }

}  // namespace soak::voice
