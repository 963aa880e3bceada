// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_VOICE_OPENAI_REALTIME_H_
#define SOAK_VOICE_OPENAI_REALTIME_H_

// A client of the OpenAI Realtime API over WebSocket, in its GA shape.
// Sources: the schemas RealtimeClientEvent* and RealtimeServerEvent* of github.com/openai/openai-openapi, and
// github.com/openai/openai-python, resources/realtime/realtime.py.
//
// It connects, waits for session.created, configures the session and streams audio; what comes back is counted. Events
// that it does not know are counted and ignored. It tries once: reconnecting is its owner's business.

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "soak/event_loop.h"
#include "soak/task.h"
#include "soak/voice/client.h"

namespace soak::voice {

struct OpenAiRealtimeOptions {
  std::string url = "wss://api.openai.com/v1/realtime";  // Without the model.
  std::string model = "gpt-realtime";
  std::string api_key = "sk-soak";  // A secret: never printed.
  std::string ca_file = {};         // For a wss: url: whom to trust instead of the system's CAs, a PEM file.
  std::string voice = "alloy";
  std::string instructions = "Answer briefly.";
  std::chrono::nanoseconds connect_timeout = std::chrono::seconds{10};  // Until the WebSocket is open.
  std::chrono::nanoseconds setup_timeout = std::chrono::seconds{10};    // Then until the session is configured.
};

class OpenAiRealtimeClient : public Client {
 public:
  static constexpr int kInputRateHz = 24'000;

  OpenAiRealtimeClient(EventLoop& loop, OpenAiRealtimeOptions options);
  ~OpenAiRealtimeClient() override;

  std::string_view provider() const override { return "openai"; }
  int input_rate_hz() const override { return kInputRateHz; }

  // Errors: Errc::kAuthentication for a key that is not accepted (HTTP 401 or 403, or an error event and close
  // 3000), which no retry mends; Errc::kTimeout; Errc::kRejected when the session's configuration is refused; the
  // transport's own.
  Task<> connect() override;

  // input_audio_buffer.append, which the provider does not acknowledge.
  Task<> send_audio(std::span<const std::byte> pcm) override;

  // input_audio_buffer.commit and response.create.
  Task<> end_turn() override;

  Task<> close() override;
  const ClientCounters& counters() const override;

  // The last error event of the provider: "invalid_request_error/invalid_api_key: ...". Empty if there was none.
  const std::string& last_error() const;

 private:
  class Session;
  std::unique_ptr<Session> session_;
};

}  // namespace soak::voice

#endif  // SOAK_VOICE_OPENAI_REALTIME_H_
