// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_VOICE_OPENAI_REALTIME_H_
#define SOAK_VOICE_OPENAI_REALTIME_H_

// A client for the OpenAI Realtime API over WebSocket, in its GA wire format.
// Sources: the schemas RealtimeClientEvent* and RealtimeServerEvent* of github.com/openai/openai-openapi, and
// github.com/openai/openai-python, resources/realtime/realtime.py.
//
// It connects, waits for session.created, configures the session and streams audio. It counts what comes back, and
// counts and ignores unknown events.
//
// A session lasts at most an hour, and announces its end (`expires_at`). The client renews it before that: between two
// answers if possible, and in any case in time. If a session expires anyway, the client renews it at once. With
// `backoff`, it replaces a lost connection in the same way after a delay, unless the provider's error rules that out.
// It closes the old connection before it opens the new one, and sending waits meanwhile.
//
// The provider carries nothing over: a new session is a new conversation. So the client passes on the conversation so
// far, as text. Uncommitted audio is lost. So are function calls: their results so far are part of that text, and a
// result that comes after the renewal is not sent.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "soak/backoff.h"
#include "soak/event_loop.h"
#include "soak/task.h"
#include "soak/voice/client.h"

namespace soak::voice {

// A transcript of the user or of the provider's answer. Pieces arrive as they become known. The whole text of an item
// comes last, possibly after the answer to it.
struct Transcript {
  enum class Speaker : std::uint8_t { kUser, kAssistant };

  Speaker speaker = Speaker::kUser;
  std::string item_id;
  std::string text;    // The piece, or the whole text.
  bool final = false;  // True for the whole text.
};

// One of the provider's limits, as last reported (rate_limits.updated).
struct RateLimit {
  std::string name;  // "tokens", "requests".
  std::int64_t limit = 0;
  std::int64_t remaining = 0;
  std::chrono::nanoseconds resets_after{0};  // From the time of that report.
};

struct OpenAiRealtimeOptions {
  std::string url = "wss://api.openai.com/v1/realtime";  // Without the model.
  std::string model = "gpt-realtime";
  std::string api_key = "sk-soak";  // A secret: never printed.
  std::string ca_file = {};         // For a wss: url: PEM file of the CAs to trust instead of the system's.
  std::string voice = "alloy";
  std::string instructions = "Answer briefly.";

  // The provider detects where turns begin and end, answers each one, and stops its answer when the user speaks
  // (turn_detection server_vad). If false, you end a turn with end_turn().
  bool server_vad = false;

  std::string transcription_model = {};  // "gpt-4o-transcribe" transcribes the input; empty: off.
  // Called on the loop's thread, from inside the client: it must not destroy or close the client, or throw.
  std::function<void(const Transcript&)> on_transcript = {};
  AudioSink on_audio = {};  // The answers, at 24 kHz, as they arrive; nothing more of an interrupted one.

  // If set, send_audio() and end_turn() do not wait. Audio that the provider does not take yet waits in the client, up
  // to this much. Beyond that, the oldest is dropped and counted (frames_dropped), as suits a live conversation.
  std::optional<std::chrono::nanoseconds> backlog = std::nullopt;

  // Functions that the model may call, and who receives the calls. The answer waits for send_tool_result().
  std::vector<Tool> tools = {};
  ToolSink on_tool_call = {};

  // If set, a lost connection is replaced after a delay, and not before any Retry-After. If unset, it is an error.
  std::optional<BackoffOptions> backoff = std::nullopt;
  int attempts_max = 8;  // In a row, until a connection has lived for `stable_after`.
  std::chrono::nanoseconds stable_after = std::chrono::seconds{30};

  // How much of the conversation a replacement session receives: transcripts of the newest items, up to this many
  // bytes; 0 for nothing. The user's items have transcripts only with `transcription_model`. An interrupted answer has
  // none.
  std::size_t history_bytes_max = std::size_t{16} << 10;

  // How long before `expires_at` the client starts to look for a moment between answers to renew the session, and when
  // it stops waiting for one. At most half and a quarter of the session's life.
  std::chrono::nanoseconds renewal_notice = std::chrono::minutes{2};
  std::chrono::nanoseconds renewal_margin = std::chrono::seconds{10};

  std::chrono::nanoseconds connect_timeout = std::chrono::seconds{10};  // Until the WebSocket is open.
  std::chrono::nanoseconds setup_timeout = std::chrono::seconds{10};    // Then until the session is configured.

  // Sends a ping every interval. If a pong is overdue by the timeout, the connection counts as lost. Loaded services
  // have been seen to respond after 8 to 30 s. Zero sends no pings.
  std::chrono::nanoseconds ping_interval = std::chrono::seconds{15};
  std::chrono::nanoseconds ping_timeout = std::chrono::seconds{35};
};

// `sessions` counts configured sessions, so each renewal adds one. `responses_done` counts response.done of any status.
struct OpenAiRealtimeCounters : ClientCounters {
  std::uint64_t responses_lost = 0;         // In progress when a connection ended.
  std::uint64_t responses_failed = 0;       // Of responses_done; last_error() has the reason.
  std::uint64_t responses_cancelled = 0;    // Of responses_done.
  std::uint64_t responses_deferred = 0;     // Requested while another was running, and again after it.
  std::uint64_t turns_held_back = 0;        // By end_turn(), after a response failed because of a rate limit.
  std::uint64_t items_replayed = 0;         // Items passed to replacement sessions.
  std::uint64_t interruptions = 0;          // Answers interrupted while they were generated or played.
  std::uint64_t audio_bytes_discarded = 0;  // Of audio_bytes_received: from an interrupted answer.
};

class OpenAiRealtimeClient : public Client {
 public:
  static constexpr int kInputRateHz = 24'000;
  static constexpr int kOutputRateHz = 24'000;

  OpenAiRealtimeClient(EventLoop& loop, OpenAiRealtimeOptions options);
  ~OpenAiRealtimeClient() override;

  std::string_view provider() const override { return "openai"; }
  int input_rate_hz() const override { return kInputRateHz; }

  // Call it once; it tries once. Errors: Errc::kAuthentication for a key that is not accepted (HTTP 401 or 403, or an
  // error event and close 3000), so a retry is pointless; Errc::kRejected if the session's configuration or the request
  // itself (close 4000) is refused; Errc::kTimeout; Errc::kConnectionClosed for any other close before the session is
  // configured; and the transport's own errors.
  Task<> connect() override;

  // Sends input_audio_buffer.append, which the provider does not acknowledge. Waits while the connection is being
  // replaced. If there is no connection any more, throws Error with the code that connect() would have and the
  // provider's message.
  Task<> send_audio(std::span<const std::byte> pcm) override;

  // Sends input_audio_buffer.commit and response.create. Does nothing while an answer is in progress (including one
  // that waits for a function's result), if less than 100 ms of audio was sent (the provider's minimum for a turn), for
  // a while after a response failed because of a rate limit, or with `server_vad`.
  Task<> end_turn() override;

  // Sends the result of the call with this id, as text; it need not be JSON. Once every call has its result, the client
  // requests an answer: after a response that is still running, and not while the user speaks, because the answer to
  // that will include the results. Returns false and sends nothing if the call is no longer open: it has a result, or
  // came on another connection. Throws Error(Errc::kInvalidArgument) for text that is not UTF-8.
  Task<bool> send_tool_result(std::string call_id, std::string result);

  // Call it when the user speaks over the answer (barge-in). Cancels the running response by its id and truncates its
  // item to what a speaker has played so far; no more of it is played. A requested response without an id is cancelled
  // once it has one. A function call continues, because the provider does not withdraw it, but no answer waits for its
  // result any more. Does not wait. With `server_vad`, the client does this itself.
  void interrupt();

  // Also ends renewal and recovery. Takes at most 4 s.
  Task<> close() override;

  const OpenAiRealtimeCounters& counters() const override;

  // The provider's last error event, or the error of a failed response: "invalid_request_error/invalid_api_key: ...".
  // Empty if there was none.
  const std::string& last_error() const override;

  void tell_answers_to(AnswerListener* listener) override;

  // Empty until the provider reports any; it may never do so.
  const std::vector<RateLimit>& rate_limits() const;

 private:
  class Session;
  std::unique_ptr<Session> session_;
};

}  // namespace soak::voice

#endif  // SOAK_VOICE_OPENAI_REALTIME_H_
