// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_VOICE_GEMINI_LIVE_H_
#define SOAK_VOICE_GEMINI_LIVE_H_

// A client of the Gemini Live API (BidiGenerateContent) over WebSocket.
// Sources: ai.google.dev, "Live API - WebSockets API reference" and "Session management with Live API"; the official
// SDKs, github.com/googleapis/js-genai (src/live.ts, src/types.ts) and googleapis/python-genai (google/genai/live.py).
//
// It connects, sends the setup, waits for setupComplete and streams audio; what comes back is counted. The client says
// itself where the user's activity starts and ends. Messages that it does not know are counted and ignored.
//
// A connection lives for about ten minutes, a session longer: the provider gives out handles, and the next connection
// carries on with the last one. The client renews its connection by itself when the provider announces the end
// (goAway): at once, or after the answer that is under way, but in time whatever the provider sends. The old connection
// is closed before the new one is opened: the provider refuses a session that is still open. Sending waits meanwhile.
// With `backoff` a lost connection is replaced the same way, unless the close says that it is of no use: the reason is
// read, the code alone is ambiguous. A session that the provider refuses to resume three times in a row, because it
// takes a half-open connection for alive, is given up for a new one.

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
  std::string api_key = "soak";  // A secret: never printed, and sent as x-goog-api-key, because URLs get into logs.
  std::string ca_file = {};      // For a wss: url: whom to trust instead of the system's CAs, a PEM file.
  std::string instructions = "Answer briefly.";

  // Audio after end_turn() interrupts the answer (activityHandling START_OF_ACTIVITY_INTERRUPTS), as barge-in does.
  // Off, the answer goes on beside a microphone that streams on (NO_INTERRUPTION).
  bool interruptible = false;

  AudioSink on_audio = {};  // The answers, at 24 kHz.

  // Set: send_audio() and end_turn() do not wait. What the provider does not take yet waits in the client, so much
  // audio of it; of more the oldest is dropped and counted (frames_dropped), as a live conversation wants it.
  std::optional<std::chrono::nanoseconds> backlog = std::nullopt;

  // What the model may call, and who is told of it. The answer waits for send_tool_result().
  std::vector<Tool> tools = {};
  ToolSink on_tool_call = {};

  // Of the session to carry on, resumption_handle() of an earlier client; empty begins a new one.
  std::string resumption_handle = {};

  // Set: a connection that is lost is replaced after a delay. Unset: it is an error.
  std::optional<BackoffOptions> backoff = std::nullopt;
  int attempts_max = 8;  // In a row, until a connection lived for `stable_after`.
  std::chrono::nanoseconds stable_after = std::chrono::seconds{30};
  // Added to the delay where the reason is the quota: a short one would only make it worse.
  std::chrono::nanoseconds quota_pause = std::chrono::seconds{30};

  // How long before the announced end the connection is renewed at the latest; half of the notice, if that is shorter.
  std::chrono::nanoseconds renewal_margin = std::chrono::seconds{5};

  std::chrono::nanoseconds connect_timeout = std::chrono::seconds{10};  // Until the WebSocket is open.
  std::chrono::nanoseconds setup_timeout = std::chrono::seconds{10};    // Then until setupComplete.

  // A ping each interval; a connection whose pong is missing for the timeout is lost. Services under load have been
  // seen to answer after 8 to 30 s. Zero sends none.
  std::chrono::nanoseconds ping_interval = std::chrono::seconds{15};
  std::chrono::nanoseconds ping_timeout = std::chrono::seconds{35};
};

// `sessions` counts setupComplete, so a renewal is another one; `responses_done` counts turnComplete; `errors` counts
// connections that the provider closed with another code than 1000 or 1001, for it has no error messages;
// `frames_dropped` also the frame at hand when the provider closed for a bad payload, which is not sent again.
struct GeminiLiveCounters : ClientCounters {
  std::uint64_t sessions_resumed = 0;  // Of `sessions`: they carried on an earlier one.
  std::uint64_t go_aways = 0;
  std::uint64_t interruptions = 0;  // Answers that the provider broke off.
  std::uint64_t turns_lost = 0;     // Answers that were under way when a connection ended.
};

class GeminiLiveClient : public Client {
 public:
  static constexpr int kInputRateHz = 16'000;
  static constexpr int kOutputRateHz = 24'000;

  GeminiLiveClient(EventLoop& loop, GeminiLiveOptions options);
  ~GeminiLiveClient() override;

  std::string_view provider() const override { return "gemini"; }
  int input_rate_hz() const override { return kInputRateHz; }

  // Once, and tries once; but a handle that the provider does not know any more is dropped, and a new session begun.
  // Errors: Errc::kAuthentication for a key that is not accepted (HTTP 400, 401 or 403, or a close whose reason speaks
  // of the API key), which no retry mends; Errc::kRejected when the model or the setup is refused; Errc::kTimeout;
  // Errc::kConnectionClosed for another close before setupComplete; the transport's own.
  Task<> connect() override;

  // realtimeInput.audio, "audio/pcm;rate=16000", which the provider does not acknowledge; activityStart before the
  // first one of a turn. Waits while the connection is being replaced. Throws Error when there is none any more: with
  // the code that connect() would have, and what the provider said.
  Task<> send_audio(std::span<const std::byte> pcm) override;

  // activityEnd, which asks for an answer; does nothing while one is under way, or when nothing was said.
  Task<> end_turn() override;

  // toolResponse to the call with this id: `result` is JSON, an object. Returns false, and sends nothing, where the
  // call is not under way any more: it was cancelled, is answered, or came on another connection. Throws
  // Error(Errc::kInvalidArgument) for a result that is none.
  Task<bool> send_tool_result(std::string call_id, std::string result);

  // Ends renewing, too. At most 4 s.
  Task<> close() override;

  const GeminiLiveCounters& counters() const override;

  // The last handle the provider gave for a session that can be resumed; empty if there was none. It outlives close(),
  // for the client that carries the session on.
  const std::string& resumption_handle() const;

  // Why the provider ended the last connection that it ended: "1011 Deadline expired before ...". Empty if none.
  const std::string& last_error() const;

 private:
  class Session;
  std::unique_ptr<Session> session_;
};

}  // namespace soak::voice

#endif  // SOAK_VOICE_GEMINI_LIVE_H_
