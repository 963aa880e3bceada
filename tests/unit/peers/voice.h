// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TESTS_UNIT_PEERS_VOICE_H_
#define SOAK_TESTS_UNIT_PEERS_VOICE_H_

// Audio in which somebody speaks, and audio in which nobody does.

#include <cstddef>
#include <cstdint>
#include <string>

#include "lib/peers/tone.h"

namespace soak::peers {

inline std::string tone(std::int64_t ms, AudioFormat format = AudioFormat::kPcm) {
  std::string audio;
  fill_with_tone(audio, format, 0, ms);
  return audio;
}

inline std::string silence(std::int64_t ms, AudioFormat format = AudioFormat::kPcm) {
  const char zero = format == AudioFormat::kPcm ? '\0' : format == AudioFormat::kPcmu ? '\xff' : '\xd5';
  return std::string(static_cast<std::size_t>(ms) * bytes_per_ms(format), zero);
}

// 800 of 32767.
inline std::string quiet_tone(std::int64_t ms) {
  std::string audio;
  for (std::int64_t i = 0; i < ms * 12; ++i) {
    audio.append("\x20\x03\xe0\xfc", 4);
  }
  return audio;
}

}  // namespace soak::peers

#endif  // SOAK_TESTS_UNIT_PEERS_VOICE_H_
