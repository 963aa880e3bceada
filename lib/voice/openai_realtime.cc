// SPDX-License-Identifier: Apache-2.0
#include "soak/voice/openai_realtime.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "openai_events.h"
#include "soak/error.h"
#include "soak/event.h"
#include "soak/net/websocket.h"

namespace soak::voice {
namespace {

using namespace std::chrono_literals;

// How the provider says that the key is no good, when it does so after the upgrade.
constexpr std::string_view kBadKeyCode = "invalid_api_key";
constexpr std::uint16_t kBadKeyClose = 3000;

// What is left to do after the close handshake takes a turn of the loop, not seconds.
constexpr DrainOptions kAfterClose{.timeout = 1s, .grace = 1s};

}  // namespace

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
  Task<> close();
  const ClientCounters& counters() const { return counters_; }
  const std::string& last_error() const { return last_error_; }

 private:
  Task<> open_socket();
  Task<> receive();
  void take(const ServerEvent& event);
  // Waits until `reached` holds; throws what ended the session instead, or the timeout.
  Task<> wait_for(const bool& reached, std::string_view what, Instant deadline);
  std::string next_event_id() { return fmt::format("evt_{}", ++event_number_); }
  net::WebSocket& open();
  [[noreturn]] void fail(Errc code, std::string_view what) const;

  EventLoop& loop_;
  const OpenAiRealtimeOptions options_;
  std::unique_ptr<net::WebSocket> socket_;
  TaskGroup group_;
  Event changed_;  // Something below has changed.
  bool created_ = false;
  bool updated_ = false;
  bool rejected_ = false;  // The session's configuration was.
  std::optional<net::CloseStatus> closed_;
  std::string update_id_;
  std::string response_id_;  // The response.create that is not answered yet; empty if there is none.
  std::string last_error_;
  std::string last_error_code_;
  std::uint64_t event_number_ = 0;
  Instant connected_at_{};
  ClientCounters counters_;
};

void OpenAiRealtimeClient::Session::fail(Errc code, std::string_view what) const {
  throw Error(code, fmt::format("openai_realtime: {} {}", options_.url, what));
}

net::WebSocket& OpenAiRealtimeClient::Session::open() {
  if (socket_ == nullptr) {
    fail(Errc::kConnectionClosed, "is not connected");
  }
  return *socket_;
}

Task<> OpenAiRealtimeClient::Session::open_socket() {
  net::ConnectOptions options;
  options.headers.add("Authorization", "Bearer " + options_.api_key);
  options.connect_timeout = options_.connect_timeout;
  options.ca_file = options_.ca_file;
  const std::string url =
      options_.url + (options_.url.find('?') == std::string::npos ? "?" : "&") + "model=" + options_.model;
  try {
    Task<std::unique_ptr<net::WebSocket>> connecting = net::connect_websocket(loop_, url, options);
    socket_ = co_await std::move(connecting);
  } catch (const net::HandshakeRefused& refused) {
    if (refused.status() == 401 || refused.status() == 403) {
      fail(Errc::kAuthentication, fmt::format("does not accept the key: HTTP {}", refused.status()));
    }
    throw;
  }
  connected_at_ = loop_.now();
}

Task<> OpenAiRealtimeClient::Session::connect() {
  co_await open_socket();
  group_.start("receive", receive(), TaskKind::kReceive);
  const Instant deadline = connected_at_ + options_.setup_timeout;
  co_await wait_for(created_, "session.created", deadline);
  update_id_ = next_event_id();
  std::string update = session_update_event(update_id_, options_);
  co_await open().send_text(std::move(update));
  co_await wait_for(updated_, "session.updated", deadline);
  ++counters_.sessions;
}

Task<> OpenAiRealtimeClient::Session::wait_for(const bool& reached, std::string_view what, Instant deadline) {
  while (!reached) {
    if (rejected_) {
      fail(Errc::kRejected, fmt::format("rejected the session's configuration: {}", last_error_));
    }
    const auto after = std::chrono::duration<double>(loop_.now() - connected_at_).count();
    if (closed_) {
      // Which of the two shapes a bad key takes today is not known: this is the one after the upgrade.
      const bool bad_key = last_error_code_ == kBadKeyCode || closed_->code == kBadKeyClose;
      fail(bad_key ? Errc::kAuthentication : Errc::kConnectionClosed,
           fmt::format("closed {} before {}, {:.1f} s after connect{}{}", closed_->code, what, after,
                       last_error_.empty() ? "" : ": ", last_error_));
    }
    if (loop_.now() >= deadline) {
      fail(Errc::kTimeout, fmt::format("sent no {} within {:.1f} s of connecting", what, after));
    }
    changed_.reset();
    co_await changed_.wait_until(deadline);
  }
}

Task<> OpenAiRealtimeClient::Session::receive() {
  try {
    while (true) {
      const net::Message message = co_await socket_->receive();
      const auto event = parse_server_event(message.data);
      if (event) {
        take(*event);
      } else {
        ++counters_.invalid_events;
      }
    }
  } catch (const net::ConnectionClosed& closed) {
    closed_ = closed.status();
    changed_.set();
  }
}

void OpenAiRealtimeClient::Session::take(const ServerEvent& event) {
  using Kind = ServerEvent::Kind;
  switch (event.kind) {
    case Kind::kSessionCreated:
      created_ = true;
      break;
    case Kind::kSessionUpdated:
      updated_ = true;
      break;
    case Kind::kAudioDelta:
      counters_.audio_bytes_received += event.audio_bytes;
      return;
    case Kind::kResponseDone:
      ++counters_.responses_done;
      response_id_.clear();
      return;
    case Kind::kError:
      ++counters_.errors;
      last_error_ = event.error_text;
      last_error_code_ = event.error_code;
      rejected_ = rejected_ || (!update_id_.empty() && event.error_event_id == update_id_);
      if (event.error_event_id == response_id_) {
        response_id_.clear();
      }
      break;
    case Kind::kOther:
      return;
    case Kind::kUnknown:
      ++counters_.unknown_events;
      return;
  }
  changed_.set();
}

Task<> OpenAiRealtimeClient::Session::send_audio(std::span<const std::byte> pcm) {
  std::string event = append_audio_event(pcm);
  co_await open().send_text(std::move(event));
  ++counters_.frames_sent;
}

Task<> OpenAiRealtimeClient::Session::end_turn() {
  if (!response_id_.empty()) {
    co_return;
  }
  std::string commit = commit_event(next_event_id());
  co_await open().send_text(std::move(commit));
  response_id_ = next_event_id();
  std::string create = response_create_event(response_id_);
  co_await open().send_text(std::move(create));
}

Task<> OpenAiRealtimeClient::Session::close() {
  if (socket_ == nullptr) {
    co_return;
  }
  co_await socket_->close();
  Task<DrainResult> draining = drain(group_, kAfterClose);
  co_await std::move(draining);
  socket_.reset();
}

OpenAiRealtimeClient::OpenAiRealtimeClient(EventLoop& loop, OpenAiRealtimeOptions options)
    : session_(std::make_unique<Session>(loop, std::move(options))) {}

OpenAiRealtimeClient::~OpenAiRealtimeClient() = default;

Task<> OpenAiRealtimeClient::connect() { return session_->connect(); }

Task<> OpenAiRealtimeClient::send_audio(std::span<const std::byte> pcm) { return session_->send_audio(pcm); }

Task<> OpenAiRealtimeClient::end_turn() { return session_->end_turn(); }

Task<> OpenAiRealtimeClient::close() { return session_->close(); }

const ClientCounters& OpenAiRealtimeClient::counters() const { return session_->counters(); }

const std::string& OpenAiRealtimeClient::last_error() const { return session_->last_error(); }

}  // namespace soak::voice
