// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_VOICE_OPENAI_CLOSE_H_
#define SOAK_LIB_VOICE_OPENAI_CLOSE_H_

#include <cstdint>
#include <string_view>

namespace soak::voice {

// What the end of a connection to OpenAI Realtime means for the next one.
enum class OpenAiEnd : std::uint8_t {
  kLost,     // Lost, shut down, or a failure that passes.
  kExpired,  // The session had its longest time: a new one.
  kBadKey,   // No retry mends it, nor the next.
  kRefused,
};

// `error_code` is that of the last error event before the end; empty if there was none. A close's reason is the error's
// type and code, "invalid_request_error.invalid_api_key"; application codes are 3000, for the key, and 4000. As users
// of the API report them: github.com/twilio-samples/speech-assistant-openai-realtime-api-python/issues/4,
// pickle-com/glass/issues/220 (beta_api_shape_disabled), livekit/agents/issues/2358 (session_expired),
// pollen-robotics/reachy_mini_conversation_app/issues/134 (its close: 1001).
OpenAiEnd read_openai_end(std::uint16_t code, std::string_view reason, std::string_view error_code);

// Whether a handshake that was answered by an HTTP status is refused for good: a request that is wrong, or a key.
bool is_permanent_refusal(int status);

}  // namespace soak::voice

#endif  // SOAK_LIB_VOICE_OPENAI_CLOSE_H_
