// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_GEMINI_SETUP_H_
#define SOAK_LIB_PEERS_GEMINI_SETUP_H_

// What a client's `setup` asks of the fake of Gemini Live.

#include <cstddef>
#include <optional>
#include <string>

#include "lib/peers/json_field.h"
#include "lib/peers/notices.h"
#include "lib/peers/voice_detector.h"

namespace soak::peers::gemini {

struct Function {
  std::string name;
  std::string parameters;  // Its Schema, or JSON Schema; empty: it takes none.
  bool blocking = true;    // The answer waits for its result.
};

struct Setup {
  std::string model;          // "models/..."
  bool text_only = false;     // Answers in text instead of audio.
  bool interruptible = true;  // The start of activity interrupts an answer.
  VoiceDetection detection;   // Where it is off, the client says where activity starts and ends.
  bool compressed = false;    // contextWindowCompression: the session has no end.
  bool resumption = false;    // Wants handles.
  bool transparent = false;   // And, with each, the last message that it covers.
  std::string handle;         // Of the session to carry on; empty: a new one.
  bool input_transcripts = false;
  bool output_transcripts = false;
  std::optional<Function> function;  // The first one that it declares.
  bool seeds_history = false;        // The first clientContent is what was said before, and is not answered.
};

// Throws Refusal for what is malformed or not known.
Setup read_setup(const Field& setup);

// Notes what it asks for that the fake does not play.
void note_not_played(const Field& setup, Notices& notices);

// A `Content`, {"role":..,"parts":[..]}; throws Refusal. Returns the bytes of its texts.
std::size_t check_content(const Field& content);

}  // namespace soak::peers::gemini

#endif  // SOAK_LIB_PEERS_GEMINI_SETUP_H_
