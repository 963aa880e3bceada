// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_OPENAI_VOICE_DETECTOR_H_
#define SOAK_LIB_PEERS_OPENAI_VOICE_DETECTOR_H_

// Where in the input audio somebody speaks: turn detection, by loudness.
//
// How the service decides is its own affair. Here a window of 20 ms is speech if its root mean square is above
// `threshold` x 1000 of 32767, so 0.5 is -36 dB of full scale; speech has ended after silence_duration_ms without one.
// semantic_vad, which goes by what is said, ends it after 500 ms.

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "openai_config.h"

namespace soak::peers::openai {

class VoiceDetector {
 public:
  struct Change {
    bool speaking;    // Speech has started, or has ended.
    std::int64_t ms;  // Of all audio ever appended: where it starts, padding included, or ends, silence included.
  };

  // Takes the next audio, and returns what changed in it, in order; valid until the next call. With turn detection off
  // it only counts.
  const std::vector<Change>& hear(std::string_view audio, AudioFormat format, const TurnDetection& detection);

  bool is_speaking() const { return speaking_; }

  // What was heard is committed or cleared: whoever goes on speaking starts anew.
  void reset();

 private:
  void take_window(const TurnDetection& detection);

  static constexpr std::int64_t kWindowMs = 20;

  std::vector<Change> changes_;
  std::int64_t square_sum_ = 0;  // Of the samples of the present window.
  std::size_t samples_ = 0;
  std::int64_t heard_ms_ = 0;  // Whole windows.
  std::int64_t last_speech_ms_ = 0;
  bool speaking_ = false;
};

}  // namespace soak::peers::openai

#endif  // SOAK_LIB_PEERS_OPENAI_VOICE_DETECTOR_H_
