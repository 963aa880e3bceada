// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_VOICE_GEMINI_MESSAGES_H_
#define SOAK_LIB_VOICE_GEMINI_MESSAGES_H_

// The wire form of the messages that the Gemini Live client sends and understands.

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "soak/voice/gemini_live.h"

namespace soak::voice {

// Client messages, as the text of a frame. `handle` is of the session to carry on; empty begins a new one.
std::string setup_message(const GeminiLiveOptions& options, std::string_view handle);
// `result` is JSON; empty if it is no object.
std::string tool_response_message(std::string_view call_id, std::string_view name, std::string_view result);
std::string audio_message(std::span<const std::byte> pcm);
inline constexpr std::string_view kActivityStart = R"({"realtimeInput":{"activityStart":{}}})";
inline constexpr std::string_view kActivityEnd = R"({"realtimeInput":{"activityEnd":{}}})";

// What the client takes from a server message. One message may say several of these.
struct ServerMessage {
  bool known = false;  // It has a member that the API documents.
  bool setup_complete = false;
  bool turn_complete = false;
  bool interrupted = false;
  std::size_t audio_bytes = 0;  // Decoded.
  std::string handle;           // Of a session that can be resumed; empty: none, keep the one before.
  std::vector<ToolCall> tool_calls;
  std::vector<std::string> tool_calls_cancelled;    // Their ids.
  std::optional<std::chrono::nanoseconds> go_away;  // Until the end of the connection; zero where it does not say.
};

// Empty when the frame is no message: not a JSON object, or a member that the client reads is of another type. Unless
// `audio` is null, the audio of the message is appended to it.
std::optional<ServerMessage> parse_server_message(std::string text, std::vector<std::byte>* audio);

}  // namespace soak::voice

#endif  // SOAK_LIB_VOICE_GEMINI_MESSAGES_H_
