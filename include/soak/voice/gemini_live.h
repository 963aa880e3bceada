// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_VOICE_GEMINI_LIVE_H_
#define SOAK_VOICE_GEMINI_LIVE_H_

// A client for the Gemini Live API (BidiGenerateContent) over WebSocket.
// Sources: ai.google.dev, "Live API - WebSockets API reference" and "Session management with Live API"; the official
// SDKs, github.com/googleapis/js-genai (src/live.ts, src/types.ts) and googleapis/python-genai (google/genai/live.py).
//
// It connects, sends the setup, waits for setupComplete and streams audio. It counts what comes back, and counts and
// ignores unknown messages. The client itself marks where the user's activity starts and ends.
//
// A connection lasts about ten minutes, and a session lasts longer: the provider issues handles, and the next
// connection resumes the session with the latest one. When the provider announces the end of a connection (goAway), the
// client renews it: at once or after the current answer, and in any case in time. It closes the old connection before
// it opens the new one, because the provider refuses a session that is still open. Sending waits meanwhile. With
// `backoff`, it replaces a lost connection in the same way, unless the close reason rules that out (the code alone is
// ambiguous). If the provider refuses to resume a session three times in a row, because it still sees a half-open
// connection, the client starts a new session.

#include <chrono>
#include <cstddef>
#include <cstdint>
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

struct GeminiLiveOptions {
  std::string url =
      "wss://generativelanguage.googleapis.com/ws/"
      "google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent";
  std::string model = "models/gemini-2.5-flash-native-audio-preview-09-2025";
  std::string api_key = "soak";  // A secret: never printed. Sent as x-goog-api-key, because URLs end up in logs.
  std::string ca_file = {};      // For a wss: url: PEM file of the CAs to trust instead of the system's.
  std::string instructions = "Answer briefly.";

  // If true, audio after end_turn() interrupts the answer, like barge-in (activityHandling
  // START_OF_ACTIVITY_INTERRUPTS). If false, the answer continues while the microphone keeps streaming
  // (NO_INTERRUPTION).
  bool interruptible = false;

  AudioSink on_audio = {};  // The answers, at 24 kHz.

  // If set, send_audio() and end_turn() do not wait. Audio that the provider does not take yet waits in the client, up
  // to this much. Beyond that, the oldest is dropped and counted (frames_dropped), as suits a live conversation.
  std::optional<std::chrono::nanoseconds> backlog = std::nullopt;

  // Functions that the model may call, and who receives the calls. The answer waits for send_tool_result().
  std::vector<Tool> tools = {};
  ToolSink on_tool_call = {};

  // To resume a session, the resumption_handle() of an earlier client; empty starts a new one.
  std::string resumption_handle = {};

  // If set, a lost connection is replaced after a delay. If unset, it is an error.
  std::optional<BackoffOptions> backoff = std::nullopt;
  int attempts_max = 8;  // In a row, until a connection has lived for `stable_after`.
  std::chrono::nanoseconds stable_after = std::chrono::seconds{30};
  // Added to the delay if the reason is the quota; a short delay would only make it worse.
  std::chrono::nanoseconds quota_pause = std::chrono::seconds{30};

  // The connection is renewed at least this long before its announced end, or half of the notice if that is shorter.
  std::chrono::nanoseconds renewal_margin = std::chrono::seconds{5};

  std::chrono::nanoseconds connect_timeout = std::chrono::seconds{10};  // Until the WebSocket is open.
  std::chrono::nanoseconds setup_timeout = std::chrono::seconds{10};    // Then until setupComplete.

  // Sends a ping every interval. If a pong is overdue by the timeout, the connection counts as lost. Loaded services
  // have been seen to respond after 8 to 30 s. Zero sends no pings.
  std::chrono::nanoseconds ping_interval = std::chrono::seconds{15};
  std::chrono::nanoseconds ping_timeout = std::chrono::seconds{35};
};

// `sessions` counts setupComplete, so each renewal adds one. `responses_done` counts turnComplete. `errors` counts
// connections that the provider closed with a code other than 1000 or 1001, because it has no error messages.
// `frames_dropped` includes the current frame when the provider closes for a bad payload; that frame is not resent.
struct GeminiLiveCounters : ClientCounters {
  std::uint64_t sessions_resumed = 0;  // Of `sessions`: those that resumed an earlier one.
  std::uint64_t go_aways = 0;
  std::uint64_t interruptions = 0;  // Answers that the provider interrupted.
  std::uint64_t turns_lost = 0;     // Answers in progress when a connection ended.
};

class GeminiLiveClient : public Client {
 public:
  static constexpr int kInputRateHz = 16'000;
  static constexpr int kOutputRateHz = 24'000;

  GeminiLiveClient(EventLoop& loop, GeminiLiveOptions options);
  ~GeminiLiveClient() override;

  std::string_view provider() const override { return "gemini"; }
  int input_rate_hz() const override { return kInputRateHz; }

  // Call it once; it tries once. If the provider no longer knows the handle, it drops the handle and starts a new
  // session. Errors: Errc::kAuthentication for a key that is not accepted (HTTP 400, 401 or 403, or a close whose
  // reason mentions the API key), so a retry is pointless; Errc::kRejected if the model or the setup is refused;
  // Errc::kTimeout; Errc::kConnectionClosed for any other close before setupComplete; and the transport's own errors.
  Task<> connect() override;

  // Sends realtimeInput.audio, "audio/pcm;rate=16000", which the provider does not acknowledge, and activityStart
  // before the first one of a turn. Waits while the connection is being replaced. If there is no connection any more,
  // throws Error with the code that connect() would have and the provider's message.
  Task<> send_audio(std::span<const std::byte> pcm) override;

  // Sends activityEnd, which requests an answer. Does nothing while one is in progress, or if no audio was sent.
  Task<> end_turn() override;

  // Sends toolResponse for the call with this id; `result` is a JSON object. Returns false and sends nothing if the
  // call is no longer open: it was cancelled, has a result, or came on another connection. Throws
  // Error(Errc::kInvalidArgument) if `result` is not a JSON object.
  Task<bool> send_tool_result(std::string call_id, std::string result);

  // Also ends renewal. Takes at most 4 s.
  Task<> close() override;

  const GeminiLiveCounters& counters() const override;

  // The provider's last handle for a session that can be resumed; empty if there was none. It stays valid after
  // close(), for the client that resumes the session.
  const std::string& resumption_handle() const;

  // The provider's reason for the last close: "1011 Deadline expired before ...". Empty if there was none.
  const std::string& last_error() const override;

  void tell_answers_to(AnswerListener* listener) override;

 private:
  class Session;
  std::unique_ptr<Session> session_;
};

}  // namespace soak::voice

#endif  // SOAK_VOICE_GEMINI_LIVE_H_
