// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_VOICE_OPENAI_EVENTS_H_
#define SOAK_LIB_VOICE_OPENAI_EVENTS_H_

// The wire form of the events that the OpenAI Realtime client sends and understands.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "soak/voice/openai_realtime.h"

namespace soak::voice {

// Client events, as the text of a frame. `event_id` comes back in the error event that answers one.
std::string session_update_event(std::string_view event_id, const OpenAiRealtimeOptions& options);
std::string append_audio_event(std::span<const std::byte> pcm);
std::string commit_event(std::string_view event_id);
std::string response_create_event(std::string_view event_id);
std::string response_cancel_event(std::string_view event_id, std::string_view response_id);
// An item of the conversation, with the id that it had before. Empty if id or text is no UTF-8.
std::string create_item_event(std::string_view event_id, std::string_view item_id, Transcript::Speaker speaker,
                              std::string_view text);
// What a function's call has resulted in. Empty if one of them is no UTF-8.
std::string tool_result_event(std::string_view event_id, std::string_view call_id, std::string_view result);
std::string truncate_event(std::string_view event_id, std::string_view item_id, std::int64_t audio_end_ms);

// What the client takes from a server event.
struct ServerEvent {
  enum class Kind {
    kSessionCreated,
    kSessionUpdated,
    kSpeechStarted,
    kSpeechStopped,
    kCommitted,
    kResponseCreated,
    kAudioDelta,
    kTranscript,
    kToolCall,
    kResponseDone,
    kRateLimits,
    kError,
    kOther,    // One that the API documents and the client has no use for.
    kUnknown,  // A type that the client has never heard of.
  };

  Kind kind = Kind::kUnknown;
  std::size_t audio_bytes = 0;         // kAudioDelta: decoded.
  std::int64_t expires_at = 0;         // kSessionCreated: seconds since 1970; 0 where it does not say.
  std::string response_id;             // kResponseCreated, kAudioDelta, kToolCall, kResponseDone.
  std::string item_id;                 // kAudioDelta, kCommitted.
  Transcript transcript;               // kTranscript.
  ToolCall tool_call;                  // kToolCall.
  std::vector<RateLimit> rate_limits;  // kRateLimits.
  std::string error_code;              // kError, and kResponseDone of one that failed, as the next.
  std::string error_text;              // "type/code: message".
  std::string error_event_id;          // kError: the client event that it answers; may be empty.
  std::string response_status;         // kResponseDone: "completed", "failed", ...
};

// Empty when the frame is no event: not a JSON object, without a type, or without what its type must have. Unless
// `audio` is null, the audio of the event is appended to it.
std::optional<ServerEvent> parse_server_event(std::string json, std::vector<std::byte>* audio);

}  // namespace soak::voice

#endif  // SOAK_LIB_VOICE_OPENAI_EVENTS_H_
