// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_VOICE_OPENAI_REALTIME_H_
#define SOAK_VOICE_OPENAI_REALTIME_H_

// A client of the OpenAI Realtime API over WebSocket, in its GA shape.
// Sources: the schemas RealtimeClientEvent* and RealtimeServerEvent* of github.com/openai/openai-openapi, and
// github.com/openai/openai-python, resources/realtime/realtime.py.
//
// It connects, waits for session.created, configures the session and streams audio; what comes back is counted. Events
// that it does not know are counted and ignored.
//
// A session lives for an hour at most, and says when it ends (`expires_at`). The client renews it by itself before
// that: between two answers, if there is such a moment, but in time whatever the provider sends. A session that expires
// all the same is renewed at once. With `backoff` a connection that is lost is replaced the same way, after a delay,
// unless the provider says that it is of no use. The old connection is closed before the new one is opened; sending
// waits meanwhile. The provider carries nothing over: a new session is a new conversation, so the client tells it
// what was said, as text; audio that was not committed is gone. So are calls of functions: what they led to is in that
// text, and a result that comes later than the renewal has nobody who asked for it.

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

// What was said, as the provider understood it or said it itself. Pieces come as they are known; the whole text of an
// item comes last, and may come after the answer to it.
struct Transcript {
  enum class Speaker : std::uint8_t { kUser, kAssistant };

  Speaker speaker = Speaker::kUser;
  std::string item_id;
  std::string text;    // The piece, or the whole text.
  bool final = false;  // It is the whole text.
};

// One of the provider's limits, as it last said (rate_limits.updated).
struct RateLimit {
  std::string name;  // "tokens", "requests".
  std::int64_t limit = 0;
  std::int64_t remaining = 0;
  std::chrono::nanoseconds resets_after{0};  // From when it was said.
};

struct OpenAiRealtimeOptions {
  std::string url = "wss://api.openai.com/v1/realtime";  // Without the model.
  std::string model = "gpt-realtime";
  std::string api_key = "sk-soak";  // A secret: never printed.
  std::string ca_file = {};         // For a wss: url: whom to trust instead of the system's CAs, a PEM file.
  std::string voice = "alloy";
  std::string instructions = "Answer briefly.";

  // The provider hears where turns begin and end, answers each by itself, and breaks its answer off when the user
  // speaks (turn_detection server_vad). Off, end_turn() says it.
  bool server_vad = false;

  std::string transcription_model = {};  // "gpt-4o-transcribe": has the input transcribed; empty: it is not.
  // On the loop's thread, from inside the client: it must not destroy or close it, nor throw.
  std::function<void(const Transcript&)> on_transcript = {};
  AudioSink on_audio = {};  // The answers, at 24 kHz, as they arrive; nothing of one that was broken off.

  // Set: send_audio() and end_turn() do not wait. What the provider does not take yet waits in the client, so much
  // audio of it; of more the oldest is dropped and counted (frames_dropped), as a live conversation wants it.
  std::optional<std::chrono::nanoseconds> backlog = std::nullopt;

  // What the model may call, and who is told of it. The answer waits for send_tool_result().
  std::vector<Tool> tools = {};
  ToolSink on_tool_call = {};

  // Set: a connection that is lost is replaced after a delay, and after what Retry-After asks for. Unset: it is an
  // error.
  std::optional<BackoffOptions> backoff = std::nullopt;
  int attempts_max = 8;  // In a row, until a connection lived for `stable_after`.
  std::chrono::nanoseconds stable_after = std::chrono::seconds{30};

  // What a session that takes another one's place is told of the conversation: the transcripts of the newest items, so
  // many bytes of them; 0: nothing. Of the user's items there are transcripts with `transcription_model` alone, and of
  // an answer that was broken off there is none.
  std::size_t history_bytes_max = std::size_t{16} << 10;

  // How long before `expires_at` the client begins to look for a moment without an answer to renew the session in, and
  // when it no longer waits for one. Half and a quarter of the session's life, if those are shorter.
  std::chrono::nanoseconds renewal_notice = std::chrono::minutes{2};
  std::chrono::nanoseconds renewal_margin = std::chrono::seconds{10};

  std::chrono::nanoseconds connect_timeout = std::chrono::seconds{10};  // Until the WebSocket is open.
  std::chrono::nanoseconds setup_timeout = std::chrono::seconds{10};    // Then until the session is configured.

  // A ping each interval; a connection whose pong is missing for the timeout is lost. Services under load have been
  // seen to answer after 8 to 30 s. Zero sends none.
  std::chrono::nanoseconds ping_interval = std::chrono::seconds{15};
  std::chrono::nanoseconds ping_timeout = std::chrono::seconds{35};
};

// `sessions` counts those that were configured, so a renewal is another one; `responses_done` counts response.done of
// whatever status.
struct OpenAiRealtimeCounters : ClientCounters {
  std::uint64_t responses_lost = 0;         // That were under way when a connection ended.
  std::uint64_t responses_failed = 0;       // Of responses_done. last_error() says why.
  std::uint64_t responses_cancelled = 0;    // Of responses_done.
  std::uint64_t responses_deferred = 0;     // Asked for while another one ran, and again after it.
  std::uint64_t turns_held_back = 0;        // By end_turn(), after a response that failed for a rate limit.
  std::uint64_t items_replayed = 0;         // Of the conversation, into sessions that took another one's place.
  std::uint64_t interruptions = 0;          // Answers that were broken off while they were made or played.
  std::uint64_t audio_bytes_discarded = 0;  // Of audio_bytes_received: of an answer that had been broken off.
};

class OpenAiRealtimeClient : public Client {
 public:
  static constexpr int kInputRateHz = 24'000;
  static constexpr int kOutputRateHz = 24'000;

  OpenAiRealtimeClient(EventLoop& loop, OpenAiRealtimeOptions options);
  ~OpenAiRealtimeClient() override;

  std::string_view provider() const override { return "openai"; }
  int input_rate_hz() const override { return kInputRateHz; }

  // Once, and tries once. Errors: Errc::kAuthentication for a key that is not accepted (HTTP 401 or 403, or an error
  // event and close 3000), which no retry mends; Errc::kRejected when the session's configuration is refused, or the
  // client's request as such (close 4000); Errc::kTimeout; Errc::kConnectionClosed for another close before the session
  // is configured; the transport's own.
  Task<> connect() override;

  // input_audio_buffer.append, which the provider does not acknowledge. Waits while the connection is being replaced.
  // Throws Error when there is none any more: with the code that connect() would have, and what the provider said.
  Task<> send_audio(std::span<const std::byte> pcm) override;

  // input_audio_buffer.commit and response.create. Does nothing while an answer is under way, or when less than the
  // 100 ms of audio were sent that the provider takes for a turn, for a while after a response that failed for a rate
  // limit, and with `server_vad`. An answer that waits for a function's result is under way, too.
  Task<> end_turn() override;

  // The result of the call with this id, as text, which need not be JSON. Once there is one of each call, an answer to
  // them is asked for: after a response that still runs, and not while the user speaks, for the answer to him will know
  // them. Returns false, and sends nothing, where the call is not under way any more: it has a result, or came on
  // another connection. Throws Error(Errc::kInvalidArgument) for a text that is no UTF-8.
  Task<bool> send_tool_result(std::string call_id, std::string result);

  // The user speaks over the answer (barge-in): cancels the response that is under way, by its id, and truncates its
  // item to what a speaker has played by now; nothing more of it is played. A response that was asked for and has no id
  // yet is cancelled once it has one. A call of a function goes on, for the provider does not withdraw it, but no
  // answer waits for its result any more. Does not wait. With `server_vad` the client does it itself.
  void interrupt();

  // Ends renewing and recovering, too. At most 4 s.
  Task<> close() override;

  const OpenAiRealtimeCounters& counters() const override;

  // The last error event of the provider, or error of a response that failed: "invalid_request_error/invalid_api_key:
  // ...". Empty if there was none.
  const std::string& last_error() const;

  // Empty until the provider has said any; it need not.
  const std::vector<RateLimit>& rate_limits() const;

 private:
  class Session;
  std::unique_ptr<Session> session_;
};

}  // namespace soak::voice

#endif  // SOAK_VOICE_OPENAI_REALTIME_H_
