// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_VOICE_GEMINI_CLOSE_H_
#define SOAK_LIB_VOICE_GEMINI_CLOSE_H_

#include <cstdint>
#include <string_view>

namespace soak::voice {

// What the end of a connection means for the next one.
enum class CloseMeaning : std::uint8_t {
  kResume,       // Lost, expired, or a failure that passes.
  kOverQuota,    // Too many sessions, or too much of something: later.
  kStaleHandle,  // The session is not known any more: a new one.
  kBadPayload,   // What was sent was malformed, and would be again: without it.
  kBadKey,       // No retry mends it, nor the next.
  kRefused,
};

// Reads the reason first: 1007, 1008 and 1011 each stand for what passes and what does not. A reason is cut at 123
// bytes, so it is looked through for words that come early in it. Codes and texts as users of the API report them:
// github.com/yagudaev/voiceclaw/issues/155 and 397, kizuna-ai-lab/sokuji/issues/150 and 179,
// google/adk-python/issues/3314, yeyu2/Youtube_demos/issues/5, googleapis/python-genai/issues/760 and 1710,
// google-gemini/deprecated-generative-ai-js/ issues/487, autonomous-ai/autonomous-os/issues/238,
// sohzm/cheating-daddy/issues/455.
CloseMeaning read_close(std::uint16_t code, std::string_view reason);

}  // namespace soak::voice

#endif  // SOAK_LIB_VOICE_GEMINI_CLOSE_H_
