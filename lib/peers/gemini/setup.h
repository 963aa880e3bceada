// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_GEMINI_SETUP_H_
#define SOAK_LIB_PEERS_GEMINI_SETUP_H_

// What a client's `setup` asks of the fake of Gemini Live.

#include <string>

#include "lib/peers/json_field.h"
#include "lib/peers/voice_detector.h"

namespace soak::peers::gemini {

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
  std::string function;  // The first one that it declares; empty: none.
};

// Throws Refusal for what is malformed or not known.
Setup read_setup(const Field& setup);

// A `Content`, {"role":..,"parts":[..]}; throws Refusal.
void check_content(const Field& content);

}  // namespace soak::peers::gemini

#endif  // SOAK_LIB_PEERS_GEMINI_SETUP_H_
