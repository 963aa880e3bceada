// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_OPENAI_TRANSCRIPT_H_
#define SOAK_LIB_PEERS_OPENAI_TRANSCRIPT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "lib/peers/ids.h"

namespace soak::peers::openai {

// What the fake understands of the audio of an item: a word for each half of a second.
struct Transcript {
  std::string text() const;

  // conversation.item.input_audio_transcription.delta for each word, .completed after them. whisper-1 does not stream:
  // its one delta is the whole text, and its usage is the audio's duration instead of tokens.
  std::vector<std::string> events(Ids& ids) const;

  std::string item_id;
  std::string model;
  std::int64_t audio_ms = 0;

 private:
  bool streams() const { return model != "whisper-1"; }
  std::int64_t words() const { return (audio_ms + 499) / 500; }
};

}  // namespace soak::peers::openai

#endif  // SOAK_LIB_PEERS_OPENAI_TRANSCRIPT_H_
