// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_VOICE_DETECTOR_H_
#define SOAK_LIB_PEERS_VOICE_DETECTOR_H_

// Where in the input audio somebody speaks, by loudness. How a service decides is its own affair.

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "lib/peers/tone.h"

namespace soak::peers {

struct VoiceDetection {
  bool on = true;
  double level = 500;                  // What the root mean square of 20 ms of speech is above, of 32767; -36 dB.
  std::int64_t speech_ms = 0;          // So much of it at a stretch is a start of speech.
  std::int64_t silence_ms = 500;       // So much without any is the end.
  std::int64_t prefix_padding_ms = 0;  // How much sooner it is said to have started.
};

class VoiceDetector {
 public:
  struct Change {
    bool speaking;    // Speech has started, or has ended.
    std::int64_t ms;  // Of all audio ever heard: where it starts, padding included, or ends, silence included.
  };

  // Takes the next audio, and returns what changed in it, in order; valid until the next call. Where detection is off
  // it only counts.
  const std::vector<Change>& hear(std::string_view audio, AudioFormat format, int rate_hz,
                                  const VoiceDetection& detection);

  bool is_speaking() const { return speaking_; }

  // Ends what was heard: further speech counts as a new start.
  void reset();

 private:
  void take_window(const VoiceDetection& detection);

  static constexpr std::int64_t kWindowMs = 20;

  std::vector<Change> changes_;
  std::int64_t square_sum_ = 0;  // Of the samples of the present window.
  std::size_t samples_ = 0;
  std::int64_t heard_ms_ = 0;   // Whole windows.
  std::int64_t speech_ms_ = 0;  // At a stretch, up to now.
  std::int64_t last_speech_ms_ = 0;
  bool speaking_ = false;
};

}  // namespace soak::peers

#endif  // SOAK_LIB_PEERS_VOICE_DETECTOR_H_
